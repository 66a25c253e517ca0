r"""A small classifier of digits: 96 features and ten logits, its weights inside the package.

Five 3 x 3 convolutions, each followed by ReLU, with two maximum pools; features are the spatial
mean of the last; the logits are linear in them:

    28 px -> 16 -> pool 14 px -> 32 -> 32 -> pool 7 px -> 48 -> 96 at 5 px -> mean -> 10

It is trained on MNIST's 60,000 training digits, slightly turned, scaled and shifted, by
`benchmarks.train_digits_classifier` (seed 0, 8 epochs), which remakes the weights:

    python -m benchmarks.train_digits_classifier FILE.safetensors

It classifies 99.29 % of MNIST's 10,000 test digits correctly. A Fréchet distance over its features
is "FD (digits)"; the entropies of its classes show how sure it is of each digit and how evenly a
generator draws all ten (the two entropies of the Inception score).

References:
    | Gradient-based learning applied to document recognition (LeCun et al., 1998), section II
    | Improved Techniques for Training GANs (Salimans et al., 2016), section 4
    | https://arxiv.org/abs/1606.03498
    | Luma of an RGB image: Recommendation ITU-R BT.601-7, section 2.5.1

Shapes: B images of C = 1 or 3 channels and H x W pixels, F = 96 features.
"""

__all__ = ["DIMS", "SHA256", "DigitsNet", "load_digits_net", "to_input"]

import torch
import torch.nn.functional as F

from torch import Tensor, nn

from genlab.networks.pretrained.weights import Weights, read_shipped

DIMS = 96
"""The number of features."""

SIZE = 28
"""The side of the digits that the network was trained on."""

FILE = "digits.safetensors"
SHA256 = "ec5e374be59dc37bc7547cfc49fb470a04cf726b6b2556892cca323bb6ef83c4"
"""The SHA-256 of the file with the weights."""

LUMA = (0.299, 0.587, 0.114)


class DigitsNet(nn.Module):
    """The classifier, float32.

    Arguments:
        weights: Its parameters, frozen then; without them it starts as torch initialises.
    """

    def __init__(self, weights: Weights | None = None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.conv3 = nn.Conv2d(32, 32, 3, padding=1)
        self.conv4 = nn.Conv2d(32, 48, 3, padding=1)
        self.conv5 = nn.Conv2d(48, DIMS, 3)
        self.classifier = nn.Linear(DIMS, 10)
        if weights is not None:
            self.load_state_dict(weights)
            self.requires_grad_(False).eval()

    def features(self, x: Tensor) -> Tensor:
        """Returns the features of `x`, what `to_input` returns, with shape `(B, 96)`."""
        x = F.max_pool2d(self.conv1(x).relu(), 2)
        x = F.max_pool2d(self.conv3(self.conv2(x).relu()).relu(), 2)
        return self.conv5(self.conv4(x).relu()).relu().mean((2, 3))

    def classify(self, features: Tensor) -> Tensor:
        """Returns the logits of the digits 0 to 9, with shape `(B, 10)`."""
        return self.classifier(features)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the logits of `x`, what `to_input` returns, with shape `(B, 10)`."""
        return self.classify(self.features(x))


def to_input(images: Tensor) -> Tensor:
    """Prepares images for the network: light ink on black, as in MNIST.

    RGB becomes grey by its luma; then bilinear to 28 pixels (half-pixel centres, antialiased
    where it shrinks); values in [0, 1].

    Arguments:
        images: Images, uint8 with shape `(B, C, H, W)`, C = 1 or 3.

    Returns:
        The network's input, float32 with shape `(B, 1, 28, 28)`.
    """
    grey = images.float() / 255
    if images.shape[1] == 3:
        grey = torch.einsum("bchw,c->bhw", grey, torch.tensor(LUMA))[:, None]
    if grey.shape[-2:] != (SIZE, SIZE):
        grey = F.interpolate(
            grey, (SIZE, SIZE), mode="bilinear", align_corners=False, antialias=True
        )
    return grey


def load_digits_net() -> DigitsNet:
    """Loads the network from the package, its SHA-256 verified.

    Raises:
        InputError: If the installed file is not the known one.
    """
    return DigitsNet(read_shipped(FILE, SHA256))
