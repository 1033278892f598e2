"""What lines of orders cost, in whole numbers of a currency's smallest unit.

Written from the comments of oms.channel, oms.order_line and oms.order_create:
each amount is exact until it is rounded once, as the channel says; what is
spread over lines goes by largest remainder, and of equal ones to the first; the order's own discount ranks its lines before.
"""
import re

MOST = 2 ** 63 - 1      # an amount is a bigint of the smallest unit
HUNDRED = 1000000       # 100 percent, for rates have 4 decimals


class TooLarge(Exception):
    """An amount that no bigint holds."""


def fits(amount):
    if abs(amount) > MOST:
        raise TooLarge
    return amount


def ratio(number, divisor, rounding):
    """number / divisor, neither negative, rounded to a whole number."""
    whole, rest = divmod(number, divisor)
    if 2 * rest > divisor or 2 * rest == divisor and (rounding == "half_up" or whole % 2):
        whole += 1
    return fits(whole)


def spread(amount, weights):
    """Shares of an amount in proportion to weights, by largest remainder."""
    total = sum(weights)
    if total == 0:
        return [0] * len(weights)
    shares = [amount * w // total for w in weights]
    rests = [amount * w % total for w in weights]
    order = sorted(range(len(weights)), key=lambda i: (-rests[i], i))
    for i in order[:amount - sum(shares)]:
        shares[i] += 1
    return shares


def decimal(text, decimals):
    """The units of a decimal text, or None when it is none or has too many decimals."""
    found = re.fullmatch(r"(-?)([0-9]+)(?:\.([0-9]+))?", text)
    if not found:
        return None
    digits = (found.group(3) or "").rstrip("0")
    if len(digits) > decimals:
        return None
    units = int(found.group(2) + digits.ljust(decimals, "0"))
    return -units if found.group(1) else units


def text(units, decimals):
    """Units as a decimal text with all decimals."""
    if decimals == 0:
        return str(units)
    sign, units = ("-", -units) if units < 0 else ("", units)
    return "%s%d.%0*d" % (sign, units // 10 ** decimals, decimals, units % 10 ** decimals)


def rate_text(rate):
    """A rate in 1/10000 percent as the shortest decimal text."""
    short = text(rate, 4).rstrip("0")
    return short.rstrip(".")


def discount_of(given, base, decimals, rounding):
    """What an amount or percentage takes off a base; None when it is not acceptable."""
    if given.endswith("%"):
        percent = decimal(given[:-1], 4)
        if percent is None or not 0 <= percent <= HUNDRED:
            return None
        return ratio(base * percent, HUNDRED, rounding)
    units = decimal(given, decimals)
    if units is None or not 0 <= units <= base:
        return None
    return units


def base_of(line):
    """What the wanted units of a line cost before tax."""
    return fits(fits(line.price * (line.quantity - line.cancelled)) - line.discount)


def spread_discount(lines, discount):
    """The order's own discount, over its lines: of equal remainders the highest rate of tax first, then the largest base."""
    ranked = sorted(lines, key=lambda line: (-line.tax_rate, -base_of(line)))
    for line, share in zip(ranked, spread(discount, [base_of(line) for line in ranked])):
        line.discount += share


def tax_lines(lines, channel):
    """Tax and total of each line, by line or by the total of each rate."""
    bases = [base_of(line) for line in lines]
    fits(sum(bases))
    taxes = [0] * len(lines)
    if channel.tax_rounding == "line":
        for i, line in enumerate(lines):
            taxes[i] = ratio(bases[i] * line.tax_rate, divisor(line), channel.rounding)
    else:
        for kind in {(line.tax_rate, line.tax_included) for line in lines}:
            mine = [base if (line.tax_rate, line.tax_included) == kind else 0
                    for base, line in zip(bases, lines)]
            if kind[0] == 0:
                continue
            tax = ratio(sum(mine) * kind[0], HUNDRED + kind[0] if kind[1] else HUNDRED,
                        channel.rounding)
            taxes = [a + b for a, b in zip(taxes, spread(tax, mine))]
    for line, base, tax in zip(lines, bases, taxes):
        total = fits(base + (0 if line.tax_included else tax))
        if (line.tax, line.total) != (tax, total):
            line.tax, line.total = tax, total
    fits(sum(line.total for line in lines))


def divisor(line):
    """Tax of a base is base * rate / divisor: included tax is a part of the base."""
    return HUNDRED + line.tax_rate if line.tax_included else HUNDRED


def shrink_discount(line, before, rounding):
    """A line's discount for other units than before: in proportion, and never more than they cost."""
    wanted = line.quantity - line.cancelled
    share = ratio(line.discount * wanted, before, rounding) if before else 0
    line.discount = min(share, fits(line.price * wanted))
