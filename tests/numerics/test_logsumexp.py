"""Sums of exponentials: values and derivatives are those of torch, and nothing underflows."""

import math

import pytest
import torch

from genlab.numerics.logsumexp import logsumexp, small_exp_


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("spread", [1.0, 30.0, 1000.0])
def test_equals_torch(dtype: torch.dtype, dim: int, spread: float) -> None:
    """In float64; torch's own derivative in float32 is off by 6e-5 where sums are near 1,000."""
    random = torch.Generator().manual_seed(0)
    a = (spread * torch.randn(40, 30, 20, generator=random)).to(dtype).requires_grad_()
    exact = a.detach().double().requires_grad_()
    found, wanted = logsumexp(a, dim), exact.logsumexp(dim)
    torch.testing.assert_close(found, wanted.to(dtype))
    weight = torch.randn(found.shape, generator=random).to(dtype)
    (ours,) = torch.autograd.grad((found * weight).sum(), a)
    (theirs,) = torch.autograd.grad((wanted * weight).sum(), exact)
    torch.testing.assert_close(ours, theirs.to(dtype), rtol=1e-5, atol=1e-30)


def test_has_the_derivatives_of_its_value() -> None:
    a = torch.randn(4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    a.requires_grad_()
    assert torch.autograd.gradcheck(lambda value: logsumexp(value, 1), [a])
    assert torch.autograd.gradgradcheck(lambda value: logsumexp(value, 1), [a])


def test_infinities_and_nan_are_those_of_torch() -> None:
    far = math.inf
    a = torch.tensor([[-far, -far], [far, 0], [-far, 0], [math.nan, 0], [far, math.nan], [1, 2]])
    torch.testing.assert_close(logsumexp(a, 1), a.logsumexp(1), equal_nan=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_small_exponentials_are_normal_numbers(dtype: torch.dtype) -> None:
    a = torch.tensor([0, -1, -80, -86, -88, -100, -700, -720, -1e5, -math.inf], dtype=dtype)
    found, tiny = small_exp_(a.clone()), torch.finfo(dtype).tiny
    torch.testing.assert_close(found, a.exp(), atol=4 * tiny, rtol=1e-5)
    assert (found >= tiny).all()


def test_exponentials_of_another_type() -> None:
    """Exponents of a million, which float32 holds to 1/16 only, and sums in float32."""
    random = torch.Generator().manual_seed(0)
    a = 1e6 + 5 * torch.randn(30, 40, dtype=torch.float64, generator=random)
    a.requires_grad_()
    found, wanted = logsumexp(a, 1, torch.float32), a.logsumexp(1)
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, wanted, rtol=0, atol=5e-7)
    weight = torch.randn(30, dtype=torch.float64, generator=random)
    (ours,) = torch.autograd.grad((found * weight).sum(), a)
    (theirs,) = torch.autograd.grad((wanted * weight).sum(), a)
    torch.testing.assert_close(ours, theirs, rtol=3e-6, atol=1e-30)
