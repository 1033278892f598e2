"""What a session has of its own before it begins: locations, channels, customers."""
import decimal

import reckon
from amend import Model
from verbs import quote
from world import Entity

DECIMALS = {"USD": 2, "EUR": 2, "JPY": 0, "KWD": 3}
CURRENCIES = {"XXX": None, **DECIMALS}

# take_stock, currency, gapless, tax_rate, tax_included, tax_rounding, rounding, active
CHANNELS = (
    ("create", "USD", False, "0", False, "line", "half_up", True),
    ("confirm", "USD", True, "7.7", False, "line", "half_even", True),
    ("create", "EUR", True, "19", True, "total", "half_up", True),
    ("confirm", "JPY", False, "10", False, "total", "half_even", True),
    ("create", "KWD", False, "5.25", True, "line", "half_even", True),
    ("confirm", "EUR", False, "8.1", False, "total", "half_up", True),
    ("confirm", "USD", False, "0", False, "line", "half_up", False),
)


class Setting:
    """The things of one session; its name is a part of all codes, so that sessions
    of one database do not meet."""

    kind = Model    # what predicts

    def __init__(self, name):
        self.name = name
        # code, name, priority, active, in the order of ids
        self.locations = [("%s-%s" % (name, letter), "Place", priority, True)
                          for letter, priority in zip("ABCD", (50, 20, 100, 20))]
        self.channels = ["%s-%d" % (name, n) for n in range(len(CHANNELS))]
        self.customers = {}     # id -> (name, archived)
        self.numbers = {}       # channel -> last number of its series

    def statements(self):
        """SQL that makes all of it; customers last, whose ids are their answers."""
        for code, name, priority, active in self.locations:
            yield "SELECT oms.location_create(%s, %s, %d)" % (quote(code), quote(name), priority)
            if not active:
                yield "SELECT oms.location_update(%s, active => false)" % quote(code)
        for code, channel in zip(self.channels, CHANNELS):
            take, currency, gapless, rate, included, by, rounding, active = channel
            yield ("SELECT oms.channel_create(%s, 'Channel', %s, %s, gapless => %s, tax_rate => %s, "
                   "tax_included => %s, tax_rounding => %s, rounding => %s)" % (
                       quote(code), quote(take), quote(currency), quote(gapless), rate,
                       quote(included), quote(by), quote(rounding)))
            if not active:
                yield "SELECT oms.channel_update(%s, active => false)" % quote(code)
        yield "SELECT oms.customer_create('Ann')"
        yield "SELECT oms.customer_create('Gone')"

    def make(self, run):
        """Make it with run(statement) -> rows."""
        ids = [run(statement)[0][0] for statement in self.statements()][-2:]
        run("SELECT oms.customer_archive(%d)" % ids[1])
        self.customers = {ids[0]: ("Ann", False), ids[1]: ("Gone", True)}
        return self

    def refresh(self, run):
        """Read what an earlier sequence of the session has left."""
        self.locations = run("SELECT code, name, priority, active FROM oms.location "
                             "WHERE code LIKE '%s-%%' ORDER BY id" % self.name)
        self.numbers = dict(run("SELECT channel, last_number FROM oms.number_series "
                                "WHERE channel LIKE '%s-%%'" % self.name))
        self.numbers = dict(run("SELECT channel, last_number FROM oms.number_series "
                                "WHERE channel LIKE '%s-%%'" % self.name))

    def model(self):
        """The model before the first operation."""
        channels = [Entity(code="default", take_stock="confirm", currency="USD", decimals=2,
                           gapless=False, tax_rate=0, tax_included=False, tax_rounding="line",
                           rounding="half_up", active=True, prefix="SO-", last=0)]
        for code, (take, currency, gapless, rate, included, by, rounding, active) in zip(
                self.channels, CHANNELS):
            channels.append(Entity(
                code=code, take_stock=take, currency=currency, decimals=DECIMALS[currency],
                gapless=gapless, tax_rate=reckon.decimal(rate, 4), tax_included=included,
                tax_rounding=by, rounding=rounding, active=active, prefix=code.upper() + "-",
                last=self.numbers.get(code, 0)))
        return self.kind([("MAIN", "Main", 100, True)] + list(self.locations), channels,
                         self.customers)


def state_of(model, names):
    """All that the model knows, in the rows of model.state()."""
    def number(kind, key):
        return names.ids[kind, key]

    rows = {name: [] for name in (
        "location", "product", "price", "stock", "move", "order", "line", "holding", "history",
        "note", "hold", "hold_line", "shipment", "shipment_line", "return", "return_line")}
    rows["location"] = [(at.code, at.name, at.priority, at.active)
                        for at in model.locations.values() if at.code != "MAIN"]
    for key, p in model.products.items():
        product = number("product", key)
        rows["product"].append((product, p.sku, p.name, p.about, reckon.text(p.price, 2),
                                p.version, p.archived))
        for currency, price in p.prices.items():
            if price is not None:
                rows["price"].append((product, currency,
                                      reckon.text(price, DECIMALS[currency])))
        for code, s in p.stock.items():
            rows["stock"].append((product, code, s.on_hand, s.reserved, s.allocated, s.available,
                                  s.low, s.reorder, s.backorder, s.moves))
            for kind, sums in s.kinds.items():
                rows["move"].append((product, code, kind) + sums)
    for key, order in model.orders.items():
        order_rows(rows, number("order", key), order, names)
    for key, hold in model.holds.items():
        rows["hold"].append((number("hold", key), hold.owner,
                             hold.order and number("order", hold.order), hold.version))
        for n, line in enumerate(hold.lines):
            rows["hold_line"].append((number("hold", key), n + 1, number("product", line.product),
                                      line.location, line.quantity, line.state))
    for key, parcel in model.shipments.items():
        shipment = number("shipment", key)
        rows["shipment"].append((shipment, number("order", parcel.order), parcel.location,
                                 parcel.state, parcel.carrier, parcel.tracking, parcel.version))
        rows["shipment_line"] += [(shipment,) + line for line in parcel.lines]
    for key, back in model.returns.items():
        number_of = number("return", key)
        decimals = model.orders[back.order].channel.decimals
        rows["return"].append((
            number_of, number("order", back.order), back.state, back.reason, back.answer,
            amount(sum(part.refund for part in back.lines), decimals), back.version))
        for part in back.lines:
            rows["return_line"].append((number_of, part.line_no, part.quantity, part.restocked,
                                        part.scrapped, amount(part.refund, decimals)))
    return rows


def amount(units, decimals):
    return decimal.Decimal(units).scaleb(-decimals)


def order_rows(rows, number, order, names):
    channel = order.channel

    def money(units):
        return reckon.text(units, channel.decimals)

    series = order.series
    rows["order"].append((
        number, "%s%08d" % (channel.prefix, series or number), order.status, order.version,
        order.customer_name, money(sum(line.total for line in order.lines)),
        money(sum(line.discount for line in order.lines)),
        money(sum(line.tax for line in order.lines)), channel.currency, channel.code, order.takes,
        order.fulfilment, order.shipments, order.customer_id, series, order.ref, order.hold,
        order.attributes and str(order.attributes["a"])))
    rows["history"].append((number, " ".join(order.history)))
    rows["note"] += [(number, note) for note in order.notes]
    for line in order.lines:
        rows["line"].append((
            number, line.line_no, names.ids["product", line.product], line.quantity, line.sku,
            line.name, money(line.price), money(line.total), money(line.discount),
            money(line.tax), reckon.rate_text(line.tax_rate), line.tax_included, line.cancelled,
            line.returned))
        for code, at in line.holdings.items():
            rows["holding"].append((number, line.line_no, code, at.reserved, at.allocated,
                                    at.shipped, at.restocked))
