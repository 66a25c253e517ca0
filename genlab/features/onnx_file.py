"""Feature networks of ONNX files: judges that a user brings, SSCD or DINOv2 for example.

    extractor = onnx_extractor("sscd.onnx")                      # "FD (sscd.onnx)"
    genlab.fid.measure("photographs/", images, [extractor])

The file says what its input is. It is one batch of images, in one of two orders of axes and three
kinds of numbers:

    (B, 3, S, S) or (B, S, S, 3)    float32, float16: (v / 255 - m) / s of each channel, with
                                    m = (0.485, 0.456, 0.406), s = (0.229, 0.224, 0.225), the
                                    means and standard deviations of ImageNet's training images
                                    (in torchvision, timm, DINOv2 and SSCD)
                                    uint8: the levels v

Images are brought to the side S that the file gives, to 224 pixels where it leaves that open. A
batch of one is given image by image. Features are the file's first output: (B, F) as it is; the
spatial mean of (B, F, h, w); the first of (B, T, F), which is the class token of a vision
transformer. A file whose input was prepared otherwise needs an `Extractor` of its own.

The network computes on the processor, with as many threads as torch.

Shapes: B images of a batch, S pixels a side, F features, T tokens.
"""

__all__ = ["SUFFIX", "key_of", "onnx_extractor"]

import hashlib

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.extras import how_to_install
from genlab.common.formats.files import read_file
from genlab.features.extractor import Extractor
from genlab.features.preprocessing import Preprocessing

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

SUFFIX = ".onnx"
LARGEST = 2 * 1024**3
"""An ONNX file of more bytes keeps its weights elsewhere."""
SIDE = 224
"""The side S where the file leaves it open."""
MEAN = (0.485, 0.456, 0.406)
STANDARD_DEVIATION = (0.229, 0.224, 0.225)
TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}


class Input(NamedTuple):
    """The input of a network."""

    name: str
    kind: type[np.generic]
    channels_last: bool
    side: int
    alone: bool
    """Whether the network takes one image at a time."""


def key_of(path: str | Path) -> str:
    """Returns the name of a file's features in the names of other files."""
    return f"onnx-{''.join(c if c.isalnum() else '-' for c in Path(path).stem.lower())}"


def onnx_extractor(path: str | Path) -> Extractor:
    """Loads a feature network from an ONNX file.

    Arguments:
        path: The file; its weights are in it.

    Returns:
        The extractor, under the label "FD (FILE)"; its features are kept in the cache.

    Raises:
        InputError: If onnxruntime is not installed, the file cannot be read, or its input or
            output is none of those above.
    """
    path = Path(path)
    session, sha256 = _session(path)
    given = _input(session, path)

    def network(prepared: Tensor) -> Tensor:
        rows = prepared.split(1) if given.alone else (prepared,)
        found = [np.asarray(session.run(None, {given.name: x.numpy()})[0]) for x in rows]
        return _features(torch.from_numpy(np.concatenate(found)), path)

    return Extractor(
        network, _preprocessing(given), path.name, layer="its first output", sha256=sha256,
        precision="its own", cache=True, key=key_of(path),
    )


def _session(path: Path) -> tuple["InferenceSession", str]:
    """Loads a file; returns its SHA-256 too."""
    try:
        import onnxruntime
    except ModuleNotFoundError:
        raise InputError(f"{path}: {how_to_install('onnxruntime')}") from None
    try:
        data = read_file(path, LARGEST)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4  # what is wrong is said below
    try:
        session = onnxruntime.InferenceSession(data, options, ["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no other class
        said = str(error).split(" : ")[-1]
        raise InputError(f"{path}: onnxruntime cannot load it: {said}") from None
    return session, hashlib.sha256(data).hexdigest()


def _input(session: "InferenceSession", path: Path) -> Input:
    """Returns what a network takes; raises `InputError` if that is no batch of images."""
    inputs = session.get_inputs()
    shapes = ", ".join(f"{one.name} {one.type} {one.shape}" for one in inputs)
    refused = InputError(
        f"{path}: takes {shapes}; a feature network takes one batch of square images, "
        "(B, 3, S, S) or (B, S, S, 3), of float32, float16 or uint8"
    )
    if len(inputs) != 1 or inputs[0].type not in TYPES or len(inputs[0].shape) != 4:
        raise refused
    batch, *shape = inputs[0].shape
    channels_last = shape[0] != 3
    channels, *sides = (shape[2], *shape[:2]) if channels_last else shape
    known = {side for side in sides if isinstance(side, int)}
    if channels != 3 or len(known) > 1 or (isinstance(batch, int) and batch != 1):
        raise refused
    return Input(
        inputs[0].name, TYPES[inputs[0].type], channels_last, next(iter(known), SIDE), batch == 1
    )


def _preprocessing(given: Input) -> Preprocessing:
    size = (given.side, given.side)
    mean, deviation = (torch.tensor(x)[:, None, None] for x in (MEAN, STANDARD_DEVIATION))

    def prepare(images: Tensor) -> Tensor:
        if images.shape[-2:] != size:
            shrinks = min(images.shape[-2:]) > given.side
            images = F.interpolate(
                images.float(), size=size, mode="bilinear", align_corners=False, antialias=shrinks
            )
        if given.kind is np.uint8:
            images = images.round().to(torch.uint8)
        else:
            images = (images.float() / 255 - mean) / deviation
            images = images.half() if given.kind is np.float16 else images
        return (images.permute(0, 2, 3, 1) if given.channels_last else images).contiguous()

    levels = "levels" if given.kind is np.uint8 else "ImageNet's mean 0 and deviation 1"
    return Preprocessing(
        name=f"onnx {given.side} {levels}",
        words=f"bilinear to {given.side} px, antialiased where it shrinks, {levels}",
        prepare=prepare,
    )


def _features(found: Tensor, path: Path) -> Tensor:
    if found.ndim == 4:
        return found.float().mean((2, 3))
    if found.ndim == 3:
        return found[:, 0].float()
    if found.ndim != 2:
        raise InputError(
            f"{path}: gives shape {tuple(found.shape)}; features are (B, F), (B, T, F) or "
            "(B, F, h, w)"
        )
    return found.float()
