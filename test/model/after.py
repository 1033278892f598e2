"""The verbs of the model on a part of an order: lines cancelled, parcels, returns."""
import reckon
from goods import blank
from sale import MACHINE, Sale
from world import MOST_STOCK, Entity, Key, Refusal, put


class After(Sale):
    """Orders that go in parts."""

    # ------------------------------------------------------------ cancelling

    def parcelled(self, order, line, location=None):
        """Units of a line in shipments that have not left."""
        return sum(units for parcel in self.shipments.values()
                   if parcel.order == order.key and parcel.state in ("OPEN", "PACKED")
                   and location in (None, parcel.location)
                   for line_no, units in parcel.lines if line_no == line.line_no)

    @staticmethod
    def line_of(order, line_no):
        if not 1 <= line_no <= len(order.lines):
            raise Refusal("OM039")
        return order.lines[line_no - 1]

    @staticmethod
    def check_items(items, least=1):
        """items is [(line, units or None), ...]: each line once."""
        lines = [item[0] for item in items]
        if not items or len(set(lines)) < len(lines) or any(line < 1 for line in lines):
            raise Refusal("OM010")
        if any(n is not None and not least <= n <= 1000000 for item in items for n in item[1:]):
            raise Refusal("OM010")

    def order_cancel_lines(self, order, items, reason=None):
        self.check_items(items)
        if reason is not None and blank(reason, 1000):
            raise Refusal("OM010")
        found = self.need_order(order)
        if not MACHINE[found.status]:
            raise Refusal("OM002")
        for line_no, units in items:
            self.cut(found, self.line_of(found, line_no), units)
        self.after_cut(found, "cancel_lines")

    def order_close(self, order):
        found = self.need_order(order)
        if not MACHINE[found.status] or found.fulfilment != "partial":
            raise Refusal("OM002")
        for line in found.lines:
            if line.wanted > line.shipped:
                self.cut(found, line, line.wanted - line.shipped)
        self.after_cut(found, "close")

    def cut(self, order, line, units):
        """Cancel units, by default all that may be; they are given back from the location
        that was entered last."""
        most = line.wanted - line.shipped - self.parcelled(order, line)
        units = most if units is None else units
        if units > most or units == 0:
            raise Refusal("OM045")
        before = line.wanted
        line.cancelled += units
        reckon.shrink_discount(line, before, order.channel.rounding)
        self.give_back(order, line, units)

    def give_back(self, order, line, units):
        """Release units that a line holds, those that are reserved first."""
        for code in reversed(self.by_number(line.holdings)):
            at = line.holdings[code]
            reserved = min(units, at.reserved)
            allocated = min(units - reserved,
                            at.allocated - self.parcelled(order, line, code))
            if reserved or allocated:
                self.book(line, code, "release", reserved=-reserved, allocated=-allocated)
                units -= reserved + allocated

    def after_cut(self, order, action):
        reckon.tax_lines(order.lines, order.channel)
        order.fulfilment = self.fulfilment(order)
        self.note(order, action)
        self.settle(order)
        self.arrive(order)

    # ---------------------------------------------- what follows from the lines

    @staticmethod
    def fulfilment(order):
        shipped = sum(line.shipped for line in order.lines)
        wanted = sum(line.wanted for line in order.lines)
        return "none" if shipped == 0 else "partial" if shipped < wanted else "full"

    def settle(self, order):
        """CANCELLED when nothing is wanted any more, the shipping step when all has shipped."""
        if not any(line.wanted for line in order.lines):
            self.move(order.key, "CANCELLED")
        elif order.fulfilment == "full" and "SHIPPED" in MACHINE[order.status]:
            self.move(order.key, "SHIPPED")

    def parcels(self, order):
        return [parcel for parcel in self.shipments.values() if parcel.order == order.key]

    def arrive(self, order):
        """DELIVERED when all has shipped and no parcel is under way."""
        if (order.shipments and order.fulfilment == "full" and order.status == "SHIPPED"
                and order.hold is None and not any(
                    parcel.state in ("OPEN", "PACKED", "SHIPPED")
                    for parcel in self.parcels(order))):
            self.move(order.key, "DELIVERED")

    # ------------------------------------------------------------- shipments

    def may_ship(self, order):
        if order.hold is not None:
            raise Refusal("OM043")
        if "ship" not in MACHINE[order.status].values():
            raise Refusal("OM002")

    def shipment_create(self, order, items=None, location=None, carrier=None, tracking=None):
        """Locations of the shipments made, whose keys are (step, 0), (step, 1), ..."""
        if items is not None:
            self.check_items(items)
        self.check_carrier(carrier, tracking)
        found = self.need_order(order)
        self.may_ship(found)
        if location is not None:
            self.need_location(location)
        filled = {}
        for line_no, units in (items or [(line.line_no, None) for line in found.lines]):
            line = self.line_of(found, line_no)
            free = {code: at.allocated - self.parcelled(found, line, code)
                    for code, at in line.holdings.items() if location in (None, code)}
            if units is not None and units > sum(free.values()):
                raise Refusal("OM045")
            left = sum(free.values()) if units is None else units
            for code in self.by_number(free):
                part = min(left, free[code])
                left -= part
                if part:
                    filled.setdefault(code, []).append((line_no, part))
        if not filled:
            raise Refusal("OM045")
        for n, code in enumerate(self.by_number(filled)):
            key = Key((self.step, n))
            put(self.shipments, key, Entity(
                key=key, order=order, location=code, state="OPEN", carrier=carrier,
                tracking=tracking, version=1, lines=tuple(sorted(filled[code]))))
        found.shipments += len(filled)
        self.note(found, "shipment")
        return self.by_number(filled)

    @staticmethod
    def check_carrier(carrier, tracking):
        for given, most in ((carrier, 100), (tracking, 200)):
            if given is not None and blank(given, most):
                raise Refusal("OM010")

    def parcel_step(self, shipment, froms, to):
        """(shipment, its order) when a step may be taken, None when it was taken before."""
        if shipment not in self.shipments:
            raise Refusal("OM036")
        parcel = self.shipments[shipment]
        if parcel.state == to:
            return None
        if parcel.state not in froms:
            raise Refusal("OM047")
        return parcel, self.orders[parcel.order]

    def parcel_state(self, parcel, order, state, action="shipment"):
        parcel.state = state
        parcel.version += 1
        self.note(order, action)

    def shipment_pack(self, shipment):
        found = self.parcel_step(shipment, ("OPEN",), "PACKED")
        if not found:
            return
        parcel, order = found
        self.may_ship(order)
        self.parcel_state(parcel, order, "PACKED")
        packed = sum(units for p in self.parcels(order)
                     if p.state in ("PACKED", "SHIPPED", "DELIVERED") for _, units in p.lines)
        if packed == sum(line.wanted for line in order.lines) and (
                "PACKED" in MACHINE[order.status]):
            self.move(order.key, "PACKED")

    def shipment_ship(self, shipment, carrier=None, tracking=None):
        self.check_carrier(carrier, tracking)
        found = self.parcel_step(shipment, ("OPEN", "PACKED"), "SHIPPED")
        if not found:
            return
        parcel, order = found
        self.may_ship(order)
        for line_no, units in parcel.lines:
            line = order.lines[line_no - 1]
            if self.shelf(line.product, parcel.location).on_hand < units:
                raise Refusal("OM049")
            self.book(line, parcel.location, "ship", on_hand=-units, allocated=-units)
        parcel.carrier = carrier or parcel.carrier
        parcel.tracking = tracking or parcel.tracking
        order.fulfilment = self.fulfilment(order)
        self.parcel_state(parcel, order, "SHIPPED", "ship_part")
        self.settle(order)

    def shipment_deliver(self, shipment):
        found = self.parcel_step(shipment, ("SHIPPED",), "DELIVERED")
        if not found:
            return
        parcel, order = found
        if order.hold is not None:
            raise Refusal("OM043")
        self.parcel_state(parcel, order, "DELIVERED")
        self.arrive(order)

    def shipment_cancel(self, shipment):
        found = self.parcel_step(shipment, ("OPEN", "PACKED"), "CANCELLED")
        if found:
            self.parcel_state(*found, "CANCELLED")

    def shipment_update(self, shipment, carrier=None, tracking=None):
        """Change what is given; an empty text takes it away."""
        if len(carrier or "") > 100 or len(tracking or "") > 200 or " " in (carrier, tracking):
            raise Refusal("OM010")
        if shipment not in self.shipments:
            raise Refusal("OM036")
        parcel = self.shipments[shipment]
        if parcel.state == "CANCELLED":
            raise Refusal("OM047")
        new = (parcel.carrier if carrier is None else carrier or None,
               parcel.tracking if tracking is None else tracking or None)
        if new != (parcel.carrier, parcel.tracking):
            parcel.carrier, parcel.tracking = new
            self.parcel_state(parcel, self.orders[parcel.order], parcel.state)

    # --------------------------------------------------------------- returns

    def returns_of(self, order, line):
        """(return, its line) of all returns of a line of an order."""
        return [(back, part) for back in self.returns.values() if back.order == order.key
                for part in back.lines if part.line_no == line.line_no]

    def return_request(self, order, items, reason):
        self.check_items(items)
        if blank(reason, 1000) or any(units is None for _, units in items):
            raise Refusal("OM010")
        found = self.need_order(order)
        for line_no, units in items:
            line = self.line_of(found, line_no)
            waiting = sum(part.quantity - part.restocked - part.scrapped
                          for back, part in self.returns_of(found, line)
                          if back.state in ("REQUESTED", "APPROVED"))
            if units > line.shipped - line.returned - waiting:
                raise Refusal("OM045")
        key = Key((self.step, 0))
        put(self.returns, key, Entity(
            key=key, order=order, state="REQUESTED", reason=reason, answer=None, version=1,
            lines=[Entity(line_no=line_no, quantity=units, restocked=0, scrapped=0, refund=0)
                   for line_no, units in items]))
        self.note(found, "return")
        return key

    def return_step(self, back, froms, to, answer=None, received=None):
        """A step of a return; to the state that it has is harmless."""
        if back not in self.returns:
            raise Refusal("OM037")
        found = self.returns[back]
        if found.state == to:
            return
        came = any(part.restocked + part.scrapped for part in found.lines)
        if found.state not in froms or received not in (None, came):
            raise Refusal("OM048")
        found.state = to
        found.answer = found.answer if answer is None else answer
        found.version += 1
        self.note(self.orders[found.order], "return")

    def return_approve(self, back):
        self.return_step(back, ("REQUESTED",), "APPROVED")

    def return_reject(self, back, reason=None):
        self.return_step(back, ("REQUESTED",), "REJECTED", reason)

    def return_cancel(self, back, reason=None):
        self.return_step(back, ("REQUESTED", "APPROVED"), "CANCELLED", reason, received=False)

    def return_close(self, back, reason=None):
        self.return_step(back, ("APPROVED",), "RECEIVED", reason, received=True)

    def return_receive(self, back, items, location=None):
        """items is [(line, restock, scrap)]; the refund that is due so far."""
        self.check_items(items, least=0)
        if any(not (restock or 0) + (scrap or 0) for _, restock, scrap in items):
            raise Refusal("OM010")
        if back not in self.returns:
            raise Refusal("OM037")
        location = "MAIN" if location is None else location
        self.need_location(location)
        found = self.returns[back]
        order = self.orders[found.order]
        if found.state != "APPROVED":
            raise Refusal("OM048")
        for line_no, restock, _ in items:
            if restock:
                self.line_of(order, line_no)
        for line_no, restock, scrap in items:
            self.receive(order, found, self.line_of(order, line_no), restock or 0, scrap or 0,
                         location)
        if all(part.restocked + part.scrapped == part.quantity for part in found.lines):
            found.state = "RECEIVED"
        found.version += 1
        self.note(order, "return")
        return reckon.text(sum(part.refund for part in found.lines), order.channel.decimals)

    def receive(self, order, back, line, restock, scrap, location):
        """Book what came of a line; of what it costs, the part that has come back is due."""
        part = next((part for part in back.lines if part.line_no == line.line_no), None)
        if part is None or restock + scrap > part.quantity - part.restocked - part.scrapped:
            raise Refusal("OM045")
        line.returned += restock + scrap
        due = reckon.ratio(line.total * line.returned, line.wanted, order.channel.rounding)
        refunded = sum(part.refund for _, part in self.returns_of(order, line))
        if restock:
            if self.shelf(line.product, location).on_hand + restock > MOST_STOCK:
                raise Refusal("OM014")
            self.book(line, location, "return", on_hand=restock)
        part.restocked += restock
        part.scrapped += scrap
        part.refund += max(due - refunded, 0)
