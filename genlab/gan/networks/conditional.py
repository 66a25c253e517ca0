r"""Conditioning on a class y: a generator by its latents, a discriminator by a projection.

A class has a learned direction e_y; the generator gets

    G(z, y) = G(z / |z| + s e_y / |e_y|),    s = 0.3,                                          (1)

so that z keeps eleven twelfths of the variance. Conditioning makes GANs collapse where images are
few (Shahbazi et al., 2022): with equal shares `projected` generated one image a class within six
epochs. Their remedy, to begin without classes and to introduce them gradually, only delayed that
here (`LOG.md`, 2026-11-28). A discriminator whose score is psi(phi(x)) becomes

    D(x, y) = v_y . phi(x) + psi(phi(x)),                                                      (2)

v_y learned: the form that the logarithm of p(x, y) / q(x, y) has where p(y|x) and q(y|x) are
softmaxes of linear maps of phi(x). A head that scores places does so at each place.

References:
    | cGANs with Projection Discriminator (Miyato & Koyama, 2018), eq. 3, https://arxiv.org/abs/1802.05637
    | Collapse by Conditioning: Training Class-conditional GANs with Limited Data (Shahbazi et al.,
    | 2022), https://arxiv.org/abs/2201.06578

Shapes: B batch, K classes, Z latent dimensions, C channels, S pixels a side, P places that a
head scores; labels int64 `(B,)` in 0..K-1.
"""

__all__ = ["ClassGenerator", "ClassHeads", "ClassScorer", "Scorer"]

from typing import Protocol, runtime_checkable

import torch

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from genlab.gan.networks.fastgan import to_sphere
from genlab.gan.networks.projected import STRIDES, Heads

SHARE = 0.3
"""The length of a class's direction beside that of z."""


class ClassGenerator(nn.Module):
    """A generator of latents and classes: equation (1).

    Arguments:
        generator: Maps latents `(B, Z)` to images, by their direction alone.
        latent: Latent dimensions Z.
        classes: Their number K.
    """

    def __init__(self, generator: nn.Module, latent: int, classes: int) -> None:
        super().__init__()
        self.generator = generator
        self.classes = nn.Embedding(classes, latent)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """Returns the images of the latents `z`, `(B, Z)`, with shape `(B, 3, S, S)`."""
        return self.generator(to_sphere(z) + SHARE * to_sphere(self.classes(labels)))


class ClassHeads(Heads):
    """Heads on features, each with equation (2) at its places; v_y spectrally normalised too.

    Arguments:
        channels: Channels C of the features, and inside the heads.
        classes: The number of classes K.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__(channels)
        self.classes = nn.ModuleList(
            spectral_norm(nn.Embedding(classes, channels)) for _ in STRIDES
        )

    def forward(self, features: list[Tensor], labels: Tensor) -> list[Tensor]:
        """Returns each head's scores, `(B, P)`, of the features that `Projection` returns."""
        scores = []
        for head, classes, x in zip(self.heads, self.classes, features):
            assert isinstance(head, nn.Sequential)
            phi = head[:-1](x)
            product = torch.einsum("bchw,bc->bhw", phi, classes(labels))
            scores.append(head[-1](phi).flatten(1) + product.flatten(1))
        return scores


@runtime_checkable
class Scorer(Protocol):
    """A discriminator of images whose scores are psi(phi(x))."""

    score: nn.Linear
    """psi."""

    def features(self, images: Tensor) -> Tensor:
        """Returns phi(x), `(B, F)`, of images `(B, 3, S, S)`."""
        ...


class ClassScorer(nn.Module):
    """A discriminator of images with equation (2).

    The v_y begin at zero: at the start all classes have the same scores.

    Arguments:
        discriminator: A discriminator of images.
        classes: The number of classes K.
    """

    def __init__(self, discriminator: Scorer, classes: int) -> None:
        super().__init__()
        assert isinstance(discriminator, nn.Module)
        self.discriminator = discriminator
        self.classes = nn.Embedding(classes, discriminator.score.in_features)
        nn.init.zeros_(self.classes.weight)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Returns the scores of images of these classes, with shape `(B, 1)`."""
        phi = self.discriminator.features(images)
        return self.discriminator.score(phi) + (self.classes(labels) * phi).sum(1, keepdim=True)
