"""The matrix of verbs that can meet on one order or one product, and its specs.

Each pair of verbs of a matrix meets in both turns: session 1 runs the one and
keeps its transaction open, session 2 runs the other, then session 1 commits.
Besides, each verb meets a verb of each noun that is rolled back.  The specs
are written from the tables below.

    matrix.py          checks that specs/ is what the tables say, and that no verb of the database is missing
    matrix.py --write  writes specs/

The check needs libpq's environment to name a database with oms and subject.sql.
"""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

# What a verb of the order matrix finds: it succeeds in these situations of its
# order, see subject.sql.  A pair meets in the first that both have in common,
# or else in the first of the verb that begins.
PARTLY = ("partly", "part", "shipped")
ORDER = {
    "order": {
        "order_confirm": ("pending",),
        "order_pack": ("confirmed", "boxed", "partly", "part"),
        "order_ship": ("confirmed", "boxed", "partly", "part"),
        "order_deliver": ("shipped",),
        "order_cancel": ("confirmed", "pending", "boxed", "held"),
        "order_hold": ("confirmed", "pending", "boxed", "held", "partly", "part", "shipped", "closing"),
        "order_release": ("held",),
        "order_advance": ("confirmed", "pending", "boxed", "partly", "part", "shipped"),
        "order_cancel_lines": ("confirmed", "pending", "boxed", "held", "partly", "part"),
        "order_close": ("part", "closing"),
    },
    "shipment": {
        "shipment_create": ("partly", "confirmed", "boxed", "part"),
        "shipment_pack": ("partly", "boxed"),
        "shipment_ship": ("partly", "boxed"),
        "shipment_deliver": ("partly", "part", "shipped"),
        "shipment_cancel": ("partly", "boxed"),
    },
    "return": {
        "return_request": PARTLY,
        "return_approve": PARTLY,
        "return_reject": PARTLY,
        "return_cancel": PARTLY,
        "return_receive": PARTLY + ("closing",),
        "return_close": ("closing",),
    },
}

# The product matrix has one situation, in which each verb succeeds alone.
PRODUCT = {
    "sale": ("confirm", "cancel", "ship", "create", "parcel_ship", "receive_back"),
    "stock": ("stock_receive", "stock_adjust", "stock_count", "stock_transfer", "stock_set"),
    "hold": ("hold_create", "hold_renew", "hold_release", "hold_expire"),
    "product": ("product_archive", "product_update"),
}
PRODUCT = {noun: {verb: ("any",) for verb in verbs} for noun, verbs in PRODUCT.items()}

# Verbs of the database that the matrices leave out, and why.
APART = {
    "order_move": "is what confirm, pack, ship, deliver and cancel call",
    "order_timeline": "reads only",
    "order_diagram": "reads only",
    "product_create": "meets nothing but its SKU: specs/product_sku.spec",
    "product_price_set": "meets nothing but itself: oms.product_price has one row for each currency",
    "stock_as_of": "reads only",
    "stock_ledger": "reads only",
    "stock_low": "reads only",
}

SPEC = """# Each %s that meets each %s on one %s: written by ../matrix.py.

session check
%s
step look	{ SELECT * FROM pair.look('%s'); }

session s1
step s1begin	{ BEGIN; }
%s
step s1commit	{ COMMIT; }
step s1rollback	{ ROLLBACK; }

session s2
%s

%s
"""


def situation(first, second):
    """Where two verbs meet, of the situations in which each succeeds."""
    return next((s for s in first if s in second), first[0])


def pairs(matrix, noun, other):
    """(first verb, second verb, situation) for all pairs of two nouns, in both turns."""
    for a, b in sorted({(noun, other), (other, noun)}):
        for first, these in matrix[a].items():
            for second, those in matrix[b].items():
                yield first, second, situation(these, those)


def spec(matrix, subject, noun, other):
    """The text of the spec in which two nouns' verbs meet."""
    met = list(pairs(matrix, noun, other))
    permutations = ["permutation given_%s s1begin s1_%s s2_%s s1commit look" % (where, first, second)
                    for first, second, where in met]
    # what is rolled back has not been: the second verb succeeds
    undone = {second: (first, second, where) for first, second, where in met
              if first != second and any(where in verbs.get(second, ()) for verbs in matrix.values())}
    permutations += ["permutation given_%s s1begin s1_%s s2_%s s1rollback look" % (where, first, second)
                     for first, second, where in undone.values()]

    def steps(session, position):
        return "\n".join("step s%d_%s	{ CALL pair.act(%d, '%s'); }" % (session, verb, session, verb)
                         for verb in dict.fromkeys(pair[position] for pair in met))

    given = "\n".join("step given_%s	{ CALL pair.given('%s', '%s'); }" % (where, subject, where)
                      for where in dict.fromkeys(pair[2] for pair in met))
    return SPEC % (noun, other, subject, given, subject, steps(1, 0), steps(2, 1),
                   "\n".join(permutations))


def specs():
    """All specs: file name and text."""
    for subject, matrix in (("order", ORDER), ("product", PRODUCT)):
        nouns = list(matrix)
        for i, noun in enumerate(nouns):
            for other in nouns[i:]:
                yield "%s_%s_%s.spec" % (subject, noun, other), spec(matrix, subject, noun, other)


def missing_pairs(texts):
    """Pairs of a matrix for which no spec has a permutation that commits."""
    found = set(re.findall(r"^permutation given_\w+ s1begin s1_(\w+) s2_(\w+) s1commit look$",
                           "\n".join(texts), re.MULTILINE))
    for matrix in (ORDER, PRODUCT):
        verbs = [verb for noun in matrix.values() for verb in noun]
        for first in verbs:
            for second in verbs:
                if (first, second) not in found:
                    yield "%s and %s meet in no spec" % (first, second)


def missing_verbs():
    """Verbs of the database on orders and products that meet nothing here."""
    known = subprocess.run([os.path.join(os.environ["PGBIN"], "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", """
        SELECT p.proname FROM pg_proc AS p WHERE p.pronamespace = 'oms'::regnamespace
          AND p.proname ~ '^(order|shipment|return|stock|hold|product)_' AND p.prorettype <> 'trigger'::regtype
          AND NOT EXISTS (SELECT FROM pair.verb AS v WHERE v.statement ~ ('oms\\.' || p.proname || '\\('))
        ORDER BY 1"""], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    for verb in known:
        if verb not in APART:
            yield ("oms.%s() meets no other verb: give it a statement in subject.sql and a row in a matrix "
                   "of matrix.py, or say in APART why not" % verb)
    for verb in APART:
        if verb not in known:
            yield "%s is in APART, but it is in a matrix or not in the database" % verb


def main():
    directory = os.path.join(HERE, "specs")
    wanted = dict(specs())
    if sys.argv[1:] == ["--write"]:
        os.makedirs(directory, exist_ok=True)
        for name in set(os.listdir(directory)) - set(wanted):
            os.remove(os.path.join(directory, name))
        for name, text in wanted.items():
            with open(os.path.join(directory, name), "w") as file:
                file.write(text)
        return 0
    there = {}
    for name in sorted(os.listdir(directory)):
        with open(os.path.join(directory, name)) as file:
            there[name] = file.read()
    faults = ["specs/%s is not what matrix.py --write makes of it" % name
              for name in sorted(set(wanted) | set(there)) if wanted.get(name) != there.get(name)]
    faults += list(missing_pairs(there.values()))
    faults += list(missing_verbs())
    print("\n".join(faults[:20]))
    print("test matrix of verbs ... %s" % ("FAILED" if faults else "ok"))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
