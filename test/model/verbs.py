"""How the operations of the model are said in SQL, and how their answers are read.

An operation is (verb, arguments) with keys for the things that earlier
operations made; say() makes a statement of it, read() compares its answer.
"""
import json
import re

UNKNOWN = 999999999999      # an id that nothing has


def quote(value):
    """A Python value as an SQL literal."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (dict, list)):
        return quote(json.dumps(value)) + "::jsonb"
    return "'" + str(value).replace("'", "''") + "'"


class Names:
    """The ids of things by their keys: known ones, or those of answers of the same batch."""

    def __init__(self):
        self.ids = {}           # (kind, key) -> id
        self.given = set()      # (kind, id)
        self.answers = None     # step -> SQL of its answer, for things that are not known yet

    def sql(self, kind, key):
        """SQL for the id of a thing; for an order of an array or a shipment, out of the rows."""
        if key is None:
            return str(UNKNOWN)
        known = self.ids.get((kind, key))
        if known is not None:
            return str(known)
        answer = self.answers(key[0]) if self.answers else None
        if answer is None:
            return str(UNKNOWN)
        if kind == "shipment":
            return "coalesce((%s::json->%d->>'shipment_id')::bigint, 0)" % (answer, key[1])
        if kind == "order":
            return ("coalesce(CASE WHEN left(%s, 1) = '[' THEN (%s::json->%d->>'order_id')::bigint "
                    "ELSE %s::bigint END, 0)" % (answer, answer, key[1], answer))
        return "coalesce(%s::bigint, 0)" % answer

    def learn(self, kind, key, number):
        """Note the id that something got; no two things have one."""
        assert (kind, number) not in self.given, "%s %d was given twice" % (kind, number)
        self.given.add((kind, number))
        self.ids[kind, key] = number


def items_of(names, items):
    """The items of an order or a hold; a product that has no id yet is named by its step."""
    out = []
    for item in items:
        item = dict(item)
        if "product" not in item:
            out.append(item)
            continue
        product = item.pop("product")
        known = names.ids.get(("product", product))
        if known is None and product is not None and names.answers and names.answers(product[0]):
            known = "@%d@" % product[0]
        item["product_id"] = known or UNKNOWN
        out.append({name: value for name, value in item.items() if value is not None})
    return out


def quote_items(names, value):
    """quote() of JSON with items."""
    said = quote(value)
    if '"@' not in said:
        return said
    return re.sub(r'"@(\d+)@"', lambda found: "' || %s || '" % names.answers(
        int(found.group(1))), "(%s)::jsonb" % said[:-len("::jsonb")])


def lines_of(items, names=("line", "quantity")):
    return [{name: value for name, value in zip(names, item) if value is not None}
            for item in items]


# verb -> its arguments in the order of the function, with how each is said
PLAIN = {
    "product_create": ("sku", "name", "price", "about"),
    "product_update": ("product", "sku", "name", "price", "about"),
    "product_archive": ("product",),
    "product_price_set": ("product", "currency", "price"),
    "location_create": ("code", "name", "priority"),
    "location_update": ("code", "name", "priority", "active"),
    "stock_receive": ("product", "quantity", "location"),
    "stock_adjust": ("product", "delta", "reason", "location"),
    "stock_count": ("product", "counted", "expected_version", "location"),
    "stock_transfer": ("product", "quantity", "from_location", "to_location"),
    "stock_set": ("product", "location", "low", "reorder", "backorder"),
    "hold_create": ("items", "owner", "seconds"),
    "hold_renew": ("hold", "seconds"),
    "hold_release": ("hold",),
    "hold_expire": ("batch",),
    "order_create": ("items", "customer_name", "customer_id", "channel", "external_ref",
                     "discount", "attributes", "note"),
    "order_sell": ("items", "customer_name", "customer_id", "channel", "external_ref",
                   "discount", "attributes", "note"),
    "hold_order": ("hold", "customer_name", "customer_id", "channel", "external_ref",
                   "discount", "attributes", "note"),
    "order_amend": ("order", "amends", "reason", "expected_version"),
    "order_update": ("order", "customer_name", "customer_id", "external_ref", "attributes",
                     "expected_version"),
    "order_note_add": ("order", "note"),
    "order_confirm": ("order",),
    "order_pack": ("order",),
    "order_ship": ("order",),
    "order_deliver": ("order",),
    "order_cancel": ("order",),
    "order_move": ("order", "status"),
    "order_advance": ("order", "status"),
    "order_hold": ("order", "reason"),
    "order_release": ("order",),
    "order_cancel_lines": ("order", "cuts", "reason"),
    "order_close": ("order",),
    "shipment_create": ("order", "cuts", "location", "carrier", "tracking"),
    "shipment_pack": ("shipment",),
    "shipment_ship": ("shipment", "carrier", "tracking"),
    "shipment_deliver": ("shipment",),
    "shipment_cancel": ("shipment",),
    "shipment_update": ("shipment", "carrier", "tracking"),
    "return_request": ("order", "cuts", "reason"),
    "return_approve": ("back",),
    "return_reject": ("back", "reason"),
    "return_cancel": ("back", "reason"),
    "return_receive": ("back", "cuts", "location"),
    "return_close": ("back", "reason"),
}
# names of parameters where the function has another
CALLED = {"product": "product_id", "order": "order_id", "hold": "hold_id",
          "shipment": "shipment_id", "back": "return_id", "cuts": "items", "amends": "items",
          "seconds": "expires_in", "low": "low_stock_threshold", "reorder": "reorder_quantity",
          "backorder": "backorder_limit"}
KINDS = {"product": "product", "order": "order", "hold": "hold", "shipment": "shipment",
         "back": "return"}
MAKES = {"product_create": "product", "hold_create": "hold", "order_create": "order",
         "order_sell": "order", "hold_order": "order", "return_request": "return"}
ARRAYS = ("orders_confirm", "orders_pack", "orders_ship", "orders_deliver", "orders_cancel")
VERBS = tuple(PLAIN) + ARRAYS + ("orders_create",)


def argument(verb, name, value, names):
    if name in KINDS:
        return names.sql(KINDS[name], value)
    if name == "seconds":
        return "interval '%d s'" % value
    if name == "cuts":
        received = verb == "return_receive"
        return quote(None if value is None else
                     lines_of(value, ("line", "restock", "scrap") if received
                              else ("line", "quantity")))
    if name == "items" and verb == "hold_create":
        return quote_items(names, items_of(names, [{"product": p, "quantity": n} for p, n in value]))
    if name == "attributes" and value == "null":
        return "'null'::jsonb"
    if name in ("items", "amends"):
        return quote_items(names, items_of(names, value))
    if name == "price" and value is not None:
        return "%s::numeric" % quote(value)
    return quote(value)


def say(verb, args, names):
    """The statement of an operation; its answer is one text."""
    if verb == "hold_age":
        return "SELECT model.hold_age(%s)::text" % names.sql("hold", args["hold"])
    if verb in ARRAYS:
        ids = ", ".join(names.sql("order", key) for key in args["orders"])
        return ("SELECT json_agg(r)::text FROM oms.%s(ARRAY[%s]::bigint[]) AS r" % (verb, ids))
    if verb == "orders_create":
        orders = [{name: items_of(names, value) if name == "items" else value
                   for name, value in order.items() if value is not None}
                  for order in args["orders"]]
        return "SELECT json_agg(r)::text FROM oms.orders_create(%s) AS r" % quote_items(
            names, orders)
    # the lines that an operation names are called items in the model's own arguments
    given = dict(args)
    for name in ("cuts", "amends"):
        if name in PLAIN[verb]:
            given[name] = given.pop("items", None)
    call = "oms.%s(%s)" % (verb, ", ".join(
        "%s => %s" % (CALLED.get(name, name), argument(verb, name, given[name], names))
        for name in PLAIN[verb] if name in given))
    if verb == "shipment_create":
        return "SELECT json_agg(r)::text FROM %s AS r" % call
    return "SELECT %s::text" % call


def rows_of(answer):
    """[(SQLSTATE or None)] of the rows of an array verb."""
    return [row["sqlstate"] for row in json.loads(answer)]


def differs(verb, answer, predicted):
    """What is wrong with the answer of an operation that succeeded, or None."""
    found, wanted = answer, predicted
    if verb in MAKES or predicted is None:
        return None
    if verb == "orders_create":
        found, wanted = rows_of(answer), [sqlstate for sqlstate, _ in predicted]
    elif verb in ARRAYS:
        found = rows_of(answer)
    elif verb == "shipment_create":
        found = [row["location_code"] for row in json.loads(answer)]
    elif verb == "order_confirm":
        found = {}
        for row in json.loads(answer):
            key = row["line"], row["location"]
            found[key] = found.get(key, 0) + row["quantity"]
    else:
        wanted = str(predicted)
    return None if found == wanted else "%s, expected %s" % (found, wanted)


def learn(verb, step, answer, predicted, names):
    """Note the ids that an operation gave."""
    if verb in MAKES:
        names.learn(MAKES[verb], predicted, int(answer))
    elif verb == "orders_create":
        for row, (sqlstate, key) in zip(json.loads(answer), predicted):
            if sqlstate is None:
                names.learn("order", key, row["order_id"])
    elif verb == "shipment_create":
        for n, row in enumerate(json.loads(answer)):
            names.learn("shipment", (step, n), row["shipment_id"])
