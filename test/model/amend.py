"""The verbs of the model on an order as a whole: amended, put right, sold, made of a hold."""
import reckon
from after import After
from goods import blank
from world import Key, Refusal, put

AMENDABLE = {"PENDING": "reserve", "CONFIRMED": "allocate", "PACKED": "allocate"}


class Model(After):
    """All verbs."""

    # --------------------------------------------------------------- amending

    def order_amend(self, order, items, reason=None, expected_version=None):
        """items are {line, quantity, discount, price}, {line, remove} and those of new lines;
        the order's version."""
        self.check_amendment(items, reason, expected_version)
        found = self.need_order(order)
        if expected_version not in (None, found.version):
            raise Refusal("OM041")
        if found.fulfilment != "none" or found.status not in AMENDABLE:
            raise Refusal("OM044")
        if found.hold is not None:
            raise Refusal("OM043")
        try:
            return self.amend(found, [item for item in items if "line" in item],
                              [item for item in items if "line" not in item])
        except reckon.TooLarge:
            raise Refusal("OM014") from None

    @staticmethod
    def check_amendment(items, reason, expected):
        named = [item["line"] for item in items if "line" in item]
        wrong = not 1 <= len(items) <= 500 or len(set(named)) < len(named)
        wrong |= reason is not None and blank(reason, 1000)
        wrong |= expected is not None and expected < 1
        for item in items:
            rate = reckon.decimal(item.get("tax_rate") or "0", 4)
            terms = [item.get(name) for name in ("quantity", "discount", "price")]
            if "line" in item:
                wrong |= item["line"] < 1
                wrong |= any(term is not None for term in terms) == item.get("remove", False)
            wrong |= rate is None or not 0 <= rate <= 9999999
            wrong |= terms[0] is not None and not 1 <= terms[0] <= 1000000
        if wrong:
            raise Refusal("OM010")

    def amend(self, order, changes, added):
        """Find what is wanted and on what terms; stock, tax and totals follow."""
        before = {line.line_no: line.wanted for line in order.lines}
        terms = [(line.price, line.discount) for line in order.lines]
        wanted, basis = dict(before), dict(before)
        faults = 0
        for change in changes:
            line = self.line_of(order, change["line"])
            wanted[line.line_no] = (0 if change.get("remove")
                                    else change.get("quantity") or line.wanted)
            faults += self.change_terms(order.channel, line, change, wanted[line.line_no])
            if change.get("discount") is not None:
                basis[line.line_no] = wanted[line.line_no]
        if faults or len(order.lines) + len(added) > 500:
            raise Refusal("OM010")
        same = wanted == before and terms == [(ln.price, ln.discount) for ln in order.lines]
        for line in self.price({"items": added, "discount": None}, order.channel):
            line.line_no = len(order.lines) + 1
            before[line.line_no] = 0
            wanted[line.line_no] = basis[line.line_no] = line.quantity
            order.lines = order.lines + [line]
        if not any(wanted.values()):
            raise Refusal("OM010")
        if not same or added:
            self.follow(order, before, wanted)
            for line in order.lines:
                reckon.shrink_discount(line, basis[line.line_no], order.channel.rounding)
            reckon.tax_lines(order.lines, order.channel)
            self.note(order, "amend")
        return order.version

    @staticmethod
    def change_terms(channel, line, change, units):
        """Give a line the price and discount that it shall have; how many are wrong."""
        wrong = 0
        if change.get("price") is not None:
            price = reckon.decimal(change["price"], channel.decimals)
            wrong += price is None or price < 0
            line.price = line.price if price is None or price < 0 else price
        if change.get("discount") is not None:
            off = reckon.discount_of(change["discount"], reckon.fits(line.price * units),
                                     channel.decimals, channel.rounding)
            wrong += off is None
            line.discount = off or 0
        return wrong

    def follow(self, order, before, wanted):
        """Give units back, take more, and note what is wanted of each line."""
        reserved = sum(line.total_of("reserved") for line in order.lines)
        kind = AMENDABLE[order.status]
        holds = kind == "allocate" or (order.takes == "create"
                                       and reserved == sum(before.values()))
        self.lock(line.product for line in order.lines)
        for line in order.lines:
            less = before[line.line_no] - wanted[line.line_no]
            if less > 0:
                if less > before[line.line_no] - self.parcelled(order, line):
                    raise Refusal("OM045")
                self.give_back(order, line, less)
        wants = [(line.line_no, line.product, wanted[line.line_no] - before[line.line_no])
                 for line in order.lines if wanted[line.line_no] > before[line.line_no]]
        for line_no, _, code, units in self.find_units(wants) if holds and wants else ():
            self.book(order.lines[line_no - 1], code, kind,
                      reserved=units if kind == "reserve" else 0,
                      allocated=units if kind == "allocate" else 0)
        for line in order.lines:
            if wanted[line.line_no]:
                line.quantity = line.cancelled + wanted[line.line_no]
            else:
                line.cancelled = line.quantity

    # -------------------------------------------------------------- put right

    def order_update(self, order, customer_name=None, customer_id=None, external_ref=None,
                     attributes=None, expected_version=None):
        """Change what is given of the header; an empty reference, customer 0 and attributes
        "null" take it away.  The order's version."""
        if (customer_name is not None and blank(customer_name, 200)
                or (customer_id or 0) < 0 or len(external_ref or "") > 200
                or expected_version is not None and expected_version < 1):
            raise Refusal("OM010")
        found = self.need_order(order)
        if expected_version not in (None, found.version):
            raise Refusal("OM041")
        if customer_id and customer_id != found.customer_id and (
                self.customers.get(customer_id, (None, True))[1]):
            raise Refusal("OM034")
        code = found.channel.code
        if external_ref and self.references.get((code, external_ref)) not in (None, order):
            raise Refusal("OM042")
        new = {"customer_name": customer_name or found.customer_name,
               "customer_id": found.customer_id if customer_id is None else customer_id or None,
               "ref": found.ref if external_ref is None else external_ref or None,
               "attributes": found.attributes if attributes is None
               else None if attributes == "null" else attributes}
        if new["ref"] != found.ref:
            if found.ref is not None:
                put(self.references, (code, found.ref), None)
            if new["ref"] is not None:
                put(self.references, (code, new["ref"]), order)
        if any(getattr(found, name) != value for name, value in new.items()):
            for name, value in new.items():
                setattr(found, name, value)
            self.note(found, "update")
        return found.version

    def order_note_add(self, order, note):
        if blank(note, 10000):
            raise Refusal("OM010")
        found = self.need_order(order)
        found.notes += (note,)

    # ------------------------------------------------------------ sold, held

    def order_sell(self, **asked):
        """An order that is entered and delivered, or not at all."""
        key = self.order_create(**asked)
        self.order_advance(key)
        return key

    def hold_order(self, hold, **asked):
        """An order of what a hold keeps, a line for each product; its units stay where they are."""
        asked = dict(dict(customer_name=None, customer_id=None, channel="default",
                          external_ref=None, discount=None, attributes=None, note=None), **asked)
        units = {}
        for line in self.holds[hold].lines if hold in self.holds else ():
            units[line.product] = units.get(line.product, 0) + line.quantity
        asked["items"] = [{"product": p, "quantity": min(n, 1000000)} for p, n in units.items()]
        self.check_header(asked)
        if hold not in self.holds:
            raise Refusal("OM035")
        found = self.holds[hold]
        if len(units) > 500 or max(units.values()) > 1000000:
            raise Refusal("OM010")
        customer = self.check_origin(asked)
        lines = self.price(asked, self.channels[asked["channel"]])
        if found.aged or any(line.state != "held" for line in found.lines):
            raise Refusal("OM046")
        key = self.enter(asked, customer, lines, Key((self.step, 0)), hold=found)
        for part in found.lines:
            part.state = "consumed"
            self.shelf(part.product, part.location).book("unhold", reserved=-part.quantity)
        by_product = {line.product: line for line in lines}
        for part in found.lines:
            self.book(by_product[part.product], part.location, "reserve", reserved=part.quantity)
        found.order = key
        found.version += 1
        return key
