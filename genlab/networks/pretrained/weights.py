r"""Weights of published networks: checked and folded.

A convolution followed by batch-norm in evaluation mode is one convolution:

    gamma (W * x - mean) / sqrt(var + eps) + beta = W' * x + b'
    W' = W gamma / sqrt(var + eps),  b' = beta - mean gamma / sqrt(var + eps)

References:
    | Batch Normalization (Ioffe & Szegedy, 2015), algorithm 2, step 11
    | https://arxiv.org/abs/1502.03167

A `.pth` file is a pickle. It is read only if its SHA-256 is the published one, and only with
`weights_only=True`, which runs no code.
"""

__all__ = ["LARGEST", "Weights", "fold", "read_pinned", "read_shipped"]

import hashlib
import io

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.formats.files import read_file
from genlab.common.formats.tensors import read_tensors

Weights = dict[str, Tensor]

LARGEST = 1 << 30
"""Bytes of a file of weights; the largest that is read, Inception's, has 95 MB."""


def read_pinned(path: Path, sha256: str) -> Weights:
    """Reads the tensors of a `.pth` file with a known SHA-256.

    Raises:
        InputError: If the file is missing, or its SHA-256 is not `sha256`.
    """
    try:
        data = read_file(path, LARGEST)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise InputError(
            f"{path}: not the expected weights, or damaged (SHA-256 {found[:12]}…, wanted "
            f"{sha256[:12]}…); fetch or install it again"
        )
    return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)


def read_shipped(file: str, sha256: str) -> Weights:
    """Reads the tensors of a `.safetensors` file beside this one, its SHA-256 verified.

    Raises:
        InputError: If the installed file is not the known one.
    """
    data = resources.files("genlab.networks.pretrained").joinpath(file).read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise InputError(
            f"genlab/networks/pretrained/{file}: damaged (SHA-256 {found[:12]}…, "
            f"wanted {sha256[:12]}…); install genlab again"
        )
    return read_tensors(data, file)


def fold(conv: Tensor, norm: Mapping[str, Tensor], eps: float) -> tuple[Tensor, Tensor]:
    """Folds a batch-norm into the convolution before it, in float64.

    Arguments:
        conv: The convolution's weight W, with shape `(O, I, KH, KW)`; it has no bias.
        norm: `weight` (gamma), `bias` (beta), `running_mean`, `running_var`, each `(O,)`.
        eps: The number that the batch-norm adds to the variance.

    Returns:
        W' with the shape of W, and b' with shape `(O,)`, both float32.
    """
    gamma, beta, mean, var = (
        norm[key].double() for key in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gamma / (var + eps).sqrt()
    weight = conv.double() * scale[:, None, None, None]
    return weight.float(), (beta - mean * scale).float()
