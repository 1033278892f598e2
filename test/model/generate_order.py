"""Random operations on orders, shipments and returns."""
from generate import Generator
from sale import MACHINE

OPEN = ("OPEN", "PACKED")


class OrderGenerator(Generator):
    """Draws operations of all verbs."""

    # -------------------------------------------------------------- entering

    def discount(self, decimals=2):
        return self.rng.choices((
            "%d%%" % self.rng.randrange(0, 101), "%.2f%%" % (self.rng.random() * 100),
            "%.*f" % (decimals, self.rng.random() * self.rng.choice((1, 20))), "0",
            "100%", "101%", "1.2345", "-1"), (40, 40, 60, 8, 8, 1, 1, 1))[0]

    def item(self, decimals):
        return {"product": self.product(), "quantity": self.rng.choices(
                    (self.rng.randrange(1, 10), self.rng.randrange(1, 60), 0, 1000000),
                    (60, 12, 0.3, 0.5))[0],
                "discount": self.maybe(0.25, self.discount(decimals)),
                "tax_rate": self.maybe(0.1, self.rng.choice(("0", "2.5", "19", "19", "7.75"))
                                       if self.chance(0.95) else "1000.1"),
                "price": self.maybe(0.1, self.price(decimals))}

    def asked(self):
        """What an order is made of."""
        model, rng = self.model, self.rng
        active = [code for code, channel in model.channels.items() if channel.active]
        channel = rng.choice(active if self.chance(0.97) else ["nochannel"] + list(model.channels))
        decimals = model.channels[channel].decimals if channel in model.channels else 2
        lines = rng.choices((1, 2, 3, 5, 12), (10, 10, 6, 3, 1))[0]
        reference = None
        if self.chance(0.15):
            taken = [ref for _, ref in model.references]
            self.made += 1
            reference = rng.choice(taken) if taken and self.chance(0.3) \
                else "%s-%d" % (self.setting.name, self.made)
        return {"items": [self.item(decimals) for _ in range(lines)],
                "customer_name": self.maybe(0.7, self.word() if self.chance(0.98) else " "),
                "customer_id": self.maybe(0.2, rng.choice(list(model.customers)[:1] if self.chance(
                    0.9) else list(model.customers) + [10 ** 9])),
                "channel": channel, "external_ref": reference,
                "discount": self.maybe(0.2, self.discount(decimals)),
                "attributes": self.maybe(0.1, {"a": rng.randrange(100)}),
                "note": self.maybe(0.1, self.word())}

    def order_create(self):
        asked = self.asked()
        return {name: value for name, value in asked.items() if value is not None}

    def orders_create(self):
        return {"orders": [self.order_create() for _ in range(self.rng.randrange(1, 5))]}

    def order_sell(self):
        return self.order_create()

    def hold_order(self):
        asked = self.order_create()
        del asked["items"]
        return dict(asked, hold=self.hold())

    def order_amend(self):
        order = self.order("PENDING", "CONFIRMED", "PACKED",
                           fits=lambda o: o.fulfilment == "none")
        found = self.model.orders.get(order)
        decimals = found.channel.decimals if found else 2
        items = []
        for line_no, units in self.lines(order, lambda line: line.wanted + 4):
            items.append(self.rng.choice((
                {"line": line_no, "quantity": units or 1}, {"line": line_no, "quantity": 3},
                {"line": line_no, "remove": True},
                {"line": line_no, "discount": self.discount(decimals)},
                {"line": line_no, "quantity": 2, "discount": self.discount(decimals),
                 "price": self.price(decimals)}, {"line": line_no, "price": self.price(decimals)})))
        if self.chance(0.3):
            items = items[:-1] + [self.item(decimals)]
        return {"order": order, "items": items, "reason": self.maybe(0.2, self.reason()),
                "expected_version": self.maybe(0.2, self.version(found))}

    def version(self, order):
        """The order's version, rarely another."""
        version = order.version if order else 1
        return version if self.chance(0.8) else self.rng.choice((0, version + 1, 1))

    def order_update(self):
        order = self.order()
        found = self.model.orders.get(order)
        asked = self.order_create()
        return {"order": order, "customer_name": asked.get("customer_name"),
                "customer_id": self.maybe(0.3, self.rng.choice(
                    list(self.model.customers) + [0, 0, 10 ** 9])),
                "external_ref": self.rng.choice((None, "", asked.get("external_ref"))),
                "attributes": self.rng.choice((None, None, "null", {"a": 5})),
                "expected_version": self.maybe(0.2, self.version(found))}

    def order_note_add(self):
        return {"order": self.order(), "note": self.word() if self.chance(0.9) else " "}

    # ---------------------------------------------------------------- moving

    def order(self, *statuses, fits=None):
        return self.one(self.model.orders, lambda o: (not statuses or o.status in statuses) and (
            o.hold is None) and (fits is None or fits(o)))

    def order_confirm(self):
        return {"order": self.order("PENDING")}

    def order_pack(self):
        return {"order": self.order("CONFIRMED")}

    def order_ship(self):
        # shipments are to ship what they began
        return {"order": self.order("CONFIRMED", "PACKED",
                                    fits=lambda o: not o.shipments or self.chance(0.2))}

    def order_deliver(self):
        return {"order": self.order("SHIPPED")}

    def order_cancel(self):
        return {"order": self.order("PENDING", "CONFIRMED", "PACKED")}

    def status(self):
        return self.rng.choice(list(MACHINE) * 3 + ["LOST"])

    def order_move(self):
        order = self.order("PENDING", "CONFIRMED", "PACKED", "SHIPPED")
        status = self.status()
        if order and self.chance(0.7):
            status = self.rng.choice(list(MACHINE[self.model.orders[order].status]) + [status])
        return {"order": order, "status": status}

    def order_advance(self):
        return {"order": self.order("PENDING", "CONFIRMED", "PACKED",
                                    fits=lambda o: not o.shipments or self.chance(0.2)),
                "status": self.rng.choice(("DELIVERED", "SHIPPED", "PACKED", self.status()))}

    def order_hold(self):
        return {"order": self.order(), "reason": self.reason() or ""}

    def order_release(self):
        return {"order": self.one(self.model.orders, lambda o: o.hold is not None)}

    def some_orders(self, *statuses):
        return {"orders": [self.order(*statuses) for _ in range(self.rng.randrange(1, 6))]}

    def orders_confirm(self):
        return self.some_orders("PENDING")

    def orders_pack(self):
        return self.some_orders("CONFIRMED")

    def orders_ship(self):
        return self.some_orders("CONFIRMED", "PACKED")

    def orders_deliver(self):
        return self.some_orders("SHIPPED")

    def orders_cancel(self):
        return self.some_orders("PENDING", "CONFIRMED")

    # ----------------------------------------------------------- parts of one

    def lines(self, order, most, whole=0.4):
        """[(line, units or None)] of an order, mostly within what most(line) tells."""
        found = self.model.orders.get(order)
        if found is None:
            return [(1, 1)]
        good = [line for line in found.lines if most(line) > 0]
        chosen = self.rng.sample(good, self.rng.randrange(1, len(good) + 1)) \
            if good and self.chance(0.9) else [self.rng.choice(found.lines)]
        items = []
        for line in chosen:
            units = self.rng.randrange(1, max(most(line), 1) + 1)
            if self.chance(0.05):
                units = most(line) + self.rng.randrange(-1, 3)
            items.append((line.line_no, units if self.chance(1 - whole) else None))
        if self.chance(0.03):
            items.append((self.rng.choice((items[0][0], len(found.lines) + 1, 0)), 1))
        return items

    def order_cancel_lines(self):
        order = self.order("PENDING", "CONFIRMED", "PACKED",
                           fits=lambda o: o.fulfilment == "partial" or self.chance(0.4))
        found = self.model.orders.get(order)
        return {"order": order, "reason": self.maybe(0.3, self.reason()), "items": self.lines(
            order, lambda line: line.wanted - line.shipped - self.model.parcelled(found, line))}

    def order_close(self):
        return {"order": self.order(fits=lambda o: o.fulfilment == "partial" and not any(
            self.model.parcelled(o, line) for line in o.lines))}

    # ------------------------------------------------------------- shipments

    def shipment_create(self):
        order = self.order("CONFIRMED", "PACKED")
        found = self.model.orders.get(order)
        places = [code for line in found.lines for code, at in line.holdings.items()
                  if at.allocated] if found else []
        return {"order": order,
                "items": self.maybe(0.7, self.lines(order, lambda line: line.total_of(
                    "allocated") - self.model.parcelled(found, line))),
                "location": self.maybe(0.3, self.rng.choice(places)
                                       if places and self.chance(0.8) else self.location()),
                "carrier": self.maybe(0.3, self.word() if self.chance(0.95) else "x" * 101),
                "tracking": self.maybe(0.2, self.word())}

    def shipment(self, *states):
        return self.one(self.model.shipments, lambda s: s.state in states and (
            self.model.orders[s.order].hold is None))

    def shipment_pack(self):
        return {"shipment": self.shipment("OPEN")}

    def shipment_ship(self):
        return {"shipment": self.shipment(*OPEN),
                "carrier": self.maybe(0.2, self.word() if self.chance(0.9) else "x" * 101),
                "tracking": self.maybe(0.2, self.word())}

    def shipment_deliver(self):
        return {"shipment": self.shipment("SHIPPED")}

    def shipment_update(self):
        return {"shipment": self.shipment("OPEN", "PACKED", "SHIPPED", "DELIVERED"),
                "carrier": self.rng.choice((None, "", self.word(), "x" * 101)),
                "tracking": self.rng.choice((None, "", self.word()))}

    def shipment_cancel(self):
        return {"shipment": self.shipment(*OPEN)}

    # --------------------------------------------------------------- returns

    def returnable(self, order, line):
        return line.shipped - line.returned - sum(
            part.quantity - part.restocked - part.scrapped
            for back, part in self.model.returns_of(order, line)
            if back.state in ("REQUESTED", "APPROVED"))

    def return_request(self):
        order = self.order(fits=lambda o: any(self.returnable(o, line) > 0 for line in o.lines))
        found = self.model.orders.get(order)
        return {"order": order, "reason": self.reason() or "",
                "items": self.lines(order, lambda line: self.returnable(found, line),
                                    whole=0.01)}

    def back(self, *states, came=None):
        return self.one(self.model.returns, lambda r: r.state in states and came in (
            None, any(part.restocked + part.scrapped for part in r.lines)))

    def return_approve(self):
        return {"back": self.back("REQUESTED")}

    def return_reject(self):
        return {"back": self.back("REQUESTED"), "reason": self.maybe(0.5, self.word())}

    def return_cancel(self):
        return {"back": self.back("REQUESTED", "APPROVED", came=False),
                "reason": self.maybe(0.5, self.word())}

    def return_close(self):
        return {"back": self.back("APPROVED", came=True), "reason": self.maybe(0.5, self.word())}

    def return_receive(self):
        key = self.back("APPROVED")
        back = self.model.returns.get(key)
        items = []
        for part in back.lines if back else ():
            due = part.quantity - part.restocked - part.scrapped
            came = self.rng.randrange(0, due + 1) + (self.rng.randrange(3)
                                                     if self.chance(0.04) else 0)
            restock = self.rng.randrange(0, came + 1)
            if came or self.chance(0.05):
                items.append((part.line_no, restock or None, came - restock))
        if not items or self.chance(0.02):
            items.append((self.rng.randrange(1, 4), 1, None))
        return {"back": key, "items": items,
                "location": self.maybe(0.5, self.location())}
