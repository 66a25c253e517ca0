"""Products by oneDNN are those of float64 but for rounding, and so are their derivatives."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn as nn

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from genlab.networks.mlp import Decoder, Encoder
from genlab.numerics import linear as products
from genlab.numerics.linear import Linear, linear, linear_over


class Operators(TorchDispatchMode):
    """Notes the names of torch's operators that are called."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        self.names.append(str(func))
        return func(*args, **kwargs or {})


WAYS = [
    "torch",
    pytest.param(
        "oneDNN",
        marks=pytest.mark.skipif(
            not torch.backends.mkldnn.is_available(), reason="torch has no oneDNN here"
        ),
    ),
]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Either way of taking products, whatever this processor would take."""
    monkeypatch.setattr(products, "wide", lambda: request.param == "oneDNN")
    return request.param


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def within_rounding(found: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> bool:
    """Whether each sum is off by at most K + 1 roundings of its terms (Higham, 2002, 3.5)."""
    x, weight = x.double(), weight.double()
    bias = torch.zeros(len(weight)) if bias is None else bias.double()
    eps = torch.finfo(torch.float32).eps
    bound = (weight.shape[1] + 1) * eps * (x.abs() @ weight.abs().T + bias.abs())
    return bool(((found - (x @ weight.T + bias)).abs() <= bound).all())


LAYOUTS: dict[str, Callable[[int, int], Tensor]] = {
    "contiguous": lambda rows, columns: drawn(rows, columns),
    "transposed": lambda rows, columns: drawn(columns, rows).T,
    "every second row": lambda rows, columns: drawn(2 * rows, columns)[::2],
    "every second column": lambda rows, columns: drawn(rows, 2 * columns)[:, ::2],
    "some columns": lambda rows, columns: drawn(rows, columns + 3)[:, 3:],
    "one row": lambda rows, columns: drawn(1, columns).expand(rows, -1),
    "one column": lambda rows, columns: drawn(rows, 1).expand(-1, columns),
}


@pytest.mark.parametrize("of_weight", LAYOUTS)
@pytest.mark.parametrize("of_x", LAYOUTS)
def test_values_in_any_layout(way: str, of_x: str, of_weight: str) -> None:
    for rows, outer, inner in [(5, 4, 3), (128, 300, 784), (1, 7, 2), (6, 1, 1), (33, 17, 40)]:
        x, weight = LAYOUTS[of_x](rows, inner), LAYOUTS[of_weight](outer, inner)
        for bias in (None, drawn(outer, seed=1), drawn(2 * outer)[::2], drawn(1).expand(outer)):
            assert within_rounding(linear(x, weight, bias), x, weight, bias), (rows, outer, inner)


@pytest.mark.parametrize("leading", [(), (4,), (2, 3), (0,), (2, 0)])
def test_leading_dimensions_stay(way: str, leading: tuple[int, ...]) -> None:
    x, weight, bias = drawn(*leading, 7), drawn(3, 7, seed=1), drawn(3, seed=2)
    found = linear(x, weight, bias)
    torch.testing.assert_close(found, nn.functional.linear(x, weight, bias))
    sheet = torch.full((*leading, 3), 9.0)
    over = linear_over(sheet, x, weight, bias)
    torch.testing.assert_close(over, found)
    assert way == "oneDNN" or over is sheet


def derivatives(arguments: list[Tensor]) -> list[Tensor]:
    """First derivatives of a function of two layers, and those of their squares' sum."""
    x, weight, bias = arguments
    last = weight[:, : len(weight)]
    value = torch.tanh(linear(torch.tanh(linear(x, weight, bias)), last, bias)).square().sum()
    first = torch.autograd.grad(value, arguments, create_graph=True)
    length = sum((part.square().sum() for part in first), torch.zeros(()))
    return [*first, *torch.autograd.grad(length, arguments)]


def test_first_and_second_derivatives(way: str) -> None:
    arguments = [drawn(9, 8), 0.4 * drawn(6, 8, seed=1), drawn(6, seed=2)]
    ours = derivatives([a.requires_grad_() for a in arguments])
    theirs = derivatives([a.detach().double().requires_grad_() for a in arguments])
    for found, wanted in zip(ours, theirs):
        torch.testing.assert_close(found.double(), wanted, rtol=1e-4, atol=1e-5)


def test_derivatives_of_what_is_asked_for_only(way: str) -> None:
    x, weight, bias = drawn(5, 4), drawn(3, 4, seed=1).requires_grad_(), drawn(3, seed=2)
    linear(x, weight, bias).sum().backward()
    assert weight.grad is not None
    torch.testing.assert_close(weight.grad, x.sum(0).expand(3, -1))
    assert x.grad is None
    assert bias.grad is None


@pytest.mark.parametrize("gated", [False, True])
def test_networks_have_the_gradients_of_float64(way: str, gated: bool) -> None:
    torch.manual_seed(0)
    nets = nn.ModuleList([Encoder(50, [30, 20], 3, gated=gated), Decoder(3, [20], 50)])
    exact = nn.ModuleList([Encoder(50, [30, 20], 3, gated=gated), Decoder(3, [20], 50)]).double()
    exact.load_state_dict(nets.state_dict())
    x = drawn(40, 50)
    for (encoder, decoder), images in ((nets, x), (exact, x.double())):
        mean, log_std = encoder(images)
        (decoder(mean + log_std.exp()).square().sum() / 1000).backward()
    for ours, theirs in zip(nets.parameters(), exact.parameters()):
        assert ours.grad is not None
        assert theirs.grad is not None
        torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=1e-4, atol=1e-6)


def test_float64_and_other_devices_are_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "wide", lambda: True)
    with Operators() as called:
        assert linear(drawn(2, 3).double(), drawn(4, 3).double()).dtype == torch.float64
        assert Linear(3, 4, device="meta")(torch.empty(2, 3, device="meta")).shape == (2, 4)
    assert not any("mkldnn" in name for name in called.names)
    if torch.backends.mkldnn.is_available():
        with Operators() as called:
            linear(drawn(2, 3), drawn(4, 3))
        assert any("mkldnn" in name for name in called.names)


@pytest.mark.parametrize(
    ("name", "avx512", "expected"),
    [
        ("AMD EPYC 9B45", True, True),
        ("AMD EPYC 7B13", False, False),
        ("Intel(R) Xeon(R) Processor", True, False),
    ],
)
def test_where_mkl_is_half_as_wide(
    monkeypatch: pytest.MonkeyPatch, name: str, avx512: bool, expected: bool
) -> None:
    able = {"architecture": "x86_64", "cpu_name": name, "avx512_f": avx512}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert products.wide.__wrapped__() == (expected and torch.backends.mkldnn.is_available())
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"architecture": "aarch64"})
    assert not products.wide.__wrapped__()
