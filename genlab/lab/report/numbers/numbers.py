"""Numbers as a report prints them: true minus signs, errors with two digits, durations.

A number that comes from a record keeps its origin (`genlab.lab.report.numbers.bound`).
"""

__all__ = ["PLUS_MINUS", "count", "decimals", "duration", "number", "plus_minus", "scientific", "with_error"]

import math

from genlab.lab.report.numbers.bound import mark, plain

MINUS = "\N{MINUS SIGN}"
PLUS_MINUS = "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}"


def number(value: float, places: int = 2, sign: bool = False) -> str:
    """Returns `value` with fixed decimal places; `sign` shows a plus too."""
    exact = plain(value)
    text = f"{exact:+,.{places}f}" if sign else f"{exact:,.{places}f}"
    if float(text.replace(",", "")) == 0:  # no minus in front of a rounded zero
        text = text.replace("-", "").replace("+", "")
    return mark(text.replace("-", MINUS), value)


def decimals(error: float) -> int:
    """Returns the decimal places that show two digits of a standard error (at least 1)."""
    if error <= 0:
        return 3
    return min(6, max(1, 1 - math.floor(math.log10(error))))


def plus_minus(value: float, error: float, sign: bool = False) -> str:
    """Returns "value ± error" on one line, both to the error's second digit."""
    return with_error(value, error, decimals(error), sign)


def with_error(value: float, error: float, places: int, sign: bool = False) -> str:
    """Returns "value ± error" on one line, with fixed decimal places."""
    return f"{number(value, places, sign)}{PLUS_MINUS}{number(error, places)}"


def scientific(value: float) -> str:
    """Returns a positive number to one digit as a power of ten, a formula in Markdown."""
    digit, _, power = f"{plain(value):.0e}".partition("e")
    return mark(rf"${digit} \times 10^{{{int(power)}}}$", value)


def count(value: int) -> str:
    """Returns an integer with thousands separated."""
    return f"{value:,}"


def duration(seconds: float, lang: str) -> str:
    """Returns a duration to the second."""
    minutes, rest = divmod(round(plain(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    names = ("小时", "分", "秒") if lang == "zh" else ("\N{NO-BREAK SPACE}h ", "\N{NO-BREAK SPACE}min ", "\N{NO-BREAK SPACE}s")
    parts = [(hours, names[0]), (minutes, names[1]), (rest, names[2])]
    first = next((i for i, (value, _) in enumerate(parts) if value), 2)
    return mark("".join(f"{value}{name}" for value, name in parts[first:]), seconds)
