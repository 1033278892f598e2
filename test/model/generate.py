"""Random operations: mostly what fits the state of the model, often what does not."""
import string

from setting import CURRENCIES
from world import MOST_STOCK

# how often each verb is drawn
WEIGHTS = {
    "product_create": 2, "product_update": 3, "product_archive": 1, "product_price_set": 3,
    "location_create": 1, "location_update": 2,
    "stock_receive": 9, "stock_adjust": 5, "stock_count": 4, "stock_transfer": 5, "stock_set": 4,
    "hold_create": 5, "hold_age": 2, "hold_renew": 3, "hold_release": 3, "hold_expire": 1,
    "order_sell": 3, "hold_order": 4, "order_amend": 8, "order_update": 3, "order_note_add": 2,
    "shipment_update": 3, "order_create": 20, "orders_create": 4, "order_confirm": 14, "order_pack": 3, "order_ship": 4,
    "order_deliver": 3, "order_cancel": 3, "order_move": 3, "order_advance": 2, "order_hold": 3,
    "order_release": 3, "order_cancel_lines": 6, "order_close": 3,
    "orders_confirm": 3, "orders_pack": 2, "orders_ship": 1, "orders_deliver": 2,
    "orders_cancel": 2,
    "shipment_create": 14, "shipment_pack": 5, "shipment_ship": 10, "shipment_deliver": 6,
    "shipment_cancel": 3,
    "return_request": 8, "return_approve": 6, "return_reject": 2, "return_cancel": 2,
    "return_receive": 8, "return_close": 3,
}
# what sessions that work at the same time on the same things do not do: settings and products
# are read without a lock, and time passes for all
ALONE = ("product_create", "product_update", "product_archive", "product_price_set",
         "location_create", "location_update", "hold_age")
MOST_LOCATIONS = 8
MOST_ORDERS = 60        # of a sequence; then no new ones


class Generator:
    """Draws operations for a model."""

    def __init__(self, rng, setting, expire):
        """expire tells whether no other session has holds in the database."""
        self.rng, self.setting, self.expire = rng, setting, expire
        self.made = 0

    def use(self, model):
        """Draw for this model from now on."""
        self.model = model
        return self

    def draw(self, verbs=None, new_orders=True):
        """(verb, arguments)."""
        verb = self.rng.choices(*(verbs or (list(WEIGHTS), list(WEIGHTS.values()))))[0]
        if verb in ("order_create", "orders_create", "order_sell", "hold_order") and not (
                new_orders and len(self.model.orders) < MOST_ORDERS):
            verb = "order_confirm"
        return verb, getattr(self, verb)()

    def chance(self, probability):
        return self.rng.random() < probability

    def word(self, length=6):
        return "".join(self.rng.choices(string.ascii_lowercase, k=length))

    def maybe(self, probability, value):
        return value if self.chance(probability) else None

    def reason(self):
        """A reason; rarely one that is none."""
        return self.rng.choices((self.word(), " ", None), (20, 1, 1))[0]

    def one(self, things, fits=None, sure=0.85):
        """A key of things, mostly of one that fits; rarely of nothing."""
        if not things or self.chance(0.02):
            return None
        good = [key for key, thing in things.items() if fits(thing)] if fits else None
        if good and self.chance(sure):
            return self.rng.choice(good[-12:])
        return self.rng.choice(list(things))

    # ------------------------------------------------------------- products

    def product(self):
        """A product, mostly on sale."""
        return self.one(self.model.products, lambda p: not p.archived, 0.97)

    def price(self, decimals=2):
        units = self.rng.choice((self.rng.randrange(1, 3000), self.rng.randrange(10), 0))
        if self.chance(0.015):
            return self.rng.choice(("1.0001", "-1", "123456789012"))
        return "%d.%0*d" % (units // 10 ** decimals, decimals, units % 10 ** decimals) \
            if decimals else str(units)

    def sku(self):
        self.made += 1
        if self.chance(0.1) and self.model.skus:
            return self.rng.choice(list(self.model.skus))
        return "%s-%d" % (self.setting.name, self.made)

    def product_create(self):
        return {"sku": self.sku() if self.chance(0.97) else " ", "name": self.word(),
                "price": self.price(), "about": self.rng.choice(("", "About"))}

    def product_update(self):
        return {"product": self.product(), "sku": self.maybe(0.3, self.sku()),
                "name": self.maybe(0.3, self.word()), "price": self.maybe(0.6, self.price()),
                "about": self.maybe(0.2, self.word())}

    def product_archive(self):
        """Some products stay on sale."""
        on_sale = sum(not p.archived for p in self.model.products.values())
        if on_sale > 4:
            return {"product": self.product()}
        return {"product": self.one(
            {key: p for key, p in self.model.products.items() if p.archived})}

    def product_price_set(self):
        currency = self.rng.choice(list(CURRENCIES))
        return {"product": self.product(), "currency": currency,
                "price": self.maybe(0.8, self.price(CURRENCIES[currency] or 0))}

    # ------------------------------------------------------- locations, stock

    def location(self):
        if self.chance(0.02):
            return "nowhere"
        return self.rng.choice(list(self.model.locations))

    def location_create(self):
        code = self.location()
        if len(self.model.locations) < MOST_LOCATIONS and self.chance(0.6):
            code = "%s-%s" % (self.setting.name, self.word(3))
        return {"code": code if code != "nowhere" else "", "name": self.word(),
                "priority": self.rng.randrange(100)}

    def location_update(self):
        # MAIN is everybody's
        mine = [code for code in self.model.locations if code != "MAIN"] + ["nowhere"]
        return {"code": self.rng.choice(mine), "name": self.maybe(0.2, self.word()),
                "priority": self.maybe(0.5, self.rng.choice((10, 20, 50, 100))),
                "active": self.maybe(0.6, self.chance(0.8))}

    def units(self, usual=30):
        return self.rng.choices((self.rng.randrange(1, usual), self.rng.randrange(1, 4), 0,
                                 MOST_STOCK), (20, 20, 1, 0.3))[0]

    def stock_receive(self):
        return {"product": self.product(), "quantity": self.units(), "location": self.location()}

    def stock_adjust(self):
        return {"product": self.product(),
                "delta": self.units(12) * self.rng.choice((1, -1, -1)),
                "reason": self.word() if self.chance(0.95) else "", "location": self.location()}

    def stock_count(self):
        product, location = self.product(), self.location()
        row = product and self.model.products[product].stock.get(location)
        version = (row.moves if row else 0) + (self.rng.randrange(3) if self.chance(0.2) else 0)
        counted = max((row.on_hand if row else 0) + self.rng.randrange(-6, 7), -1)
        return {"product": product, "counted": counted, "expected_version": version,
                "location": location}

    def stock_transfer(self):
        return {"product": self.product(), "quantity": self.units(12),
                "from_location": self.location(), "to_location": self.location()}

    def stock_set(self):
        return {"product": self.product(), "location": self.location(),
                "low": self.maybe(0.3, self.rng.randrange(-1, 20)),
                "reorder": self.maybe(0.3, self.rng.randrange(0, 20)),
                "backorder": self.maybe(0.7, self.rng.choice((0, 0, 2, 5, 10)))}

    # ---------------------------------------------------------------- holds

    def hold_create(self):
        return {"items": [(self.product(), self.units(8)) for _ in range(self.rng.choice(
                    (1, 1, 2, 3)))],
                "owner": self.word() if self.chance(0.97) else "",
                "seconds": self.rng.choice((900, 86400, 30 * 86400, 30 * 86400, 0))
                if self.chance(0.2) else 86400}

    def hold(self):
        return self.one(self.model.holds, lambda h: not h.aged and any(
            line.state == "held" for line in h.lines), 0.75)

    def hold_age(self):
        return {"hold": self.hold()}

    def hold_renew(self):
        return {"hold": self.hold(), "seconds": self.rng.choice((3600, 86400))}

    def hold_release(self):
        return {"hold": self.hold()}

    def hold_expire(self):
        return {"batch": 1000 if self.expire and self.chance(0.8) else 0}
