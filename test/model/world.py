"""What there is in the model: products, stock, holds; and where units come from.

Everything is changed through Entity and put(), which note the old value in a
journal, so that a step that is refused, or one that a search takes back,
leaves no trace.
"""
import itertools

JOURNAL = []
MISSING = object()
MOST_STOCK = 10 ** 12   # units of one product at one location


class Key(tuple):
    """Names what an operation made: (step, number)."""


class Refusal(Exception):
    """A verb's error, by its SQLSTATE."""

    def __init__(self, sqlstate):
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


def put(table, key, value):
    JOURNAL.append((table, key, table.get(key, MISSING)))
    table[key] = value


def rollback(mark):
    """Take back all changes since the journal had this length."""
    while len(JOURNAL) > mark:
        table, key, old = JOURNAL.pop()
        if old is MISSING:
            del table[key]
        else:
            table[key] = old


class Entity:
    """A thing with fields, whose changes are noted."""

    def __init__(self, **fields):
        self.__dict__.update(fields)

    def __setattr__(self, name, value):
        put(self.__dict__, name, value)


class Stock(Entity):
    """A row of oms.stock, with what its ledger holds by kind of move."""

    def __init__(self):
        super().__init__(on_hand=0, reserved=0, allocated=0, low=10, reorder=None, backorder=0,
                         moves=0, kinds={})

    @property
    def available(self):
        return self.on_hand - self.reserved - self.allocated

    def book(self, kind, on_hand=0, reserved=0, allocated=0):
        self.on_hand += on_hand
        self.reserved += reserved
        self.allocated += allocated
        self.moves += 1
        n, *sums = self.kinds.get(kind, (0, 0, 0, 0))
        put(self.kinds, kind, (n + 1, sums[0] + on_hand, sums[1] + reserved, sums[2] + allocated))
        assert self.on_hand >= 0 and self.reserved >= 0 and self.allocated >= 0
        assert self.reserved + self.allocated <= self.on_hand + self.backorder


class World:
    """The things of one sequence, each under the key of the operation that made it."""

    def __init__(self, locations, channels, customers):
        self.locations = {}     # code -> Entity
        self.channels = {c.code: c for c in channels}
        self.customers = customers      # id -> (name, archived)
        self.products, self.orders, self.holds = {}, {}, {}
        self.shipments, self.returns = {}, {}
        self.skus = {}          # SKU of products on sale -> key
        self.references = {}    # (channel, reference) -> key of the order
        self.locked = set()     # products whose stock the verb has locked
        self.swept = False      # whether it has ended what expired holds keep of them
        self.step = 0           # number of the operation that is applied
        self.id_order = None    # sorts keys of orders by their ids; None where these go by keys
        for location in locations:
            self.add_location(*location)

    def add_location(self, code, name, priority, active=True):
        put(self.locations, code, Entity(code=code, number=len(self.locations), name=name,
                                         priority=priority, active=active))

    def apply(self, step, verb, args):
        """(None, result) of a verb, or (SQLSTATE, None) and nothing changed."""
        mark = len(JOURNAL)
        self.step = step
        try:
            return None, getattr(self, verb)(**args)
        except Refusal as refusal:
            rollback(mark)
            return refusal.sqlstate, None

    # ---------------------------------------------------------------- units

    def need_location(self, code):
        if code not in self.locations:
            raise Refusal("OM032")

    def need_product(self, key):
        if key not in self.products:
            raise Refusal("OM004")
        return self.products[key]

    def shelf(self, key, code, make=True):
        """The row of stock of a product at a location."""
        product = self.need_product(key)
        if make and code not in product.stock:
            put(product.stock, code, Stock())
        return product.stock.get(code)

    def taking_order(self):
        """Codes of the active locations, in the order in which they are taken from."""
        return [at.code for at in sorted((at for at in self.locations.values() if at.active),
                                         key=lambda at: (at.priority, at.number))]

    def by_number(self, codes):
        return sorted(codes, key=lambda code: self.locations[code].number)

    def free(self, product, code, backorder):
        row = self.products[product].stock.get(code)
        return 0 if row is None else max(row.available + (row.backorder if backorder else 0), 0)

    def places(self, wants, backorder):
        """The smallest set of active locations that together have all, the first such
        set in the order of taking; None when all together have too little."""
        need = {}
        for _, product, quantity in wants:
            need[product] = need.get(product, 0) + quantity
        free = {(p, code): self.free(p, code, backorder)
                for p in need for code in self.taking_order()}
        some = [code for code in self.taking_order() if any(free[p, code] for p in need)]
        for size in range(1, len(some) + 1):
            for chosen in itertools.combinations(some, size):
                if all(sum(free[p, code] for code in chosen) >= n for p, n in need.items()):
                    return chosen
        return None

    def split(self, wants):
        """[(line, product, location, units)] of wants [(line, product, units)], what lies on
        the shelf first; backorders only when no set of locations has all.  None: too little."""
        chosen = self.places(wants, False)
        rounds = [False]
        if chosen is None:
            chosen, rounds = self.places(wants, True), [False, True]
        if chosen is None:
            return None
        taken, left, takes = {}, [quantity for _, _, quantity in wants], {}
        for backorder in rounds:
            for i, (line, product, _) in enumerate(wants):
                for code in chosen:
                    units = min(left[i], self.free(product, code, backorder)
                                - taken.get((product, code), 0))
                    if units > 0:
                        taken[product, code] = taken.get((product, code), 0) + units
                        left[i] -= units
                        takes[line, product, code] = takes.get((line, product, code), 0) + units
        assert not any(left)
        return [key + (units,) for key, units in takes.items()]

    def lock(self, products):
        """Note of which products a verb locks the stock."""
        self.locked, self.swept = set(products), False

    def find_units(self, wants):
        """split(), ending expired holds when that is needed: once for all products that are
        locked, and for good, though it may not be enough; raises OM003."""
        takes = self.split(wants)
        if takes is None and not self.swept:
            self.swept = True
            if self.end_expired(self.locked):
                takes = self.split(wants)
        if takes is None:
            raise Refusal("OM003")
        return takes

    def end_expired(self, products):
        """End what expired holds keep of products; the number of holds."""
        ended = 0
        for hold in self.holds.values():
            lines = [n for n in hold.lines if hold.aged and n.state == "held"
                     and n.product in products]
            for line in lines:
                line.state = "expired"
                self.shelf(line.product, line.location).book("unhold", reserved=-line.quantity)
            if lines:
                hold.version += 1
                ended += 1
        return ended
