r"""Sets of features whose metrics are known exactly, to be run against any package.

No case needs a download, a network or torch: inputs are NumPy arrays, made on demand from explicit
generators, and the expected value follows from a formula, which `source` states. A case passes if
the value is a finite real number within `tolerance` of it; an exception, a NaN or a complex number
of the package under test is an outcome, not a crash.

    from genlab.conformance.distances import CASES, of_statistics, run
    for outcome in run(their_fid, CASES["frechet"]):               # takes two arrays of features
        print(outcome)
    run(of_statistics(their_fid_of_means_and_covariances), CASES["frechet"])

Shapes: N and M samples, F features. Covariances divide by N - 1.

References:
    | The Fréchet distance between multivariate normal distributions (Dowson & Landau, 1982)
    | Demystifying MMD GANs (Binkowski et al., 2018), https://arxiv.org/abs/1801.01401
    | Improved Precision and Recall (Kynkäänniemi et al., 2019), https://arxiv.org/abs/1904.06991
    | Reliable Fidelity and Diversity Metrics (Naeem et al., 2020),
    | https://arxiv.org/abs/2002.09797
"""

__all__ = ["CASES", "Case", "Example", "Outcome", "of_statistics", "run"]

import math
import warnings

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from numpy import ndarray

DIGITS = 1e-6
"""The relative tolerance of exact cases: what the field prints, and more than float32 keeps."""


class Example(NamedTuple):
    """The inputs of a case and the expected value."""

    inputs: tuple[ndarray, ...]
    """The arrays, in the order of the arguments."""
    expected: float | None
    """The exact value; None: the input is wrong and must be refused with an exception."""
    tolerance: float = 0.0
    """How far from `expected` a value may be."""


class Case(NamedTuple):
    """One known case."""

    name: str
    make: Callable[[], Example]
    """Makes the example, the same each time."""
    source: str
    """The formula of the value."""


class Outcome(NamedTuple):
    """The result of a package on a case."""

    case: str
    """The name of the case."""
    passed: bool
    """Whether it is right."""
    value: float | None
    """The value, if it is a finite real number."""
    expected: float | None
    """The expected value; None for a refusal."""
    message: str
    """The exception or other reason for failing; warnings, if it passed with some."""


def run(distance: Callable[..., Any], cases: Iterable[Case]) -> list[Outcome]:
    """Runs a package's function over cases.

    Arguments:
        distance: Takes the arrays of the cases and returns a number: two sets of features with
            shapes `(N, F)` and `(M, F)`, reals first; for "frechet-statistics" mean and
            covariance of one, then of the other.
        cases: A value of `CASES`, or some of it.
    """
    return [_outcome(distance, case) for case in cases]


def of_statistics(distance: Callable[..., Any]) -> Callable[[ndarray, ndarray], Any]:
    """Returns a function of two sets of features from one of (mean, covariance) twice.

    Mean and covariance are those of `np.mean` and `np.cov` over features in float64.
    """

    def from_features(x: ndarray, y: ndarray) -> Any:
        return distance(*_moments(x.astype(np.float64)), *_moments(y.astype(np.float64)))

    return from_features


def _outcome(distance: Callable[..., Any], case: Case) -> Outcome:
    inputs, expected, tolerance = case.make()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = np.asarray(distance(*inputs))
        except Exception as error:  # whatever a package raises is what is being asked
            message = f"{type(error).__name__}: {str(error).strip()}".partition("\n")[0]
            return Outcome(case.name, expected is None, None, expected, message)
    notes = "; ".join(sorted({f"{w.category.__name__}: {w.message}" for w in caught}))
    if result.size != 1:
        return Outcome(case.name, False, None, expected, f"an array of shape {result.shape}")
    number = result.reshape(()).item()
    if isinstance(number, complex):
        return Outcome(case.name, False, None, expected, f"complex: {number}")
    value = float(number)
    if not math.isfinite(value):
        return Outcome(case.name, False, None, expected, f"not finite: {value}")
    if expected is None:
        return Outcome(case.name, False, value, None, f"took it, and returned {value:.6g}")
    if abs(value - expected) > tolerance:
        return Outcome(case.name, False, value, expected, f"off by {value - expected:.3g}")
    return Outcome(case.name, True, value, expected, notes)


def _normal(seed: int, *shape: int) -> ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def _decaying(seed: int, n: int, f: int) -> ndarray:
    """Features whose variances fall as 1/i, as those of networks do."""
    return _normal(seed, n, f) / np.sqrt(np.arange(1, f + 1)) + 0.3


def _trace(x: ndarray) -> float:
    return float(x.var(axis=0, ddof=1).sum())


def _near(expected: float) -> float:
    return DIGITS * abs(expected)


def _with_covariance(root: ndarray) -> ndarray:
    """Returns 2 R rows with mean 0 and covariance root^T root, for a root `(R, F)`."""
    rows = root * math.sqrt((2 * len(root) - 1) / 2)
    return np.concatenate([rows, -rows])


def _rotation(f: int) -> ndarray:
    return np.linalg.qr(_normal(99, f, f)).Q


def _shifted(n: int, f: int) -> Example:
    x, t = _decaying(0, n, f), 0.02 * _normal(1, f)
    expected = float(t @ t)
    return Example((x, x + t), expected, _near(expected))


def _shifted_on_a_grid() -> Example:
    """Mean 5, deviation 0.05, on multiples of 2^-12: x and x + 1/8 are exact in float32."""
    x = np.round((5 + 0.05 * _normal(2, 1000, 64)) * 4096) / 4096
    return Example((x.astype(np.float32), (x + 0.125).astype(np.float32)), 1.0, _near(1.0))


def _itself(n: int, f: int) -> Example:
    x = _decaying(3, n, f)
    return Example((x, x), 0.0, DIGITS * 2 * _trace(x))


def _wider(n: int, f: int, unit: float = 1.0, swapped: bool = False) -> Example:
    x = unit * _decaying(4, n, f)
    y = x.mean(axis=0) + 1.7 * (x - x.mean(axis=0))
    y = y[np.random.default_rng(5).permutation(n)]
    expected = 0.7**2 * _trace(x)
    return Example((y, x) if swapped else (x, y), expected, _near(expected))


def _twice() -> Example:
    x, n = _decaying(6, 50, 128), 50
    expected = _trace(x) * (1 - math.sqrt(2 * (n - 1) / (2 * n - 1))) ** 2
    return Example((x, np.concatenate([x, x])), expected, DIGITS * _trace(x))


def _opposite_points() -> Example:
    a, b = np.array([1.0, 2, 3]), np.array([2.0, -1, 1])
    return Example((np.stack([a, -a]), np.stack([b, -b])), 28.0, _near(28))


def _constant() -> Example:
    a, b = _normal(7, 16), _normal(8, 16)
    expected = float(np.square(a - b).sum())
    return Example((np.tile(a, (6, 1)), np.tile(b, (9, 1))), expected, _near(expected))


def _one_feature() -> Example:
    x, y = 2 * _normal(9, 40, 1), 1 + _normal(10, 60, 1)
    spread = x.std(ddof=1) - y.std(ddof=1)
    expected = float(np.square(x.mean() - y.mean()) + spread**2)
    return Example((x, y), expected, _near(expected))


def _disjoint() -> Example:
    x, y = _decaying(11, 30, 60), _decaying(12, 20, 60)
    x[:, 30:], y[:, :30] = 0, 0
    shift = np.square(x.mean(axis=0) - y.mean(axis=0)).sum()
    expected = float(shift) + _trace(x) + _trace(y)
    return Example((x, y), expected, _near(expected))


def _axes(turned: bool = False, padding: int = 0, copies: int = 1) -> Example:
    """Diagonal covariances a^2 and b^2 over 24 features; rotated, padded, or at other sizes."""
    a, b = 1 / np.arange(1, 25), np.abs(_normal(13, 24))
    x, y = _with_covariance(np.diag(a)), np.tile(_with_covariance(np.diag(b)), (copies, 1))
    b = b * math.sqrt(copies * (len(x) - 1) / (copies * len(x) - 1))
    turn = _rotation(24) if turned else np.eye(24)
    expected = float(np.square(a - b).sum())
    x, y = (np.pad(z @ turn, ((0, 0), (0, padding))) for z in (x, y))
    return Example((x, y), expected, _near(expected))


def _two_by_two(statistics: bool) -> Example:
    """Covariances diag(4, 1) and [[2, 1], [1, 2]], which do not commute."""
    first, second = np.diag([4.0, 1.0]), np.array([[2.0, 1.0], [1.0, 2.0]])
    expected = 9 - 2 * math.sqrt(10 + 2 * math.sqrt(12))
    zero = np.zeros(2)
    roots = (np.linalg.cholesky(s).T for s in (first, second))
    inputs = (zero, first, zero, second) if statistics else tuple(map(_with_covariance, roots))
    return Example(inputs, expected, _near(expected))


def _isotropic() -> Example:
    n, f = 64, 1024
    expected = 2 * f - 16 / (3 * math.pi) * math.sqrt(f * n) + 2 * f / n
    return Example((_normal(14, n, f), _normal(15, n, f)), expected, 0.01 * expected)


def _moments(x: ndarray) -> tuple[ndarray, ndarray]:
    return x.mean(axis=0), np.cov(x, rowvar=False)


def _statistics(example: Example) -> Example:
    return example._replace(inputs=tuple(m for x in example.inputs for m in _moments(x)))


def _cubic(x: list, y: list, expected: float) -> Example:
    arrays = (np.array(v, dtype=np.float64).reshape(len(v), -1) for v in (x, y))
    return Example(tuple(arrays), expected, _near(expected))


def _constant_kid() -> Example:
    a, b = np.array([1.0, 2, 0, -1]), np.array([0.5, 1, 1, 1])
    k = [(float(u @ v) / 4 + 1) ** 3 for u, v in ((a, a), (b, b), (a, b))]
    expected = k[0] + k[1] - 2 * k[2]
    return Example((np.tile(a, (5, 1)), np.tile(b, (7, 1))), expected, _near(expected))


def _orthogonal() -> Example:
    return Example((3 * np.eye(12)[:5], 2 * np.eye(12)[5:]), 0.0, 1e-12)


def _line(fakes: list[float], expected: float) -> Example:
    """The reals are the integers 0 to 9."""
    reals, others = np.arange(10.0), np.array(fakes, dtype=np.float64)
    return Example((reals[:, None], others[:, None]), expected, DIGITS)


def _copy(expected: float) -> Example:
    x = _normal(16, 60, 8)
    return Example((x, x[::-1].copy()), expected, DIGITS)


def _collapsed(expected: float) -> Example:
    return _line([3.001 + i / 1e4 for i in range(8)], expected)


def _same_law(expected: float, tolerance: float) -> Example:
    return Example((_normal(17, 1500, 3), _normal(18, 1500, 3)), expected, tolerance)


def _wrong(x: ndarray, y: ndarray | None = None) -> Example:
    return Example((x, _normal(19, 30, 8) if y is None else y), None)


def _spoiled(value: float) -> Example:
    x = _normal(20, 30, 8)
    x[7, 3] = value
    return _wrong(x)


_TRANSLATION = "d(X, X + t) = |t|^2: the covariances are equal"
_SCALING = "d(X, m + c (X - m)) = (1 - c)^2 Tr S: they commute"
_AXES = "commuting covariances: sum over i of (a_i - b_i)^2, deviations a and b"
_CONSTANT = "|a - b|^2: both covariances are 0"
_DISJOINT = "|m_1 - m_2|^2 + Tr S_1 + Tr S_2: the product is 0"
_PLANE = "Tr sqrt(S T) = sqrt(Tr S T + 2 sqrt(det S det T))"
_POINTS = "the double sums, by hand"
_RANGE = "Naeem et al.: exact expectation under equality, N = M = 1500, k = 5; 5 deviations"

_FRECHET = (
    Case("shifted, 300 x 2048", lambda: _shifted(300, 2048), _TRANSLATION),
    Case("shifted, 300 x 32", lambda: _shifted(300, 32), _TRANSLATION),
    Case("shifted, float32 about 5", _shifted_on_a_grid, _TRANSLATION),
    Case("itself, 50 x 128", lambda: _itself(50, 128), "d(X, X) = 0"),
    Case("itself, 400 x 16", lambda: _itself(400, 16), "d(X, X) = 0"),
    Case("1.7 times as wide, 40 x 200", lambda: _wider(40, 200), _SCALING),
    Case("the same, sets swapped", lambda: _wider(40, 200, swapped=True), _SCALING),
    Case("the same, features 1e-4 as large", lambda: _wider(40, 200, 1e-4), _SCALING),
    Case("1.7 times as wide, 200 x 40", lambda: _wider(200, 40), _SCALING),
    Case("every image twice", _twice, "Tr S (1 - sqrt(2 (n - 1) / (2 n - 1)))^2"),
    Case("two pairs of points", _opposite_points, "{a, -a}, {b, -b}: 2|a|^2 + 2|b|^2 - 4|a.b|"),
    Case("constant images", _constant, _CONSTANT),
    Case("one feature", _one_feature, "(m_1 - m_2)^2 + (s_1 - s_2)^2"),
    Case("disjoint supports", _disjoint, _DISJOINT),
    Case("deviations along axes", _axes, _AXES),
    Case("the same, rotated", lambda: _axes(turned=True), _AXES),
    Case("the same, 40 columns of 0", lambda: _axes(turned=True, padding=40), _AXES),
    Case("the same, 48 rows against 240", lambda: _axes(turned=True, copies=5), _AXES),
    Case("2 x 2, not commuting", lambda: _two_by_two(False), _PLANE),
    Case("isotropic floor, 64 x 1024", _isotropic,
         "2 F - 16 / (3 pi) sqrt(F n) + 2 F / n within 1 %: free probability, n << F"),
)  # fmt: skip

_REFUSED = (
    Case("one image", lambda: _wrong(_normal(21, 1, 8)), "no covariance"),
    Case("no image", lambda: _wrong(np.zeros((0, 8))), "no mean"),
    Case("features without a row axis", lambda: _wrong(_normal(22, 8)), "which axis is lost?"),
    Case("features that were not pooled", lambda: _wrong(_normal(23, 30, 8, 1)), "not (N, F)"),
    Case("a NaN", lambda: _spoiled(np.nan), "no number follows from it"),
    Case("an infinity", lambda: _spoiled(np.inf), "no number follows from it"),
    Case("different F", lambda: _wrong(_normal(24, 30, 9)), "two networks"),
)

CASES: dict[str, tuple[Case, ...]] = {  # by metric; precision and recall at k = 3, else k = 5
    "frechet": _FRECHET,
    "frechet-statistics": (
        Case("2 x 2, not commuting", lambda: _two_by_two(True), _PLANE),
        Case("rank 39 of 200, 1.7 times as wide", lambda: _statistics(_wider(40, 200)), _SCALING),
        Case("rank 49 of 128, itself", lambda: _statistics(_itself(50, 128)), "d(X, X) = 0"),
        Case("disjoint supports", lambda: _statistics(_disjoint()), _DISJOINT),
        Case("full rank", lambda: _statistics(_axes(turned=True)), _AXES),
        Case("no spread", lambda: _statistics(_constant()), _CONSTANT),
    ),
    "refused": _REFUSED,
    "kid": (
        Case("{0, 1} and {0, 2}", lambda: _cubic([0, 1], [0, 2], -13), _POINTS),
        Case("sets swapped", lambda: _cubic([0, 2], [0, 1], -13), _POINTS),
        Case("3 points and 2", lambda: _cubic([0, 1, 2], [0, 2], -124 / 3), _POINTS),
        Case("two features", lambda: _cubic([[1, 1], [1, -1]], [[2, 0], [0, 2]], -10), _POINTS),
        Case("constant images", _constant_kid, "k(a, a) + k(b, b) - 2 k(a, b)"),
        Case("orthogonal images", _orthogonal, "every k is 1"),
    ),
    "precision": (
        Case("one mode of many", lambda: _collapsed(1.0), "fakes lie among the reals"),
        Case("on the sphere", lambda: _line([12, 11, -2, -3, -4], 0.8), "closed balls, k = 3"),
        Case("a copy", lambda: _copy(1.0), "distance 0 to its original"),
    ),
    "recall": (
        Case("one mode of many", lambda: _collapsed(0.0), "no real lies among the fakes"),
        Case("on the sphere", lambda: _line([9, 10, 11, 12, 100], 0.4), "closed, k = 3"),
        Case("a copy", lambda: _copy(1.0), "distance 0 to its original"),
    ),
    "density": (
        Case("on the sphere", lambda: _line([-2.0] + 7 * [-5.0], 0.05), "open balls, k = 5"),
        Case("a copy", lambda: _copy(1.0), "each open ball holds its centre and k - 1 others"),
        Case("one law", lambda: _same_law(1.0, 0.1), _RANGE),
    ),
    "coverage": (
        Case("on the sphere", lambda: _line([-2.0] + 7 * [-5.0], 0.2), "open balls, k = 5"),
        Case("a copy", lambda: _copy(1.0), "distance 0 to its original"),
        Case("one law", lambda: _same_law(
            1 - math.prod((1500 - i) / (3000 - i) for i in range(1, 6)), 0.03), _RANGE),
    ),
}  # fmt: skip
