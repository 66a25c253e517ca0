"""Feature networks of ONNX files: their input and output by hand, provenance, what is refused."""

import hashlib
import os

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cases.command import refused, run_command
from cases.small_data import make_pictures
from torch import Tensor

import genlab

from genlab.common.errors import InputError
from genlab.features.onnx_file import MEAN, STANDARD_DEVIATION, onnx_extractor

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
helper, types = onnx.helper, onnx.TensorProto


def write(path: Path, nodes: list, kind: int, shape: list, out: int = types.FLOAT) -> Path:
    """Writes a network of nodes from `x` to `y`."""
    graph = helper.make_graph(
        nodes, "network", [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", out, None)],
    )  # fmt: skip
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def node(kind: str, given: str, found: str, **options: object) -> object:
    return helper.make_node(kind, [given], [found], **options)


@pytest.fixture
def images() -> Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (3, 3, 40, 40), generator=random, dtype=torch.uint8)


def prepared(images: Tensor, side: int) -> Tensor:
    """Resizes, and scales by ImageNet's moments, written down a second time."""
    resized = F.interpolate(
        images.double(), size=(side, side), mode="bilinear", align_corners=False,
        antialias=side < images.shape[2],
    )
    found = torch.empty_like(resized)
    for channel, (mean, deviation) in enumerate(zip(MEAN, STANDARD_DEVIATION)):
        found[:, channel] = (resized[:, channel] / 255 - mean) / deviation
    return found


@pytest.mark.parametrize("side", [32, 40, 64])
def test_floats_are_scaled_and_maps_are_averaged(
    side: int, images: Tensor, tmp_path: Path
) -> None:
    file = write(tmp_path / "a.onnx", [node("Identity", "x", "y")], types.FLOAT,
                 ["batch", 3, side, side])  # fmt: skip
    found = onnx_extractor(file)(images)
    assert torch.allclose(found.double(), prepared(images, side).mean((2, 3)), atol=1e-5)


def test_levels_with_channels_last_are_given_as_they_are(images: Tensor, tmp_path: Path) -> None:
    nodes = [node("Cast", "x", "f", to=types.FLOAT),
             node("ReduceMean", "f", "y", axes=[1, 2], keepdims=0)]  # fmt: skip
    open_side = write(tmp_path / "a.onnx", nodes, types.UINT8, ["batch", "h", "w", 3])
    given = images[:, :, :1, :1].expand(3, 3, 40, 40)  # of one colour: the same at any side
    found = onnx_extractor(open_side)(given)
    assert torch.allclose(found, given[:, :, 0, 0].float(), atol=1e-3)
    fixed = write(tmp_path / "b.onnx", nodes, types.UINT8, ["batch", 40, 40, 3])
    assert torch.allclose(onnx_extractor(fixed)(images), images.float().mean((2, 3)), atol=1e-3)


def test_one_image_at_a_time_and_the_first_token(images: Tensor, tmp_path: Path) -> None:
    alone = write(tmp_path / "a.onnx", [node("Flatten", "x", "y")], types.FLOAT, [1, 3, 8, 8])
    expected = prepared(images, 8)
    assert torch.allclose(onnx_extractor(alone)(images).double(), expected.flatten(1), atol=1e-5)
    shape = helper.make_tensor("s", types.INT64, [3], [0, 3, 64])
    reshape = helper.make_node("Reshape", ["x", "s"], ["y"])
    constant = helper.make_node("Constant", [], ["s"], value=shape)
    tokens = write(tmp_path / "b.onnx", [constant, reshape], types.FLOAT, ["b", 3, 8, 8])
    found = onnx_extractor(tokens)(images)
    assert torch.allclose(found.double(), expected[:, 0].flatten(1), atol=1e-5)


def test_half_precision_is_given_where_it_is_asked_for(images: Tensor, tmp_path: Path) -> None:
    nodes = [node("Cast", "x", "f", to=types.FLOAT), node("Flatten", "f", "y")]
    file = write(tmp_path / "a.onnx", nodes, types.FLOAT16, ["b", 3, 8, 8])
    found = onnx_extractor(file)(images)
    assert torch.equal(found, prepared(images, 8).flatten(1).float().half().float()) or (
        torch.allclose(found.double(), prepared(images, 8).flatten(1), atol=2e-3)
    )


def test_features_carry_the_file_and_its_sha256(tmp_path: Path) -> None:
    file = write(tmp_path / "My judge.onnx", [node("Flatten", "x", "y")], types.FLOAT,
                 ["b", 3, 8, 8])  # fmt: skip
    extractor = onnx_extractor(file)
    assert extractor.label == "FD (My judge.onnx)"
    assert extractor.dims == 192
    assert extractor.provenance.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert extractor.key == "onnx-my-judge"


@pytest.mark.parametrize(
    ("kind", "shape", "says"),
    [
        (types.FLOAT, ["b", 1, 8, 8], r"takes x tensor\(float\) \['b', 1, 8, 8\]"),
        (types.FLOAT, ["b", 3, 8, 9], "square images"),
        (types.FLOAT, [4, 3, 8, 8], "one batch"),
        (types.FLOAT, ["b", 192], "square images"),
        (types.INT64, ["b", 3, 8, 8], "float32, float16 or uint8"),
    ],
)
def test_other_inputs_are_refused(kind: int, shape: list, says: str, tmp_path: Path) -> None:
    file = write(tmp_path / "a.onnx", [node("Identity", "x", "y")], kind, shape, kind)
    with pytest.raises(InputError, match=says):
        onnx_extractor(file)


def test_files_that_cannot_be_loaded_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    (tmp_path / "folder.onnx").mkdir()
    for name, says in {
        "bad": r"bad\.onnx: onnxruntime cannot load it", "folder": "not a plain file",
        "none": "cannot be read",
    }.items():
        with pytest.raises(InputError, match=says):
            onnx_extractor(tmp_path / f"{name}.onnx")


def test_a_distance_by_a_file_is_that_of_its_features(tmp_path: Path) -> None:
    make_pictures(tmp_path / "real")
    random = np.random.default_rng(1)
    fakes = random.integers(0, 256, (12, 24, 24, 3)).astype(np.uint8)
    np.save(tmp_path / "fakes.npy", fakes)
    write(tmp_path / "judge.onnx", [node("Flatten", "x", "y")], types.FLOAT, ["b", 3, 2, 2])
    command = ("fid", "real", "fakes.npy", "--features", "judge.onnx", "--permutations", "0",
               "--save-statistics", "--out", "fid")  # fmt: skip
    for _ in range(2):  # its folder is its own
        done = run_command(*command, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    (found,) = genlab.Run(tmp_path / "fid").results.generators[0].distances
    assert found.extractor.label == "FD (judge.onnx)"
    real = genlab.data.images(str(tmp_path / "real"), 24).stack()
    fake = torch.from_numpy(fakes).permute(0, 3, 1, 2)
    x, y = (prepared(i.float(), 2).flatten(1) for i in (real, fake))
    expected = genlab.metrics.frechet(x, y)
    assert found.distance.value == pytest.approx(expected.value, rel=1e-4)
    assert os.listdir(tmp_path / "fid").count("statistics-onnx-judge.npz") == 1


def test_an_unknown_network_is_named_with_those_there_are(tmp_path: Path) -> None:
    make_pictures(tmp_path / "real")
    done = run_command("fid", "real", "real", "--features", "dino", cwd=tmp_path)
    refused(done, "--features dino: no such network; there are efficientnet-lite0", ".onnx file")
