r"""The diversity of one set of images: Inception score, entropy over classes, Vendi score.

From class probabilities p(c|x_i), with their mean p(c) = (1/N) sum_i p(c|x_i),

    IS = exp((1/N) sum_i KL(p(c|x_i) || p(c)))          1 <= IS <= min(N, C)                    (1)
    H  = -sum_c p(c) ln p(c)                            0 <= H <= ln C                          (2)

The mean divergence in (1) is the mutual information between image and class. Its plug-in estimate
is biased upwards, more so over 10 splits of few images, hence 1 split by default. The IS knows no
real images: one perfect image a class is enough for the best score.

From features, each scaled to length 1, in the rows of X,

    VS = exp(-sum_i lambda_i ln lambda_i),    lambda = eigenvalues of X X^T / N,                (3)

the "effective number" of different images, 1 <= VS <= min(N, F). The eigenvalues are squared
singular values of X / sqrt(N), of which there are min(N, F).

References:
    | Improved Techniques for Training GANs (Salimans et al., 2016), section 4,
    | https://arxiv.org/abs/1606.03498
    | A Note on the Inception Score (Barratt & Sharma, 2018), https://arxiv.org/abs/1801.01973
    | The Vendi Score (Friedman & Dieng, 2023), definition 3.1, https://arxiv.org/abs/2210.02410

Shapes: N images, C classes, F features. All in float64, natural logarithms.
"""

__all__ = ["InceptionScore", "class_entropy", "inception_score", "vendi_score"]

import math

from dataclasses import replace
from typing import NamedTuple

import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.metrics.checks import Features, check_features
from genlab.metrics.rows import ROWS, Rows

ROUNDING = 1e-2
"""How far a row of probabilities may be from 1: softmax in bfloat16 is off by some 1e-3."""


class InceptionScore(NamedTuple):
    """The Inception score and its spread over splits."""

    value: float
    """Equation 1, its mean over the splits."""
    spread: float
    """The standard deviation over the splits (divided by their number, as is the custom); NaN for
    one split. It is not a standard error: each split has its own bias."""


def inception_score(probabilities: Features | Rows, splits: int = 1) -> InceptionScore:
    """Returns the Inception score (1) of images in their order.

    Arguments:
        probabilities: A classifier's p(c|x), with shape `(N, C)`; rows are normalised again.
        splits: The number of parts, of (nearly) equal size, of neighbouring rows.

    Raises:
        InputError: If the shape is not `(N, C)` with N >= 2, a row is not a distribution, or
            `splits` is not at least 1 with 2 rows in each.
    """
    p = _check_probabilities("Inception score", probabilities)
    if not 1 <= splits <= len(p) // 2:
        raise InputError(
            f"Inception score: `splits` must be from 1 to {len(p) // 2}, so that each has 2 of "
            f"{len(p)} rows, not {splits}"
        )
    parts = (replace(p, chosen=rows) for rows in torch.arange(len(p)).tensor_split(splits))
    scores = torch.stack([_mutual_information(part).exp() for part in parts])
    spread = scores.std(correction=0).item() if splits > 1 else math.nan
    return InceptionScore(scores.mean().item(), spread)


def class_entropy(probabilities: Features | Rows) -> float:
    """Returns the entropy (2) over classes of a set of images, in nats.

    Arguments:
        probabilities: A classifier's p(c|x), with shape `(N, C)`; rows are normalised again.

    Raises:
        InputError: If the shape is not `(N, C)` with N >= 2, or a row is not a distribution.
    """
    return _entropy(_check_probabilities("entropy over classes", probabilities).mean).item()


def vendi_score(features: Features) -> float:
    """Returns the Vendi score (3) with the cosine kernel.

    Arguments:
        features: With shape `(N, F)`.

    Raises:
        InputError: If `features` is not `(N, F)` with N >= 2, or a row is 0 or not finite.
    """
    x = Rows.of(check_features("Vendi score", "given", features))
    lengths = torch.cat([block.norm(dim=1) for block in x.blocks()])
    if not lengths.all():
        raise InputError(
            f"Vendi score: row {int((lengths == 0).nonzero()[0])} of features "
            f"{(len(x), x.width)} is 0 and has no direction"
        )
    units = x.changed(lambda block: block / block.norm(dim=1, keepdim=True))
    return _entropy(_eigenvalues(units)).exp().item()


def _eigenvalues(units: Rows) -> Tensor:
    """Returns lambda of (3); of many images from X^T X, where the small ones are less exact."""
    if len(units) <= ROWS:
        return torch.linalg.svdvals(units.whole() / math.sqrt(len(units))).square()
    square = torch.zeros(units.width, units.width, dtype=torch.float64)
    for block in units.blocks():
        square += block.T @ block
    return torch.linalg.eigvalsh(square / len(units)).clamp(min=0)


def _mutual_information(p: Rows) -> Tensor:
    own = torch.cat([_entropy(block) for block in p.blocks()])
    return (_entropy(p.mean) - own.mean()).clamp(min=0)  # equal rows: rounding only


def _entropy(p: Tensor) -> Tensor:
    return -torch.special.xlogy(p, p).sum(-1)


def _check_probabilities(metric: str, probabilities: Features | Rows) -> Rows:
    """Returns the probabilities normalised again."""
    p = probabilities
    if not isinstance(p, Rows):
        p = Rows.of(check_features(metric, "class probabilities as", p))
    first = 0
    for block in p.blocks():
        sums = block.sum(1)
        off = ((sums - 1).abs() > ROUNDING) | (block < 0).any(1)
        if off.any():
            row = int(off.nonzero()[0])
            raise InputError(
                f"{metric}: row {first + row} of the class probabilities, "
                f"{(len(p), block.shape[1])}, is not a distribution (sum {sums[row].item():.4g}, "
                f"least {block[row].min().item():.4g}); they are a softmax's, not logits"
            )
        first += len(block)
    return p.changed(lambda block: block / block.sum(1, keepdim=True))
