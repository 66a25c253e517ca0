"""The functions of `genlab.metrics`: arrays and tensors alike, loaded when first used."""

import subprocess
import sys

from collections.abc import Callable

import numpy as np
import pytest
import torch

from torch import Tensor

from genlab import metrics
from genlab.common.errors import InputError
from genlab.common.quantities import Measured
from genlab.common.rng import generator


def normal(stream: str, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator(0, stream), dtype=torch.float64)


PAIRWISE = (
    "density_coverage", "frechet", "frechet_jackknife", "gaussian_mmd", "kid",
    "memorisation_test", "precision_recall",
)  # fmt: skip
TRIPLES = ("frechet_difference", "kid_difference")


def test_the_package_lists_its_names_and_loads_them_when_they_are_used() -> None:
    assert set(metrics.__all__) <= set(dir(metrics))
    for name in metrics.__all__:
        assert getattr(metrics, name).__name__ == name
    with pytest.raises(AttributeError, match=r"'genlab\.metrics' has no attribute 'fid'"):
        _ = metrics.fid  # type: ignore[attr-defined]
    program = (
        "import sys, genlab.metrics as m, genlab.conformance.distances;"
        "assert not {'torch', 'scipy'} & set(sys.modules);"
        "m.frechet; assert 'torch' in sys.modules; import genlab.metrics.jackknife;"
        "assert callable(m.frechet)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", [*PAIRWISE, *TRIPLES, "statistics", "vendi_score"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4"])
def test_arrays_and_tensors_of_any_dtype_give_the_same(name: str, dtype: str) -> None:
    function: Callable[..., object] = getattr(metrics, name)
    count = 3 if name in TRIPLES else 2 if name in PAIRWISE else 1
    arrays = [normal(f"set {i}", 12 + i, 5).numpy().astype(dtype) for i in range(count)]
    for array in arrays:
        array.flags.writeable = False  # as arrays from files may be
    exact = [torch.tensor(array.astype(np.float64)) for array in arrays]
    assert repr(function(*arrays)) == repr(function(*exact))
    if dtype != ">f4":
        tensors = [x.to(getattr(torch, dtype)).requires_grad_() for x in exact]
        assert repr(function(*tensors)) == repr(function(*exact))


def test_probabilities_may_be_arrays() -> None:
    p = normal("p", 20, 4).softmax(1)
    assert metrics.inception_score(p.numpy()).value == metrics.inception_score(p).value
    assert metrics.class_entropy(p.float().numpy()) == metrics.class_entropy(p.float())


def test_a_distance_has_its_error_where_one_can_be_had() -> None:
    x, y = normal("x", 30, 6), normal("y", 20, 6) + 1
    found = metrics.frechet(x, y)
    assert isinstance(found, Measured)
    known = metrics.frechet_jackknife(x, y)
    assert (found.value, found.error) == (known.value, known.error)
    assert metrics.frechet(x[:2], y).error is None
    statistics = metrics.statistics(y)
    assert metrics.frechet(x, statistics) == Measured(metrics.frechet(x, statistics).value)
    assert metrics.frechet(x, statistics).value == pytest.approx(found.value, rel=1e-9)
    arrays = metrics.Statistics(statistics.mean.numpy(), statistics.covariance.numpy())  # type: ignore[arg-type]
    assert metrics.frechet(x.numpy(), arrays).value == metrics.frechet(x, statistics).value


@pytest.mark.parametrize(
    ("x", "kind"),
    [([[1.0, 2.0]], "list"), (np.array([["a", "b"]] * 5), "<U1"),
     (torch.ones(5, 4, dtype=torch.complex64), "torch.complex64"),
     (np.ones((5, 4), complex), "complex128")],
)
def test_other_types_are_refused(x: object, kind: str) -> None:
    with pytest.raises(InputError, match=rf"first features are {kind}; give a NumPy array"):
        metrics.frechet(x, normal("y", 20, 4))  # type: ignore[arg-type]
