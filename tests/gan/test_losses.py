"""GAN losses against closed forms, torch's cross-entropy, SciPy and finite differences."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from scipy.spatial.distance import jensenshannon
from torch import Tensor

from genlab.gan import losses as adv

SCORES = torch.tensor([[-2.0, 0.0], [0.5, 1.0], [3.0, -0.5]], dtype=torch.float64)


def test_hinge_values() -> None:
    # max(0, 1 - s): 3, 1 | .5, 0 | 0, 1.5;  max(0, 1 + s): 0, 1 | 1.5, 2 | 4, .5
    assert adv.hinge_real(SCORES).tolist() == [2.0, 0.25, 0.75]
    assert adv.hinge_fake(SCORES).tolist() == [0.5, 1.75, 2.25]
    assert adv.hinge_generator(SCORES).tolist() == [1.0, -0.75, -1.25]


def test_logistic_losses_are_binary_cross_entropies() -> None:
    def cross_entropy(label: float) -> Tensor:
        labels = torch.full_like(SCORES, label)
        return F.binary_cross_entropy_with_logits(SCORES, labels, reduction="none").mean(1)

    assert torch.allclose(adv.softplus_real(SCORES), cross_entropy(1.0))
    assert torch.allclose(adv.softplus_fake(SCORES), cross_entropy(0.0))
    assert torch.allclose(adv.softplus_generator(SCORES), cross_entropy(1.0))


def test_extreme_scores_stay_finite() -> None:
    scores = torch.tensor([[-1e4], [1e4]])
    assert adv.softplus_real(scores).tolist() == [1e4, 0.0]
    assert adv.softplus_fake(scores).tolist() == [0.0, 1e4]


def test_the_best_discriminator_measures_the_jensen_shannon_divergence() -> None:
    """Goodfellow et al., theorem 1: at D = ln p/q the loss is 2 ln 2 - 2 JSD, a minimum."""
    p, q = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.4, 0.4, 0.1, 0.1])
    scores = torch.from_numpy(np.log(p / q))[:, None].requires_grad_()
    loss = torch.from_numpy(p) @ adv.softplus_real(scores)
    loss = loss + torch.from_numpy(q) @ adv.softplus_fake(scores)
    assert loss.item() == pytest.approx(2 * math.log(2) - 2 * jensenshannon(p, q) ** 2, rel=1e-12)
    (gradient,) = torch.autograd.grad(loss, scores)
    assert gradient.abs().max() < 1e-15


def test_the_non_saturating_loss_keeps_its_gradient_where_the_discriminator_is_sure() -> None:
    scores = torch.full((1, 1), -20.0, requires_grad=True)
    (gradient,) = torch.autograd.grad(adv.softplus_generator(scores).sum(), scores)
    assert gradient.item() == pytest.approx(-1.0, abs=1e-6)


@pytest.mark.parametrize(
    "loss",
    [adv.hinge_real, adv.hinge_fake, adv.hinge_generator, adv.softplus_real, adv.softplus_fake,
     adv.softplus_generator],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_losses_are_per_image_whatever_the_shape_of_the_scores(loss: object) -> None:
    assert callable(loss)
    scores = torch.randn(5, 1, 3, 4, generator=torch.Generator().manual_seed(0))
    whole = loss(scores)
    assert whole.shape == (5,)
    assert torch.allclose(whole, torch.cat([loss(row) for row in scores.split(1)]))
    assert torch.allclose(loss(scores[:, 0, 0, 0]), loss(scores[:, :, :1, :1]))


def smooth_discriminator(images: Tensor) -> Tensor:
    weights = torch.linspace(-1, 1, images[0].numel() * 2, dtype=torch.float64).reshape(-1, 2)
    return (images.flatten(1) @ weights).tanh() + images.flatten(1).square().sum(1, keepdim=True)


def test_r1_is_the_squared_gradient_by_finite_differences() -> None:
    random = torch.Generator().manual_seed(0)
    x = torch.rand(3, 3, 2, 2, generator=random, dtype=torch.float64)
    h = 1e-5
    expected = torch.zeros(3, dtype=torch.float64)
    for place in range(12):
        nudge = torch.zeros(12, dtype=torch.float64)
        nudge[place] = h
        above = smooth_discriminator(x + nudge.view(3, 2, 2)).mean(1)
        below = smooth_discriminator(x - nudge.view(3, 2, 2)).mean(1)
        expected += ((above - below) / (2 * h)) ** 2
    x.requires_grad_()
    penalty = adv.r1(smooth_discriminator(x), x)
    assert penalty.shape == (3,)
    assert torch.allclose(penalty, expected, rtol=1e-8)


def test_r1_is_differentiable_in_the_weights() -> None:
    """For D(x) = <w, x> the penalty is ||w||^2, whose gradient is 2 w a row."""
    w = torch.randn(12, generator=torch.Generator().manual_seed(1)).requires_grad_()
    x = torch.rand(4, 3, 2, 2).requires_grad_()
    penalty = adv.r1((x.flatten(1) @ w)[:, None], x)
    assert torch.allclose(penalty, w.detach().square().sum().expand(4))
    (gradient,) = torch.autograd.grad(penalty.mean(), w)
    assert torch.allclose(gradient, 2 * w.detach())
