"""The quantities that genlab measures: their names, and how a value with an error is written.

Whatever shows a number (command line, notebook, report, explorer page, verifier) takes its name
from `QUANTITIES` and its digits from `Measured`, so it reads the same everywhere.

The rounding rule: a standard error is rounded to two significant digits, and its value to the
same decimal place,

    -137.69294 ± 0.49726  ->  −137.69 ± 0.50          0.4213 ± 0.0996  ->  0.42 ± 0.10

A value without an error is rounded to four significant digits, integers are written out. From
10^7 on and below 10^-4 both numbers are written with a power of ten.
"""

__all__ = ["CLEAR", "PLUS_MINUS", "QUANTITIES", "Measured", "Quantity", "decimals", "fixed"]

import math
import re

from dataclasses import dataclass, field
from decimal import Context, Decimal

MINUS = "\N{MINUS SIGN}"
PLUS_MINUS = " ± "
DIGITS = 4
"""Significant digits of a value without an error."""
SMALLEST, LARGEST = 1e-4, 1e7
"""Magnitudes from and up to which no power of ten is written."""
RESOLUTION = 1e-12
"""An error below this share of its value is due to rounding in float64; it is written as 0."""
CLEAR = 2.0
"""A difference of so many standard errors is called clear."""
EXACT = Context(prec=800)
"""Holds every float64 to its last digit."""
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Measured:
    """A measured value and its standard error."""

    value: float
    error: float | None = None
    """The standard error; None if it is not known."""
    unit: str = field(default="", metadata={"json": False})
    """What both are measured in, which follows from the quantity; empty for pure numbers."""

    def texts(self, sign: bool = False) -> tuple[str, str]:
        """Returns value and error as text, rounded by the rule; no error: an empty text.

        Arguments:
            sign: Whether a positive value gets a plus sign.
        """
        if self.error is None or not (math.isfinite(self.value) and 0 <= self.error < math.inf):
            return _alone(self.value, sign), ""
        if self.error <= RESOLUTION * abs(self.value):
            return _alone(self.value, sign), "0"
        places, power = decimals(self.error), _power(max(abs(self.value), self.error))
        return _written(self.value, places, power, sign), _written(self.error, places, power)

    def text(self, sign: bool = False) -> str:
        """Returns "value ± error" without the unit, or the value alone."""
        return PLUS_MINUS.join(filter(None, self.texts(sign)))

    def rounded_alike(self, number: float, sign: bool = False) -> str:
        """Returns another number in the same unit, rounded to the decimal place of this value."""
        if self.error is None or self.texts()[1] in ("", "0"):
            return _alone(number, sign)
        power = _power(max(abs(self.value), self.error))
        return _written(number, decimals(self.error), power, sign)

    @property
    def clear(self) -> bool:
        """Whether the value is more than two standard errors from zero."""
        return self.error is not None and abs(self.value) > CLEAR * self.error

    def __str__(self) -> str:
        return f"{self.text()} {self.unit}".rstrip()


@dataclass(frozen=True)
class Quantity:
    """A quantity that is measured, and what it is called."""

    key: str
    """Its key in `results.json` and its name in Python."""
    en: str
    """Its English name."""
    zh: str
    """Its Chinese name."""
    symbol: str = ""
    """Its symbol as plain text, which follows the name; empty where there is none."""
    tex: str = ""
    """The symbol in LaTeX."""
    unit: str = ""
    """What it is measured in; empty for pure numbers."""
    per_image: bool = False
    """Whether it is a mean over all test images, with the value of each kept."""

    def label(self, lang: str = "en") -> str:
        """Returns the name with its symbol: "regulariser Ω", "正则项 Ω"."""
        return f"{self.zh if lang == 'zh' else self.en} {self.symbol}".rstrip()

    def tex_label(self, lang: str = "en") -> str:
        """Returns the name with its symbol as a formula in Markdown."""
        formula = f"${self.tex}$" if self.symbol else ""
        return f"{self.zh}{formula}" if lang == "zh" else f"{self.en} {formula}".rstrip()


def decimals(error: float) -> int:
    """Returns the decimal place of the second significant digit of a positive error.

    It is negative for errors of hundreds: 130 is rounded to tens, place -1.
    """
    return 1 - _exponent(error, 2)


def fixed(value: float, places: int, sign: bool = False) -> str:
    """Returns a number rounded to a decimal place, with thousands separated and a true minus.

    Arguments:
        value: The number.
        places: Digits after the point; -1 rounds to tens.
        sign: Whether a positive number gets a plus sign.
    """
    return _written(value, places, 0, sign)


def _alone(value: float, sign: bool) -> str:
    """A value without an error."""
    if isinstance(value, int):
        return fixed(value, 0, sign)
    if not math.isfinite(value):
        return f"{value}".replace("-", MINUS)
    if value == 0:
        return "0"
    places, power = DIGITS - 1 - _exponent(value, DIGITS), _power(value)
    return _written(value, places if power else max(0, places), power, sign)


def _exponent(value: float, digits: int) -> int:
    """The power of ten of the leading digit, once rounded to so many significant digits."""
    return int(f"{value:.{digits - 1}e}".partition("e")[2])


def _power(size: float) -> int:
    """The power of ten with which numbers of this size are written; 0 for none."""
    return 0 if size == 0 or SMALLEST <= abs(size) < LARGEST else _exponent(size, DIGITS)


def _written(value: float, places: int, power: int, sign: bool = False) -> str:
    """A number rounded to a decimal place, as a multiple of a power of ten."""
    exact = Decimal(value).scaleb(-power, EXACT)
    text = f"{exact.quantize(Decimal(1).scaleb(-places - power), context=EXACT):+,f}"
    if not re.search(r"[1-9]", text):  # a rounded zero has no sign
        text = text[1:]
    text = text.removeprefix("" if sign else "+").replace("-", MINUS)
    return f"{text} × 10{str(power).translate(SUPERSCRIPTS)}" if power else text


QUANTITIES = {
    one.key: one
    for one in (
        Quantity("nll_exact", "exact NLL", "精确负对数似然", unit="nats", per_image=True),
        Quantity(
            "nll_is", "importance-sampled NLL", "重要性采样负对数似然", unit="nats",
            per_image=True,
        ),
        Quantity("bits_per_pixel", "NLL per pixel", "每像素负对数似然", unit="bits"),
        Quantity("elbo", "ELBO", "ELBO", unit="nats", per_image=True),
        Quantity(
            "re", "reconstruction", "重建项", "RE", r"\text{RE}", unit="nats", per_image=True
        ),
        Quantity("omega", "regulariser", "正则项", "Ω", r"\Omega", unit="nats", per_image=True),
        Quantity(
            "cross_entropy", "cross-entropy", "交叉熵", "CE", r"\mathbb{CE}", unit="nats",
            per_image=True,
        ),
        Quantity(
            "conditional_entropy", "conditional entropy", "条件熵", "H", r"\mathbb{H}",
            unit="nats", per_image=True,
        ),
        Quantity(
            "mutual_information", "mutual information", "互信息", "I(x; z)",
            r"I[\boldsymbol{x};\boldsymbol{z}]", unit="nats", per_image=True,
        ),
        Quantity(
            "marginal_kl", "marginal", "边缘", "KL(q(z) ‖ p(z))",
            r"\text{KL}[q_\phi(\boldsymbol{z}) \,\|\, p_\lambda(\boldsymbol{z})]", unit="nats",
            per_image=True,
        ),
        Quantity("prior_gap", "prior gap", "先验间隙", unit="nats"),
        Quantity("inference_gap", "inference gap", "推断间隙", unit="nats", per_image=True),
        Quantity("amortisation_gap", "amortisation gap", "摊销间隙", unit="nats"),
        Quantity("approximation_gap", "approximation gap", "近似间隙", unit="nats"),
        Quantity("nll_annealed", "NLL by annealing", "退火负对数似然", unit="nats"),
        Quantity("annealing_gap", "annealing gap", "退火间隙", unit="nats"),
        Quantity("importance_bias", "importance-sampling bias", "重要性采样偏差", unit="nats"),
        Quantity("ess", "effective sample size", "有效样本量", unit="draws", per_image=True),
        Quantity("pareto_k", "Pareto shape", "Pareto 形状参数", "k", "k", per_image=True),
    )
}
"""The quantities by key, in the order in which they are shown."""
