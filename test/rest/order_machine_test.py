"""The state machine of orders, read and changed."""
from fixture import Test, admin, make_order, make_sellable, set_status, staff, unique


class Machine(Test):
    path = "orders/states/"

    def test_change(self):
        name = unique("WAIT").upper().replace("-", "_")[:32]
        before = self.ok(staff().get(self.path))
        steps = [{"from": "CONFIRMED", "to": name},
                 {"from": name, "to": "CONFIRMED", "least_role": "oms_admin"}]
        whole = [dict({"stock_effect": "none", "least_role": "oms_staff"}, **step)
                 for step in steps]
        gone = {"remove": [{"from": step["from"], "to": step["to"]} for step in steps]}
        try:
            after = self.ok(admin().patch(self.path, {"steps": steps}))
            self.assertEqual(self.ok(staff().get(self.path)), after)
            for step in whole:
                self.assertIn(step, after["steps"])
            self.assertIn({"status": name, "final": False, "holds": "allocated"},
                          after["statuses"])
            order = make_order((make_sellable(), 1))["id"]
            set_status(order, "CONFIRMED")
            self.ok(staff().patch("orders/%d/status/" % order, {"status": name}))
            self.problem(staff().patch("orders/%d/status/" % order, {"status": "CONFIRMED"}),
                         403, "OM023")
            # an order is there, so it stays
            self.problem(admin().patch(self.path, gone), 422, "OM015")
            self.ok(admin().patch("orders/%d/status/" % order, {"status": "CONFIRMED"}))
        finally:
            self.ok(admin().patch(self.path, gone))
        self.assertEqual(self.ok(staff().get(self.path)), before)
        page = self.ok(staff().get(self.path + "history/?page_size=2"))
        self.assertEqual([row["machine"] for row in page["results"]], [before, after])
        self.assertEqual({row["actor"] for row in page["results"]}, {"admin"})
        self.assertEqual(page["results"][0]["version"], page["results"][1]["version"] + 1)

    def test_dry_run(self):
        before = self.ok(staff().get(self.path))
        body = {"remove": [{"from": "CONFIRMED", "to": "SHIPPED"}]}
        answer = admin().patch(self.path + "?dry_run=true", body)
        self.assertEqual(len(self.ok(answer)["steps"]), len(before["steps"]) - 1)
        self.assertEqual(answer.headers["oms-dry-run"], "true")
        self.assertEqual(self.ok(staff().get(self.path)), before)

    def test_refused(self):
        self.problem(staff().patch(self.path, {"remove": []}), 403, "OM103")
        self.problem(admin().patch(self.path, {}), 422, "OM010")
        trap = {"steps": [{"from": "SHIPPED", "to": "TRAP"}]}
        self.assertIn("TRAP", self.problem(admin().patch(self.path, trap), 422, "OM015")["detail"])
        wrong = {"steps": [{"from": "a", "to": "B", "stock_effect": "eat"}], "x": 1,
                 "statuses": [{"status": "B"}]}
        problem = self.problem(admin().patch(self.path, wrong), 422, "OM010")
        self.assertEqual({error["pointer"] for error in problem["errors"]},
                         {"/x", "/steps/0/from", "/steps/0/stock_effect", "/statuses/0/final"})
        self.assertFalse(any("TRAP" in (s["from"], s["to"])
                             for s in self.ok(staff().get(self.path))["steps"]))
