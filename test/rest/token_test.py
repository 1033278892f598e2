"""Logging in, refreshing, and everything that must not pass as a token."""
import base64
import hashlib
import hmac
import json
import os
import statistics
import time
import unittest

from client import ADMIN_PASSWORD, Client
from fixture import STAFF, STAFF_PASSWORD, Test, at_once, login, make_account, staff, unique

KEY_FILE = os.environ.get("OMS_TOKEN_KEY")


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def parts(token):
    """Header and claims of a token."""
    head, body, _ = token.split(".")
    return json.loads(unb64(head)), json.loads(unb64(body))


def sign(head, claims, key, digest=hashlib.sha256):
    """A token signed by HMAC; head and claims may be objects or raw JSON."""
    head, claims = (x if isinstance(x, bytes) else json.dumps(x).encode() for x in (head, claims))
    text = b64(head) + "." + b64(claims)
    return text + "." + b64(hmac.new(key, text.encode(), digest).digest())


def forgeries(token):
    """Strings near to a token that must not pass as one."""
    head, body, mac = token.split(".")
    claims = json.loads(unb64(body))
    none = b64(b'{"alg":"none","typ":"JWT"}')
    later = b64(json.dumps(dict(claims, exp=claims["exp"] + 9999)).encode())
    admin = b64(json.dumps(dict(claims, role="admin", sub="admin")).encode())
    return {
        "empty": "", "dot": ".", "two dots": "..", "three dots": "...", "a.b.c": "a.b.c",
        "spaces": "   ", "empty header": "." + body + "." + mac,
        "empty claims": head + ".." + mac, "no signature": head + "." + body + ".",
        "two parts": head + "." + body, "four parts": token + ".x", "cut": token[:-1],
        "cut half": token[:len(token) // 2], "longer": token + "A", "padded": token + "=",
        "signature of zeros": head + "." + body + "." + b64(b"\0" * 32),
        "other signature": head + "." + body + "." + mac[::-1],
        "standard alphabet": head + "." + body + "." + mac[:-1] + "+",
        "alg none": none + "." + body + ".", "alg none, signed": none + "." + body + "." + mac,
        "alg NONE": b64(b'{"alg":"NoNe","typ":"JWT"}') + "." + body + ".",
        "later": head + "." + later + "." + mac, "admin": head + "." + admin + "." + mac,
        "swapped": body + "." + head + "." + mac,
        "empty key": sign({"alg": "HS256", "typ": "JWT"}, claims, b""),
        "guessed key": sign({"alg": "HS256", "typ": "JWT"}, claims, b"secret"),
        "deep header": b64(b"[" * 5000) + "." + body + "." + mac,
        "deep claims": head + "." + b64(b'{"a":' * 2000) + "." + mac,
        "not JSON": b64(b"\xff\xfe") + "." + b64(b"\0") + "." + mac,
        "header a number": b64(b"1") + "." + body + "." + mac,
        "long": head + "." + "A" * 6000 + "." + mac,
    }


class Login(Test):
    def test_pair(self):
        pair = login("admin", ADMIN_PASSWORD)
        self.assertLessEqual({"access", "refresh"}, set(pair))
        head, claims = parts(pair["access"])
        self.assertEqual(head["alg"], "HS256")
        self.assertEqual(claims["sub"], "admin")
        life = claims["exp"] - time.time()
        self.assertTrue(800 < life <= 905, "access token lives %d s" % life)
        self.assertNotEqual(pair["refresh"].count("."), 2, "the refresh token is opaque")
        self.assertGreaterEqual(len(pair["refresh"]), 32)

    def test_access_token_opens(self):
        pair = login("admin", ADMIN_PASSWORD)
        self.ok(Client(pair["access"]).get("products/"))

    def test_wrong_password(self):
        answer = Client().post("token/", {"username": "admin", "password": "wrong"})
        self.problem(answer, 401, "OM020")

    def test_unknown_user_looks_like_wrong_password(self):
        known = Client().post("token/", {"username": "admin", "password": "wrong"})
        other = Client().post("token/", {"username": unique("nobody"), "password": "wrong"})
        first, second = self.problem(known, 401), self.problem(other, 401)
        for field in ("type", "title", "detail", "code", "hint"):
            self.assertEqual(first.get(field), second.get(field))

    def test_unknown_user_costs_the_same_time(self):
        times = {"known": [], "unknown": []}
        staff()
        for _ in range(5):
            for kind, name in (("known", STAFF), ("unknown", unique("nobody"))):
                began = time.monotonic()
                Client().post("token/", {"username": name, "password": "wrong"})
                times[kind].append(time.monotonic() - began)
        known, unknown = (statistics.median(times[k]) for k in ("known", "unknown"))
        self.assertGreater(unknown, known * 0.5, times)

    def test_password_is_never_kept_or_returned(self):
        import client
        staff()
        found = client.rows("SELECT a::text FROM oms.account a WHERE username = %s", STAFF)
        self.assertEqual(len(found), 1)
        self.assertNotIn(STAFF_PASSWORD, found[0][0])
        self.assertIn("$argon2id$", found[0][0])

    def test_refresh_token_is_stored_hashed(self):
        import client
        refresh = login("admin", ADMIN_PASSWORD)["refresh"]
        for table in client.tables():
            if "session" in table or "refresh" in table or "account" in table:
                found = client.value("SELECT count(*) FROM %s t WHERE t::text LIKE "
                                     "'%%%%' || %%s || '%%%%'" % table, refresh)
                self.assertEqual(found, 0, table)

    def test_disabled_account_cannot_log_in(self):
        import client
        name = unique("gone").lower()
        make_account(name, "a long enough password", "staff")
        login(name, "a long enough password")
        done = client.rows("SELECT p.proname FROM pg_proc p WHERE pronamespace = 'oms'::regnamespace "
                           "AND proname = 'account_disable'")
        if not done:
            self.skipTest("no verb oms.account_disable")
        client.rows("SELECT oms.account_disable(%s)", name)
        answer = Client().post("token/", {"username": name, "password": "a long enough password"})
        self.problem(answer, 401)


def set_grace(seconds):
    """Set the time in which a refresh token may be used again (None: the
    default), in the running server."""
    import client
    client.rows("ALTER SYSTEM SET oms.refresh_grace = %d" % seconds if seconds is not None
                else "ALTER SYSTEM RESET oms.refresh_grace")
    client.rows("SELECT pg_reload_conf()")
    time.sleep(0.5)


class Refresh(Test):
    @classmethod
    def setUpClass(cls):
        set_grace(0)

    @classmethod
    def tearDownClass(cls):
        set_grace(None)
        super().tearDownClass()

    def test_rotates(self):
        old = login("admin", ADMIN_PASSWORD)
        new = self.ok(Client().post("token/refresh/", {"refresh": old["refresh"]}))
        self.assertNotEqual(new["refresh"], old["refresh"])
        self.ok(Client(new["access"]).get("products/"))
        self.assertEqual(parts(new["access"])[1]["sub"], "admin")

    def test_reuse_revokes_the_session(self):
        first = login("admin", ADMIN_PASSWORD)["refresh"]
        second = self.ok(Client().post("token/refresh/", {"refresh": first}))["refresh"]
        self.problem(Client().post("token/refresh/", {"refresh": first}), 401, "OM022")
        self.problem(Client().post("token/refresh/", {"refresh": second}), 401)

    def test_reuse_leaves_other_sessions_alone(self):
        other = login("admin", ADMIN_PASSWORD)["refresh"]
        first = login("admin", ADMIN_PASSWORD)["refresh"]
        self.ok(Client().post("token/refresh/", {"refresh": first}))
        self.problem(Client().post("token/refresh/", {"refresh": first}), 401)
        self.ok(Client().post("token/refresh/", {"refresh": other}))

    def test_two_at_once_give_one_pair(self):
        refresh = login("admin", ADMIN_PASSWORD)["refresh"]
        answers = at_once(6, lambda i: Client().post("token/refresh/", {"refresh": refresh}))
        self.assertEqual([a.status for a in answers].count(200), 1, answers)
        for answer in answers:
            self.assertIn(answer.status, (200, 401))

    def test_answer_lost_on_the_way(self):
        """Within the time of grace the same token may be used again."""
        set_grace(10)
        try:
            first = login("admin", ADMIN_PASSWORD)["refresh"]
            for _ in range(2):
                pair = self.ok(Client().post("token/refresh/", {"refresh": first}))
                self.ok(Client(pair["access"]).get("products/"))
        finally:
            set_grace(0)

    def test_unknown(self):
        for text in ("", "x", "..", "A" * 43, "A" * 5000, "\u00e9", "' OR 1=1 --"):
            with self.subTest(text=text[:20]):
                answer = Client().post("token/refresh/", {"refresh": text})
                self.problem(answer, (401, 422))

    def test_access_token_is_no_refresh_token(self):
        access = login("admin", ADMIN_PASSWORD)["access"]
        self.problem(Client().post("token/refresh/", {"refresh": access}), (401, 422))

    def test_refresh_token_is_no_access_token(self):
        refresh = login("admin", ADMIN_PASSWORD)["refresh"]
        self.problem(Client(refresh).get("products/"), 401)


class Forged(Test):
    def test_no_token(self):
        answer = Client().get("products/")
        self.problem(answer, 401, "OM100")
        self.assertTrue(answer.headers.get("www-authenticate", "").startswith("Bearer"), answer)

    def test_forgeries(self):
        for name, token in forgeries(login("admin", ADMIN_PASSWORD)["access"]).items():
            with self.subTest(forgery=name):
                answer = Client().call("GET", "products/",
                                       headers={"Authorization": "Bearer " + token})
                self.problem(answer, (401, 431, 400) if name == "long" else 401)

    def test_other_schemes(self):
        access = login("admin", ADMIN_PASSWORD)["access"]
        for header in ("", "Bearer", "Bearer ", access, "Basic YWRtaW46YWRtaW4=", "Token " + access,
                       "Bearer " + access + " x", "Bearer " + access + "," + access):
            with self.subTest(header=header[:20]):
                answer = Client().call("GET", "products/", headers={"Authorization": header})
                self.problem(answer, 401)

    def test_token_in_the_query_is_not_taken(self):
        access = login("admin", ADMIN_PASSWORD)["access"]
        self.problem(Client().get("products/", access_token=access), 401)

    @unittest.skipUnless(KEY_FILE, "OMS_TOKEN_KEY names no key file")
    def test_right_key_wrong_claims(self):
        with open(KEY_FILE, "rb") as file:
            key = file.readline().split()[-1]       # [kid] secret; the first line signs
        head, claims = parts(login("admin", ADMIN_PASSWORD)["access"])
        now = int(time.time())
        self.ok(Client(sign(head, claims, key)).get("products/"))
        doubled = json.dumps(head)[:-1] + ',"alg":"HS256"}'
        wrong = {
            "expired": sign(head, dict(claims, exp=now - 120), key),
            "no exp": sign(head, {k: v for k, v in claims.items() if k != "exp"}, key),
            "exp a string": sign(head, dict(claims, exp=str(claims["exp"])), key),
            "exp null": sign(head, dict(claims, exp=None), key),
            "exp huge": sign(head, json.dumps(claims).replace(
                str(claims["exp"]), "1e400").encode(), key),
            "not yet": sign(head, dict(claims, nbf=now + 600), key),
            "other issuer": sign(head, dict(claims, iss="somebody"), key),
            "other audience": sign(head, dict(claims, aud="somebody"), key),
            "other role": sign(head, dict(claims, role="superuser"), key),
            "role a number": sign(head, dict(claims, role=1), key),
            "no subject": sign(head, {k: v for k, v in claims.items() if k != "sub"}, key),
            "other kid": sign(dict(head, kid="other"), claims, key),
            "HS512": sign(dict(head, alg="HS512"), claims, key, hashlib.sha512),
            "alg none": sign(dict(head, alg="none"), claims, key),
            "alg twice": sign(doubled.encode(), claims, key),
            "typ": sign(dict(head, typ="other"), claims, key),
            "claims twice": sign(head, (json.dumps(claims)[:-1] +
                                        ',"role":"admin"}').encode(), key),
        }
        for name, token in wrong.items():
            with self.subTest(claims=name):
                self.problem(Client(token).get("products/"), 401)
        self.problem(Client(wrong["expired"]).get("products/"), 401, "OM102")


class Throttle(Test):
    """Last in this file: failures are counted for a while.  Attempts go below
    Client.call, which waits and repeats as the server says."""

    def attempt(self, name, password="wrong"):
        raw = json.dumps({"username": name, "password": password}).encode()
        return Client().exchange("POST", "/api/v1/token/", raw, {"Content-Type": "application/json"})

    def test_account_from_an_address(self):
        name, other = unique("slow"), unique("other").lower()
        make_account(other, "a long enough password", "staff")
        for count in range(40):
            # upper and lower case are the same account
            answer = self.attempt(name.lower() if count % 2 else name.upper())
            if answer.status == 429:
                break
            self.problem(answer, 401, "OM020")
        self.problem(answer, 429, "OM111")
        self.assertGreaterEqual(int(answer.headers["retry-after"]), 1)
        # others at the same address come in, after a short while at most
        login(other, "a long enough password")

    def test_a_bad_body_is_told_so(self):
        """Only what could have been a login is refused for its number."""
        answer = Client().exchange("POST", "/api/v1/token/", b"{", {"Content-Type": "application/json"})
        self.problem(answer, 400, "OM106")
