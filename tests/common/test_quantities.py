"""Measured values are rounded by one rule; every quantity has its names."""

import math
import re

from decimal import Decimal

import pytest

from hypothesis import assume, given
from hypothesis import strategies as st

from genlab.common.quantities import QUANTITIES, Measured, decimals, fixed

SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
VALUES = st.floats(-1e15, 1e15) | st.floats(-1e-3, 1e-3) | st.sampled_from([0.0, -0.0])
ERRORS = st.floats(1e-20, 1e15)


def read(text: str) -> tuple[Decimal, Decimal]:
    """The number that a text says, and the value of a one in its last place."""
    digits, _, power = text.partition(" × 10")
    scale = Decimal(1).scaleb(int(power.translate(SUPERSCRIPTS)) if power else 0)
    digits = digits.replace(",", "").replace("\N{MINUS SIGN}", "-")
    assert re.fullmatch(r"[+-]?\d+(\.\d+)?", digits), text
    places = len(digits.partition(".")[2])
    return Decimal(digits) * scale, Decimal(1).scaleb(-places) * scale


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (-137.69294, 0.49726, "−137.69 ± 0.50"),
        (5.0949, 0.015, "5.095 ± 0.015"),
        (0.00123, 0.000021, "0.001230 ± 0.000021"),
        (1234.5, 130.0, "1,230 ± 130"),
        (0.4213, 0.0996, "0.42 ± 0.10"),  # 0.0996 is 0.10, and not 0.100
        (99.96, 9.96, "100 ± 10"),
        (0.5, 0.995, "0.50 ± 0.99"),  # 0.995 is 0.99499999999999999556 in float64
        (12345.678, 1.5, "12,345.7 ± 1.5"),
        (-0.0004, 0.05, "0.000 ± 0.050"),
        (0.3, 130.0, "0 ± 130"),
        (1.23456e-5, 2.1e-7, "1.235 × 10⁻⁵ ± 0.021 × 10⁻⁵"),
        (1.5e12, 2.5e9, "1.5000 × 10¹² ± 0.0025 × 10¹²"),
        (57.2461, None, "57.25"),
        (0.00123456, None, "0.001235"),
        (-9.9996, None, "−10.00"),
        (12345.678, None, "12,346"),
        (123456789.0, None, "1.235 × 10⁸"),
        (12345, None, "12,345"),
        (3.0, None, "3.000"),
        (0.0, None, "0"),
        (3.0, 0.0, "3.000 ± 0"),
        (3.0, 1e-14, "3.000 ± 0"),
        (3.0, math.nan, "3.000"),
        (3.0, math.inf, "3.000"),
        (3.0, -1.0, "3.000"),
        (math.inf, 1.0, "inf"),
        (-math.inf, None, "−inf"),
        (math.nan, 1.0, "nan"),
    ],
)
def test_examples(value: float, error: float | None, text: str) -> None:
    assert Measured(value, error).text() == text


def test_the_unit_follows() -> None:
    assert str(Measured(125.7131, 0.4123, "nats")) == "125.71 ± 0.41 nats"
    assert str(Measured(0.0123, 0.0021)) == "0.0123 ± 0.0021"
    assert f"{Measured(2.0, None, 'nats')}" == "2.000 nats"


def test_a_plus_sign_where_asked_for() -> None:
    assert Measured(1.8151, 0.0226).text(sign=True) == "+1.815 ± 0.023"
    assert Measured(-1.8151, 0.0226).text(sign=True) == "−1.815 ± 0.023"
    assert Measured(0.001, 0.5).text(sign=True) == "0.00 ± 0.50"
    assert Measured(4, None).text(sign=True) == "+4"


@given(VALUES, ERRORS)
def test_the_error_has_two_digits_and_the_value_ends_at_its_place(
    value: float, error: float
) -> None:
    assume(error > 1e-11 * abs(value))
    shown_value, shown_error = Measured(value, error).texts()
    (number, unit), (spread, last) = read(shown_value), read(shown_error)
    assert abs(spread - Decimal(error)) <= Decimal("0.05") * spread
    place = Decimal(1).scaleb(-decimals(error))
    assert 10 * place <= spread <= 99 * place
    assert spread % place == 0
    assert unit == last == min(place, unit)  # no digit beyond it; 130 ends with a 0 before it
    assert abs(number - Decimal(value)) <= place / 2
    assert abs(spread - Decimal(error)) <= place / 2


@given(VALUES)
def test_a_value_alone_has_four_digits(value: float) -> None:
    assume(value != 0)
    number, _ = read(Measured(value).text())
    assert abs(number - Decimal(value)) <= Decimal("0.0005") * abs(Decimal(value))


@given(VALUES, st.none() | st.floats(0, 1e15))
def test_the_sign_alone_tells_a_value_from_its_negative(
    value: float, error: float | None
) -> None:
    text, negative = Measured(abs(value), error).text(), Measured(-abs(value), error).text()
    assert negative in (text, f"\N{MINUS SIGN}{text}")
    assert "-" not in text + negative
    if not re.search(r"[1-9]", Measured(value, error).texts()[0].partition(" × ")[0]):
        assert negative == text  # no minus before a zero


@given(VALUES, ERRORS)
def test_another_number_is_rounded_to_the_same_place(value: float, error: float) -> None:
    measured = Measured(value, error)
    assert measured.rounded_alike(value) == measured.texts()[0]


@given(st.floats(1e-300, 1e300))
def test_decimals_are_those_of_the_second_digit_once_rounded(error: float) -> None:
    place = Decimal(1).scaleb(-decimals(error))
    assert 10 <= round(Decimal(error) / place) <= 99


def test_fixed_places() -> None:
    assert fixed(-0.0004, 2) == fixed(0.0004, 2, sign=True) == "0.00"
    assert fixed(12345.678, 1) == "12,345.7"
    assert fixed(1234.0, -2) == "1,200"
    assert fixed(0.25, 3, sign=True) == "+0.250"


def test_every_quantity_has_names_of_its_own() -> None:
    assert all(key == one.key for key, one in QUANTITIES.items())
    for lang in ("en", "zh"):
        labels = [one.label(lang) for one in QUANTITIES.values()]
        assert all(labels)
        assert len(set(labels)) == len(labels)
    assert all(bool(one.tex) >= bool(one.symbol) for one in QUANTITIES.values())
    assert QUANTITIES["omega"].label() == "regulariser Ω"
    assert QUANTITIES["omega"].label("zh") == "正则项 Ω"
    assert QUANTITIES["omega"].tex_label("zh") == r"正则项$\Omega$"
    assert QUANTITIES["elbo"].tex_label() == QUANTITIES["elbo"].label() == "ELBO"
