"""The conformance suite: our own metrics pass, known wrong ones fail, nothing crashes it."""

import subprocess
import sys
import warnings

from collections.abc import Callable, Iterable

import numpy as np
import pytest
import scipy.linalg
import torch

from numpy import ndarray

from genlab.conformance.distances import CASES, Case, of_statistics, run
from genlab.metrics.frechet_distance import Statistics, frechet_distance
from genlab.metrics.kernel import kid
from genlab.metrics.manifold import density_coverage, precision_recall


def of_tensors(metric: Callable) -> Callable:
    return lambda *arrays: metric(*map(torch.tensor, arrays))


def from_statistics(*parts: torch.Tensor) -> float:
    mean1, covariance1, mean2, covariance2 = parts
    return frechet_distance(Statistics(mean1, covariance1), Statistics(mean2, covariance2))


OWN: dict[str, Callable] = {
    "frechet": of_tensors(frechet_distance),
    "frechet-statistics": of_tensors(from_statistics),
    "refused": of_tensors(frechet_distance),
    "kid": of_tensors(lambda x, y: kid(x, y).value),
    "precision": of_tensors(lambda x, y: precision_recall(x, y).precision),
    "recall": of_tensors(lambda x, y: precision_recall(x, y).recall),
    "density": of_tensors(lambda x, y: density_coverage(x, y).density),
    "coverage": of_tensors(lambda x, y: density_coverage(x, y).coverage),
}


SMALL = [case for case in CASES["frechet"] if "x 2048" not in case.name]


def passed(distance: Callable, cases: Iterable[Case] = SMALL) -> dict[str, bool]:
    return {outcome.case: outcome.passed for outcome in run(distance, cases)}


@pytest.mark.parametrize("metric", CASES)
def test_our_own(metric: str) -> None:
    outcomes = run(OWN[metric], CASES[metric])
    assert [o for o in outcomes if not o.passed or (o.message and o.expected is not None)] == []
    assert len({o.case for o in outcomes}) == len(CASES[metric])


def test_our_own_is_right_to_nine_digits() -> None:
    for metric in ("frechet", "frechet-statistics", "kid"):
        for case, outcome in zip(CASES[metric], run(OWN[metric], CASES[metric])):
            inputs, expected, tolerance = case.make()
            if "floor" not in case.name:
                # where 0 is expected the unit is the trace, a million tolerances
                unit = abs(expected) if abs(expected) > tolerance else 1e6 * tolerance
                assert abs(outcome.value - expected) <= 1e-9 * unit, case.name


@pytest.mark.parametrize("metric", CASES)
def test_cases_are_the_same_each_time_and_sound(metric: str) -> None:
    for case in CASES[metric]:
        one, two = case.make(), case.make()
        assert one.expected == two.expected
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one.inputs, two.inputs))
        if metric != "refused":
            assert all(np.isfinite(a).all() for a in one.inputs)
            assert np.isfinite(one.expected)
            assert one.tolerance >= 0


def by_sqrtm(ddof: int) -> Callable[[ndarray, ndarray], float]:
    def distance(x: ndarray, y: ndarray) -> float:
        s, t = (np.atleast_2d(np.cov(z.astype(float), rowvar=False, ddof=ddof)) for z in (x, y))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SciPy on singular products
            root = np.asarray(scipy.linalg.sqrtm(s @ t))
        shift = x.mean(0) - y.mean(0)
        return float(shift @ shift + np.trace(s + t - 2 * root.real))

    return distance


def test_expectations_by_the_matrix_root() -> None:
    """SciPy's root in float64 agrees with every closed form where the product is regular."""
    names = {
        "shifted, 300 x 32", "itself, 400 x 16", "1.7 times as wide, 200 x 40", "one feature",
        "deviations along axes", "the same, rotated", "the same, 48 rows against 240",
        "2 x 2, not commuting",
    }  # fmt: skip
    verdict = passed(by_sqrtm(1), [case for case in SMALL if case.name in names])
    assert verdict == dict.fromkeys(names, True)


def test_a_division_by_n_is_found() -> None:
    names = {"two pairs of points", "1.7 times as wide, 200 x 40", "shifted, 300 x 32"}
    verdict = passed(by_sqrtm(0), [case for case in SMALL if case.name in names])
    assert not verdict["two pairs of points"]
    assert not verdict["1.7 times as wide, 200 x 40"]
    assert verdict["shifted, 300 x 32"]


def test_float32_statistics_are_found() -> None:
    def streamed(x: ndarray, y: ndarray) -> float:
        parts = []
        for z in (x.astype(np.float32), y.astype(np.float32)):
            mean = z.mean(0)
            parts += [mean, (z.T @ z - len(z) * np.outer(mean, mean)) / (len(z) - 1)]
        return from_statistics(*map(torch.tensor, parts))

    assert not passed(streamed)["shifted, float32 about 5"]


def test_swapped_precision_and_recall_are_found() -> None:
    assert not passed(OWN["recall"], CASES["precision"])["one mode of many"]
    assert not passed(OWN["precision"], CASES["recall"])["one mode of many"]


def test_other_spheres_are_found() -> None:
    def open_precision(x: ndarray, y: ndarray) -> float:
        return precision_recall(torch.tensor(x), torch.tensor(y) * (1 + 1e-9)).precision

    assert not passed(open_precision, CASES["precision"])["on the sphere"]
    four = of_tensors(lambda x, y: density_coverage(x, y, 4).density)
    assert not passed(four, CASES["density"])["on the sphere"]


def test_a_biased_kid_is_found() -> None:
    def biased(x: ndarray, y: ndarray) -> float:
        k = [(a @ b.T / x.shape[1] + 1) ** 3 for a, b in ((x, x), (y, y), (x, y))]
        return k[0].mean() + k[1].mean() - 2 * k[2].mean()

    verdict = passed(biased, CASES["kid"])
    assert not verdict["{0, 1} and {0, 2}"]
    assert verdict["constant images"]


def test_whatever_a_package_does_is_an_outcome() -> None:
    def raises(*_: ndarray) -> float:
        raise ValueError("Imaginary component 3\nand more")

    def warns(*_: ndarray) -> float:
        warnings.warn("careful", stacklevel=2)
        return 28.0

    returns: dict[str, Callable] = {
        "ValueError: Imaginary component 3": raises,
        "not finite: nan": lambda *_: np.float32("nan"),
        "complex: (28+1e-09j)": lambda *_: np.complex128(28, 1e-9),
        "an array of shape (2,)": lambda *_: np.zeros(2),
        "off by 1": lambda *_: torch.tensor([29.0]),
        "UserWarning: careful": warns,
        "": lambda *_: 28,
    }
    for message, distance in returns.items():
        outcome = next(o for o in run(distance, SMALL) if o.case == "two pairs of points")
        assert outcome.message == message
        assert outcome.passed == (message in ("", "UserWarning: careful"))
        assert outcome.expected == 28
        assert (outcome.value is None) == (message[:3] not in ("", "Use", "off"))


def test_wrong_input_must_be_refused() -> None:
    outcomes = run(lambda *_: 0.0, CASES["refused"])
    assert all(not o.passed and o.message == "took it, and returned 0" for o in outcomes)


def test_moments_for_functions_of_statistics() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 30, 4))
    seen = of_statistics(lambda *statistics: statistics)(x, y)
    np.testing.assert_allclose(seen[0], x.mean(0))
    np.testing.assert_allclose(seen[3], np.cov(y.T))


def test_the_suite_needs_numpy_only() -> None:
    program = (
        "import sys, genlab.conformance.distances as c; c.run(lambda x, y: 0.0, c.CASES['kid']);"
        "assert not {'torch', 'scipy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
