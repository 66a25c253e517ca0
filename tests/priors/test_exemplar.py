"""The exemplar prior against a kernel density estimate and the explicit leave-one-out sum."""

import math

import numpy as np
import pytest
import torch

from cases.priors import attached, encoder
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.neighbors import KernelDensity as Oracle

from genlab.common.errors import InputError
from genlab.conformance.densities import PIXELS
from genlab.priors.exemplar import Exemplar, KernelDensity

ANY = torch.Generator()


def exemplars(
    latent: int, count: int = 7, rows: torch.Tensor | None = None
) -> tuple[Exemplar, torch.nn.Module]:
    """A prior in float64 and its encoder; the exemplars are rows 10, 11, ... unless said."""
    net = encoder(latent).double()
    images = torch.rand(count, PIXELS, generator=torch.Generator().manual_seed(1)).double()
    rows = 10 + torch.arange(count) if rows is None else rows
    prior = attached(Exemplar(latent, count).double(), net, images, rows)
    return prior.double(), net


@pytest.mark.parametrize("latent", [1, 2, 3, 40])
def test_density_equals_a_kernel_density_estimate_of_the_codes(latent: int) -> None:
    prior, net = exemplars(latent)
    codes = net(prior.images)[:, :latent].detach().numpy()
    oracle = Oracle(bandwidth=prior.log_std.exp().item(), kernel="gaussian").fit(codes)
    z = torch.randn(50, latent, generator=torch.Generator().manual_seed(0)).double()
    found = prior().log_prob(z).detach().numpy()
    np.testing.assert_allclose(found, oracle.score_samples(z.numpy()), rtol=1e-7)


def test_training_leaves_the_own_exemplar_out() -> None:
    """Rows 12 and 10 are exemplars: K - 1 others; row 3 is none: all K, divided by K."""
    prior, net = exemplars(3)
    codes = net(prior.images)[:, :3].detach().numpy()
    rows = torch.tensor([12, 3, 10])
    z = torch.randn(4, 3, 3, generator=torch.Generator().manual_seed(0)).double()
    found = prior.training_log_prob(z, rows, ANY)
    assert found.shape == (4, 3)
    sigma = prior.log_std.exp().item()
    for column, others in enumerate([[0, 1, 3, 4, 5, 6], range(7), [1, 2, 3, 4, 5, 6]]):
        terms = [
            multivariate_normal(codes[k], sigma**2).logpdf(z[:, column].numpy()) for k in others
        ]
        np.testing.assert_allclose(
            found[:, column].detach().numpy(), logsumexp(terms, 0) - math.log(len(others)),
            rtol=1e-10,
        )  # fmt: skip


def test_two_exemplars_leave_each_other() -> None:
    """The least K there can be; gradients stay finite beside the masked kernel."""
    prior, net = exemplars(2, count=2)
    codes = net(prior.images)[:, :2].detach()
    z = codes.clone().requires_grad_()
    found = prior.training_log_prob(z, torch.tensor([10, 11]), ANY)
    found.sum().backward()
    square = (codes[0] - codes[1]).square().sum().item()
    sigma2 = math.exp(2 * prior.log_std.item())
    wanted = -0.5 * square / sigma2 - math.log(2 * math.pi * sigma2)
    assert found.tolist() == pytest.approx([wanted, wanted])
    for gradient in (z.grad, prior.log_std.grad, net.weight.grad):
        assert gradient is not None
        assert torch.isfinite(gradient).all()
    assert net.weight.grad.abs().sum() > 0


def test_without_the_mask_a_narrow_kernel_would_seem_best() -> None:
    """The fiction: as sigma shrinks the density at the own codes grows; without them it falls."""
    prior, _ = exemplars(2, count=30)
    codes = prior().centres
    inside, left_out = [], []
    for log_std in (-1.0, -4.0):
        with torch.no_grad():
            prior.log_std.fill_(log_std)
            inside.append(prior().log_prob(codes).mean().item())
            left_out.append(prior.training_log_prob(codes, prior.rows, ANY).mean().item())
    assert inside[0] > left_out[0]
    assert inside[1] > inside[0] + 2
    assert left_out[1] < left_out[0] - 2


def test_exemplars_are_encoded_anew_at_every_call() -> None:
    prior, net = exemplars(2)
    z = torch.randn(5, 2).double()
    before = prior().log_prob(z)
    with torch.no_grad():
        net.bias.add_(1)
    torch.testing.assert_close(prior().log_prob(z + 1), before)


def test_gradients_equal_finite_differences() -> None:
    centres = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    log_std = torch.tensor(-0.5, dtype=torch.float64, requires_grad=True)
    z = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda z, c, s: KernelDensity(c, s).log_prob(z), (z, centres, log_std)
    )


def test_narrow_kernels_far_out_keep_their_precision() -> None:
    """Codes near (1000, 1000): |z|^2 - 2 z mu + |mu|^2 would be off by a tenth in float32."""
    centres = 1000 + torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    z = centres[:20] + 0.25
    found = KernelDensity(centres, torch.tensor(-1.0)).log_prob(z)
    wanted = KernelDensity(centres.double(), torch.tensor(-1.0).double()).log_prob(z.double())
    torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=1e-5)


def test_a_single_exemplar_and_a_module_are_refused() -> None:
    with pytest.raises(InputError, match="`components` must be at least 2, not 1"):
        Exemplar(2, 1)
    with pytest.raises(TypeError, match="function"):
        Exemplar(2, 3).attach(encoder(2), PIXELS)
    with pytest.raises(InputError, match="`components` must be at most the 2 training images"):
        attached(Exemplar(2, 3), encoder(2), torch.rand(2, PIXELS))


def test_loading_leaves_the_callers_images_alone() -> None:
    images, rows = torch.zeros(3, PIXELS), torch.zeros(3, dtype=torch.int64)
    fresh = attached(Exemplar(2, 3), encoder(2), images, rows)
    fresh.load_state_dict(attached(Exemplar(2, 3), encoder(2), images + 1).state_dict())
    assert (images == 0).all()
    assert (rows == 0).all()
    assert fresh.rows.tolist() == [0, 1, 2]
