"""What is left to gain in a training step, for `benchmarks/vae.py`.

`products_alone`: the matrix products of a step's layers, forwards and backwards, in the shapes
they have, and nothing else. `by_hand`: a whole step of the VAE under N(0, I) without anything that
could be left out: digits binarised beforehand, derivatives written out (equal to autograd's, which
is checked first), no loop around it, no record, no check of divergence; the same products,
likelihood and optimiser as genlab's. Speeds are digits a second.
"""

__all__ = ["by_hand", "products_alone"]

import statistics
import time

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from torch import Tensor
from vae_peers import BATCH, HIDDEN

from genlab.networks.mlp import LOG_STD_RANGE
from genlab.numerics.linear import linear
from genlab.vae.likelihoods import Bernoulli
from genlab.vae.model import VAE

STEPS = 50


def products_alone(prior: str, latent: int) -> float:
    """Returns the digits a second if all but the products were free."""
    encoder = [(784, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, 2 * latent)]
    decoder = [(latent, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, 784)]
    layers = [(BATCH, *shape) for shape in encoder + decoder]
    layers += [(500, *shape) for shape in encoder] if prior == "vamp" else []
    calls = []
    for place, (rows, inner, outer) in enumerate(layers):
        x, weight = torch.randn(rows, inner), torch.randn(outer, inner)
        upstream = torch.randn(rows, outer)
        calls += [(x, weight), (upstream.T, x.T)]
        calls += [(upstream, weight.T)] if place else []  # no derivative in the digits
    seconds = []
    for _ in range(STEPS):
        began = time.perf_counter()
        for a, b in calls:
            linear(a, b)
        seconds.append(time.perf_counter() - began)
    return BATCH / statistics.median(seconds)


@torch.no_grad()
def gradients(weights: Sequence[Tensor], x: Tensor, noise: Tensor) -> list[Tensor]:
    """Returns the derivatives of the mean of -ELBO in all weights and biases, in order."""
    inputs: list[Tensor] = []
    before: list[Tensor | None] = []  # what SiLU was applied to

    def half(h: Tensor, first: int) -> Tensor:
        for layer in range(first, first + 3):
            inputs.append(h)
            h = linear(h, weights[2 * layer], weights[2 * layer + 1])
            before.append(h if layer < first + 2 else None)
            h = F.silu(h) if layer < first + 2 else h
        return h

    mean, free = half(x, 0).chunk(2, 1)
    log_std = free.clamp(*LOG_STD_RANGE)
    std = log_std.exp()
    z = mean + std * noise
    logits = half(z, 3)
    Bernoulli().log_prob(x, logits)
    found = [x] * 12

    def back(upstream: Tensor, first: int) -> Tensor:
        for layer in range(first + 2, first - 1, -1):
            if (h := before[layer]) is not None:
                upstream = torch.ops.aten.silu_backward(upstream, h)
            found[2 * layer] = linear(upstream.T, inputs[layer].T)
            found[2 * layer + 1] = upstream.sum(0)
            if layer:
                upstream = linear(upstream, weights[2 * layer].T)
        return upstream

    of_z = back(torch.sigmoid(logits).sub_(x).div_(len(x)), 3) + z / len(x)
    of_log_std = (of_z * noise * std - 1 / len(x)) * (free == log_std)
    back(torch.cat([of_z, of_log_std], 1), 0)
    return found


def by_hand(model: VAE, x: Tensor) -> float:
    """Returns the digits a second of such steps on the first batch of binary digits."""
    weights = [*model.encoder.parameters(), *model.decoder.parameters()]
    x, latent = x[:BATCH], model.latent
    noise = torch.randn(1, BATCH, latent)
    (-model.terms(x, noise).elbo.mean()).backward()
    for ours, wanted in zip(gradients(weights, x, noise[0]), weights):
        torch.testing.assert_close(ours, wanted.grad, rtol=1e-3, atol=1e-6)
    adam = torch.optim.Adam(weights, lr=1e-3, fused=True)
    seconds = []
    for _ in range(STEPS):
        began = time.perf_counter()
        found = gradients(weights, x, torch.randn(BATCH, latent))
        for weight, gradient in zip(weights, found):
            weight.grad = gradient
        adam.step()
        seconds.append(time.perf_counter() - began)
    return BATCH / statistics.median(seconds)
