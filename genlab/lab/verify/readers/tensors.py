"""The tensors of a submission: what the reader refuses of them was tampered with."""

__all__ = ["read_shapes", "read_weights"]

from torch import Tensor

from genlab.common.formats.tensors import Shapes, header_of, read_tensors, require_finite
from genlab.lab.verify.results.findings import refusing


def read_shapes(data: bytes, name: str) -> Shapes:
    """Returns the dtype and shape of every tensor, without reading any.

    Raises:
        Refused: If the file is not safetensors.
    """
    with refusing():
        return header_of(data, name)


def read_weights(data: bytes, name: str) -> dict[str, Tensor]:
    """Returns the tensors, whose values are all finite.

    Raises:
        Refused: If the file is not safetensors, or a value is NaN or infinite.
    """
    with refusing():
        tensors = read_tensors(data, name)
        require_finite(tensors, name)
    return tensors
