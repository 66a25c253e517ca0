"""Every prior, against something independent; the table `PRIORS` decides what is tested."""

import math

import numpy as np
import pytest
import torch
import torch.nn as nn

from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture

from genlab.priors import PRIORS, Setting
from genlab.priors.mixture import MixturePrior, gaussian_mixture
from genlab.priors.vamp import VampPrior
from genlab.recipes.vae import PRIOR_NAMES

# Shapes: K components, D latent dimensions, X pixels.
COMPONENTS, PIXELS = 7, 20


def encoder(latent: int) -> nn.Module:
    """A random linear encoder whose posteriors are neither tiny nor huge."""
    torch.manual_seed(latent)
    return nn.Linear(PIXELS, 2 * latent)


def build(name: str, latent: int, *, stirred: bool) -> tuple[nn.Module, nn.Module]:
    """Returns a prior, with its parameters moved at random if `stirred`, and its encoder."""
    net = encoder(latent)

    def encode(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean, log_std = net(x).chunk(2, -1)
        return mean, log_std

    torch.manual_seed(1)
    prior = PRIORS[name](
        Setting(
            latent=latent, components=COMPONENTS, encode=encode,
            examples=torch.rand(COMPONENTS, PIXELS),
        )
    )
    if stirred:
        with torch.no_grad():
            for parameter in prior.parameters():
                parameter.add_(0.5 * torch.randn_like(parameter))
    return prior, net


def plane(limit: float, count: int) -> tuple[torch.Tensor, float]:
    """Returns the midpoints of a grid over [-limit, limit]^2 and the area of a cell."""
    step = 2 * limit / count
    line = -limit + step * (torch.arange(count, dtype=torch.float64) + 0.5)
    return torch.cartesian_prod(line, line), step**2


def test_the_table_is_what_the_command_line_offers() -> None:
    assert tuple(PRIORS) == PRIOR_NAMES


@pytest.mark.parametrize("name", PRIORS)
@pytest.mark.parametrize("stirred", [False, True])
def test_density_integrates_to_one(name: str, stirred: bool) -> None:
    prior = build(name, 2, stirred=stirred)[0].double()
    if name == "vamp":
        build_encoder_double(prior)
    points, area = plane(14.0, 700)
    total = prior().log_prob(points).exp().sum().item() * area
    assert total == pytest.approx(1, abs=1e-4)


def build_encoder_double(prior: nn.Module) -> None:
    """The VampPrior does not own its encoder: `.double()` on it must not be relied on."""
    net = prior.encode.__closure__[0].cell_contents
    net.double()


@pytest.mark.parametrize("name", PRIORS)
@pytest.mark.parametrize("latent", [1, 2, 3, 40])
def test_density_equals_an_explicit_float64_sum(name: str, latent: int) -> None:
    prior, net = build(name, latent, stirred=True)
    z = torch.randn(50, latent, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        found = prior().log_prob(z)
        if name == "standard":
            weights, means, stds = [1.0], np.zeros((1, latent)), np.ones((1, latent))
        elif name == "mixture":
            weights = prior.logits.softmax(0).double().numpy()
            means, stds = prior.mean.numpy(), prior.log_std.exp().numpy()
        else:
            mean, log_std = net(torch.sigmoid(prior.pseudo_logits)).chunk(2, -1)
            weights = np.full(COMPONENTS, 1 / COMPONENTS)
            means, stds = mean.numpy(), log_std.exp().numpy()
    density = sum(
        w * multivariate_normal(m, np.diag(s.astype(float) ** 2)).pdf(z.double().numpy())
        for w, m, s in zip(weights, means.astype(float), stds)
    )
    assert found.shape == (50,)
    np.testing.assert_allclose(found.numpy(), np.log(density), rtol=2e-5, atol=2e-5)


def test_mixture_equals_scikit_learn() -> None:
    """An independent program; a product of one-dimensional mixtures would fail here."""
    prior = build("mixture", 2, stirred=True)[0].double()
    oracle = GaussianMixture(COMPONENTS, covariance_type="diag")
    oracle.weights_ = prior.logits.softmax(0).detach().numpy()
    oracle.means_ = prior.mean.detach().numpy()
    oracle.covariances_ = (2 * prior.log_std).exp().detach().numpy()
    oracle.precisions_cholesky_ = (-prior.log_std).exp().detach().numpy()
    points, _ = plane(5.0, 40)
    np.testing.assert_allclose(
        prior().log_prob(points).detach().numpy(), oracle.score_samples(points.numpy()), rtol=1e-9
    )


def test_mixture_is_no_product_of_mixtures() -> None:
    """Where one component is left and the other low, the other two corners are empty."""
    mean = torch.tensor([[-3.0, 3.0], [3.0, -3.0]], dtype=torch.float64)
    log_std = torch.full_like(mean, math.log(0.5))
    p = gaussian_mixture(torch.zeros(2, dtype=torch.float64), mean, log_std)
    corner = p.log_prob(torch.tensor([3.0, 3.0], dtype=torch.float64)).item()
    # Nearest component 6 away in one coordinate: ln N = -(6/0.5)^2/2 - ln(2 pi 0.25)
    assert corner == pytest.approx(-72 - math.log(2 * math.pi * 0.25), abs=1e-9)


@pytest.mark.parametrize("name", PRIORS)
def test_sampler_agrees_with_density(name: str) -> None:
    """The samples' mean log-density is the negative entropy of a grid; quadrants agree too."""
    prior = build(name, 2, stirred=True)[0]
    with torch.no_grad():
        p = prior()
        torch.manual_seed(0)
        samples = p.sample((100_000,))
        values = p.log_prob(samples).double()
        points, area = plane(14.0, 700)
        log_p = p.log_prob(points.float()).double()
    mass = log_p.exp() * area
    error = values.std().item() / math.sqrt(len(values))
    assert values.mean().item() == pytest.approx((mass * log_p).sum().item(), abs=4 * error + 1e-3)
    step = math.sqrt(area)  # quadrants meet on the edges of cells
    centre = ((mass[:, None] * points).sum(0) / step).round() * step
    for signs in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        inside = (((points - centre) * torch.tensor(signs)) > 0).all(1)
        wanted = mass[inside].sum().item()
        found = (((samples - centre) * torch.tensor(signs)) > 0).all(1).double().mean().item()
        assert found == pytest.approx(wanted, abs=4 * math.sqrt(0.25 / 100_000) + 1e-3)


@pytest.mark.parametrize("name", PRIORS)
def test_gradient_reaches_every_parameter(name: str) -> None:
    prior, net = build(name, 3, stirred=True)
    z = torch.randn(20, 3, requires_grad=True)
    prior().log_prob(z).mean().backward()
    assert z.grad.abs().sum() > 0
    for key, parameter in prior.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.abs().sum() > 0, key
    if name == "vamp":
        assert net.weight.grad is not None
        assert net.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("name", PRIORS)
def test_far_points_have_finite_gradients(name: str) -> None:
    prior = build(name, 2, stirred=True)[0]
    z = torch.tensor([[50.0, -50.0]], requires_grad=True)
    prior().log_prob(z).sum().backward()
    assert torch.isfinite(z.grad).all()
    for key, parameter in prior.named_parameters():
        assert torch.isfinite(parameter.grad).all(), key


@pytest.mark.parametrize("name", PRIORS)
def test_value_does_not_depend_on_the_batch(name: str) -> None:
    prior = build(name, 2, stirred=True)[0]
    z = torch.randn(33, 2)
    with torch.no_grad():
        alone = torch.cat([prior().log_prob(row[None]) for row in z])
        torch.testing.assert_close(prior().log_prob(z), alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", PRIORS)
def test_saved_and_loaded_gives_the_same_numbers(name: str) -> None:
    prior, _ = build(name, 2, stirred=True)
    fresh, _ = build(name, 2, stirred=False)
    fresh.load_state_dict(prior.state_dict())
    z = torch.randn(10, 2)
    torch.testing.assert_close(fresh().log_prob(z), prior().log_prob(z), rtol=0, atol=0)


def test_mixture_starts_near_the_standard_gaussian() -> None:
    torch.manual_seed(0)
    prior = MixturePrior(2, 100)
    z = torch.randn(5000, 2, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        gap = -(z**2).sum(-1) / 2 - math.log(2 * math.pi) - prior().log_prob(z)
    assert abs(gap.mean().item()) < 0.2


def test_vamp_with_the_data_as_pseudo_inputs_is_the_aggregated_posterior() -> None:
    """With u = X and K = N, p(z) is 1/N sum_n q(z|x_n), the best prior there is."""
    net = encoder(2)
    data = 0.02 + 0.96 * torch.rand(30, PIXELS)
    prior = VampPrior(lambda x: tuple(net(x).chunk(2, -1)), data)
    mean, log_std = net(data).chunk(2, -1)
    z = torch.randn(40, 2)
    parts = torch.distributions.Normal(mean, log_std.exp()).log_prob(z[:, None]).sum(-1)
    wanted = parts.logsumexp(1) - math.log(30)
    torch.testing.assert_close(prior().log_prob(z), wanted, rtol=1e-4, atol=1e-4)


def test_vamp_refuses_a_module_as_its_encoder_call() -> None:
    with pytest.raises(TypeError, match="function"):
        VampPrior(encoder(2), torch.rand(3, PIXELS))
