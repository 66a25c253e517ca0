r"""The generator and the discriminator of DCGAN: convolutions and batch-norm alone.

From 4x4 pixels each stage doubles the side by a transposed 4x4 convolution of stride 2,

    x -> ReLU(batchnorm(conv_transpose(x))),    the last one -> tanh,

and the discriminator halves it by 4x4 convolutions of stride 2,

    x -> LeakyReLU_0.2(batchnorm(conv(x))),     the first one without batch-norm.

There are no dense layers between. Weights start as N(0, 0.02^2).

References:
    | Unsupervised Representation Learning with Deep Convolutional GANs (Radford et al., 2015),
    | sections 3 and 4, figure 1, https://arxiv.org/abs/1511.06434

Three things differ from the paper. Latents lie on a sphere, as for the other generators here (a
Gaussian in a hundred dimensions almost does); the paper draws them uniformly. Batch-norm's gains
start at one. Beyond 64 pixels the channels at the coarsest sides stay at eight times the width.

Shapes: B batch, Z latent dimensions, C channels, S pixels a side; images `(B, 3, S, S)` in
[-1, 1]; F features.
"""

__all__ = ["DcganDiscriminator", "DcganGenerator"]

from itertools import pairwise

import torch.nn.functional as F

from torch import Tensor, nn

from genlab.gan.networks.fastgan import to_sphere

MOST = 8
"""The largest number of channels, in multiples of the width."""


def channels(width: int, size: int) -> list[int]:
    """Returns the channels at half the side `size`, a quarter, ..., and at 4 pixels."""
    halvings = (size // 4).bit_length() - 1
    return [width * min(MOST, 2**i) for i in range(halvings)]


def first_weights(module: nn.Module) -> None:
    """Draws every weight of a convolution or linear map from N(0, 0.02^2)."""
    for weight in module.parameters():
        if weight.dim() > 1:
            nn.init.normal_(weight, 0.0, 0.02)


class DcganGenerator(nn.Module):
    """Maps latents to images.

    In evaluation mode batch-norm uses its running statistics, so an image depends on its own
    latent alone.

    Arguments:
        latent: Latent dimensions Z.
        width: Channels at half the image's side; twice as many at each coarser one, up to eight
            times. 64 gives 3.6 million parameters at 64 pixels.
        size: The side S in pixels: a power of two, at least 8.
    """

    def __init__(self, latent: int, width: int, size: int) -> None:
        super().__init__()
        self.latent = latent
        coarse, *finer = reversed(channels(width, size))
        # A transposed 4x4 convolution of a single pixel is a linear map.
        self.start = nn.Linear(latent, coarse * 16, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(c) for c in (coarse, *finer))
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 4, stride=2, padding=1, bias=False)
            for a, b in pairwise((coarse, *finer, 3))
        )
        first_weights(self)

    def forward(self, z: Tensor) -> Tensor:
        """Returns the images of the latents `z`, with shape `(B, 3, S, S)`, in [-1, 1].

        Arguments:
            z: Latents, with shape `(B, Z)`; only their direction counts.
        """
        return self.rest(self.first(z))

    def first(self, z: Tensor) -> Tensor:
        """Returns the map at 4x4 pixels, `(B, C, 4, 4)`, of latents."""
        return F.relu(self.norms[0](self.start(to_sphere(z)).unflatten(1, (-1, 4, 4))))

    def rest(self, x: Tensor) -> Tensor:
        """Returns the images of maps at 4x4 pixels."""
        x = self.ups[0](x)
        for norm, up in zip(self.norms[1:], self.ups[1:]):
            x = up(F.relu(norm(x)))
        return x.tanh()


class DcganDiscriminator(nn.Module):
    """Scores images. Batch-norm uses the batch's statistics: reals and fakes are scored apart.

    Arguments:
        width: Channels at half the image's side, and so on as in the generator.
        size: The side S in pixels.
    """

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        c = channels(width, size)
        self.downs = nn.ModuleList(
            nn.Conv2d(a, b, 4, stride=2, padding=1, bias=False) for a, b in pairwise((3, *c))
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(b) for b in c[1:])
        # A 4x4 convolution of 4x4 pixels is a linear map.
        self.score = nn.Linear(c[-1] * 16, 1, bias=False)
        first_weights(self)

    def features(self, images: Tensor) -> Tensor:
        """Returns the features that the scores are linear in, with shape `(B, F)`."""
        x = self.downs[0](images)
        for down, norm in zip(self.downs[1:], self.norms):
            x = norm(down(F.leaky_relu(x, 0.2)))
        return F.leaky_relu(x, 0.2).flatten(1)

    def forward(self, images: Tensor) -> Tensor:
        """Returns the images' scores (logits), with shape `(B, 1)`.

        Arguments:
            images: Images in [-1, 1], with shape `(B, 3, S, S)`.
        """
        return self.score(self.features(images))
