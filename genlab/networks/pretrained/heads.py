r"""A probe of dogs' heads: a logistic regression on features of EfficientNet-Lite0.

A square of a photograph, brought to 96 pixels, has the features f, the spatial mean of the
network's last maps. The probability that the square is filled by a dog's head is

    p = 1 / (1 + exp(-(w f + b)))

and since the log-odds are linear, those of each place (x, y) of a whole photograph's maps,
w f(x, y) + b, average over any square to about the square's own: a map of where to look.

w and b are inside the package, 5 kB. `benchmarks.train_head_probe` remakes them from cropped faces
and whole photographs of dogs:

    python -m benchmarks.train_head_probe FACES PHOTOS FILE.safetensors

References:
    | Understanding intermediate layers using linear classifier probes (Alain & Bengio, 2016)
    | https://arxiv.org/abs/1610.01644

Shapes: F = 1280 features, h w rows and columns of a map; `*` any leading dimensions.
"""

__all__ = ["PIXELS", "SHA256", "HeadProbe", "load_head_probe"]

from dataclasses import dataclass

import torch

from torch import Tensor

from genlab.networks.pretrained.weights import read_shipped

PIXELS = 96
"""The side of the squares that the probe was trained on."""
FILE = "heads.safetensors"
SHA256 = "740abd19ac0abd21da6079c0f07263e461f03a86bfc2633db9ffcfdf573da095"
"""The SHA-256 of the file with the weights."""


@dataclass(frozen=True, eq=False)
class HeadProbe:
    """The logistic regression."""

    weight: Tensor
    """w, float32 with shape `(F,)`."""
    bias: Tensor
    """b, float32 with shape `()`."""

    def log_odds(self, features: Tensor) -> Tensor:
        """Returns ln(p / (1 - p)), `(*, F)` to `(*)`."""
        return features @ self.weight + self.bias

    def map(self, maps: Tensor) -> Tensor:
        """Returns the log-odds at each place of maps, `(*, F, h, w)` to `(*, h, w)`."""
        return torch.einsum("f,...fhw->...hw", self.weight, maps) + self.bias


def load_head_probe() -> HeadProbe:
    """Loads the probe from the package, its SHA-256 verified.

    Raises:
        InputError: If the installed file is not the known one.
    """
    return HeadProbe(**read_shipped(FILE, SHA256))
