"""Bodies of several types and sizes, and what those who may not send them can
make omsd hold in memory."""
import copy
import hashlib
import json
import os
import socket
import threading
import time

from rig import ROOT, Client, RigTest, client, problem, wait_for

MB = 1 << 20
LIMIT = 4 * MB
PATH = "/api/v1/echo/"
TYPES = {"json": "application/json", "ndjson": "application/x-ndjson", "csv": "text/csv"}


class Body(RigTest):
    """An operation is added to the document that answers what came."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rig.sql("""CREATE FUNCTION oms_rest.echo(actor text, request_id text, body text, kind text)
            RETURNS json LANGUAGE sql AS $$ SELECT json_build_object('type', kind,
            'bytes', octet_length(body), 'md5', md5(body)) $$""")
        cls.rig.sql("GRANT EXECUTE ON FUNCTION oms_rest.echo TO oms_admin")
        with open(os.path.join(ROOT, "server", "openapi.json"), encoding="utf-8") as file:
            cls.doc = json.load(file)
        body = {"content": {name: {} for name in TYPES.values()}}
        cls.doc["paths"]["/echo/"] = {"post": {
            "operationId": "echo", "requestBody": body, "responses": {"200": {}},
            "x-oms": {"call": "echo", "args": ["body", "content_type"], "role": "admin",
                      "pool": "slow", "body_limit": LIMIT}}}
        cls.start(cls.doc)

    @classmethod
    def start(cls, doc, **settings):
        path = os.path.join(cls.rig.dir, "openapi.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(doc, file)
        cls.rig.stop_omsd()
        cls.rig.start_omsd(openapi=path, **settings)

    def send(self, raw, kind="text/csv", api=None, **headers):
        return (api or self.api).call("POST", PATH, raw=raw, headers=dict(headers, **{"Content-Type": kind}))

    def echoed(self, answer, kind, raw):
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.json, {"type": kind, "bytes": len(raw),
                                       "md5": hashlib.md5(raw).hexdigest()})

    def memory(self):
        """Resident bytes of omsd, the most that it ever had."""
        with open("/proc/%d/status" % self.rig.omsd.pid) as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))

    def head(self, length, token=None, path=PATH):
        return ("POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\n%s%s\r\n\r\n" % (
            path, "Authorization: Bearer %s\r\n" % token if token else "",
            "Transfer-Encoding: chunked" if length is None else "Content-Length: %d" % length)).encode()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.rig.port), timeout=30)

    # types

    def test_types(self):
        rows = "sku,name\r\nA,\"Größe\r\n\"\r\n".encode()
        for kind in ("text/csv", "text/csv; charset=utf-8", "Text/CSV;charset=\"UTF-8\" ; header=present",
                     "text/csv;header=present;"):
            with self.subTest(type=kind):
                self.echoed(self.send(rows, kind), "csv", rows)
        lines = b'{"a":1}\n{"a":1,"a":2}\nnot checked\n'
        for kind in ("application/x-ndjson", "application/x-ndjson;charset=utf-8"):
            with self.subTest(type=kind):
                self.echoed(self.send(lines, kind), "ndjson", lines)
        self.echoed(self.send(b'{"a":[1]}', "application/json"), "json", b'{"a":[1]}')

    def test_json_is_checked_and_lines_are_not(self):
        for raw, status in ((b'{"a":1}\n{"a":1}', 400), (b'{"a":1,"a":1}', 400), (b"[]", 422), (b"", 422)):
            with self.subTest(raw=raw):
                problem(self.send(raw, "application/json"), status)

    def test_text_must_be_utf8_without_nul(self):
        for kind in ("text/csv", "application/x-ndjson"):
            for raw, place in ((b"a\nb\xff\n", "line 2, byte 4"), (b"a\n\nb\0", "line 3, byte 5"),
                               (b"\xed\xa0\x80", "line 1, byte 1"), (b"a\xc3", "line 1, byte 2")):
                with self.subTest(kind=kind, raw=raw):
                    found = problem(self.send(raw, kind), 422)
                    self.assertEqual((found["code"], found["errors"][0]["pointer"]), ("OM010", ""))
                    self.assertIn(place, found["detail"])
            with self.subTest(kind=kind, raw=b""):
                self.assertIn("no body", problem(self.send(b"", kind), 422)["detail"])

    def test_other_types_are_refused_by_name(self):
        for kind in ("text/plain", "text/csvx", "text", "", "multipart/form-data; boundary=x", "*/*"):
            with self.subTest(type=kind):
                found = problem(self.send(b"a", kind), 415)
                self.assertEqual(found["code"], "OM109")
                for name in TYPES.values():
                    self.assertIn(name, found["detail"])
        for kind, word in (("text/csv; charset=latin1", "charset"), ("text/csv; header=absent", "header"),
                           ("text/csv; x=y", "parameter"), ("application/json; header=present", "parameter"),
                           ("text/csv; charset", "charset"), ("text/csv; =x", "parameter")):
            with self.subTest(type=kind):
                self.assertIn(word, problem(self.send(b"a", kind), 415)["detail"])
        found = problem(self.api.call("POST", "/api/v1/orders/", raw=b"a,b",
                                      headers={"Content-Type": "text/csv"}), 415)
        self.assertEqual(found["hint"], "send Content-Type: application/json")

    # sizes

    def test_limits_are_exact(self):
        for size in (256 * 1024, 256 * 1024 + 1, LIMIT):
            raw = b"x" * size
            with self.subTest(size=size):
                self.echoed(self.send(raw), "csv", raw)
        found = problem(self.send(b"x" * (LIMIT + 1)), 413)
        self.assertEqual(found["code"], "OM108")
        self.assertIn("%d bytes, and may have %d" % (LIMIT + 1, LIMIT), found["detail"])
        found = problem(self.api.post("products/", raw=b"x" * (256 * 1024 + 1)), 413)
        self.assertIn("%d bytes, and may have %d" % (256 * 1024 + 1, 256 * 1024), found["detail"])

    def chunks(self, size, token, path=PATH):
        """The answer to a chunked body of that size."""
        with self.connect() as sock:
            sock.sendall(self.head(None, token, path))
            try:
                for at in range(0, size, 65536):
                    n = min(65536, size - at)
                    sock.sendall(b"%x\r\n" % n + b"x" * n + b"\r\n")
                sock.sendall(b"0\r\n\r\n")
            except ConnectionError:
                pass
            answer = client.http.client.HTTPResponse(sock)
            answer.begin()
            return client.Answer(answer.status, answer.getheaders(), answer.read())

    def test_chunked(self):
        for size in (1, 256 * 1024, 256 * 1024 + 1, LIMIT):
            with self.subTest(size=size):
                self.echoed(self.chunks(size, self.api.token), "csv", b"x" * size)
        found = problem(self.chunks(LIMIT + 1, self.api.token), 413)
        self.assertIn("%d" % LIMIT, found["detail"])
        found = problem(self.chunks(256 * 1024 + 1, self.api.token, "/api/v1/orders/"), 413)
        self.assertIn("%d" % (256 * 1024), found["detail"])
        for token in (None, "a.b.c"):
            with self.subTest(token=token):
                problem(self.chunks(MB, token), 401)
                problem(self.chunks(1, token), 401)

    def test_large_json(self):
        """Many small values: the parser must neither fail nor take long."""
        raw = json.dumps({"orders": [{"n": i, "s": "x%d" % i} for i in range(120000)]}).encode()
        self.assertLess(len(raw), LIMIT)
        self.assertGreater(len(raw), 3 * MB)
        began = time.monotonic()
        self.echoed(self.send(raw, "application/json"), "json", raw)
        self.assertLess(time.monotonic() - began, 3)
        problem(self.send(b'{"a":' + b"[" * (2 * MB), "application/json"), 400)

    # who may not

    def test_strangers_are_refused_before_they_send(self):
        for name, token, wanted in (("none", None, 401), ("broken", "a.b.c", 401)):
            with self.subTest(token=name), self.connect() as sock:
                sock.sendall(self.head(LIMIT, token))
                answer = client.http.client.HTTPResponse(sock)
                answer.begin()
                found = problem(client.Answer(answer.status, answer.getheaders(), answer.read()), wanted)
                self.assertIn(found["code"], ("OM100", "OM101"))
                self.assertIn("Bearer", answer.getheader("www-authenticate"))

    def test_staff_may_not_send_what_only_admins_may(self):
        self.rig.sql("SELECT oms.account_create('eve', 'a long password', 'staff')")
        token = Client(checked=False, url=self.rig.url).post(
            "token/", {"username": "eve", "password": "a long password"}).json["access"]
        eve = Client(token, checked=False, url=self.rig.url)
        for size in (1, LIMIT):
            problem(self.send(b"x" * size, api=eve), 403)

    def test_strangers_do_not_fill_memory(self):
        """200 clients send 4 MB each, as slowly as they like, with lengths
        that they give, give twice and do not give."""
        self.start(self.doc, request_timeout="60s")
        small = self.memory()
        socks = []
        heads = [self.head(LIMIT, "a.b.c"), self.head(LIMIT), self.head(None),
                 self.head(10).replace(b"\r\n\r\n", b"\r\nContent-Length: %d\r\n\r\n" % LIMIT),
                 self.head(LIMIT, path="/api/v1/nothing/"),
                 self.head(10).replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")]
        for i in range(200):
            sock = self.connect()
            sock.setblocking(False)
            sock.send(heads[i % len(heads)] + (b"400000\r\n" if b"chunked" in heads[i % len(heads)] else b""))
            socks.append(sock)
        sent = [0] * len(socks)
        for _ in range(64):
            for i, sock in enumerate(socks):
                try:
                    sent[i] += sock.send(b"x" * 65536)
                except (BlockingIOError, ConnectionError):
                    pass
            time.sleep(0.01)
        self.assertGreater(sum(sent), 50 * MB)
        self.assertLess(self.memory() - small, 24 * MB)
        self.assertEqual(self.api.get("products/").status, 200)
        for sock in socks:
            sock.close()

    def test_large_bodies_together(self):
        """Only so many at the same time; the place of one that ends, in
        whichever way, is free again."""
        self.start(self.doc, large_body_memory="8MB")
        socks = [self.connect() for _ in range(2)]
        for sock in socks:
            sock.sendall(self.head(LIMIT, self.api.token)[:-2] + b"Expect: 100-continue\r\n\r\n")
            self.assertIn(b" 100 ", sock.recv(4096))
            sock.sendall(b"x" * 1000)
        problem(self.send(b"x" * LIMIT), 503)
        problem(self.send(b"x" * 300000), 503)
        problem(self.chunks(MB, self.api.token), 503)
        # what is not large has its place
        self.echoed(self.send(b"x" * 1000), "csv", b"x" * 1000)
        self.echoed(self.chunks(1000, self.api.token), "csv", b"x" * 1000)
        socks[0].close()
        wait_for("a place is free", lambda: self.send(b"x" * LIMIT).status == 200, 5)
        for _ in range(5):
            self.assertEqual(self.send(b"x" * LIMIT).status, 200)
            problem(self.send(b"x" * LIMIT, "text/plain"), 415)
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.send(b"x" * LIMIT).status))
                   for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertLessEqual(set(answers), {200, 503})
        socks[1].close()
        wait_for("both places are free", lambda: self.send(b"x" * LIMIT).status == 200, 5)

    def test_expect_continue(self):
        for token, wanted in ((self.api.token, b" 100 "), ("a.b.c", b" 401 ")):
            with self.subTest(token=token[:5]), self.connect() as sock:
                sock.sendall(self.head(LIMIT, token)[:-2] + b"Expect: 100-continue\r\n\r\n")
                self.assertIn(wanted, sock.recv(4096))

    def test_pipelined(self):
        """A limit holds for the request that it was made for."""
        small = self.head(3, self.api.token, "/api/v1/products/") + b"x=y"
        large = self.head(300000, self.api.token) + b"x" * 300000
        with self.connect() as sock:
            sock.sendall(small + large)
            got = b""
            while True:
                piece = sock.recv(65536)
                if not piece:
                    break
                got += piece
        self.assertEqual([got[i + 9:i + 12] for i in range(len(got)) if got.startswith(b"HTTP/1.1 ", i)],
                         [b"415", b"200"])

    # the document

    def test_document_is_checked(self):
        for change in ({"requestBody": {"content": {"application/xml": {}}}}, {"x-oms": {"body_limit": 0}},
                       {"x-oms": {"body_limit": "1MB"}}, {"x-oms": {"body_limit": 1 << 30}},
                       {"x-oms": {"args": ["content_type", "body"]}}):
            doc = copy.deepcopy(self.doc)
            for key, part in change.items():
                doc["paths"]["/echo/"]["post"][key].update(part)
            with self.subTest(change=change):
                path = os.path.join(self.rig.dir, "wrong.json")
                with open(path, "w", encoding="utf-8") as file:
                    json.dump(doc, file)
                self.rig.write_config(dict(self.rig.values, openapi=path, listen="127.0.0.1:1",
                                           error_log="-"))
                done = client_run([os.path.join(os.environ["OMS_BUILD"], "server", "omsd"), "-c",
                                   self.rig.config])
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("echo", done.stderr)


def client_run(command):
    import subprocess
    return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False,
                          env={k: v for k, v in os.environ.items() if not k.startswith("OMS_")})
