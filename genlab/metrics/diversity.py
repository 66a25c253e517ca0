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

from typing import NamedTuple

import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.metrics.checks import Features, check_features

ROUNDING = 1e-2
"""How far a row of probabilities may be from 1: softmax in bfloat16 is off by some 1e-3."""


class InceptionScore(NamedTuple):
    """The Inception score and its spread over splits."""

    value: float
    """Equation 1, its mean over the splits."""
    spread: float
    """The standard deviation over the splits (divided by their number, as is the custom); NaN for
    one split. It is not a standard error: each split has its own bias."""


def inception_score(probabilities: Features, splits: int = 1) -> InceptionScore:
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
    scores = torch.stack([_mutual_information(part).exp() for part in p.tensor_split(splits)])
    spread = scores.std(correction=0).item() if splits > 1 else math.nan
    return InceptionScore(scores.mean().item(), spread)


def class_entropy(probabilities: Features) -> float:
    """Returns the entropy (2) over classes of a set of images, in nats.

    Arguments:
        probabilities: A classifier's p(c|x), with shape `(N, C)`; rows are normalised again.

    Raises:
        InputError: If the shape is not `(N, C)` with N >= 2, or a row is not a distribution.
    """
    return _entropy(_check_probabilities("entropy over classes", probabilities).mean(0)).item()


def vendi_score(features: Features) -> float:
    """Returns the Vendi score (3) with the cosine kernel.

    Arguments:
        features: With shape `(N, F)`.

    Raises:
        InputError: If `features` is not `(N, F)` with N >= 2, or a row is 0 or not finite.
    """
    x = check_features("Vendi score", "given", features)
    lengths = x.norm(dim=1, keepdim=True)
    if not lengths.all():
        raise InputError(
            f"Vendi score: row {int((lengths[:, 0] == 0).nonzero()[0])} of features "
            f"{tuple(x.shape)} is 0 and has no direction"
        )
    eigenvalues = torch.linalg.svdvals(x / lengths / math.sqrt(len(x))).square()
    return _entropy(eigenvalues).exp().item()


def _mutual_information(p: Tensor) -> Tensor:
    return (_entropy(p.mean(0)) - _entropy(p).mean()).clamp(min=0)  # equal rows: rounding only


def _entropy(p: Tensor) -> Tensor:
    return -torch.special.xlogy(p, p).sum(-1)


def _check_probabilities(metric: str, probabilities: Features) -> Tensor:
    p = check_features(metric, "class probabilities as", probabilities)
    sums = p.sum(1, keepdim=True)
    off = ((sums - 1).abs() > ROUNDING).any(1) | (p < 0).any(1)
    if off.any():
        row = int(off.nonzero()[0])
        raise InputError(
            f"{metric}: row {row} of the class probabilities, {tuple(p.shape)}, is not a "
            f"distribution (sum {sums[row, 0].item():.4g}, least {p[row].min().item():.4g}); "
            "they are a softmax's, not logits"
        )
    return p / sums
