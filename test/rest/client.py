"""An independent client of the REST interface, and a look behind it.

Every answer that passes through Client is checked against the document that
the server publishes: the status must be listed for the operation, and the
body must fit the schema.  Problems are checked for the fields of RFC 9457.
"""
import datetime
import http.client
import json
import os
import re
import socket
import threading
import time
from urllib.parse import urlencode, urlsplit

import jsonschema
import psycopg2

URL = os.environ["OMS_URL"].rstrip("/")
CONNINFO = os.environ["OMS_CONNINFO"]
ADMIN_PASSWORD = os.environ["OMS_ADMIN_PASSWORD"]
HOST = urlsplit(URL).hostname
PORT = urlsplit(URL).port

TIMEOUT = 30
RFC3339 = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]00:00)$")
PROBLEM_FIELDS = {"type", "title", "status", "detail", "code", "hint",
                  "errors", "context", "request_id"}

formats = jsonschema.FormatChecker(formats=())


@formats.checks("date-time")
def is_date_time(value):
    """RFC 3339 in UTC, as the interface promises."""
    return not isinstance(value, str) or bool(RFC3339.match(value))


def instant(text):
    """The datetime that a time of the interface means."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


class Answer:
    """Status, headers (lower case) and body of one response."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = {k.lower(): v for k, v in headers}
        self.body = body
        self.type = self.headers.get("content-type", "").split(";")[0].strip()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def lines(self):
        """The values of NDJSON."""
        return [json.loads(line) for line in self.body.decode("utf-8").split("\n")[:-1]]

    def __repr__(self):
        return "%d %s %s" % (self.status, self.type, self.body[:600])


class Document:
    """The published OpenAPI document, as routes and validators."""

    def __init__(self, doc):
        self.doc = doc
        self.resolver = jsonschema.RefResolver("", doc)
        self.operations = {}
        self.prefix = {}        # path -> what stands before it in a URL
        self.routes = []
        for path, item in doc["paths"].items():
            pattern = re.sub(r"\\\{[^}]*\\\}|\{[^}]*\}", "[^/]+",
                             re.escape(path.strip("/")))
            servers = item.get("servers", doc["servers"])
            self.prefix[path] = urlsplit(servers[0]["url"]).path.rstrip("/")
            for method, operation in item.items():
                if method in ("get", "post", "put", "patch", "delete"):
                    merged = dict(operation)
                    merged["parameters"] = (item.get("parameters", []) +
                                            operation.get("parameters", []))
                    self.operations[(method.upper(), path)] = merged
                    self.routes.append((path.count("{"), method.upper(),
                                        re.compile("^%s$" % pattern), path))
        # a fixed segment wins over a parameter, as in the server
        self.routes.sort(key=lambda route: route[0])

    def url(self, path, given):
        """The path of a URL, with given in place of each parameter."""
        return self.prefix[path] + re.sub(r"\{[^}]*\}", lambda _: given, path)

    def deref(self, node):
        while isinstance(node, dict) and "$ref" in node:
            node = self.resolver.resolve(node["$ref"])[1]
        return node

    def find(self, method, path):
        """The operation that answers method and path, or None."""
        path = urlsplit(path).path
        for base in ("/api/v1", "/api", ""):
            if base and not path.startswith(base + "/"):
                continue
            # one slash before it, one after it or none
            rest = path[len(base) + 1:]
            rest = rest[:-1] if rest.endswith("/") else rest
            for _, m, pattern, key in self.routes:
                if m == method and pattern.match(rest):
                    return self.operations[(m, key)]
        return None

    def validator(self, schema):
        return jsonschema.Draft202012Validator(
            schema, resolver=self.resolver, format_checker=formats)

    def valid(self, schema, value):
        return self.validator(schema).is_valid(value)

    def body_schema(self, operation):
        body = self.deref(operation.get("requestBody"))
        if not body:
            return None
        return self.deref(body["content"]["application/json"]["schema"])

    def check(self, method, path, answer):
        """Raise when the answer is not what the document says."""
        operation = self.find(method, path)
        if operation is None:
            return
        responses = operation["responses"]
        response = self.deref(responses.get(
            str(answer.status), responses.get("%dXX" % (answer.status // 100),
                                              responses.get("default"))))
        where = "%s %s -> %r" % (method, path, answer)
        assert response is not None, "status not documented: " + where
        content = response.get("content")
        if not content:
            assert answer.body == b"", "body not documented: " + where
            return
        media = content.get(answer.type)
        assert media is not None, "content type not documented: " + where
        if answer.type == "application/x-ndjson":
            schema, values = media["x-oms-line"], answer.lines
        elif answer.type.endswith("json") and "schema" in media:
            schema, values = media["schema"], [answer.json]
        else:
            return
        errors = [error for value in values for error in self.validator(schema).iter_errors(value)]
        assert not errors, "%s: %s" % (where, "; ".join(
            "%s: %s" % (list(e.absolute_path), e.message[:300]) for e in errors[:3]))


_document = None
_document_lock = threading.Lock()


def document():
    """The document of the server under test, read once."""
    global _document
    with _document_lock:
        if _document is None:
            answer = Client(checked=False).get("/api/schema/")
            assert answer.status == 200, answer
            _document = Document(answer.json)
    return _document


def check_problem(answer, status=None, code=None):
    """The answer is a complete problem; returns it parsed."""
    assert answer.type == "application/problem+json", answer
    problem = answer.json
    for field in ("type", "title", "status", "detail", "code", "request_id"):
        assert problem.get(field) not in (None, ""), "no %s: %r" % (field, answer)
    assert set(problem) <= PROBLEM_FIELDS, "unknown members: %r" % answer
    # a client that made a mistake is told what to do
    assert answer.status >= 500 or problem.get("hint"), "no hint: %r" % answer
    assert problem["status"] == answer.status, answer
    assert re.match(r"^[0-9A-Z]{5}$", problem["code"]), answer
    assert problem["type"].startswith("/problems/"), answer
    for error in problem.get("errors", []):
        assert set(error) == {"pointer", "detail"}, answer
        # RFC 6901: the whole body, or segments that each begin with a slash
        assert error["pointer"] == "" or error["pointer"][0] == "/", answer
        assert error["detail"], answer
    assert answer.headers.get("x-request-id") == problem["request_id"], answer
    if status is not None:
        wanted = (status,) if isinstance(status, int) else status
        assert answer.status in wanted, "wanted %s: %r" % (wanted, answer)
    if code is not None:
        assert problem["code"] == code, "wanted %s: %r" % (code, answer)
    return problem


class Client:
    """Requests with a token; one kept connection for each thread."""

    def __init__(self, token=None, checked=True, url=None):
        self.token = token
        self.checked = checked
        parts = urlsplit(url or URL)
        self.host, self.port = parts.hostname, parts.port
        self.local = threading.local()

    def connection(self):
        if getattr(self.local, "connection", None) is None:
            self.local.connection = http.client.HTTPConnection(
                self.host, self.port, timeout=TIMEOUT)
        return self.local.connection

    def close(self):
        if getattr(self.local, "connection", None) is not None:
            self.local.connection.close()
            self.local.connection = None

    def call(self, method, path, body=None, raw=None, headers=None, query=None):
        """One request.  body is sent as JSON, raw as it is; a path without
        a leading slash is below /api/v1/."""
        if not path.startswith("/"):
            path = "/api/v1/" + path
        if query:
            path += "?" + urlencode(query)
        send = {}
        if self.token is not None:
            send["Authorization"] = "Bearer " + self.token
        if body is not None:
            raw = json.dumps(body).encode()
        if raw is not None:
            send["Content-Type"] = "application/json"
        for name, value in (headers or {}).items():
            send[name] = value
        send = {k: v for k, v in send.items() if v is not None}
        answer = self.exchange(method, path, raw, send)
        for _ in range(10):
            # failed logins are counted by address: do as the server says
            if answer.status != 429:
                break
            time.sleep(float(answer.headers["retry-after"]))
            answer = self.exchange(method, path, raw, send)
        if self.checked and urlsplit(path).path.rstrip("/") not in (
                "/api/schema", "/api/v1/schema"):
            document().check(method, path, answer)
            if answer.status >= 400:
                check_problem(answer)
        return answer

    def exchange(self, method, path, raw, send):
        # a kept connection that the server closed meanwhile is opened again
        for attempt in (1, 2):
            fresh = getattr(self.local, "connection", None) is None
            try:
                connection = self.connection()
                connection.request(method, path, body=raw, headers=send)
                response = connection.getresponse()
                answer = Answer(response.status, response.getheaders(), response.read())
                if response.will_close:
                    self.close()
                return answer
            except (http.client.RemoteDisconnected, ConnectionError):
                self.close()
                if fresh or attempt == 2:
                    raise

    def get(self, path, **query):
        return self.call("GET", path, query=query)

    def post(self, path, body=None, **more):
        return self.call("POST", path, body, **more)

    def put(self, path, body=None, **more):
        return self.call("PUT", path, body, **more)

    def patch(self, path, body=None, **more):
        return self.call("PATCH", path, body, **more)

    def delete(self, path, **more):
        return self.call("DELETE", path, **more)


def raw_request(data, wait=20, half=False):
    """The answer to bytes on a new connection; None when the server closes
    without one.  half: close our side after sending."""
    with socket.create_connection((HOST, PORT), timeout=wait) as sock:
        try:
            sock.sendall(data)
            if half:
                sock.shutdown(socket.SHUT_WR)
            got = b""
            while True:
                piece = sock.recv(65536)
                if not piece:
                    break
                got += piece
        except (ConnectionResetError, BrokenPipeError):
            pass
    if not got:
        return None
    head, _, body = got.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = [tuple(line.split(": ", 1)) for line in lines[1:] if ": " in line]
    fields = {k.lower(): v for k, v in headers}
    if fields.get("transfer-encoding", "").lower() == "chunked":
        whole, rest = b"", body
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            if int(size, 16) == 0:
                break
            whole, rest = whole + rest[:int(size, 16)], rest[int(size, 16) + 2:]
        body = whole
    elif "content-length" in fields:
        body = body[:int(fields["content-length"])]
    return Answer(int(lines[0].split()[1]), headers, body)


def connect(conninfo=None, autocommit=True):
    """A new database connection, as superuser unless told otherwise."""
    connection = psycopg2.connect(conninfo or CONNINFO)
    connection.autocommit = autocommit
    return connection


_db = None


def rows(sql, *args):
    """All rows of a statement, as superuser."""
    global _db
    if _db is None:
        _db = connect()
    with _db.cursor() as cursor:
        cursor.execute(sql, args or None)
        return cursor.fetchall() if cursor.description else []


def value(sql, *args):
    """The single value of a statement, as superuser."""
    return rows(sql, *args)[0][0]


def tables():
    """Names of all tables of oms."""
    return [row[0] for row in rows(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n "
        "ON n.oid = c.relnamespace WHERE n.nspname LIKE 'oms%%' "
        "AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1")]


# whose contents, not just row counts, bad input must leave alone
CONTENTS = ("oms.product", "oms.stock", "oms.stock_move", "oms.orders",
            "oms.order_line", "oms.order_history", "oms.order_transition")


def snapshot():
    """What a refused request must leave as it was: the contents of the
    tables of the domain and the row counts of all tables."""
    state = {}
    for table in tables():
        if table in CONTENTS:
            state[table] = rows("SELECT count(*), sum(hashtextextended(t::text, 0)) "
                                "FROM %s t" % table)[0]
        else:
            state[table] = value("SELECT count(*) FROM %s" % table)
    return state


def integrity():
    """The rows of oms.integrity: none, unless something is wrong."""
    return rows("SELECT * FROM oms.integrity")


def worker_runs():
    """Whether the background worker of this server is at work."""
    return value("SELECT count(*) FROM pg_stat_activity "
                 "WHERE backend_type ILIKE 'oms%%'") > 0


def settle(seconds=15):
    """Wait until the worker has nothing left to do right now."""
    deadline = time.monotonic() + seconds
    while worker_runs() and time.monotonic() < deadline:
        if value("SELECT count(*) FROM oms.task "
                 "WHERE state IN ('ready', 'running')") == 0:
            return
        time.sleep(0.05)
