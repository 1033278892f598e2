"""The verbs of the model on products, locations, stock and holds."""
import reckon
from world import MOST_STOCK, Entity, Key, Refusal, World, put

MOST_PRICE = 999999999999       # cents


def blank(text, most):
    return text is None or not text.strip() or len(text) > most


class Goods(World):
    """Products, locations, stock, holds."""

    decimals = {"USD": 2, "EUR": 2, "JPY": 0, "KWD": 3}

    # ------------------------------------------------------------- products

    def product_create(self, sku, name, price, about=""):
        cents = self.check_product(sku, name, price, about, birth=True)
        if self.skus.get(sku) is not None:
            raise Refusal("OM011")
        key = Key((self.step, 0))
        put(self.products, key, Entity(key=key, sku=sku, name=name, about=about, price=cents,
                                       version=1, archived=False, prices={}, stock={}))
        put(self.skus, sku, key)
        return key

    @staticmethod
    def check_product(sku, name, price, about, birth=False):
        cents = None if price is None else reckon.decimal(price, 2)
        for value, most in ((sku, 64), (name, 200)):
            if (birth or value is not None) and blank(value, most):
                raise Refusal("OM010")
        if birth and price is None or price is not None and (
                cents is None or not 0 <= cents <= MOST_PRICE):
            raise Refusal("OM010")
        if about is not None and len(about) > 10000:
            raise Refusal("OM010")
        return cents

    def product_update(self, product, sku=None, name=None, price=None, about=None):
        cents = self.check_product(sku, name, price, about)
        if sku is not None and self.skus.get(sku) not in (None, product):
            raise Refusal("OM011")
        found = self.products.get(product)
        if found is None or found.archived:
            raise Refusal("OM004")
        new = {"sku": sku, "name": name, "price": cents, "about": about}
        changed = {k: v for k, v in new.items() if v is not None and getattr(found, k) != v}
        if "sku" in changed:
            put(self.skus, found.sku, None)
            put(self.skus, sku, product)
        for name_of, value in changed.items():
            setattr(found, name_of, value)
        if changed:
            found.version += 1

    def product_archive(self, product):
        found = self.need_product(product)
        if not found.archived:
            found.archived = True
            found.version += 1
            put(self.skus, found.sku, None)

    def product_price_set(self, product, currency, price):
        found = self.products.get(product)
        if found is None or found.archived:
            raise Refusal("OM004")
        if currency not in self.decimals or currency == self.channels["default"].currency:
            raise Refusal("OM010")
        decimals = self.decimals[currency]
        units = None
        if price is not None:
            units = reckon.decimal(price, decimals)
            if units is None or not 0 <= units < 10 ** (10 + decimals):
                raise Refusal("OM010")
        if found.prices.get(currency) != units:
            put(found.prices, currency, units)
            found.version += 1

    # ------------------------------------------------------------ locations

    def location_create(self, code, name, priority=100):
        if blank(code, 32) or blank(name, 200):
            raise Refusal("OM010")
        if code in self.locations:
            raise Refusal("OM052")
        self.add_location(code, name, priority)

    def location_update(self, code, name=None, priority=None, active=None):
        if name is not None and blank(name, 200):
            raise Refusal("OM010")
        self.need_location(code)
        for field, value in (("name", name), ("priority", priority), ("active", active)):
            if value is not None:
                setattr(self.locations[code], field, value)

    # ---------------------------------------------------------------- stock

    def adjust(self, kind, product, delta, location):
        self.need_location(location)
        row = self.shelf(product, location)
        if delta > 0 and row.on_hand + delta > MOST_STOCK:
            raise Refusal("OM014")
        if delta < 0 and min(row.available + row.backorder, row.on_hand) < -delta:
            raise Refusal("OM003")
        row.book(kind, on_hand=delta)
        return row.available

    def stock_receive(self, product, quantity, location="MAIN"):
        if not 0 < quantity <= MOST_STOCK:
            raise Refusal("OM010")
        return self.adjust("receive", product, quantity, location)

    def stock_adjust(self, product, delta, reason, location="MAIN"):
        if not 0 < abs(delta) <= MOST_STOCK or not reason:
            raise Refusal("OM010")
        return self.adjust("adjust", product, delta, location)

    def stock_count(self, product, counted, expected_version, location="MAIN"):
        if not 0 <= counted <= MOST_STOCK or expected_version < 0:
            raise Refusal("OM010")
        self.need_location(location)
        row = self.shelf(product, location)
        if row.moves != expected_version:
            raise Refusal("OM041")
        if counted + row.backorder < row.reserved + row.allocated:
            raise Refusal("OM003")
        row.book("count", on_hand=counted - row.on_hand)
        return row.available

    def stock_transfer(self, product, quantity, from_location, to_location):
        if not 0 < quantity <= MOST_STOCK:
            raise Refusal("OM010")
        self.need_location(from_location)
        self.need_location(to_location)
        if from_location == to_location:
            raise Refusal("OM050")
        target = self.shelf(product, to_location)
        source = self.shelf(product, from_location, make=False)
        if source is None or min(source.available, source.on_hand) < quantity:
            raise Refusal("OM003")
        if target.on_hand + quantity > MOST_STOCK:
            raise Refusal("OM014")
        source.book("transfer", on_hand=-quantity)
        target.book("transfer", on_hand=quantity)

    def stock_set(self, product, location="MAIN", low=None, reorder=None, backorder=None):
        if any(n is not None and not 0 <= n <= MOST_STOCK for n in (low, reorder, backorder)):
            raise Refusal("OM010")
        self.need_location(location)
        row = self.shelf(product, location)
        if backorder is not None and backorder < row.reserved + row.allocated - row.on_hand:
            raise Refusal("OM003")
        if low is not None:
            row.low = low
        if reorder is not None:
            row.reorder = reorder or None
        if backorder is not None:
            row.backorder = backorder

    # ---------------------------------------------------------------- holds

    def hold_create(self, items, owner, seconds):
        """items is [(product, units)]."""
        if not 1 <= len(items) <= 1000 or blank(owner, 200) or not 1 <= seconds <= 30 * 86400:
            raise Refusal("OM010")
        for product, quantity in items:
            found = self.products.get(product)
            if not 1 <= quantity <= 1000000 or found is None or found.archived:
                raise Refusal("OM010")
        self.lock(product for product, _ in items)
        takes = self.find_units([(i, p, n) for i, (p, n) in enumerate(items)])
        lines = []
        for _, product, location, units in takes:
            self.shelf(product, location).book("hold", reserved=units)
            lines.append(Entity(product=product, location=location, quantity=units, state="held"))
        key = Key((self.step, 0))
        put(self.holds, key, Entity(key=key, owner=owner, version=1, aged=False, order=None,
                               lines=lines))
        return key

    def hold_age(self, hold):
        """Not a verb: time passes until a hold has expired, and nobody has noticed yet."""
        if hold in self.holds:
            self.holds[hold].aged = True

    def hold_renew(self, hold, seconds):
        if not 1 <= seconds <= 30 * 86400:
            raise Refusal("OM010")
        if hold not in self.holds:
            raise Refusal("OM035")
        found = self.holds[hold]
        if found.aged or any(line.state != "held" for line in found.lines):
            raise Refusal("OM046")
        found.version += 1

    def hold_release(self, hold):
        if hold not in self.holds:
            raise Refusal("OM035")
        found = self.holds[hold]
        lines = [line for line in found.lines if line.state == "held"]
        if not lines:
            raise Refusal("OM046")
        for line in lines:
            line.state = "released"
            self.shelf(line.product, line.location).book("unhold", reserved=-line.quantity)
        found.version += 1

    def hold_expire(self, batch=1000):
        if batch < 1:
            raise Refusal("OM010")
        return self.end_expired(set(self.products))
