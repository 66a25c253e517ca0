"""The standard Gaussian, the mixtures, VampPriors and maps against independent computations."""

import math

import numpy as np
import pytest
import torch
import torch.nn as nn

from cases.priors import COMPONENTS, attached, build, encoder
from scipy.special import expit, logsumexp, softmax
from scipy.stats import multivariate_normal, norm
from sklearn import mixture

from genlab.common.errors import InputError
from genlab.conformance.densities import PIXELS, Grid
from genlab.priors import GTM, GTMVamp, Mixture, Prior, VampMixture, VampPrior
from genlab.priors.gaussian import LOG_STD_FLOOR, GaussianMixture

MIXTURES = ["mixture", "mixture-full", "vamp", "vamp-mixture", "gtm", "gtm-vamp"]


def stirred(name: str, latent: int) -> tuple[Prior, nn.Module]:
    """The prior in float64, moved at random."""
    return build(name, latent, stirred=True, double=True)


def perceptron(state: dict[str, np.ndarray], u: np.ndarray) -> np.ndarray:
    """One hidden layer of SiLU, by its definition h / (1 + e^-h)."""
    h = u @ state["body.0.weight"].T + state["body.0.bias"]
    return (h * expit(h)) @ state["body.2.weight"].T + state["body.2.bias"]


def parts(name: str, prior: Prior, net: nn.Module) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log-weights, means and covariances, worked out in NumPy from the parameters alone."""
    s = {key: value.numpy() for key, value in prior.state_dict().items()}
    n = {key: value.numpy() for key, value in net.state_dict().items()}
    encode = lambda x: np.split(x @ n["weight"].T + n["bias"], 2, -1)  # noqa: E731
    lower = None
    if name in {"mixture", "mixture-full"}:
        mean, log_std, lower = s["mean"], s["log_std"], s.get("lower")
    elif name in {"vamp", "vamp-mixture"}:
        mean, log_std = encode(expit(s["pseudo_logits"]))
    elif name == "gtm":
        line = s["u"] @ s["linear.weight"].T + s["linear.bias"]
        mean, log_std = np.split(line + perceptron(s, s["u"]), 2, -1)
        log_std = np.maximum(log_std, LOG_STD_FLOOR)
    else:
        mean, log_std = encode(expit(perceptron(s, s["u"])))
    logits = s.get("logits", np.zeros(len(mean)))
    tril = np.stack([np.diag(row) for row in np.exp(log_std)])
    if lower is not None:
        tril += np.tril(lower, -1)
    return np.log(softmax(logits)), mean, tril @ tril.swapaxes(1, 2)


@pytest.mark.parametrize("name", ["standard", *MIXTURES])
@pytest.mark.parametrize("latent", [1, 2, 3, 40])
def test_density_equals_an_explicit_float64_sum(name: str, latent: int) -> None:
    prior, net = stirred(name, latent)
    z = torch.randn(50, latent, generator=torch.Generator().manual_seed(3)).double()
    if name == "standard":
        log_w, means, covariances = np.zeros(1), np.zeros((1, latent)), np.eye(latent)[None]
    else:
        log_w, means, covariances = parts(name, prior, net)
    terms = [
        w + np.atleast_1d(multivariate_normal(m, c).logpdf(z.numpy()))
        for w, m, c in zip(log_w, means, covariances)
    ]
    with torch.no_grad():
        found = prior().log_prob(z)
    assert found.shape == (50,)
    assert found.dtype == torch.float64
    # SciPy inverts L L^T, which has only half the digits of L where 40 dimensions correlate.
    np.testing.assert_allclose(found.numpy(), logsumexp(terms, 0), rtol=1e-8)


@pytest.mark.parametrize("covariance", ["diag", "full"])
def test_mixture_equals_scikit_learn(covariance: str) -> None:
    """An independent program; a product of one-dimensional mixtures would fail here."""
    prior, net = stirred("mixture" if covariance == "diag" else "mixture-full", 2)
    log_w, means, covariances = parts("mixture-full", prior, net)
    oracle = mixture.GaussianMixture(COMPONENTS, covariance_type=covariance)
    oracle.weights_, oracle.means_ = np.exp(log_w), means
    if covariance == "diag":
        oracle.precisions_cholesky_ = covariances.diagonal(axis1=1, axis2=2) ** -0.5
    else:
        oracle.precisions_cholesky_ = np.linalg.cholesky(np.linalg.inv(covariances))
    points = Grid(5.0, 40).midpoints()
    np.testing.assert_allclose(
        prior().log_prob(points).detach().numpy(), oracle.score_samples(points.numpy()), rtol=1e-9
    )


@pytest.mark.parametrize("name", MIXTURES)
def test_expected_density_of_the_samples_is_the_closed_form(name: str) -> None:
    """E_p[p(z)] = sum_ij w_i w_j N(mu_i; mu_j, S_i + S_j), for a sampler that draws from p."""
    prior, net = stirred(name, 2)
    log_w, means, covariances = parts(name, prior, net)
    wanted = sum(
        np.exp(log_w[i] + log_w[j])
        * multivariate_normal(means[j], covariances[i] + covariances[j]).pdf(means[i])
        for i in range(len(means))
        for j in range(len(means))
    )
    torch.manual_seed(0)
    with torch.no_grad():
        p = prior()
        values = p.log_prob(p.sample((100_000,))).exp()
    error = values.std().item() / math.sqrt(len(values))
    assert values.mean().item() == pytest.approx(wanted, abs=4 * error)


def test_mixture_is_no_product_of_mixtures() -> None:
    """Where one component is left and the other low, the other two corners are empty."""
    mean = torch.tensor([[-3.0, 3.0], [3.0, -3.0]], dtype=torch.float64)
    p = GaussianMixture(mean.new_zeros(2), mean, torch.full_like(mean, 0.5))
    corner = p.log_prob(torch.tensor([3.0, 3.0], dtype=torch.float64)).item()
    # Nearest component 6 away in one coordinate: ln N = -(6/0.5)^2/2 - ln(2 pi 0.25)
    assert corner == pytest.approx(-72 - math.log(2 * math.pi * 0.25), abs=1e-9)


def test_uncorrelated_full_covariances_are_diagonal_ones() -> None:
    diagonal, _ = stirred("mixture", 3)
    full = Mixture(3, COMPONENTS, "full").double()
    full.load_state_dict(diagonal.state_dict(), strict=False)
    z = torch.randn(20, 3).double()
    torch.testing.assert_close(full().log_prob(z), diagonal().log_prob(z), rtol=1e-12, atol=0)


@pytest.mark.parametrize("covariance", ["diagonal", "full"])
def test_mixture_has_a_floor_under_its_widths(covariance: str) -> None:
    """The density of one component nowhere exceeds N(0; 0, e^-6 I), however it is correlated."""
    prior = Mixture(2, 1, covariance).double()
    with torch.no_grad():
        prior.log_std.fill_(-20)
        if prior.lower is not None:
            prior.lower.fill_(0.7)
        peak = prior().log_prob(prior.mean[0]).item()
    assert peak == pytest.approx(-math.log(2 * math.pi) - 2 * LOG_STD_FLOOR, abs=1e-9)


@pytest.mark.parametrize("covariance", ["diagonal", "full"])
def test_mixture_starts_near_the_standard_gaussian(covariance: str) -> None:
    torch.manual_seed(0)
    prior = Mixture(2, 100, covariance)
    z = torch.randn(5000, 2, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        gap = -(z**2).sum(-1) / 2 - math.log(2 * math.pi) - prior().log_prob(z)
    assert abs(gap.mean().item()) < 0.2


@pytest.mark.parametrize("name", ["vamp", "vamp-mixture", "gtm-vamp"])
def test_gradient_passes_through_pseudo_inputs_to_the_encoder(name: str) -> None:
    prior, net = build(name, 3, stirred=True)
    prior().log_prob(torch.randn(20, 3)).mean().backward()
    assert net.weight.grad is not None
    assert net.weight.grad.abs().sum() > 0


def test_vamp_with_the_data_as_pseudo_inputs_is_the_aggregated_posterior() -> None:
    """With u = X and K = N, p(z) is 1/N sum_n q(z|x_n), the best prior there is."""
    net = encoder(2)
    data = 0.02 + 0.96 * torch.rand(30, PIXELS)
    prior = attached(VampPrior(2, 30), net, data)
    mean, log_std = net(data).chunk(2, -1)
    z = torch.randn(40, 2)
    terms = torch.distributions.Normal(mean, log_std.exp()).log_prob(z[:, None]).sum(-1)
    wanted = terms.logsumexp(1) - math.log(30)
    torch.testing.assert_close(prior().log_prob(z), wanted, rtol=1e-4, atol=1e-4)


def test_a_weight_of_two_is_a_pseudo_input_twice() -> None:
    """What the VampPrior says with K pseudo-inputs, weights say with fewer."""
    net, images = encoder(2), 0.1 + 0.8 * torch.rand(3, PIXELS)
    weighted = attached(VampMixture(2, 3), net, images)
    plain = attached(VampPrior(2, 4), net, images[[0, 0, 1, 2]])
    z = torch.randn(40, 2)
    equal = attached(VampPrior(2, 3), net, images)().log_prob(z)
    torch.testing.assert_close(weighted().log_prob(z), equal, rtol=0, atol=0)
    with torch.no_grad():
        weighted.logits[0] += math.log(2)
    torch.testing.assert_close(weighted().log_prob(z), plain().log_prob(z), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", [VampPrior, VampMixture, GTMVamp])
def test_an_encoder_is_a_function_and_not_a_module(kind: type[Prior]) -> None:
    """A module would be registered in the prior: its weights would be there twice."""
    with pytest.raises(TypeError, match="function"):
        kind(2).attach(encoder(2), PIXELS)
    with pytest.raises(RuntimeError, match="no encoder yet"):
        kind(2)()


@pytest.mark.parametrize("kind", [VampPrior, VampMixture])
def test_a_pseudo_input_needs_an_image_to_start_from(kind: type[VampPrior]) -> None:
    with pytest.raises(InputError, match="`components` must be at most the 2 training images"):
        attached(kind(2, 3), encoder(2), torch.rand(2, PIXELS))


def test_divergences_of_posteriors_to_gaussians_are_those_of_torch() -> None:
    prior, _ = stirred("vamp", 3)
    random = torch.Generator().manual_seed(4)
    mean = torch.randn(COMPONENTS, 3, generator=random)
    std = 0.2 + torch.rand(COMPONENTS, 3, generator=random)
    assert isinstance(prior, VampPrior)
    ours, log_std = prior.encode(prior.pseudo_inputs)
    wanted = torch.distributions.kl_divergence(
        torch.distributions.Normal(ours, log_std.exp()), torch.distributions.Normal(mean, std)
    ).sum(-1)
    torch.testing.assert_close(prior.divergences(mean, std), wanted)


def test_map_of_a_fine_grid_is_a_blurred_square() -> None:
    """With mu(u) = u and one s: p(z) = prod_d [Phi((1 - z_d) / s) - Phi((-1 - z_d) / s)] / 2."""
    s, grid = 0.2, 200
    prior = GTM(2, grid, (4,)).double()
    edges = torch.ones(grid)
    edges[[0, -1]] = 0.5  # the trapezoid rule: sum_k w_k f(u_k) is the mean of f over the square
    with torch.no_grad():
        prior.linear.weight[:2] = torch.eye(2)
        prior.linear.bias[2:] = math.log(s)
        prior.logits.copy_(torch.outer(edges, edges).log().flatten())
        z = torch.randn(60, 2, generator=torch.Generator().manual_seed(0)).double()
        found = prior().log_prob(z).exp().numpy()
    z = z.numpy()
    wanted = ((norm.cdf((1 - z) / s) - norm.cdf((-1 - z) / s)) / 2).prod(-1)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("latent", [1, 2, 5])
def test_map_starts_as_a_sheet_beside_standard_gaussians(latent: int) -> None:
    p = GTM(latent, 10, (64,))()
    mean, std = p.means, p.scales
    line = torch.linspace(-2, 2, 10)
    sheet = min(2, latent)
    torch.testing.assert_close(mean[:, :sheet], torch.cartesian_prod(line, line)[:, :sheet])
    torch.testing.assert_close(std[:, :sheet], torch.full((100, sheet), 4 / 9))
    assert (mean[:, sheet:] == 0).all()
    assert (std[:, sheet:] == 1).all()


def test_map_starts_near_the_standard_gaussian() -> None:
    z = torch.randn(5000, 2, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        gap = -(z**2).sum(-1) / 2 - math.log(2 * math.pi) - GTM(2, 10, (64,))().log_prob(z)
    assert abs(gap.mean().item()) < 0.5


def test_painted_map_starts_at_the_mean_image() -> None:
    """The image is the examples' mean, give or take what the network's first weights add."""
    torch.manual_seed(0)
    examples = torch.rand(50, PIXELS)
    prior = attached(GTMVamp(2), encoder(2), examples)
    images = prior.pseudo_inputs
    assert images.shape == (100, PIXELS)
    assert (images - examples.mean(0)).abs().max() < 0.2
    assert (images.std(0) > 0).all()


@pytest.mark.parametrize("kind", [GTM, GTMVamp])
def test_a_map_needs_two_points_an_axis(kind: type[Prior]) -> None:
    with pytest.raises(InputError, match="`grid` must be at least 2, not 1"):
        kind(2, grid=1)
