r"""Products of float32 matrices at the full width of the processor, :math:`A B^T + c`.

On processors torch takes them from MKL, and MKL uses AVX-512 on Intel's processors alone: on
AMD's it stays with AVX2, at half of what they can do. oneDNN, which torch carries for its
convolutions, asks the processor and not its maker. So on these the products go to oneDNN, with
the same float32 arithmetic; `benchmarks/products.py` measures both, and that this changes the
order of sums only. Where MKL is as wide, where the type is float64 and on GPUs they are torch's.

Shapes: M rows, N columns, K summed over.
"""

__all__ = ["Linear", "linear", "linear_over", "wide"]

from functools import cache
from typing import Any, cast

import torch
import torch.nn as nn

from torch import Tensor


@cache
def wide() -> bool:
    """Returns whether oneDNN's products are twice as wide as MKL's here."""
    able = torch.cpu.get_capabilities()
    amd = "AMD" in str(able.get("cpu_name", ""))
    return amd and bool(able.get("avx512_f")) and torch.backends.mkldnn.is_available()


def _ours(x: Tensor, weight: Tensor) -> bool:
    return x.dtype == weight.dtype == torch.float32 and x.device.type == "cpu" and wide()


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Returns `x @ weight.T + bias`, as `torch.nn.functional.linear` does.

    Arguments:
        x: With shape `(*, K)`.
        weight: With shape `(N, K)`.
        bias: With shape `(N,)`; none if not given.

    Returns:
        With shape `(*, N)`. It can be derived as often as one likes, by reverse mode.
    """
    if not _ours(x, weight):
        return nn.functional.linear(x, weight, bias)
    product = cast(Tensor, _Product.apply(x.reshape(-1, x.shape[-1]), weight, bias))
    return product.view(*x.shape[:-1], len(weight))


@torch.no_grad()
def linear_over(sheet: Tensor, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Returns `x @ weight.T + bias`, with shape `(*, N)`, without derivatives.

    It is written over `sheet`, which is contiguous and has that shape, where it can be: oneDNN
    takes memory of its own.
    """
    if _ours(x, weight):
        return linear(x, weight, bias)
    rows = sheet.view(-1, len(weight))
    torch.addmm(bias, x.reshape(-1, weight.shape[1]), weight.T, out=rows)
    return sheet


class Linear(nn.Linear):
    """`torch.nn.Linear` by such products."""

    def forward(self, input: Tensor) -> Tensor:
        """Returns `(*, N)`, of `(*, K)`."""
        return linear(input, self.weight, self.bias)


def _product(a: Tensor, b: Tensor, c: Tensor | None) -> Tensor:
    """Returns `a @ b.T + c` by oneDNN.

    Its operator takes `c` for contiguous, unasked, and with rows of `b` that lie apart, as those
    of a slice do, it is two thousand times as slow.
    """
    if not (b.is_contiguous() or b.T.is_contiguous()):
        b = b.contiguous()
    c = None if c is None else c.contiguous()
    return torch.ops.mkldnn._linear_pointwise.default(a, b, c, "none", [], "")


class _Product(torch.autograd.Function):
    r"""Value and derivatives, which are such products again.

    .. math:: C = A B^T + c, \quad
              \bar A = \bar C B, \quad \bar B = \bar C^T A, \quad \bar c = \bar C^T 1
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, c: Tensor | None) -> Tensor:
        ctx.save_for_backward(a, b)
        return _product(a, b, c)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        a, b = ctx.saved_tensors
        of_a, of_b, of_c = ctx.needs_input_grad
        product = _Product.apply if torch.is_grad_enabled() else _product
        return (
            product(upstream, b.T, None) if of_a else None,
            product(upstream.T, a.T, None) if of_b else None,
            upstream.sum(0) if of_c else None,
        )
