"""The objectives reduce to each other where they must, and their gradients agree on average."""

import numpy as np
import pytest
import torch

from cases.vae import vae_of

from genlab.vae import objectives
from genlab.vae.model import VAE, Terms

# Shapes: B images, S draws.


def model_of(latent: int = 2, prior: str = "standard") -> VAE:
    torch.manual_seed(3)
    return vae_of(prior, {}, latent=latent, pixels=9, hidden=12).double()


def images(count: int) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    return (torch.rand(count, 9, generator=random, dtype=torch.float64) < 0.5).double()


def test_beta_zero_leaves_reconstruction_and_beta_one_the_bound() -> None:
    terms = Terms(torch.tensor([-3.0, -5.0]), torch.tensor([-1.0, -2.0]))
    assert torch.equal(objectives.elbo(terms, beta=0.0), terms.re)
    assert torch.equal(objectives.elbo(terms), terms.elbo)


def test_free_nats_stop_the_regularisers_gradient_below_them() -> None:
    omega = torch.tensor([-1.0, -2.0], requires_grad=True)
    terms = Terms(torch.tensor([-3.0, -5.0]), omega)
    kept = objectives.elbo(terms, free_bits=1.4)  # the mean 1.5 is above: as it was
    assert torch.equal(kept, terms.elbo)
    clamped = objectives.elbo(terms, free_bits=2.0)
    assert torch.equal(clamped, torch.tensor([-5.0, -7.0]))
    assert not clamped.requires_grad


@pytest.mark.parametrize("gradient", objectives.GRADIENTS)
def test_iwae_of_one_draw_is_the_elbo(gradient: str) -> None:
    model, x = model_of(), images(6)
    noise = torch.randn(1, 6, 2, dtype=torch.float64)
    prior = model.prior()
    bound = objectives.iwae(model, x, noise, prior.log_prob, gradient)
    torch.testing.assert_close(bound, model.terms(x, noise).elbo)


def test_iwae_is_the_log_of_the_mean_weight() -> None:
    model, x = model_of(), images(4)
    noise = torch.randn(7, 4, 2, dtype=torch.float64)
    prior = model.prior()
    single = torch.stack([model.terms(x, noise[s : s + 1]).elbo for s in range(7)])
    bound = objectives.iwae(model, x, noise, prior.log_prob, "plain")
    torch.testing.assert_close(bound, single.exp().mean(0).log())


def gradient_moments(gradient: str, draws: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the mean and the variance of the encoder's gradient over the noise.

    By Gauss-Hermite quadrature with 12 nodes a draw, in one latent dimension: an estimator with
    the plain gradient's mean has it to 1e-6.
    """
    model, x = model_of(latent=1), images(1)
    nodes, weights = (torch.from_numpy(a) for a in np.polynomial.hermite_e.hermegauss(12))
    noise = torch.cartesian_prod(*[nodes] * draws).view(-1, draws, 1, 1)
    weights = torch.cartesian_prod(*[weights / weights.sum()] * draws).view(-1, draws).prod(1)
    prior, rows = model.prior(), []
    for one in noise:
        bound = objectives.iwae(model, x, one, prior.log_prob, gradient).sum()
        grads = torch.autograd.grad(bound, list(model.encoder.parameters()))
        rows.append(torch.cat([g.flatten() for g in grads]))
    found = torch.stack(rows)
    mean = weights @ found
    return mean, weights @ (found - mean) ** 2


def test_dreg_has_the_plain_gradient_on_average_and_less_noise() -> None:
    plain, noise = gradient_moments("plain", 2)
    dreg, less = gradient_moments("dreg", 2)
    assert (dreg - plain).abs().max() < 1e-6 * plain.abs().max()
    assert less.sum() < 0.6 * noise.sum()


def test_stl_has_the_plain_gradient_for_one_draw_only() -> None:
    plain, stl = (gradient_moments(g, 1)[0] for g in ("plain", "stl"))
    assert (stl - plain).abs().max() < 1e-12 * plain.abs().max()
    plain, stl = (gradient_moments(g, 2)[0] for g in ("plain", "stl"))
    assert (stl - plain).abs().max() > 0.1 * plain.abs().max()  # its bias, known since DReG


@pytest.mark.parametrize("gradient", ["stl", "dreg"])
def test_no_noise_where_the_posterior_is_exact(gradient: str) -> None:
    """A decoder that ignores z, and q = p: every weight is the same, the gradient is zero."""
    model, x = model_of(), images(3)
    with torch.no_grad():
        model.decoder.body[-1].weight.zero_()
        model.encoder.body[-1].weight.zero_()
        model.encoder.body[-1].bias.zero_()
    noise = torch.randn(5, 3, 2, dtype=torch.float64)
    bound = objectives.iwae(model, x, noise, model.prior().log_prob, gradient).mean()
    for gradient_ in torch.autograd.grad(bound, list(model.encoder.parameters())):
        assert gradient_.abs().max() < 1e-12


@pytest.mark.parametrize("gradient", objectives.GRADIENTS)
def test_the_decoders_gradient_is_the_same_for_all(gradient: str) -> None:
    model, x = model_of(), images(3)
    noise, prior = torch.randn(5, 3, 2, dtype=torch.float64), model.prior()
    parameters = list(model.decoder.parameters())
    wanted = torch.autograd.grad(
        objectives.iwae(model, x, noise, prior.log_prob, "plain").mean(), parameters
    )
    found = torch.autograd.grad(
        objectives.iwae(model, x, noise, prior.log_prob, gradient).mean(), parameters
    )
    for a, b in zip(found, wanted):
        torch.testing.assert_close(a, b)


def test_exact_is_above_every_bound_and_equals_many_draws() -> None:
    model, x = model_of(), images(5)
    line = torch.linspace(-7, 7, 201, dtype=torch.float64)
    z = torch.cartesian_prod(line, line)
    log_area = 2 * (line[1] - line[0]).log().item()
    prior = model.prior()
    value = objectives.exact(model, x, z, log_area, prior.log_prob)
    with torch.no_grad():
        noise = torch.randn(20_000, 5, 2, dtype=torch.float64)
        many = objectives.iwae(model, x, noise, prior.log_prob)
        elbo = model.terms(x, noise).elbo
    torch.testing.assert_close(value, many, atol=0.02, rtol=0)
    assert (elbo < value).all()


def test_pooled_draws_of_one_image_are_iwaes() -> None:
    model, x = model_of(), images(1)
    noise, prior = torch.randn(7, 1, 2, dtype=torch.float64), model.prior()
    found = objectives.pooled(model, x, noise, prior.log_prob)
    torch.testing.assert_close(found, objectives.iwae(model, x, noise, prior.log_prob, "plain"))


def test_pooled_weights_average_to_the_likelihood() -> None:
    """E exp(bound) = p(x) for every image of the batch: unbiased, whatever the other images."""
    model, x = model_of(), images(5)
    with torch.no_grad():
        model.encoder.body[-1].bias += torch.tensor([0.5, -0.3, -0.2, -0.4])
    line = torch.linspace(-7, 7, 201, dtype=torch.float64)
    z, area = torch.cartesian_prod(line, line), 2 * (line[1] - line[0]).log().item()
    prior, random, draws = model.prior(), torch.Generator().manual_seed(2), 4000
    exact = objectives.exact(model, x, z, area, prior.log_prob)
    with torch.no_grad():
        found = torch.stack([
            objectives.pooled(
                model, x, torch.randn(2, 5, 2, generator=random, dtype=torch.float64),
                prior.log_prob,
            )
            for _ in range(draws)
        ])  # fmt: skip
    ratio = (found - exact).exp()
    assert ((ratio.mean(0) - 1).abs() < 4 * ratio.std(0) / draws**0.5).all()
    assert (found.mean(0) < exact).all()


def test_pooled_gradients_are_those_of_its_two_parts() -> None:
    """The decoder's is the bound's at fixed draws, the encoder's the wake phase's, by hand."""
    model, x = model_of(), images(4)
    noise, prior = torch.randn(3, 4, 2, dtype=torch.float64), model.prior()
    with torch.no_grad():
        mean, log_std = model.encode(x)
        z = (mean + log_std.exp() * noise).view(12, 2)
    mean, log_std = model.encode(x)
    q = torch.distributions.Normal(mean, log_std.exp())
    log_q = q.log_prob(z[:, None]).sum(-1)  # (12, 4)
    p = torch.distributions.Bernoulli(logits=model.decoder(z)[:, None])
    log_joint = p.log_prob(x).sum(-1) + prior.log_prob(z)[:, None]
    log_w = log_joint - (3 * log_q.detach().exp().sum(1, keepdim=True)).log()
    bound = log_w.logsumexp(0).sum()
    wake = (log_w.detach().softmax(0) * log_q).sum()
    for part, loss in ((model.decoder, bound), (model.encoder, wake)):
        parameters = list(part.parameters())
        found = torch.autograd.grad(
            objectives.pooled(model, x, noise, prior.log_prob).sum(), parameters
        )
        for a, b in zip(found, torch.autograd.grad(loss, parameters, retain_graph=True)):
            torch.testing.assert_close(a, b)
