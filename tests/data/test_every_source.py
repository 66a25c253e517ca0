"""A SOURCE means the same for every command: folders, zips, idx files and arrays, as they come."""

import gzip
import io
import struct
import zipfile
import zlib

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import torch

from cases.small_data import idx_bytes
from PIL import Image

import genlab.data

from genlab.common.errors import InputError
from genlab.common.formats.idx import read_idx
from genlab.data.image_set import load_images
from genlab.data.image_splits import set_apart
from genlab.data.open import open_files, place_of

RANDOM = np.random.default_rng(0)
TRAIN = RANDOM.integers(0, 256, (30, 20, 20)).astype(np.uint8)
TEST = RANDOM.integers(0, 256, (10, 20, 20)).astype(np.uint8)
LABELS, TEST_LABELS = np.arange(30) % 3, np.arange(10) % 3
COLOUR = RANDOM.integers(0, 256, (30, 20, 20, 3)).astype(np.uint8)
PARTS = {
    "train-images-idx3-ubyte": TRAIN, "train-labels-idx1-ubyte": LABELS.astype(np.uint8),
    "t10k-images-idx3-ubyte": TEST, "t10k-labels-idx1-ubyte": TEST_LABELS.astype(np.uint8),
}  # fmt: skip


def write_idx(folder: Path, rename: Callable[[str], str], packed: bool = False) -> None:
    for name, array in PARTS.items():
        path = folder / rename(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(idx_bytes(array)) if packed else idx_bytes(array))


def zipped(folder: Path) -> Path:
    path = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            archive.write(file, file.relative_to(folder).as_posix())
    return path


NESTINGS: dict[str, tuple[Callable[[str], str], bool]] = {
    "as published": (lambda name: f"{name}.gz", True),
    "unpacked": (lambda name: name, False),
    "Kaggle's dots": (lambda name: name.replace("-idx", ".idx"), False),
    "a folder of the file's name": (lambda name: f"{name}/{name}", False),
    "torchvision": (lambda name: f"MNIST/raw/{name}", False),
    "capitals": (lambda name: f"{name.upper()}.GZ", True),
    "test for t10k": (lambda name: name.replace("t10k", "test"), False),
    "a prefix": (lambda name: f"gzip/kmnist-{name.replace('t10k', 'test')}.gz", True),
    "a copy's mark": (lambda name: f"{name} (1)", False),
    "a folder a split": (lambda name: ("train/" if "train" in name else "test/") + name, False),
    "no .gz, packed": (lambda name: name, True),
}


@pytest.mark.parametrize("case", NESTINGS)
def test_idx_files_are_found_under_all_their_usual_names(case: str, tmp_path: Path) -> None:
    rename, packed = NESTINGS[case]
    folder = tmp_path / "set"
    write_idx(folder, rename, packed)
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "train-images-idx3-ubyte").write_bytes(b"x")
    one = next(p for p in folder.rglob("*") if p.is_file() and "images" in p.name.lower()
               and p.parent.name[0] != ".")  # fmt: skip
    sources = [folder, zipped(folder)]
    if "/" not in rename("train-images-idx3-ubyte"):
        sources.append(one)
    for source in sources:
        digits = genlab.data.splits(source)
        np.testing.assert_array_equal(digits.train.numpy(), TRAIN)
        np.testing.assert_array_equal(digits.test.numpy(), TEST)
        assert digits.train_labels is not None
        assert digits.train_labels.tolist() == LABELS.tolist()
        trained, measured = load_images(str(source), 20), genlab.data.images(source, 20)
        assert torch.equal(trained.images[:, 0], digits.train)
        assert torch.equal(measured.read(3)[1], digits.test[3])


def test_the_characters_of_emnist_are_turned_upright(tmp_path: Path) -> None:
    """They are stored column by column, alone among the kin of MNIST."""
    write_idx(tmp_path / "set", lambda name: f"gzip/emnist-letters-{name.replace('t10k', 'test')}")
    digits = genlab.data.splits(tmp_path / "set")
    np.testing.assert_array_equal(digits.train.numpy(), TRAIN.transpose(0, 2, 1))
    np.testing.assert_array_equal(digits.test.numpy(), TEST.transpose(0, 2, 1))


def test_kaggles_doubled_files_are_one_set_and_two_sets_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    write_idx(folder, lambda name: f"{name}/{name}")
    write_idx(folder, lambda name: name.replace("-idx", ".idx"))
    assert len(genlab.data.splits(folder).train) == 30
    write_idx(folder, lambda name: f"FashionMNIST/raw/{name}")
    with pytest.raises(InputError, match="several data sets: ., FashionMNIST/raw; give the"):
        genlab.data.splits(folder)
    file = next((folder / "FashionMNIST").rglob("t10k-images*"))
    assert len(genlab.data.splits(file).train) == 30
    for path in folder.rglob("*labels*"):
        if path.is_file():
            path.unlink()
    with pytest.raises(InputError, match="train-labels-idx1-ubyte, t10k-labels-idx1-ubyte are mi"):
        genlab.data.splits(folder)


def test_an_idx_file_is_read_no_further_than_its_header_says() -> None:
    """Neither a bomb behind an honest header nor a header that promises the moon."""
    honest = idx_bytes(np.zeros((4, 3, 3), np.uint8))
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = packer.compress(honest) + b"".join(
        packer.compress(bytes(1 << 20)) for _ in range(200)
    ) + packer.flush()

    class Counting(io.BytesIO):
        most = 0

        def read(self, size: int | None = -1) -> bytes:
            found = super().read(size)
            self.most = max(self.most, self.tell())
            return found

    for data in (bomb, honest + bytes(1 << 25)):
        file = Counting(data)
        with pytest.raises(InputError, match="FILE: too long: its header promises 36 bytes"):
            read_idx(file, "FILE", len(data))
        assert file.most <= 2 << 20
    for shape in ((1 << 31, 28, 28), (4_000_000, 1000, 1)):
        header = struct.pack(">HBB3I", 0, 8, 3, *shape)
        for data in (header, gzip.compress(header + bytes(100))):
            with pytest.raises(InputError, match="promises .* bytes .* at most"):
                read_idx(io.BytesIO(data), "FILE", len(data))


KEYS = {
    "keras": {"x_train": TRAIN, "y_train": LABELS, "x_test": TEST, "y_test": TEST_LABELS},
    "medmnist": {"train_images": TRAIN, "train_labels": LABELS[:, None], "test_images": TEST,
                 "test_labels": TEST_LABELS[:, None], "val_images": TEST[:5],
                 "val_labels": TEST_LABELS[:5, None]},
    "capitals": {"X_train": TRAIN[..., None], "Y_train": LABELS, "X_test": TEST[:, None],
                 "Y_test": TEST_LABELS},
    "camel": {"trainImages": TRAIN, "trainLabels": LABELS, "testImages": TEST,
              "testLabels": TEST_LABELS},
}  # fmt: skip


@pytest.mark.parametrize("case", KEYS)
def test_arrays_by_their_usual_names(case: str, tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", **KEYS[case])
    digits = genlab.data.splits(tmp_path / "a.npz")
    np.testing.assert_array_equal(digits.train.numpy(), TRAIN)
    np.testing.assert_array_equal(digits.test.numpy(), TEST)
    assert digits.test_labels is not None
    assert digits.test_labels.tolist() == TEST_LABELS.tolist()
    assert (digits.valid is not None) == (case == "medmnist")
    assert torch.equal(load_images(str(tmp_path / "a.npz"), 20).images[:, 0], digits.train)
    assert len(genlab.data.images(tmp_path / "a.npz")) == 10


@pytest.mark.parametrize("key", ["arr_0", "images", "data", "x", "X", "imgs", "train"])
def test_one_array_by_its_usual_names(
    key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "a.npz", **{key: TRAIN, "y": LABELS, "ids": np.arange(30.0)})
    digits = genlab.data.splits(tmp_path / "a.npz")
    assert (len(digits.train), len(digits.test)) == (27, 3)
    assert len(genlab.data.images(tmp_path / "a.npz")) == 30
    assert capsys.readouterr().err.count("left out: ids (30,)") == 1


def grey_folder(root: Path, *, flat: bool = False) -> Path:
    for images, labels, split in ((TRAIN, LABELS, "training"), (TEST, TEST_LABELS, "testing")):
        for index, (image, label) in enumerate(zip(images, labels)):
            place = root if flat else root / split / str(label)
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(place / f"{split}{index:02d}.png")
    return root


def test_a_folder_of_grey_pictures_is_digits(tmp_path: Path) -> None:
    folder = grey_folder(tmp_path / "set")
    for source in (folder, zipped(folder)):
        digits = genlab.data.splits(source)
        for images, found, labels, wanted in (
            (TRAIN, digits.train, LABELS, digits.train_labels),
            (TEST, digits.test, TEST_LABELS, digits.test_labels),
        ):
            assert wanted is not None
            given = sorted((image.tobytes(), label) for image, label in zip(images, labels))
            assert given == sorted(
                (image.numpy().tobytes(), label) for image, label in zip(found, wanted.tolist())
            )


def test_pictures_without_splits_are_parted_at_random(tmp_path: Path) -> None:
    """Sorted by class, the last tenth would be of the last class alone."""
    pixels = np.random.default_rng(5).integers(0, 256, (120, 20, 20)).astype(np.uint8)
    for label in range(3):
        place = tmp_path / "set" / "abc"[label]
        place.mkdir(parents=True)
        for index in range(40):
            Image.fromarray(pixels[40 * label + index]).save(place / f"{index}.png")
    digits = genlab.data.splits(tmp_path / "set")
    assert (len(digits.train), len(digits.test)) == (108, 12)
    assert digits.test_labels is not None
    assert digits.test_labels.unique().tolist() == [0, 1, 2]
    again = genlab.data.splits(tmp_path / "set")
    assert again.identity == digits.identity


def test_pictures_in_colour_and_of_any_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def folder(name: str, images: Iterable[np.ndarray]) -> Path:
        (tmp_path / name).mkdir()
        for index, image in enumerate(images):
            Image.fromarray(image).save(tmp_path / name / f"{index:02d}.png")
        return tmp_path / name

    colour = genlab.data.splits(folder("colour", COLOUR))
    assert (colour.colour, colour.shape) == (True, (3, 20, 20))
    given = {image.tobytes() for image in COLOUR.transpose(0, 3, 1, 2)}
    assert {image.numpy().tobytes() for image in (*colour.train, *colour.test)} == given
    assert "note" not in capsys.readouterr().err
    np.save(tmp_path / "colour.npy", COLOUR)
    again = genlab.data.splits(tmp_path / "colour.npy")
    assert torch.equal(again.train, colour.train)
    assert "taken as 30 images in colour of 20 rows and 20 columns, channels last" in (
        capsys.readouterr().err
    )
    wide = genlab.data.splits(folder("wide", [*TRAIN[1:], TRAIN[0][:, :18]]))
    assert (wide.colour, wide.shape) == (False, (64, 64))
    assert "wide: pictures of several sizes are brought to squares of 64" in (
        capsys.readouterr().err
    )
    assert genlab.data.splits(tmp_path / "wide", 32).shape == (32, 32)
    assert capsys.readouterr().err.count("note") == 0
    large = genlab.data.splits(folder("large", COLOUR.repeat(10, 1).repeat(7, 2)))
    assert large.shape == (3, 64, 64)
    assert "large: pictures of 140x200 pixels are brought" in capsys.readouterr().err
    with pytest.raises(InputError, match="200 pixels a side; a VAE takes images of at most 128"):
        genlab.data.splits(tmp_path / "large", 200)


def test_splits_are_brought_to_a_size() -> None:
    arrays = {"train": COLOUR, "test": COLOUR[:7], "train_labels": LABELS}
    small = genlab.data.splits(arrays, 16)
    assert (small.shape, len(small.test)) == ((3, 16, 16), 7)
    assert torch.equal(small.test, small.train[:7])
    assert small.identity.sha256 != genlab.data.splits(arrays).identity.sha256
    assert genlab.data.splits(arrays, 20).identity == genlab.data.splits(arrays).identity
    grey = genlab.data.splits(TRAIN, 16)
    wanted = genlab.data.images(TRAIN, 16).stack()[:, 0]
    apart = torch.from_numpy(set_apart(TRAIN))
    assert torch.equal(grey.test, wanted[apart])


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("train.csv", b"label,pixel0,pixel1\n1,0,0\n", r"with 3 columns \(label, pixel0, pixel1"),
        ("a.tar", b"x" * 300, "an archive; unpack it"),
        ("a.pkl", b"\x80\x04x", "pickled objects, which genlab never opens"),
        ("a.pt", b"PK\3\4", "pickled objects|not a readable zip"),
        ("a.mat", b"MATLAB", r"a file of kind \.mat"),
        ("one", b"\x89PNG\r\n\x1a\n", "no kind that genlab reads"),
        ("a.npz", b"PK\3\4", "not a readable zip"),
        ("a.npy", b"\x93NUMPY", "not a NumPy file"),
        ("a.zip", b"", "not a readable zip"),
    ],
)
def test_other_files_are_refused_in_one_line(
    name: str, data: bytes, words: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(data)
    for use in (genlab.data.splits, genlab.data.images):
        with pytest.raises(InputError, match=words) as caught:
            use(tmp_path / name)
        assert len(str(caught.value).splitlines()) == 1


LEVELS = TRAIN.astype(np.float64)
READ = {
    "levels": (TRAIN, TRAIN),
    "int64 levels": (TRAIN.astype(np.int64), TRAIN),
    "floats of levels": (LEVELS, TRAIN),
    "unit": (LEVELS / 255, TRAIN),
    "signed": ((LEVELS / 127.5 - 1).astype(np.float32), TRAIN),
    "16 bits": (TRAIN.astype(np.uint16) * 257, TRAIN),
    "bits": (TRAIN > 127, (TRAIN > 127) * np.uint8(255)),
    "0 and 1": ((TRAIN > 127).astype(np.int32), (TRAIN > 127) * np.uint8(255)),
    "rows": (np.tile(TRAIN[:, :14], (1, 2, 2))[:, :28, :28].reshape(30, 784),
             np.tile(TRAIN[:, :14], (1, 2, 2))[:, :28, :28]),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_values_of_plain_meaning_are_converted(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given, wanted = READ[case]
    np.save(tmp_path / "a.npy", given)
    for source in (tmp_path / "a.npy", given):
        pictures = genlab.data.images(source)
        np.testing.assert_array_equal(pictures.read(7)[0].numpy(), wanted[7])
        digits = genlab.data.splits(source)
        apart = set_apart(wanted)
        np.testing.assert_array_equal(digits.train.numpy(), wanted[~apart])
        np.testing.assert_array_equal(digits.test.numpy(), wanted[apart])
    told = capsys.readouterr().err
    assert ("are taken as" in told) == (case in ("floats of levels", "signed", "16 bits"))


SIXTEENTHS = (TRAIN // 16).astype(np.uint8)
ODD = {
    "scikit-learn's": (SIXTEENTHS, r"values in \[0, 15\]; nearly black.*divided by 15"),
    "floats to 16": (SIXTEENTHS.astype(float), r"values in \[0, 15\]; .* white, 15 perhaps"),
    "standardised": (LEVELS / 80 - 1, r"values in \[-1, 2\.1\d*\].*undo the standardisation"),
    "a little negative": (LEVELS / 255 - 0.01, r"values in \[-0\.01, 0\.99\].*clip"),
    "NaN": (np.where(LEVELS == LEVELS[3, 3, 3], np.nan, LEVELS), "NaN or infinite"),
    "infinite": (np.where(LEVELS == LEVELS[3, 3, 3], np.inf, LEVELS), "NaN or infinite"),
    "signed integers": (TRAIN.astype(np.int16) - 128, r"values in \[-128, 127\]; images are not"),
    "12 bits": (TRAIN.astype(np.uint16) * 16, r"values in \[0, 4080\]; give uint8"),
    "65,535 as floats": (LEVELS * 257, r"values in \[0, 65535\]; .* white, 65535"),
    "complex": (LEVELS.astype(complex), "type '<c16'"),
    "text": (np.full((9, 4, 4), "x"), "<U1"),
    "flat": (TRAIN.reshape(30, 400), r"\(30, 400\)"),
    "RGBA": (np.concatenate([COLOUR, COLOUR[..., :1]], -1), r"\(30, 20, 20, 4\)"),
}


@pytest.mark.parametrize("case", ODD)
def test_other_values_are_refused_in_one_line(case: str, tmp_path: Path) -> None:
    given, words = ODD[case]
    np.savez(tmp_path / "a.npz", images=given)
    for use in (genlab.data.splits, genlab.data.images, lambda s: load_images(str(s), 32)):
        with pytest.raises(InputError, match=words) as caught:
            use(tmp_path / "a.npz")
        assert len(str(caught.value).splitlines()) == 1


def test_colour_of_0_and_1_is_a_mistake_and_black_digits_are_one_too() -> None:
    with pytest.raises(InputError, match=r"values in \[0, 1\]; nearly black: give the floating"):
        genlab.data.images((COLOUR > 127).astype(np.uint8))
    with pytest.raises(InputError, match="nearly black, its highest level is 1 of 255"):
        genlab.data.splits(LEVELS / 255 / 255)


def test_an_npz_that_promises_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    """Before anything is allocated."""
    buffer = io.BytesIO()
    np.save(buffer, TRAIN)
    data = buffer.getvalue().replace(b"(30, 20, 20)", b"(99999999999", 1)
    head = buffer.getvalue().replace(b"(30, 20, 20), }", b"(9999999999,), }", 1)
    for content in (data, head):
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.writestr("images.npy", content)
        for use in (genlab.data.splits, genlab.data.images):
            with pytest.raises(InputError, match="not a NumPy file of plain arrays"):
                use(tmp_path / "a.npz")


def test_the_check_takes_folders_by_name_and_refuses_what_are_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grey_folder(tmp_path / "dogs")
    write_idx(tmp_path / "idx", lambda name: name)
    np.save(tmp_path / "a.npy", TRAIN)
    monkeypatch.setenv("GENLAB_DATA", str(tmp_path))
    assert place_of("dogs") == tmp_path / "dogs"
    assert place_of("dogs/faces") == Path("dogs/faces")
    with pytest.raises(InputError, match=r"toydogs: no folder of images \(drawn by genlab\)"):
        place_of("toydogs")
    for name, words in (("idx", "idx files of digits, no files"), ("a.npy", "arrays, no files")):
        with pytest.raises(InputError, match=words):
            open_files(tmp_path / name)
