"""Numbers as a report prints them: true minus signs, errors with two digits, durations.

A number that comes from a record keeps its origin (`genlab.lab.report.numbers.bound`).
"""

__all__ = ["PLUS_MINUS", "alike", "count", "duration", "number", "parts", "plus_minus", "scientific"]

from genlab.common.quantities import Measured, fixed
from genlab.lab.report.numbers.bound import mark, plain

PLUS_MINUS = "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}"


def number(value: float, places: int = 2, sign: bool = False) -> str:
    """Returns `value` with fixed decimal places; `sign` shows a plus too."""
    return mark(fixed(plain(value), places, sign), value)


def parts(one: Measured, sign: bool = False) -> tuple[str, str]:
    """Returns value and error, rounded by the error's second digit."""
    value, error = _plain(one).texts(sign)
    return mark(value, one.value), mark(error, one.error)


def plus_minus(one: Measured, sign: bool = False) -> str:
    """Returns "value ± error" on one line, rounded by the error's second digit."""
    return PLUS_MINUS.join(filter(None, parts(one, sign)))


def alike(value: float, one: Measured, sign: bool = False) -> str:
    """Returns a number rounded to the decimal place of a measured one."""
    return mark(_plain(one).rounded_alike(plain(value), sign), value)


def _plain(one: Measured) -> Measured:
    return Measured(plain(one.value), plain(one.error))


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
