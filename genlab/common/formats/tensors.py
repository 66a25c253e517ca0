"""Reads safetensors: the header is checked here before the library sees the file.

A file is 8 bytes N (little-endian), N bytes of JSON, and the tensors' bytes, without holes.

References:
    | https://github.com/huggingface/safetensors (format)
"""

__all__ = ["Shapes", "header_of", "read_tensors", "require_finite"]

import math

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from genlab.common.errors import InputError
from genlab.common.formats.json_text import read_object
from genlab.numerics.finite import first_not_finite

if TYPE_CHECKING:
    from torch import Tensor

LARGEST_HEADER = 8 << 20
LARGEST_SIDE = 1 << 40
BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1,
    "BOOL": 1,
}
"""The dtypes that are taken, and the bytes of one value."""
Shapes: TypeAlias = dict[str, tuple[str, tuple[int, ...]]]
"""dtype and shape of each tensor, by name."""


def header_of(data: bytes, name: str) -> Shapes:
    """Returns the dtype and shape of every tensor, without reading any.

    Arguments:
        data: The file.
        name: What it is called in an error.

    Raises:
        InputError: If a length, an offset, a dtype or a shape is not right, tensors overlap or
            leave bytes between them.
    """
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or not 2 <= length <= min(LARGEST_HEADER, len(data) - 8):
        raise InputError(f"{name}: not safetensors (a header of {length:,} bytes)")
    header = read_object(data[8 : 8 + length], name)
    notes = header.pop("__metadata__", {})
    if not (isinstance(notes, dict) and all(isinstance(v, str) for v in notes.values())):
        raise InputError(f"{name}: its __metadata__ is not text")
    shapes: Shapes = {}
    spans = []
    for key, entry in header.items():
        dtype, shape, start, end = _entry(entry, f"{name}: {key[:60]}")
        if math.prod(shape) * BYTES[dtype] != end - start:
            raise InputError(f"{name}: {key[:60]}: its bytes are not those of {dtype} {shape}")
        shapes[key] = (dtype, shape)
        spans.append((start, end))
    place = 0
    for start, end in sorted(spans):
        if start != place:
            raise InputError(f"{name}: its tensors overlap or leave holes")
        place = end
    if place != len(data) - 8 - length:
        raise InputError(f"{name}: its tensors do not fill the file")
    return shapes


def _entry(entry: object, where: str) -> tuple[str, tuple[int, ...], int, int]:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise InputError(f"{where}: not an entry of a safetensors header")
    dtype, shape, span = entry["dtype"], entry["shape"], entry["data_offsets"]
    whole = [
        isinstance(part, list) and all(type(n) is int and 0 <= n <= LARGEST_SIDE for n in part)
        for part in (shape, span)
    ]
    if not isinstance(dtype, str) or dtype not in BYTES or not all(whole):
        raise InputError(f"{where}: dtype, shape or offsets are not right")
    if len(shape) > 8 or len(span) != 2 or span[0] > span[1]:
        raise InputError(f"{where}: dtype, shape or offsets are not right")
    return dtype, tuple(shape), span[0], span[1]


def read_tensors(data: bytes, name: str) -> "dict[str, Tensor]":
    """Returns the tensors of a file, on the CPU.

    Raises:
        InputError: As of `header_of`.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    header_of(data, name)
    try:
        return load(data)
    except (SafetensorError, ValueError, RuntimeError, KeyError) as error:
        raise InputError(f"{name}: not readable as safetensors ({error})") from None


def require_finite(tensors: "Mapping[str, Tensor]", name: str) -> None:
    """Raises `InputError` if a value of a file's tensors is NaN or infinite."""
    if (key := first_not_finite(tensors)) is not None:
        raise InputError(f"{name}: {key[:60]} is not finite")
