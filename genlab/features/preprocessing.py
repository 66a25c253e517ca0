r"""How images become a network's input; FID Inception's as five tools do it, to the last digit.

All tools run the same network, but the numbers that they call FID differ, because each resizes an
image to 299 pixels in its own way. With scale s = n / 299 from n pixels to 299, output pixel i
lies at input coordinate x(i):

    half-pixel  x = (i + 1/2) s - 1/2      legacy TensorFlow 1  x = i s

Bilinear interpolation weights the two pixels next to x by 1 - t and t, t = x - floor(x), pixels
beyond the edge replaced by the edge. Antialiased, each output pixel is a weighted mean over all
input pixels j under a kernel k as wide as an output pixel,

    w(j) = k((j + 1/2 - (i + 1/2) s) / max(s, 1)), divided by their sum,

with k the triangle (bilinear) or Keys' cubic with a = -1/2 (bicubic).

| Name           | Resize                                  | Then          |
|----------------|-----------------------------------------|---------------|
| `pytorch-fid`  | bilinear, half-pixel                    | 2 (v/255) - 1 |
| `tensorflow`   | bilinear, legacy, inside TTUR's graph   | (v - 128)/128 |
| `clean`        | bicubic, antialiased, clipped to 0..255 | (v - 128)/128 |
| `torchmetrics` | bilinear, antialiased (since July 2025) | (v - 128)/128 |
| `edm2`         | bilinear, legacy, by a sampling grid    | (v - 128)/128 |

So `tensorflow` and `edm2` define the same and differ by rounding only; at 299 pixels none of them
resizes. All take uint8; torchmetrics truncates floating-point images to it, where the others
round. All five divide a covariance by N - 1 (stylegan3, with the detector of `edm2`, by N).

References:
    | mseitzer/pytorch-fid 0.3.0, src/pytorch_fid/inception.py, fid_score.py
    | bioinf-jku/TTUR, fid.py; the resize of its graph: TensorFlow 1, tensorflow/core/kernels/
    | image_resizer_state.h and resize_bilinear_op.cc; the same in torch: toshas/torch-fidelity
    | 0.4.0, torch_fidelity/interpolate_compat_tensorflow.py
    | GaParmar/clean-fid 0.1.35, cleanfid/resize.py and inception_torchscript.py; Parmar et al.
    | (2022), https://arxiv.org/abs/2104.11222
    | Lightning-AI/torchmetrics 1.9.0, src/torchmetrics/image/fid.py
    | NVlabs/edm2, calculate_metrics.py; its detector is stylegan3's inception-2015-12-05.pkl
    | Cubic convolution interpolation for digital image processing (Keys, 1981), equation 4

Shapes: B images of H x W pixels.
"""

__all__ = ["PREPROCESSINGS", "Preprocessing", "check_images", "to_uint8", "truncate_to_uint8"]

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from PIL import Image
from torch import Tensor

from genlab.networks.pretrained.inception_net import SIZE
from genlab.networks.pretrained.inception_net import to_input as pytorch_fid_input


def to_uint8(images: Tensor) -> Tensor:
    """Returns images in [0, 1] as uint8: floor(255 v + 1/2), so that one half rounds up.

    Raises:
        ValueError: If a value is not in [0, 1], or not a number.
    """
    return (_unit_range(images) * 255 + 0.5).floor().to(torch.uint8)


def truncate_to_uint8(images: Tensor) -> Tensor:
    """Returns images in [0, 1] as uint8: floor(255 v), as torchmetrics does.

    Raises:
        ValueError: If a value is not in [0, 1], or not a number.
    """
    return (_unit_range(images) * 255).to(torch.uint8)


def _unit_range(images: Tensor) -> Tensor:
    low, high = images.amin().item(), images.amax().item()
    if not (low >= 0 and high <= 1):  # true of NaN too
        raise ValueError(f"images from {low:g} to {high:g}: floating-point ones lie in [0, 1]")
    return images


def check_images(images: Tensor) -> Tensor:
    """Returns images with three channels; grey ones are repeated.

    Raises:
        ValueError: If they are not uint8 with shape `(B, 3, H, W)` or `(B, 1, H, W)`.
    """
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(
            f"images are {images.dtype} with shape {tuple(images.shape)}; give uint8 (B, 3, H, W)"
        )
    return images.expand(-1, 3, -1, -1)


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """Everything that happens between an image and a network's input."""

    name: str
    """Its name: a key of `PREPROCESSINGS`, or the name of the network it belongs to."""
    words: str
    """One line that describes it, to stand beside a number."""
    prepare: Callable[[Tensor], Tensor]
    """Images, uint8 `(B, 3, H, W)` (or one grey channel), to the network's float32 input."""
    quantise: Callable[[Tensor], Tensor] = to_uint8
    """How the tool brings images in [0, 1] to uint8."""


def _to_signed(x: Tensor) -> Tensor:
    return (x - 128) / 128


def _pytorch_fid(images: Tensor) -> Tensor:
    return pytorch_fid_input(check_images(images).float() / 255)


def _tensorflow(images: Tensor) -> Tensor:
    x = check_images(images).float()
    rows, low_rows, high_rows = _legacy_taps(x.shape[2])
    columns, low_columns, high_columns = _legacy_taps(x.shape[3])
    # along each row first, then between rows, each as a + (b - a) t: TensorFlow's own order
    left, right = x[..., low_columns], x[..., high_columns]
    x = left + (right - left) * columns
    top, bottom = x[:, :, low_rows], x[:, :, high_rows]
    return _to_signed(top + (bottom - top) * rows[:, None])


def _legacy_taps(length: int) -> tuple[Tensor, Tensor, Tensor]:
    """Returns t, the pixel before and the pixel after each of the 299 coordinates i s."""
    scale = torch.tensor(length, dtype=torch.float32) / SIZE
    x = torch.arange(SIZE, dtype=torch.float32) * scale
    low = x.long().clamp(max=length - 1)
    return x - low, low, (low + 1).clamp(max=length - 1)


def _clean(images: Tensor) -> Tensor:
    array = check_images(images).numpy()
    result = np.empty((*array.shape[:2], SIZE, SIZE), np.float32)
    for i, j in np.ndindex(*array.shape[:2]):
        channel = Image.fromarray(array[i, j].astype(np.float32))  # mode F: nothing is rounded
        result[i, j] = np.asarray(channel.resize((SIZE, SIZE), Image.Resampling.BICUBIC))
    return _to_signed(torch.from_numpy(result.clip(0, 255)))


def _torchmetrics(images: Tensor) -> Tensor:
    x = check_images(images).float()
    x = F.interpolate(x, (SIZE, SIZE), mode="bilinear", align_corners=False, antialias=True)
    return _to_signed(x)


def _edm2(images: Tensor) -> Tensor:
    """Samples at (2 i + 1) / 299 - 1 + (1 / n - 1 / 299) of [-1, 1], which is pixel i s."""
    x = check_images(images).float()
    height, width = torch.tensor(x.shape[2:], dtype=torch.float32)
    shift = torch.stack([1 / width, 1 / height]) - torch.ones(()) / SIZE
    move = torch.cat([torch.eye(2), shift[:, None]], 1).expand(len(x), 2, 3)
    grid = F.affine_grid(move, [len(x), 3, SIZE, SIZE], align_corners=False)
    x = F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return _to_signed(x)


PREPROCESSINGS: dict[str, Preprocessing] = {
    "pytorch-fid": Preprocessing(
        name="pytorch-fid",
        words="pytorch-fid: bilinear to 299 px, not antialiased, 2 (v / 255) - 1",
        prepare=_pytorch_fid,
    ),
    "tensorflow": Preprocessing(
        name="tensorflow",
        words="TTUR: TensorFlow 1 bilinear to 299 px without half-pixel centres, (v - 128) / 128",
        prepare=_tensorflow,
    ),
    "clean": Preprocessing(
        name="clean",
        words="clean-fid: Pillow bicubic to 299 px, antialiased, in float, (v - 128) / 128",
        prepare=_clean,
    ),
    "torchmetrics": Preprocessing(
        name="torchmetrics",
        words="torchmetrics since July 2025: bilinear to 299 px, antialiased, (v - 128) / 128",
        prepare=_torchmetrics,
        quantise=truncate_to_uint8,
    ),
    "edm2": Preprocessing(
        name="edm2",
        words="edm2: NVIDIA's detector, TensorFlow 1 bilinear to 299 px by a sampling grid, "
        "(v - 128) / 128",
        prepare=_edm2,
    ),
}
"""The preprocessings of FID Inception, by name; each gives float32 `(B, 3, 299, 299)`."""
