"""The verbs of the model that enter orders and take them from status to status."""
import reckon
from goods import Goods, blank
from world import JOURNAL, Entity, Key, Refusal, put, rollback

# the machine that oms.install() makes: from -> {to: what it does to stock}
MACHINE = {
    "PENDING": {"CONFIRMED": "allocate", "CANCELLED": "release"},
    "CONFIRMED": {"PACKED": "none", "SHIPPED": "ship", "CANCELLED": "release"},
    "PACKED": {"SHIPPED": "ship", "CANCELLED": "release"},
    "SHIPPED": {"DELIVERED": "none"},
    "DELIVERED": {},
    "CANCELLED": {},
}


class Holding(Entity):
    """What a line has at a location, by the ledger."""

    def __init__(self):
        super().__init__(reserved=0, allocated=0, shipped=0, restocked=0)


class Line(Entity):
    """A line of an order; amounts in the currency's smallest unit."""

    @property
    def wanted(self):
        return self.quantity - self.cancelled

    def total_of(self, what):
        return sum(getattr(at, what) for at in self.holdings.values())

    @property
    def shipped(self):
        return self.total_of("shipped")

    def at(self, location):
        if location not in self.holdings:
            put(self.holdings, location, Holding())
        return self.holdings[location]


class Sale(Goods):
    """Orders: entered, moved."""

    def book(self, line, location, kind, on_hand=0, reserved=0, allocated=0):
        """A move of a line's units, in the ledger and in what the line holds."""
        self.shelf(line.product, location).book(kind, on_hand, reserved, allocated)
        at = line.at(location)
        at.reserved += reserved
        at.allocated += allocated
        if kind == "ship":
            at.shipped -= on_hand
        if kind == "return":
            at.restocked += on_hand

    # -------------------------------------------------------------- entering

    def order_create(self, items, customer_name=None, customer_id=None, channel="default",
                     external_ref=None, discount=None, attributes=None, note=None):
        """items is [{product, quantity, discount, tax_rate, price}]."""
        asked = dict(items=items, customer_name=customer_name, customer_id=customer_id,
                     channel=channel, external_ref=external_ref, discount=discount,
                     attributes=attributes, note=note)
        customer = self.read_order(asked)
        lines = self.price(asked, self.channels[channel])
        self.lock_new([lines])
        return self.enter(asked, customer, lines, Key((self.step, 0)))

    def orders_create(self, orders):
        """A row (SQLSTATE or None, key) for each; references that a call names twice are
        refused whatever becomes of the first."""
        rows, named, read = {}, set(), {}
        for n, asked in enumerate(orders):
            asked = dict(dict(customer_name=None, customer_id=None, channel="default",
                              external_ref=None, discount=None, attributes=None, note=None),
                         **asked)
            name = asked["channel"], asked["external_ref"]
            try:
                customer = self.read_order(asked)
                if name in named:
                    raise Refusal("OM042")
                if name[1] is not None:
                    named.add(name)
                read[n] = asked, customer, self.price(asked, self.channels[asked["channel"]])
            except Refusal as refusal:
                rows[n] = refusal.sqlstate, None
        self.lock_new([lines for asked, _, lines in read.values()
                       if self.channels[asked["channel"]].take_stock == "create"])
        for n, (asked, customer, lines) in read.items():
            try:
                rows[n] = None, self.enter(asked, customer, lines, Key((self.step, n)))
            except Refusal as refusal:
                rows[n] = refusal.sqlstate, None
        return [rows[n] for n in range(len(orders))]

    def lock_new(self, orders):
        self.lock(line.product for lines in orders for line in lines)

    def read_order(self, asked):
        """Check an order's values and where it comes from; the customer's name."""
        self.check_header(asked)
        for item in asked["items"]:
            rate = item.get("tax_rate")
            rate = 0 if rate is None else reckon.decimal(rate, 4)
            if not 1 <= item["quantity"] <= 1000000 or rate is None or not 0 <= rate <= 9999999:
                raise Refusal("OM010")
        if not 1 <= len(asked["items"]) <= 500:
            raise Refusal("OM010")
        return self.check_origin(asked)

    def check_header(self, asked):
        channel = self.channels.get(asked["channel"])
        if channel is None or not channel.active:
            raise Refusal("OM010")
        for name, most in (("customer_name", 200), ("external_ref", 200), ("note", 10000)):
            if asked[name] is not None and blank(asked[name], most):
                raise Refusal("OM010")

    def check_origin(self, asked):
        customer = None
        if asked["customer_id"] is not None:
            customer, archived = self.customers.get(asked["customer_id"], (None, True))
            if archived:
                raise Refusal("OM010")
        if asked["external_ref"] is not None and self.references.get(
                (asked["channel"], asked["external_ref"])) is not None:
            raise Refusal("OM042")
        return asked["customer_name"] or customer or "User"

    def enter(self, asked, customer, lines, key, hold=None):
        """Enter an order, which takes stock if its channel's orders do so now, or has that of
        a hold."""
        channel = self.channels[asked["channel"]]
        if hold is None and channel.take_stock == "create":
            for line_no, _, location, units in self.find_units(
                    [(line.line_no, line.product, line.quantity) for line in lines]):
                self.book(lines[line_no - 1], location, "reserve", reserved=units)
        series = None
        if channel.gapless:
            channel.last += 1
            series = channel.last
        order = Entity(key=key, series=series, status="PENDING", version=1,
                       customer_name=customer, customer_id=asked["customer_id"], channel=channel,
                       takes="create" if hold else channel.take_stock, fulfilment="none", shipments=0,
                       ref=asked["external_ref"], hold=None, attributes=asked["attributes"],
                       notes=() if asked["note"] is None else (asked["note"],), lines=lines,
                       history=("PENDING",))
        put(self.orders, key, order)
        if order.ref is not None:
            put(self.references, (channel.code, order.ref), key)
        return key

    def price(self, asked, channel):
        """The lines of a new order with prices, discounts and tax."""
        faults = missing = 0
        lines = []
        try:
            for n, item in enumerate(asked["items"]):
                fault, price = self.unit_price(item, channel)
                faults += fault is not None
                missing += fault == "missing"
                product = self.products.get(item["product"])
                rate = item.get("tax_rate")
                line = Line(line_no=n + 1, product=item["product"], quantity=item["quantity"],
                            cancelled=0, returned=0, price=price, discount=0, tax=0, total=0,
                            sku=product and product.sku, name=product and product.name,
                            tax_rate=channel.tax_rate if rate is None
                            else reckon.decimal(rate, 4),
                            tax_included=channel.tax_included, holdings={})
                lines.append(line)
                if fault is None and item.get("discount") is not None:
                    off = reckon.discount_of(item["discount"], reckon.base_of(line),
                                             channel.decimals, channel.rounding)
                    faults += off is None
                    line.discount = off or 0
            if faults:
                raise Refusal("OM053" if faults == missing else "OM010")
            if asked["discount"] is not None:
                bases = reckon.fits(sum(reckon.base_of(line) for line in lines))
                off = reckon.discount_of(asked["discount"], bases, channel.decimals,
                                         channel.rounding)
                if off is None:
                    raise Refusal("OM010")
                reckon.spread_discount(lines, off)
            reckon.tax_lines(lines, channel)
        except reckon.TooLarge:
            raise Refusal("OM014") from None
        return lines

    def unit_price(self, item, channel):
        """(what is wrong or None, price) of an item."""
        product = self.products.get(item["product"])
        if product is None or product.archived:
            return "product", 0
        if item.get("price") is not None:
            price = reckon.decimal(item["price"], channel.decimals)
            return ("price", 0) if price is None or price < 0 else (None, price)
        if channel.currency == self.channels["default"].currency:
            return None, product.price
        price = product.prices.get(channel.currency)
        return ("missing", 0) if price is None else (None, price)

    # ---------------------------------------------------------------- moving

    def need_order(self, key):
        if key not in self.orders:
            raise Refusal("OM001")
        return self.orders[key]

    @staticmethod
    def note(order, what):
        order.version += 1
        order.history += (what,)

    def judge(self, key, to):
        """What a step does to stock; None for an order that is there already."""
        order = self.need_order(key)
        if order.status == to:
            return None
        effect = MACHINE[order.status].get(to)
        if effect is None:
            raise Refusal("OM002")
        if order.hold is not None and effect != "release":
            raise Refusal("OM043")
        if effect == "release" and order.fulfilment == "partial":
            raise Refusal("OM002")
        return effect

    @staticmethod
    def allocating(order):
        """The products whose stock is locked when an order allocates."""
        return {line.product for line in order.lines
                if line.wanted or order.takes == "create" and line.holdings}

    def take(self, key, effect, to):
        order = self.orders[key]
        if effect != "none":
            getattr(self, effect + "_units")(order)
        order.status = to
        self.note(order, to)

    def move(self, key, to):
        """Take an order to a status; to the one it has is harmless."""
        effect = self.judge(key, to)
        if effect is not None:
            self.lock(self.allocating(self.orders[key]))
            self.take(key, effect, to)

    def allocate_units(self, order):
        wants = [(line.line_no, line.product, line.wanted - line.total_of("reserved"))
                 for line in order.lines]
        wants = [want for want in wants if want[2] > 0]
        takes = self.find_units(wants) if wants else []
        for line in order.lines:
            for code, at in line.holdings.items():
                if at.reserved:
                    self.book(line, code, "allocate", reserved=-at.reserved, allocated=at.reserved)
        for line_no, _, code, units in takes:
            self.book(order.lines[line_no - 1], code, "allocate", allocated=units)

    def release_units(self, order):
        for line in order.lines:
            for code, at in line.holdings.items():
                if at.reserved or at.allocated:
                    self.book(line, code, "release", reserved=-at.reserved,
                              allocated=-at.allocated)
        self.end_parcels(order, "CANCELLED")

    def ship_units(self, order):
        wanted = {}
        for line in order.lines:
            for code, at in line.holdings.items():
                wanted[line.product, code] = wanted.get((line.product, code), 0) + at.allocated
        for (product, code), units in wanted.items():
            if self.shelf(product, code).on_hand < units:
                raise Refusal("OM049")
        for line in order.lines:
            for code, at in line.holdings.items():
                if at.allocated:
                    self.book(line, code, "ship", on_hand=-at.allocated, allocated=-at.allocated)
        order.fulfilment = "full"
        self.end_parcels(order, "SHIPPED")

    def end_parcels(self, order, state):
        for parcel in self.shipments.values():
            if parcel.order == order.key and parcel.state in ("OPEN", "PACKED"):
                parcel.state = state
                parcel.version += 1

    def order_confirm(self, order):
        self.move(order, "CONFIRMED")
        return {(line.line_no, code): at.allocated for line in self.orders[order].lines
                for code, at in line.holdings.items() if at.allocated}

    def order_pack(self, order):
        self.move(order, "PACKED")

    def order_ship(self, order):
        self.move(order, "SHIPPED")

    def order_deliver(self, order):
        self.move(order, "DELIVERED")

    def order_cancel(self, order):
        self.move(order, "CANCELLED")

    def order_move(self, order, status):
        if status not in MACHINE:
            raise Refusal("OM010")
        self.move(order, status)

    def orders_step(self, orders, to):
        """SQLSTATE or None for each; stock goes to the lowest ids first."""
        found, effects = {}, {}
        for key in set(orders) - {None}:
            try:
                found[key], effects[key] = None, self.judge(key, to)
            except Refusal as refusal:
                found[key], effects[key] = refusal.sqlstate, None
        moving = sorted((key for key, effect in effects.items() if effect), key=self.id_order)
        self.lock(product for key in moving if effects[key] == "allocate"
                  for product in self.allocating(self.orders[key]))
        for key in moving:
            mark = len(JOURNAL)
            try:
                self.take(key, effects[key], to)
            except Refusal as refusal:
                # expired holds that were ended on the way stay ended
                if refusal.sqlstate != "OM003":
                    rollback(mark)
                found[key] = refusal.sqlstate
        return [found.get(key, "OM001") for key in orders]

    def orders_confirm(self, orders):
        return self.orders_step(orders, "CONFIRMED")

    def orders_pack(self, orders):
        return self.orders_step(orders, "PACKED")

    def orders_ship(self, orders):
        return self.orders_step(orders, "SHIPPED")

    def orders_deliver(self, orders):
        return self.orders_step(orders, "DELIVERED")

    def orders_cancel(self, orders):
        return self.orders_step(orders, "CANCELLED")

    def order_advance(self, order, status="DELIVERED"):
        found = self.need_order(order)
        if status not in MACHINE:
            raise Refusal("OM010")
        for step in self.way(found.status, status):
            self.move(order, step)

    @staticmethod
    def way(start, goal):
        """The statuses of the shortest way, without the first."""
        ways = [(start,)]
        for road in ways:
            if road[-1] == goal:
                return road[1:]
            ways += [road + (to,) for to in MACHINE[road[-1]] if to not in road]
        raise Refusal("OM002")

    def order_hold(self, order, reason):
        if blank(reason, 1000):
            raise Refusal("OM010")
        found = self.need_order(order)
        if not MACHINE[found.status]:
            raise Refusal("OM002")
        if found.hold != reason:
            found.hold = reason
            self.note(found, "hold")

    def order_release(self, order):
        found = self.need_order(order)
        if found.hold is None:
            raise Refusal("OM055")
        found.hold = None
        self.note(found, "release")
