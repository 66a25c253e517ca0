"""safetensors of strangers: a header that lies, repeats itself or leaves holes is refused."""

import json
import struct

import numpy as np
import pytest
import torch

from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from genlab.common.errors import InputError
from genlab.common.formats.tensors import header_of, read_tensors, require_finite


def headed(header: bytes, data: int = 0) -> bytes:
    """A file with this header."""
    return struct.pack("<Q", len(header)) + header + bytes(data)


def file_of(*entries: dict[str, object], data: int = 8, notes: object = None) -> bytes:
    """A file of tensors t0, t1, ...: each float32 `(2,)` at the start, but for what is given."""
    header: dict[str, object] = {} if notes is None else {"__metadata__": notes}
    for index, changes in enumerate(entries):
        header[f"t{index}"] = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changes
    return headed(json.dumps(header).encode(), data)


ENTRY = b'"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
REFUSED = {
    "shape": file_of({"shape": [3]}),
    "negative": file_of({"shape": [-2]}),
    "overflow": file_of({"shape": [1 << 33, 1 << 33]}),
    "dtype": file_of({"dtype": "F128"}),
    "a list for a dtype": file_of({"dtype": ["F32"]}),
    "true": file_of({"shape": [True, 2]}),
    "past the end": file_of({}, {"shape": [4], "data_offsets": [8, 24]}, data=16),
    "overlap": file_of({}, {}),
    "hole": file_of({}, {"shape": [1], "data_offsets": [12, 16]}, data=16),
    "backwards": file_of({"data_offsets": [8, 0]}),
    "further": file_of({"extra": 1}),
    "no list": file_of({"shape": "2"}),
    "three offsets": file_of({"data_offsets": [0, 4, 8]}),
    "longer": file_of({}) + b"0",
    "shorter": file_of({})[:-1],
    "many sides": file_of({"shape": [1] * 8 + [2]}),
    "an empty one too large": file_of({"shape": [0, 1 << 60], "data_offsets": [0, 0]}, data=0),
    "long": struct.pack("<Q", 1 << 62),
    "longer than is read": headed(b"{" + b" " * (1 << 26) + b"}"),
    "none": b"",
    "no object": headed(b"[]"),
    "notes": file_of({}, notes={"a": 1}),
    "deep": headed(b"[" * 100_000),
    "a name twice": headed(b"{" + ENTRY + b"," + ENTRY + b"}", 4),
    "digits": headed(b'{"a":' + b"1" * 5000 + b"}"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_headers_that_are_not_right_are_refused(kind: str) -> None:
    with pytest.raises(InputError, match="^weights: "):
        read_tensors(REFUSED[kind], "weights")


def test_what_the_library_writes_is_read() -> None:
    from safetensors.torch import save as save_torch

    made = {
        "f64": torch.rand(3, 0).double(), "f32": torch.rand(2, 3), "f16": torch.rand(5).half(),
        "bf16": torch.rand(5).bfloat16(), "i64": torch.arange(3), "i32": torch.arange(3).int(),
        "i16": torch.arange(3).short(), "i8": torch.arange(3).char(), "u8": torch.arange(3).byte(),
        "bool": torch.tensor([True, False]), "0-d": torch.tensor(1.5), "名字\n": torch.zeros(1),
    }
    data = save_torch(made, {"note": "text"})
    found = read_tensors(data, "weights")
    assert found.keys() == made.keys()
    for name, tensor in made.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)
    assert header_of(data, "weights")["f32"] == ("F32", (2, 3))
    assert read_tensors(save_torch({}), "weights") == {}


def test_values_that_are_not_finite_are_named_on_one_line() -> None:
    for bad in (np.nan, np.inf):
        tensors = read_tensors(save({"a": np.zeros(2), "b\n": np.array([bad])}), "weights")
        with pytest.raises(InputError, match=r"^weights: b\\n is not finite$"):
            require_finite(tensors, "weights")


@settings(max_examples=500)
@given(st.data())
def test_any_damage_is_refused_or_read(data: st.DataObject) -> None:
    good = save({"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.zeros(2, np.int64)})
    at = data.draw(st.integers(0, len(good)))
    piece = data.draw(st.binary(max_size=4))
    damaged = good[:at] + piece + good[at + data.draw(st.integers(0, 4)) :]
    try:
        tensors = read_tensors(damaged, "a")
    except InputError:
        return
    assert sum(tensor.nbytes for tensor in tensors.values()) < len(damaged)
