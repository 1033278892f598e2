"""What is wrong below the level of a request: broken framing, half-sent and
slow requests, many connections.  The answer is a 4xx problem or a closed
connection, and nobody else is held up.
"""
import re
import socket
import threading
import time

from client import HOST, PORT, Client, raw_request
from fixture import Test, at_once, make_sellable, staff


class Wire(Test):
    def post(self, *headers, body=b"{}", path="/api/v1/token/"):
        return ("POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n%s\r\n"
                % (path, "".join(h + "\r\n" for h in headers))).encode("latin-1") + body

    def refused(self, answer):
        """A 4xx problem, or a connection that was closed."""
        if answer is not None:
            self.problem(answer, range(400, 500))

    def test_broken_requests(self):
        order = b'{"username":"x","password":"y"}'
        for name, data in {
                "no request": b"\r\n\r\n", "noise": bytes(range(256)) * 4, "one word": b"GET\r\n\r\n",
                "HTTP/9.9": b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", "TLS": b"\x16\x03\x01\x02\x00\x01\x00",
                "no version": b"GET /\r\n\r\n", "space in path": b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
                "NUL in path": b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
                "NUL in header": b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n",
                "no colon": b"GET /healthz HTTP/1.1\r\nHost: x\r\nbroken\r\n\r\n",
                "space before colon": self.post("Content-Length : 31", body=order),
                "length twice": self.post("Content-Length: 31", "Content-Length: 2", body=order),
                "length list": self.post("Content-Length: 31, 31", body=order),
                "negative length": self.post("Content-Length: -1"),
                "plus length": self.post("Content-Length: +31", body=order),
                "huge length": self.post("Content-Length: 99999999999999999999"),
                "length x": self.post("Content-Length: x"),
                "length and chunked": self.post("Content-Length: 31", "Transfer-Encoding: chunked",
                                                body=b"0\r\n\r\n"),
                "chunked twice": self.post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked",
                                           body=b"0\r\n\r\n"),
                "other coding": self.post("Transfer-Encoding: gzip", body=order),
                "chunked then other": self.post("Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"),
                "bad chunk": self.post("Transfer-Encoding: chunked", body=b"zz\r\nxx\r\n0\r\n\r\n"),
                "negative chunk": self.post("Transfer-Encoding: chunked", body=b"-1\r\nxx\r\n0\r\n\r\n"),
                "huge chunk": self.post("Transfer-Encoding: chunked", body=b"ffffffffffffffff1\r\nxx"),
                "two hosts": b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
                "many headers": b"GET /healthz HTTP/1.1\r\nHost: x\r\n" +
                b"".join(b"h%d: x\r\n" % i for i in range(2000)) + b"\r\n",
                "long header": b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 20000 + b"\r\n\r\n",
                "huge header": b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 2000000 + b"\r\n\r\n",
                "long path": b"GET /" + b"x" * 2000000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
                "two tokens": b"GET /api/v1/products/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                b"Authorization: Bearer ..\r\nAuthorization: Bearer ..\r\n\r\n",
                "http/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        }.items():
            with self.subTest(request=name):
                self.refused(raw_request(data, half=True))
        self.ok(Client().get("/healthz"))

    def test_no_host(self):
        answer = raw_request(b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n")
        self.refused(answer)

    def test_smuggled_request_is_not_answered(self):
        """One request with two ideas of its length gets at most one answer."""
        inner = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        for headers in (("Content-Length: %d" % (5 + len(inner)), "Transfer-Encoding: chunked"),
                        ("Transfer-Encoding: chunked", "Content-Length: 5"),
                        ("Content-Length: 5", "Transfer-Encoding: xchunked"),
                        ("Content-Length: 5", "Transfer-Encoding : chunked"),
                        ("Content-Length: 5", "transfer-encoding: \x0bchunked")):
            with self.subTest(headers=headers):
                data = b"POST /api/v1/token/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + \
                    "".join(h + "\r\n" for h in headers).encode() + b"\r\n0\r\n\r\n" + inner
                with socket.create_connection((HOST, PORT), timeout=20) as sock:
                    got = b""
                    try:
                        sock.sendall(data)
                        sock.shutdown(socket.SHUT_WR)
                        while True:
                            piece = sock.recv(65536)
                            if not piece:
                                break
                            got += piece
                    except ConnectionResetError:
                        pass
                self.assertNotIn(b" 200 ", got)
                self.assertLessEqual(got.count(b"HTTP/1.1 "), 1, got)

    def test_chunked_body_is_taken(self):
        body = b'{"refresh":"x"}'
        data = b"".join(b"%x\r\n%s\r\n" % (1, body[i:i + 1]) for i in range(len(body))) + b"0\r\n\r\n"
        answer = raw_request(self.post("Transfer-Encoding: chunked", body=data,
                                       path="/api/v1/token/refresh/"))
        self.problem(answer, 401, "OM021")

    def test_large_body_does_not_fill_memory(self):
        """A body that says it is huge is refused before it is sent."""
        began = time.monotonic()
        answer = raw_request(self.post("Content-Length: 5000000000"), half=False)
        self.refused(answer)
        self.assertLess(time.monotonic() - began, 5)

    def test_expect_continue(self):
        body = b'{"refresh":"x"}'
        with socket.create_connection((HOST, PORT), timeout=20) as sock:
            sock.sendall(self.post("Content-Length: %d" % len(body), "Expect: 100-continue", body=b"",
                                   path="/api/v1/token/refresh/"))
            time.sleep(0.3)
            sock.sendall(body)
            got = b""
            while True:
                piece = sock.recv(65536)
                if not piece:
                    break
                got += piece
        # 429 after failed logins; either way the body was read
        self.assertRegex(got, b" (401|429) ")

    def test_half_sent_requests(self):
        """Connections cut in the middle, at every place."""
        whole = self.post("Content-Length: 31", body=b'{"username":"x","password":"y"}')
        for cut in list(range(1, len(whole), 9)):
            with socket.create_connection((HOST, PORT), timeout=20) as sock:
                sock.sendall(whole[:cut])
        self.ok(Client().get("/healthz"))

    def test_answers_nobody_reads(self):
        make_sellable()
        token = staff().token
        for _ in range(200):
            with socket.create_connection((HOST, PORT), timeout=20) as sock:
                sock.sendall(("GET /api/v1/products/?page_size=100 HTTP/1.1\r\nHost: x\r\n"
                              "Authorization: Bearer %s\r\n\r\n" % token).encode())
        self.ok(staff().get("products/"))

    def test_pipelined_requests_keep_their_order(self):
        token = staff().token
        paths = ["/healthz", "/api/v1/products/", "/nothing", "/api/v1/orders/", "/healthz"]
        data = b"".join(("GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n%s\r\n" % (
            p, token, "Connection: close\r\n" if i == 4 else "")).encode() for i, p in enumerate(paths))
        with socket.create_connection((HOST, PORT), timeout=20) as sock:
            sock.sendall(data)
            got = b""
            while True:
                piece = sock.recv(65536)
                if not piece:
                    break
                got += piece
        statuses = re.findall(rb"HTTP/1\.1 (\d+) ", got)
        self.assertEqual(statuses, [b"200", b"200", b"404", b"200", b"200"])

    def test_slow_clients(self):
        """A client that sends a byte now and then is cut off, and holds up
        nobody meanwhile."""
        results = {}
        whole = self.post("Content-Length: 31", body=b'{"username":"x","password":"y"}')

        def drip(name, start):
            began = time.monotonic()
            got = b""
            with socket.create_connection((HOST, PORT), timeout=2) as sock:
                try:
                    sock.sendall(whole[:start])
                    for i in range(start, start + 26):
                        sock.sendall(whole[i:i + 1])
                        sock.settimeout(1.5)
                        try:
                            got = sock.recv(65536)
                            break
                        except socket.timeout:
                            pass
                except OSError:
                    pass
            results[name] = (time.monotonic() - began, got)

        threads = [threading.Thread(target=drip, args=(i, 20 + 30 * (i % 6))) for i in range(60)]
        for thread in threads:
            thread.start()
        for _ in range(20):
            began = time.monotonic()
            self.ok(staff().get("products/"))
            self.assertLess(time.monotonic() - began, 2)
            time.sleep(0.05)
        for thread in threads:
            thread.join()
        for took, got in results.values():
            self.assertLess(took, 25, "a slow client was never cut off")
            self.assertNotIn(b" 500 ", got)

    def test_many_idle_connections(self):
        socks = []
        try:
            for _ in range(300):
                socks.append(socket.create_connection((HOST, PORT), timeout=5))
            self.ok(Client().get("/healthz"))
            for answer in at_once(8, lambda i: staff().get("products/")):
                self.ok(answer)
        finally:
            for sock in socks:
                sock.close()
