"""The client of the product before this one, line for line: its paths, its
fields, its statuses.  It must go on working without a change."""
import json
import urllib.error
import urllib.request

from client import ADMIN_PASSWORD, URL
from fixture import STAFF, STAFF_PASSWORD, Test, staff, unique


def request(method, path, body=None, token=None):
    """(status, parsed body) by the plainest client there is."""
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if token:
        headers["Authorization"] = "Bearer " + token
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(
                URL + path, data, headers, method=method), timeout=30) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        with error:
            text = error.read()
            return error.code, json.loads(text) if text else None


class DropIn(Test):
    def whole_life(self, base, slash):
        """All that today's client does, on paths base + ... + slash."""
        def call(method, path, body=None, token=None):
            return request(method, base + path + slash, body, token)

        status, pair = call("POST", "/token", {"username": "admin", "password": ADMIN_PASSWORD})
        self.assertEqual(status, 200, pair)
        status, pair = call("POST", "/token/refresh", {"refresh": pair["refresh"]})
        self.assertEqual(status, 200, pair)
        admin = pair["access"]
        status, pair = call("POST", "/token", {"username": STAFF, "password": STAFF_PASSWORD})
        self.assertEqual(status, 200, pair)
        clerk = pair["access"]
        self.assertEqual(call("POST", "/token", {"username": "admin", "password": "x"})[0], 401)
        self.assertEqual(call("POST", "/token/refresh", {"refresh": "x"})[0], 401)

        sku = unique("old")
        status, product = call("POST", "/products", {"name": "Old", "about": "x", "sku": sku,
                                                     "price": "19.99"}, admin)
        self.assertEqual(status, 201, product)
        self.assertLessEqual({"id", "name", "about", "sku", "price", "created_at"}, set(product))
        one = "/products/%d" % product["id"]
        self.assertEqual(call("GET", one, token=clerk), (200, product))
        self.assertEqual(call("PUT", one, {"name": "Newer", "about": "y", "sku": sku,
                                           "price": "20.00"}, admin)[1]["name"], "Newer")
        self.assertEqual(call("PATCH", one, {"price": "10.10"}, admin)[1]["price"], "10.10")
        status, page = call("GET", "/products", token=clerk)
        self.assertEqual((status, set(page)), (200, {"count", "next", "previous", "results"}))
        self.assertLessEqual(len(page["results"]), 10)

        status, record = call("POST", "/inventory", {"product": product["id"], "quantity": 10}, clerk)
        self.assertEqual((status, record["product"], record["quantity"]), (201, product["id"], 10))
        one = "/inventory/%d" % record["id"]
        self.assertEqual(call("GET", one, token=clerk)[1]["quantity"], 10)
        self.assertEqual(call("PUT", one, {"product": product["id"], "quantity": 12},
                              clerk)[1]["quantity"], 12)
        self.assertEqual(call("PATCH", one, {"quantity": 20}, clerk)[1]["quantity"], 20)
        self.assertEqual(call("GET", "/inventory", token=clerk)[0], 200)

        status, order = call("POST", "/orders/create", {"customer_name": "Jane", "items": [
            {"product_id": product["id"], "quantity": 3}]}, clerk)
        self.assertEqual(status, 201, order)
        self.assertLessEqual({"id", "order_number", "customer_name", "status", "total_amount",
                              "created_at", "items"}, set(order))
        self.assertEqual((order["status"], order["total_amount"], order["customer_name"]),
                         ("PENDING", "30.30", "Jane"))
        line = order["items"][0]
        self.assertEqual((line["product"]["id"], line["product"]["sku"], line["quantity"],
                          line["price"]), (product["id"], sku, 3, "10.10"))
        path = "/orders/%d" % order["id"]
        for to in ("CONFIRMED", "SHIPPED", "DELIVERED"):
            status, now = call("PATCH", path + "/status", {"status": to}, clerk)
            self.assertEqual((status, now["status"]), (200, to))
        self.assertEqual(call("GET", one, token=clerk)[1]["quantity"], 17)
        self.assertEqual(call("GET", path, token=clerk)[1]["status"], "DELIVERED")
        status, steps = call("GET", path + "/history", token=clerk)
        self.assertEqual([(s["from_status"], s["to_status"]) for s in steps],
                         [(None, "PENDING"), ("PENDING", "CONFIRMED"), ("CONFIRMED", "SHIPPED"),
                          ("SHIPPED", "DELIVERED")])
        self.assertTrue(all(s["changed_at"] for s in steps))
        status, page = call("GET", "/orders", token=clerk)
        self.assertEqual((status, page["results"][0]["id"]), (200, order["id"]))
        status, report = call("GET", "/orders/reports", token=admin)
        self.assertEqual(status, 200)
        self.assertLessEqual({"total_orders", "total_revenue", "low_stock_items"}, set(report))
        self.assertEqual(call("GET", "/orders/reports", token=clerk)[0], 403)
        self.assertEqual(call("GET", "/orders")[0], 401)
        self.assertEqual(call("DELETE", "/products/%d" % product["id"], token=admin), (204, None))
        self.assertEqual(call("GET", path, token=clerk)[1]["items"][0]["sku"], sku)
        self.assertEqual(call("GET", "/schema")[1]["openapi"][:3], "3.1")

    def test_api_with_slash(self):
        staff()
        self.whole_life("/api", "/")

    def test_api_without_slash(self):
        staff()
        self.whole_life("/api", "")

    def test_api_v1_with_slash(self):
        staff()
        self.whole_life("/api/v1", "/")

    def test_api_v1_without_slash(self):
        staff()
        self.whole_life("/api/v1", "")
