"""Opening data: names, files, folders, arrays and tensors alike."""

import subprocess
import sys
import zipfile

from pathlib import Path

import numpy as np
import pytest
import torch

from PIL import Image

import genlab.data

from genlab.common.errors import InputError
from genlab.data.image_set import in_memory, load_images
from genlab.data.open import folder_of


def test_importing_the_package_loads_neither_numpy_nor_torch() -> None:
    code = "import sys, genlab.data; print({'numpy', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("kind", ["uint8", "float", "bits"])
def test_digits_of_arrays_and_tensors_are_those_of_files(tmp_path: Path, kind: str) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (20, 6, 5)).astype(np.uint8)
    given = {"uint8": levels, "float": levels / 255, "bits": levels > 127}[kind]
    wanted = 255 * (levels > 127).astype(np.uint8) if kind == "bits" else levels
    np.savez(tmp_path / "a.npz", train=given, test=given[:4], test_labels=np.arange(4))
    arrays = {"train": given, "test": given[:4], "test_labels": np.arange(4)}
    tensors = {key: torch.from_numpy(array) for key, array in arrays.items()}
    for source in (tmp_path / "a.npz", str(tmp_path / "a.npz"), arrays, tensors):
        digits = genlab.data.splits(source)
        np.testing.assert_array_equal(digits.train.numpy(), wanted)
        np.testing.assert_array_equal(digits.test.numpy(), wanted[:4])
        assert digits.test_labels is not None
        assert digits.test_labels.tolist() == [0, 1, 2, 3]
    alone = genlab.data.splits(given)
    assert (len(alone.train), len(alone.test)) == (18, 2)


@pytest.mark.parametrize("bad", [np.full((9, 4, 4), 1.5), np.full((9, 4, 4), 7), np.zeros((9, 5))])
def test_arrays_that_are_no_digits_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(InputError, match="arrays: 'train'"):
        genlab.data.splits(bad)


def test_training_takes_the_same_images_from_folder_zip_array_and_tensor(
    picture_folder: Path, tmp_path: Path
) -> None:
    paths = sorted(picture_folder.iterdir())
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in paths:
            archive.write(path, path.name)
    stack = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths])
    np.save(tmp_path / "a.npy", stack)
    folder = load_images(str(picture_folder), 32)
    assert folder.paths == tuple(path.name for path in paths)
    for source in (tmp_path / "a.zip", tmp_path / "a.npy"):
        found = load_images(str(source), 32)
        assert torch.equal(found.images, folder.images)
        assert found.identity.sha256 == folder.identity.sha256
    for array in (stack, torch.from_numpy(stack)):
        pictures = genlab.data.images(array, 32)
        assert torch.equal(in_memory(pictures).images, folder.images)
    assert torch.equal(load_images(str(tmp_path / "a.zip"), 32, limit=5).images, folder.images[:5])


def test_images_of_many_sizes_are_no_image_set(tmp_path: Path) -> None:
    for side in (20, 30):
        Image.new("RGB", (side, side)).save(tmp_path / f"{side}.png")
    with pytest.raises(InputError, match="many sizes; give a `size`"):
        in_memory(genlab.data.images(tmp_path))


def test_all_unreadable_images_are_named_before_training(picture_folder: Path) -> None:
    for name in ("a.png", "b.png"):
        (picture_folder / name).write_bytes(b"no image")
    with pytest.raises(InputError, match=r"2 of 26 images cannot be used") as caught:
        load_images(str(picture_folder), 32)
    assert "a.png" in str(caught.value)
    assert "b.png" in str(caught.value)


def test_limits_and_counts_take_the_first(picture_folder: Path) -> None:
    whole = genlab.data.images(picture_folder)
    few = genlab.data.images(picture_folder, limit=3)
    assert few.names == whole.names[:3]
    assert few.digests == whole.digests[:3]
    assert len(genlab.data.images("toydogs:5", 16, limit=3)) == 3
    assert len(genlab.data.images("toydogs:3", 16, limit=5)) == 3


def test_the_folder_of_a_source(
    picture_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENLAB_DATA", str(tmp_path / "data"))
    assert folder_of(str(picture_folder)) == picture_folder
    assert folder_of("dogs") is None
    (tmp_path / "data" / "dogs").mkdir(parents=True)
    assert folder_of("dogs") == tmp_path / "data" / "dogs"
    for source in ("toydogs:3", "mnist", str(picture_folder / "00.png"), "nothing"):
        assert folder_of(source) is None
