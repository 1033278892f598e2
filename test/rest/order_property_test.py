"""Amounts of random orders against exact fractions: prices, discounts, tax,
cancelling and refunds, in currencies of 0, 2 and 3 decimals.

OMS_PROPERTY_ORDERS says how many orders, 3000 by default; OMS_PROPERTY_SEED
draws the same ones again.
"""
import json
import os
import random
import secrets
import unittest
from fractions import Fraction
from itertools import product

import client
from client import value
from fixture import Test, make_product, unique

ORDERS = int(os.environ.get("OMS_PROPERTY_ORDERS", "3000"))
SEED = int(os.environ.get("OMS_PROPERTY_SEED", secrets.randbelow(10 ** 9)))
DECIMALS = {"JPY": 0, "EUR": 2, "KWD": 3}
RATES = ("0", "5", "7.7", "8.875", "19", "20", "33.3333", "0.0001", "250")


# ------------------------------------------------------------ exact reckoning

def rounded(amount, rule):
    """A fraction of smallest units as a whole number of them."""
    whole, rest = divmod(amount, 1)
    up = rest > Fraction(1, 2) or (rest == Fraction(1, 2) and (rule == "half_up" or whole % 2 == 1))
    return int(whole) + up


def taken_off(discount, base, decimals, rule):
    """What a discount such as 2.50 or 10% takes off a base."""
    if discount is None:
        return 0
    if discount.endswith("%"):
        return rounded(base * Fraction(discount[:-1]) / 100, rule)
    return int(Fraction(discount) * 10 ** decimals)


def shares(amount, weights):
    """An amount in proportion to weights, in whole units: who is cut most gets what is left."""
    exact = [Fraction(amount * w, sum(weights)) if amount else Fraction(0) for w in weights]
    whole = [int(e) for e in exact]
    for i in sorted(range(len(weights)), key=lambda i: whole[i] - exact[i])[:amount - sum(whole)]:
        whole[i] += 1
    return whole


class Order:
    """A random order, and what it must cost in smallest units."""

    def __init__(self, rng, channel, product_id):
        self.channel = channel
        self.decimals = DECIMALS[channel["currency"]]
        self.items = [self.make_item(rng, product_id) for _ in range(rng.choice((1, 2, 3, 3, 5, 8)))]
        self.discount = self.make_discount(rng, sum(self.bases()), 0.5)

    def amount(self, units):
        text = str(units).rjust(self.decimals + 1, "0")
        return text[:-self.decimals] + "." + text[-self.decimals:] if self.decimals else text

    def make_discount(self, rng, base, chance):
        if rng.random() > chance:
            return None
        if rng.random() < 0.5:
            return rng.choice(("%d%%" % rng.randint(0, 100), "%.4f%%" % (rng.random() * 100), "33.3333%", "100%"))
        return self.amount(rng.choice((0, base, rng.randint(0, base))))

    def make_item(self, rng, product_id):
        price = rng.choice((0, 1, 5, 10, rng.randint(1, 99), rng.randint(1, 10 ** 6), rng.randint(1, 10 ** 9)))
        item = {"product_id": product_id, "quantity": rng.choice((1, 1, 2, 3, rng.randint(1, 20), rng.randint(1, 1000))),
                "price": self.amount(price)}
        if rng.random() < 0.6:
            item["tax_rate"] = rng.choice(RATES)
        discount = self.make_discount(rng, price * item["quantity"], 0.3)
        if discount is not None:
            item["discount"] = discount
        return item

    def body(self):
        body = {"channel": self.channel["code"], "items": self.items}
        return body if self.discount is None else dict(body, discount=self.discount)

    def fulls(self):
        return [int(Fraction(item["price"]) * 10 ** self.decimals) * item["quantity"] for item in self.items]

    def own_discounts(self):
        return [taken_off(item.get("discount"), full, self.decimals, self.channel["rounding"])
                for item, full in zip(self.items, self.fulls())]

    def bases(self):
        return [full - own for full, own in zip(self.fulls(), self.own_discounts())]

    def whole_discount(self):
        return taken_off(self.discount, sum(self.bases()), self.decimals, self.channel["rounding"])

    def rate(self, item):
        return Fraction(item.get("tax_rate", self.channel["tax_rate"]))

    def exact_tax(self, base, rate):
        return base * rate / (100 + rate if self.channel["tax_included"] else 100)

    def costs(self):
        """[(discount, tax, total)] of the lines."""
        bases, rates = self.bases(), [self.rate(item) for item in self.items]
        # of equal claims to a unit, the one with the higher tax rate comes first, then the one with the larger base
        turn = sorted(range(len(bases)), key=lambda i: (-rates[i], -bases[i]))
        parts = dict(zip(turn, shares(self.whole_discount(), [bases[i] for i in turn])))
        parts = [parts[i] for i in range(len(bases))]
        bases = [base - part for base, part in zip(bases, parts)]
        rule = self.channel["rounding"]
        taxes = [rounded(self.exact_tax(base, rate), rule) for base, rate in zip(bases, rates)]
        if self.channel["tax_rounding"] == "total":
            for rate in set(rates):
                mine = [i for i, r in enumerate(rates) if r == rate]
                whole = rounded(self.exact_tax(sum(bases[i] for i in mine), rate), rule)
                for i, tax in zip(mine, shares(whole, [bases[i] for i in mine])):
                    taxes[i] = tax
        return [(own + part, tax, base + (0 if self.channel["tax_included"] else tax))
                for own, part, tax, base in zip(self.own_discounts(), parts, taxes, bases)]


# ------------------------------------------------------------------- the tests

class Property(Test):
    @classmethod
    def setUpClass(cls):
        cls.rng = random.Random(SEED)
        cls.product = make_product("1.00")["id"]
        cls.channels = []
        for currency, included, by, rule in product(DECIMALS, (False, True), ("line", "total"), ("half_up", "half_even")):
            channel = {"code": unique("m").lower(), "currency": currency, "tax_included": included, "tax_rounding": by,
                       "rounding": rule, "tax_rate": cls.rng.choice(RATES)}
            names = list(channel)
            client.rows("SELECT oms.channel_create(name => 'Property', take_stock => 'confirm', " +
                        ", ".join("%s => %%s" % n for n in names) + ")", *channel.values())
            cls.channels.append(channel)
        value("SELECT oms.stock_receive(%s, 10000000)", cls.product)

    def run(self, result=None):
        before = len(result.failures) + len(result.errors) + len(getattr(result, "broken", ()))
        super().run(result)
        if len(result.failures) + len(result.errors) + len(getattr(result, "broken", ())) > before:
            print("OMS_PROPERTY_SEED=%d" % SEED, flush=True)

    def draw(self, count):
        """So many orders, entered; pairs of what was drawn and its id."""
        drawn = [Order(self.rng, self.rng.choice(self.channels), self.product) for _ in range(count)]
        return list(zip(drawn, self.enter(drawn)))

    def enter(self, drawn):
        rows = []
        for i in range(0, len(drawn), 5000):
            rows += client.rows("SELECT order_id, sqlstate, message FROM oms.orders_create(%s) WITH ORDINALITY AS r ORDER BY ordinality",
                                json.dumps([order.body() for order in drawn[i:i + 5000]]))
        for order, row in zip(drawn, rows):
            self.assertIsNone(row[1], (order.body(), row))
        return [row[0] for row in rows]

    def read(self, ids):
        """id -> (header, lines): discount, tax and total of each, in the currency."""
        found = {row[0]: (row[1:], []) for row in client.rows(
            "SELECT id, discount_amount, tax_amount, total_amount FROM oms.orders WHERE id = ANY (%s)", ids)}
        for row in client.rows("SELECT order_id, discount, tax, line_total, price * (quantity - cancelled) FROM oms.order_line "
                               "WHERE order_id = ANY (%s) ORDER BY order_id, line_no", ids):
            found[row[0]][1].append(row[1:])
        return found

    def consistent(self, order, header, lines):
        """What holds for an order at any time."""
        told = (order.body(), header, lines)
        self.assertEqual(tuple(sum(column) for column in list(zip(*lines))[:3]), header, told)
        for amount in list(header) + [a for line in lines for a in line[:3]]:
            self.assertEqual(-amount.as_tuple().exponent, order.decimals, told)
            self.assertGreaterEqual(amount, 0, told)
        for line in lines:
            self.assertLessEqual(line[0], line[3], told)

    def test_amounts_are_those_of_exact_fractions(self):
        drawn = self.draw(ORDERS)
        found = self.read([order_id for _, order_id in drawn])
        for order, order_id in drawn:
            header, lines = found[order_id]
            self.consistent(order, header, lines)
            scale = 10 ** order.decimals
            self.assertEqual([tuple(int(a * scale) for a in line[:3]) for line in lines], order.costs(), order.body())

    def test_parts_of_a_discount_and_of_tax_are_the_whole(self):
        drawn = self.draw(ORDERS // 3)
        found = self.read([order_id for _, order_id in drawn])
        for order, order_id in drawn:
            scale = 10 ** order.decimals
            lines = [[int(a * scale) for a in line] for line in found[order_id][1]]
            bases, whole = order.bases(), order.whole_discount()
            parts = [line[0] - own for line, own in zip(lines, order.own_discounts())]
            self.assertEqual(sum(parts), whole, order.body())
            self.assertLessEqual(whole, sum(bases), order.body())
            for part, base in zip(parts, bases):
                self.assertLess(abs(part - (Fraction(whole * base, sum(bases)) if whole else 0)), 1, order.body())
            # each line's tax is less than a unit from its exact part of its rate's tax
            after = [base - part for base, part in zip(bases, parts)]
            rates = [order.rate(item) for item in order.items]
            for rate in set(rates):
                mine = [i for i, r in enumerate(rates) if r == rate]
                base = sum(after[i] for i in mine)
                tax = sum(lines[i][1] for i in mine)
                if order.channel["tax_rounding"] == "line":
                    for i in mine:
                        self.assertLessEqual(abs(lines[i][1] - order.exact_tax(after[i], rate)), Fraction(1, 2), order.body())
                    continue
                self.assertLessEqual(abs(tax - order.exact_tax(base, rate)), Fraction(1, 2), order.body())
                for i in mine:
                    self.assertLess(abs(lines[i][1] - (Fraction(tax * after[i], base) if tax else 0)), 1, order.body())

    def test_order_of_lines_does_not_matter(self):
        drawn = self.draw(ORDERS // 3)
        before = self.read([order_id for _, order_id in drawn])
        for order, _ in drawn:
            self.rng.shuffle(order.items)
        ids = self.enter([order for order, _ in drawn])
        after = self.read(ids)
        for (order, old), new in zip(drawn, ids):
            self.assertEqual(before[old][0], after[new][0], order.body())

    def cut(self, order, order_id, left, most):
        """Cancels some units of a line; what is left of the lines."""
        i = self.rng.choice([i for i, units in enumerate(left) if units > 0])
        units = self.rng.randint(1, min(left[i], most))
        client.rows("SELECT oms.order_cancel_lines(%s, %s)", order_id, json.dumps([{"line": i + 1, "quantity": units}]))
        left[i] -= units
        self.consistent(order, *self.read([order_id])[order_id])

    def test_cancelling_parts_is_cancelling_all(self):
        for order, order_id in self.draw(max(ORDERS // 30, 1)):
            twin = self.enter([order])[0]
            left = [item["quantity"] for item in order.items]
            for _ in range(self.rng.randint(1, 3)):
                if sum(left) > 1:
                    self.cut(order, order_id, left, max(max(left) - 1, 1))
            for part in (order_id, twin):
                rest = [{"line": i + 1} for i, units in enumerate(left) if units > 0 or part == twin]
                if rest:
                    client.rows("SELECT oms.order_cancel_lines(%s, %s)", part, json.dumps(rest))
            found = self.read([order_id, twin])
            self.consistent(order, *found[order_id])
            self.assertEqual(found[order_id], found[twin], order.body())
            self.assertEqual(set(found[twin][0]), {0}, order.body())

    def test_refunds_of_all_units_are_what_was_paid(self):
        for order, order_id in self.draw(max(ORDERS // 30, 1)):
            left = [item["quantity"] for item in order.items]
            if sum(left) > 1 and self.rng.random() < 0.5:
                self.cut(order, order_id, left, max(max(left) - 1, 1))
            paid = value("SELECT total_amount FROM oms.orders WHERE id = %s", order_id)
            client.rows("SELECT oms.order_advance(%s)", order_id)
            refunded = 0
            while sum(left):
                # a return of some units, received in one part or two
                back = [{"line": i + 1, "quantity": self.rng.randint(1, units)} for i, units in enumerate(left) if units > 0]
                back = self.rng.sample(back, self.rng.randint(1, len(back)))
                number = value("SELECT oms.return_request(%s, %s, 'test')", order_id, json.dumps(back))
                client.rows("SELECT oms.return_approve(%s)", number)
                for half in (0, 1):
                    units = [(b["line"], b["quantity"] // 2 if half == 0 else b["quantity"] - b["quantity"] // 2) for b in back]
                    receipt = [{"line": n, self.rng.choice(("restock", "scrap")): u} for n, u in units if u > 0]
                    if receipt:
                        due = value("SELECT oms.return_receive(%s, %s)", number, json.dumps(receipt))
                        self.assertEqual(-due.as_tuple().exponent if due else order.decimals, order.decimals)
                        self.assertGreaterEqual(due, 0)
                refunded += value("SELECT refund_amount FROM oms.return_order WHERE id = %s", number)
                self.assertLessEqual(refunded, paid, order.body())
                for b in back:
                    left[b["line"] - 1] -= b["quantity"]
            self.assertEqual(refunded, paid, order.body())


class Reckoning(unittest.TestCase):
    """The exact reckoning itself, by hand."""

    def test_by_hand(self):
        half = Fraction(5, 2)
        self.assertEqual((rounded(half, "half_up"), rounded(half, "half_even"), rounded(half + 1, "half_even")), (3, 2, 4))
        self.assertEqual(shares(100, [1, 1, 1]), [34, 33, 33])
        self.assertEqual(shares(5, [1, 7, 2]), [1, 3, 1])
        self.assertEqual(taken_off("12.5%", 1000, 2, "half_up"), 125)
        self.assertEqual(taken_off("1.25", 1000, 2, "half_up"), 125)
