r"""A projected discriminator: small heads on frozen, randomly mixed ImageNet features.

The features of a frozen network at four scales l are mixed across channels by a random 1x1
convolution (CCM) and across scales, coarse to fine, by random 3x3 convolutions (CSM); none of
these weights is trained. Each scale has a head D_l of its own, and

    min_G max_{D_l} sum_l ( E_x[ln D_l(P_l(x))] + E_z[ln(1 - D_l(P_l(G(z))))] )

with the hinge loss in place of the logarithms, as in the paper's experiments.

References:
    | Projected GANs Converge Faster (Sauer et al., 2021), eq. 2, sections 3.2, 4, https://arxiv.org/abs/2111.01007
    | Spectral Normalization for GANs (Miyato et al., 2018), https://arxiv.org/abs/1802.05957

Unlike in the paper, the random 3x3 convolution comes before the enlargement (a quarter of the
cost), and the heads have no batch-norm, so that an image's score depends on that image alone.

Shapes: B batch, C channels, H W pixels, P places that a head scores.
"""

__all__ = ["Heads", "Projection"]

import torch.nn.functional as F

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from genlab.networks.pretrained.efficientnet_lite0 import EfficientNetLite0, to_input

AFTER = (2, 4, 10, 15)
"""Blocks of EfficientNet-Lite0 after which features are taken, at strides 4, 8, 16 and 32."""

CHANNELS = (24, 40, 112, 320)
"""Their channels."""

STRIDES = (4, 8, 16, 32)


class Projection(nn.Module):
    """The frozen P: images to mixed features, fine to coarse; no weight needs a gradient.

    Arguments:
        network: The frozen feature network.
        size: The side to which images are brought for it, in pixels.
        channels: Channels C of every mixed feature map.
    """

    def __init__(self, network: EfficientNetLite0, size: int, channels: int) -> None:
        super().__init__()
        self.network, self.size = network, size
        self.channel_mixing = nn.ModuleList(nn.Conv2d(c, channels, 1) for c in CHANNELS)
        self.scale_mixing = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=1) for _ in CHANNELS[1:]
        )
        for conv in [*self.channel_mixing, *self.scale_mixing]:
            assert isinstance(conv, nn.Conv2d)
            assert conv.bias is not None
            nn.init.kaiming_normal_(conv.weight, nonlinearity="linear")
            nn.init.zeros_(conv.bias)
        self.requires_grad_(False).eval()

    def forward(self, images: Tensor) -> list[Tensor]:
        """Returns the mixed features of each scale, `(B, C, H_l, W_l)`, fine to coarse.

        Arguments:
            images: Images in [-1, 1], with shape `(B, 3, H, W)`; gradients flow to them.
        """
        taps = self.network.taps(to_input((images + 1) / 2, self.size), AFTER)
        mixed = [conv(tap) for conv, tap in zip(self.channel_mixing, taps)]
        for scale in range(len(mixed) - 2, -1, -1):
            coarse = self.scale_mixing[scale](mixed[scale + 1])
            enlarged = F.interpolate(coarse, size=mixed[scale].shape[2:], mode="bilinear")
            mixed[scale] = mixed[scale] + enlarged
        return mixed


class Heads(nn.Module):
    """The trained part: one small spectrally normalised network a scale.

    Arguments:
        channels: Channels C of the features, and inside the heads.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(head(channels, CHANNELS_DOWN[s]) for s in STRIDES)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Returns each head's scores, `(B, P)`, of the features that `Projection` returns."""
        return [head(x).flatten(1) for head, x in zip(self.heads, features)]


CHANNELS_DOWN = {4: 3, 8: 2, 16: 1, 32: 0}
"""Halvings in the head at each stride: all heads end at stride 32."""


def head(channels: int, halvings: int) -> nn.Sequential:
    """Returns a head: stride-2 convolutions (or one of stride 1), then one score a place."""
    layers: list[nn.Module] = []
    for _ in range(halvings):
        layers += [spectral_norm(nn.Conv2d(channels, channels, 4, 2, 1)), nn.LeakyReLU(0.2)]
    if not halvings:
        layers += [spectral_norm(nn.Conv2d(channels, channels, 3, 1, 1)), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, spectral_norm(nn.Conv2d(channels, 1, 3, 1, 1)))
