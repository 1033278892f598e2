"""Accounts, products and orders that the tests work with.

Nothing here supposes an empty database: all names carry a prefix drawn anew
in each run, so the suite may run again and again on the same data.
"""
import secrets
import threading
import time
import unittest

import client
from client import ADMIN_PASSWORD, Client, integrity, value

PREFIX = "T" + secrets.token_hex(4).upper()
STAFF = "staff-" + PREFIX.lower()
STAFF_PASSWORD = secrets.token_urlsafe(18)

_lock = threading.Lock()
_clients = {}
_number = 0


def unique(stem=""):
    """A name that nothing else has."""
    global _number
    with _lock:
        _number += 1
        return "%s-%s%d" % (PREFIX, stem, _number)


def login(username, password, **more):
    """A pair of tokens."""
    answer = Client(**more).post("/api/v1/token/", {"username": username, "password": password})
    assert answer.status == 200, answer
    return answer.json


def make_account(username, password, role):
    """A new account, made by the SQL verb."""
    client.rows("SELECT oms.account_create(%s, %s, %s)", username, password, role)


def _client(name):
    with _lock:
        found = _clients.get(name)
    if found is None or time.monotonic() - found[1] > 600:
        if name == "staff":
            if value("SELECT count(*) FROM oms.account WHERE username = %s", STAFF) == 0:
                make_account(STAFF, STAFF_PASSWORD, "staff")
            pair = login(STAFF, STAFF_PASSWORD)
        else:
            pair = login("admin", ADMIN_PASSWORD)
        found = (Client(pair["access"]), time.monotonic())
        with _lock:
            _clients[name] = found
    return found[0]


def admin():
    """A client with an administrator's token."""
    return _client("admin")


def staff():
    """A client with the token of a member of the staff."""
    return _client("staff")


def nobody():
    """A client without a token."""
    return Client()


def make_product(price="10.00", **more):
    """A new product as answered by the server."""
    name = unique("P")
    body = {"name": name, "about": "made by a test", "sku": name, "price": price}
    body.update(more)
    answer = admin().post("products/", body)
    assert answer.status == 201, answer
    return answer.json


def make_stock(product_id, quantity):
    """A new inventory record as answered by the server."""
    answer = staff().post("inventory/", {"product": product_id, "quantity": quantity})
    assert answer.status == 201, answer
    return answer.json


def make_sellable(quantity=100, price="10.00"):
    """A product id with so many pieces available."""
    product_id = make_product(price)["id"]
    make_stock(product_id, quantity)
    return product_id


def make_order(*lines, customer="Test", status=None):
    """An order of (product id, quantity) lines, brought to the status by
    the shortest way."""
    body = {"customer_name": customer,
            "items": [{"product_id": p, "quantity": q} for p, q in lines]}
    answer = staff().post("orders/", body)
    assert answer.status == 201, answer
    order = answer.json
    for step in {None: (), "PENDING": (), "CONFIRMED": ("CONFIRMED",),
                 "SHIPPED": ("CONFIRMED", "SHIPPED"),
                 "DELIVERED": ("CONFIRMED", "SHIPPED", "DELIVERED"),
                 "CANCELLED": ("CANCELLED",)}[status]:
        answer = set_status(order["id"], step)
        assert answer.status == 200, answer
    return order


def set_status(order_id, status, **more):
    """Ask for a transition of an order."""
    return staff().patch("orders/%d/status/" % order_id, dict({"status": status}, **more))


def stock(product_id):
    """(on_hand, reserved, allocated, available) over all locations."""
    return tuple(int(n or 0) for n in client.rows(
        "SELECT sum(on_hand), sum(reserved), sum(allocated), "
        "sum(on_hand - reserved - allocated) FROM oms.stock WHERE product_id = %s",
        product_id)[0])


def available(product_id):
    return stock(product_id)[3]


def at_once(count, work):
    """Run work(0..count-1) in threads that start together; the results."""
    barrier = threading.Barrier(count)
    results = [None] * count

    def run(index):
        try:
            barrier.wait()
            results[index] = work(index)
        except BaseException as error:      # handed to the test below
            results[index] = error

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


class Test(unittest.TestCase):
    """A test case that leaves the books balanced."""

    maxDiff = None

    @classmethod
    def tearDownClass(cls):
        found = integrity()
        assert found == [], "oms.integrity after %s: %r" % (cls.__name__, found[:5])

    def problem(self, answer, status, code=None, pointer=None):
        """The answer is a problem of that status (code, field)."""
        problem = client.check_problem(answer, status, code)
        if pointer is not None:
            self.assertIn(pointer, [e["pointer"] for e in problem.get("errors", [])],
                          answer)
        return problem

    def ok(self, answer, status=200):
        self.assertEqual(answer.status, status, answer)
        return answer.json if answer.body else None
