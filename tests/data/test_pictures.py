"""Pictures: what counts as one, the same pixels from every kind of source, honest identities."""

import os
import shutil
import zipfile

from pathlib import Path

import numpy as np
import pytest
import torch

from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import genlab.data

from genlab.common.errors import InputError
from genlab.data import pictures as pictures_module
from genlab.data.arrays.numpy_files import read_arrays
from genlab.data.arrays.pictures import ArrayPictures
from genlab.data.decode import decoding
from genlab.data.files import archive
from genlab.data.identity import Origin
from genlab.data.image_set import load_images
from genlab.data.pictures import Pictures, content_order, shorter_sides
from genlab.data.problems import MEND, refuse_images


def pixels(index: int, height: int = 20, width: int = 24) -> np.ndarray:
    return np.random.default_rng(index).integers(0, 256, (height, width, 3)).astype(np.uint8)


def write(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Seven images under all sorts of names, in nested folders, and a file that is none."""
    root = tmp_path / "set"
    names = ["a.png", "B.PNG", "deep/er/c.Png", "deep/d.bmp", "e.tiff", "f.TIF", "deep/a.png"]
    for index, name in enumerate(names):
        write(root / name, pixels(index))
    (root / "notes.txt").write_text("not an image")
    return root


def pack(folder: Path, target: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*"), reverse=True):
            if path.is_file():
                archive.write(path, prefix + str(path.relative_to(folder)))
    return target


def all_of(pictures: Pictures) -> list[np.ndarray]:
    return [pictures.read(i).numpy().transpose(1, 2, 0) for i in range(len(pictures))]


def test_every_image_of_a_folder_counts_once_in_the_order_of_names(folder: Path) -> None:
    pictures = genlab.data.images(str(folder))
    order = ["B.PNG", "a.png", "deep/a.png", "deep/d.bmp", "deep/er/c.Png", "e.tiff", "f.TIF"]
    assert [os.path.relpath(n, folder) for n in pictures.names] == order
    for seen, index in zip(all_of(pictures), [1, 0, 6, 3, 2, 4, 5]):
        np.testing.assert_array_equal(seen, pixels(index))
    assert pictures.read(0).dtype == torch.uint8
    assert pictures.identity.count == len(pictures) == 7


def test_links_and_notes_of_macos_are_left_out_and_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = genlab.data.images(str(folder))
    assert capsys.readouterr().err.endswith("left out: 1 .txt\n")
    (folder / "z_link.png").symlink_to(folder / "a.png")
    os.link(folder / "B.PNG", folder / "z_hard.png")
    (folder / "._a.png").write_bytes(b"resource fork")
    after = genlab.data.images(str(folder))
    assert (after.names, after.identity) == (before.names, before.identity)
    said = capsys.readouterr().err
    assert "left out: 1 .txt, 1 hidden or system file, 2 names of pictures that are" in said
    (folder / "nowhere.png").symlink_to(folder / "gone.png")
    with pytest.raises(InputError, match=r"nowhere\.png: a link to nothing"):
        genlab.data.images(str(folder))


def test_renamed_shuffled_and_zipped_sets_are_the_same_set(folder: Path, tmp_path: Path) -> None:
    pictures = genlab.data.images(str(folder))
    renamed = tmp_path / "renamed"
    renamed.mkdir()
    for index, name in enumerate(reversed(pictures.names)):
        shutil.copy(name, renamed / f"{index}{Path(name).suffix}")
    zips = pack(folder, tmp_path / "set.ZIP"), pack(folder, tmp_path / "p.zip", "x/")
    for other in (renamed, *zips):
        again = genlab.data.images(str(other))
        assert again.identity.sha256 == pictures.identity.sha256
        assert len(again) == 7
        for i, j in zip(content_order(pictures), content_order(again)):
            assert torch.equal(pictures.read(i), again.read(j))
    assert genlab.data.images(str(tmp_path / "set.ZIP")).names[0].endswith("set.ZIP/B.PNG")


def test_one_pixel_one_byte_one_image_and_the_size_change_the_identity(folder: Path) -> None:
    shas = [genlab.data.images(str(folder), size).identity.sha256 for size in (None, 16)]
    changed = pixels(3)
    changed[7, 7, 1] ^= 1
    write(folder / "deep" / "d.bmp", changed)
    shas.append(genlab.data.images(str(folder)).identity.sha256)
    with open(folder / "a.png", "ab") as file:
        file.write(b"\0")
    shas.append(genlab.data.images(str(folder)).identity.sha256)
    shutil.copy(folder / "a.png", folder / "twice.png")
    shas.append(genlab.data.images(str(folder)).identity.sha256)
    assert len(set(shas)) == 5


def test_squares_are_those_of_load_images(folder: Path) -> None:
    write(folder / "wide.png", pixels(9, 33, 61))
    expected = load_images(str(folder), 18).images
    pictures = genlab.data.images(str(folder), 18)
    assert torch.equal(torch.stack([pictures.read(i) for i in range(8)]), expected)
    assert pictures.identity.shape == (3, 18, 18)
    native = genlab.data.images(str(folder))
    assert {tuple(native.read(i).shape) for i in range(8)} == {(3, 20, 24), (3, 33, 61)}
    assert native.identity.shape == (3,)


def test_the_same_images_at_a_size_are_those_opened_at_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every kind of source; only what is drawn for a size is made anew."""
    np.save(tmp_path / "a.npy", np.stack([pixels(i) for i in range(3)]))
    zipped = pack(folder, tmp_path / "b.zip")
    sources = [str(folder), str(zipped), str(tmp_path / "a.npy")]
    opened = [(genlab.data.images(source), genlab.data.images(source, 12)) for source in sources]
    images = torch.from_numpy(np.stack([pixels(i) for i in range(3)]))
    origin = Origin("drawn", "named", licence="free")
    opened.append(tuple(ArrayPictures.open(images, origin, size) for size in (None, 12)))
    drawn = genlab.data.images("toydogs:3"), genlab.data.images("toydogs:3", 12)
    assert drawn[0].squares(12).identity == drawn[1].identity
    monkeypatch.setattr(pictures_module, "digests_of", None)
    for native, wanted in opened:
        found = native.squares(12)
        assert found.identity == wanted.identity
        assert (found.names, found.digests) == (wanted.names, wanted.digests)
        for ours, theirs in zip(all_of(found), all_of(wanted), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        assert shorter_sides(found) == shorter_sides(wanted)
    assert found.identity.licence == "free"


def test_names_that_load_images_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = load_images("toydogs:5", 32)
    pictures = genlab.data.images("toydogs:5", 32)
    assert torch.equal(torch.stack([pictures.read(i) for i in range(5)]), drawn.images)
    assert pictures.identity.stand_in
    assert pictures.identity.licence == "MIT"
    assert genlab.data.images("toydogs:2").read(0).shape == (3, 64, 64)
    write(tmp_path / "dogs" / "faces" / "one.jpg", pixels(0))
    monkeypatch.setenv("GENLAB_DATA", str(tmp_path))
    assert genlab.data.images("dogs").identity.name == "dogs (faces)"
    with pytest.raises(InputError, match="no such file, folder or name"):
        genlab.data.images("cats")


def test_conversions_are_those_that_are_stated(tmp_path: Path) -> None:
    """Each against Pillow's own numbers or hand-made ones, at the image's own size."""
    random = np.random.default_rng(0)
    grey = random.integers(0, 256, (5, 7)).astype(np.uint8)
    deep = random.integers(0, 65536, (5, 7)).astype(np.uint16)
    clear = random.integers(0, 256, (5, 7, 4)).astype(np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(deep).save(tmp_path / "deep.png")
    Image.fromarray(clear).save(tmp_path / "clear.png")
    palette = Image.fromarray(pixels(0, 5, 7)).quantize(4)
    palette.save(tmp_path / "palette.png")
    turned = Image.fromarray(pixels(1, 5, 7))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    turned.save(tmp_path / "turned.png", exif=exif)
    first, second = (Image.fromarray(pixels(i, 5, 7)).quantize(4) for i in (2, 3))
    first.save(tmp_path / "moving.gif", save_all=True, append_images=[second])

    def seen(name: str) -> np.ndarray:
        single = tmp_path / "one"
        shutil.rmtree(single, ignore_errors=True)
        single.mkdir()
        shutil.copy(tmp_path / name, single)
        return all_of(genlab.data.images(str(single)))[0]

    np.testing.assert_array_equal(seen("grey.png"), np.stack([grey] * 3, 2))
    np.testing.assert_array_equal(seen("deep.png")[..., 0], np.round(deep / 257).astype(np.uint8))
    alpha = clear[..., 3:] / 255.0
    on_white = clear[..., :3] * alpha + 255 * (1 - alpha)
    assert np.abs(seen("clear.png") - on_white).max() <= 1
    np.testing.assert_array_equal(seen("palette.png"), np.asarray(palette.convert("RGB")))
    np.testing.assert_array_equal(seen("turned.png"), np.rot90(pixels(1, 5, 7), -1))
    np.testing.assert_array_equal(seen("moving.gif"), np.asarray(first.convert("RGB")))


@pytest.mark.parametrize("layout", ["NHWC", "NCHW", "NHW"])
@pytest.mark.parametrize("suffix", ["npy", "npz", "tensor"])
def test_arrays_give_their_pixels_in_every_layout(
    tmp_path: Path, layout: str, suffix: str
) -> None:
    rgb = np.stack([pixels(i) for i in range(4)])
    stored = {"NHWC": rgb, "NCHW": rgb.transpose(0, 3, 1, 2), "NHW": rgb[..., 0]}[layout]
    expected = np.repeat(rgb[..., :1], 3, 3) if layout == "NHW" else rgb
    if suffix == "tensor":
        pictures = genlab.data.images(torch.from_numpy(stored.copy()))
    elif suffix == "npy":
        np.save(tmp_path / "x.npy", stored)
        pictures = genlab.data.images(str(tmp_path / "x.npy"))
    else:
        np.savez(tmp_path / "x.npz", arr_0=stored, labels=np.arange(4))
        pictures = genlab.data.images(str(tmp_path / "x.npz"))
    np.testing.assert_array_equal(np.stack(all_of(pictures)), expected)
    assert pictures.names[2].endswith("[2]")
    assert pictures.identity.shape == (3, 20, 24)
    same = genlab.data.images(torch.from_numpy(expected.copy()))
    assert same.identity.sha256 == pictures.identity.sha256
    changed = expected.copy()
    changed[3, 0, 0, 0] ^= 1
    assert genlab.data.images(torch.from_numpy(changed)).identity.sha256 != same.identity.sha256


def test_squares_of_arrays_are_cropped_and_resized_as_files_are(tmp_path: Path) -> None:
    write(tmp_path / "f" / "0.png", pixels(0, 31, 45))
    from_file = genlab.data.images(str(tmp_path / "f"), 17).read(0)
    from_array = genlab.data.images(torch.from_numpy(pixels(0, 31, 45))[None], size=17).read(0)
    assert torch.equal(from_file, from_array)


@given(
    st.lists(st.floats(0, 1, width=32), min_size=6, max_size=6),
    st.sampled_from([torch.float32, torch.float64]),
)
@settings(max_examples=50, deadline=None)
def test_floats_become_the_nearest_level(values: list[float], dtype: torch.dtype) -> None:
    images = torch.tensor(values, dtype=dtype).reshape(1, 1, 2, 3).expand(1, 3, 2, 3)
    seen = genlab.data.images(images.permute(0, 2, 3, 1)[:, :, :2]).read(0)[0].flatten().double()
    exact = 255 * images[0, 0, :, :2].flatten().double()
    assert ((seen - exact).abs() <= 0.5).all()


def test_floats_at_halves_go_up_and_outside_values_are_refused() -> None:
    halves = (torch.arange(255) + 0.5).double() / 255
    image = halves.reshape(1, 15, 17).expand(2, 15, 17)
    seen = genlab.data.images(image).read(0)[0].flatten().double()
    rounded = torch.floor(halves * 255 + 0.5)
    assert torch.equal(seen, rounded)
    white, half = torch.full((1, 4, 4), 1.0), torch.full((1, 4, 4), 0.5, dtype=torch.bfloat16)
    assert genlab.data.images(white).read(0).unique().tolist() == [255]
    assert genlab.data.images(half).read(0)[0, 0, 0] == 128
    bad = torch.full((3, 4, 4), 0.5)
    for value, words in (
        (-0.01, r"values in \[-0.01, 0.5\].*lie in \[0, 1\]"),
        (1.01, r"values in \[0.5, 1.01\].*lie in \[0, 1\]"),
        (float("nan"), "holds NaN or infinite values, the first in image 1"),
    ):
        bad[1, 2, 2] = value
        with pytest.raises(InputError, match=f"^fakes: .*{words}"):
            genlab.data.images(bad, name="fakes")


def test_arrays_that_are_no_images_are_refused(tmp_path: Path) -> None:
    wrong = {
        "one image": torch.zeros(8, 8, 3, dtype=torch.uint8),
        "complex": torch.zeros(2, 8, 8, dtype=torch.complex64),
        "either": torch.zeros(2, 3, 8, 3, dtype=torch.uint8),
        "RGBA": torch.zeros(2, 8, 8, 4, dtype=torch.uint8),
        "none": torch.zeros(0, 8, 8, 3, dtype=torch.uint8),
        "flat": torch.zeros(2, 64),
    }
    for name, images in wrong.items():
        with pytest.raises(InputError, match=rf"^{name}: .*\("):
            genlab.data.images(images, name=name)
    np.savez(tmp_path / "stats.npz", mu=np.zeros(3), sigma=np.eye(3))
    with pytest.raises(InputError, match="statistics of features, not images"):
        genlab.data.images(str(tmp_path / "stats.npz"))
    two = np.zeros((2, 8, 8, 3), np.uint8)
    np.savez(tmp_path / "two.npz", a=two, b=two)
    with pytest.raises(InputError, match="needs one array of images"):
        genlab.data.images(str(tmp_path / "two.npz"))
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    (tmp_path / "noise.npy").write_bytes(b"noise")
    (tmp_path / "noise.npz").write_bytes(b"noise")
    for name in ("objects.npy", "noise.npy", "noise.npz"):
        with pytest.raises(InputError, match=name):
            genlab.data.images(str(tmp_path / name))


def test_an_npy_file_stays_on_the_disk(tmp_path: Path) -> None:
    """A file of 3 GB (sparse: it takes no room) opens by its header, and one image is read."""
    path = tmp_path / "huge.npy"
    header = np.lib.format.open_memmap(path, "w+", np.uint8, (4, 16_384, 16_384, 3))
    header[1, :16, :16] = 7
    del header
    array = read_arrays(path)["images"]
    assert isinstance(array, np.memmap)
    assert array[1, :16, :16].min() == 7


def damage(folder: Path, count: int) -> list[str]:
    names = []
    for index in range(count):
        path = write(folder / f"cut{index:02d}.png", pixels(50 + index, 40, 40))
        path.write_bytes(path.read_bytes()[: 400 if index % 2 else 20])
        names.append(path.name)
    return names


def test_unreadable_images_are_named_when_read(folder: Path) -> None:
    (folder / "text.jpg").write_text("no image")
    damage(folder, 2)
    (folder / "empty.png").write_bytes(b"")
    pictures = genlab.data.images(str(folder))
    for index, name in enumerate(pictures.names):
        if Path(name).name in ("text.jpg", "cut00.png", "cut01.png", "empty.png"):
            with pytest.raises(InputError, match=rf"{Path(name).name}: not a readable image \(\w"):
                pictures.read(index)
        else:
            assert pictures.read(index).shape == (3, 20, 24)


def test_unreadable_files_are_listed_when_opened(folder: Path, tmp_path: Path) -> None:
    packed = pack(folder, tmp_path / "set.zip")
    data = bytearray(packed.read_bytes())
    for name in (b"a.png", b"e.tiff"):
        at = data.index(name) + len(name) + 60
        data[at] ^= 255
    packed.write_bytes(bytes(data))
    with pytest.raises(InputError, match="2 of 7 images cannot be used") as caught:
        genlab.data.images(str(packed))
    assert "a.png: cannot be read from the archive" in str(caught.value)
    assert "e.tiff: cannot be read from the archive" in str(caught.value)


def test_a_long_list_of_problems_names_ten_and_the_count() -> None:
    problems = [f"{i}.png: bad{MEND}" for i in range(13)]
    with pytest.raises(InputError) as caught:
        refuse_images(problems, 301, "faces")
    lines = str(caught.value).splitlines()
    assert lines[0] == "faces: 13 of 301 images cannot be used; mend or remove them"
    named = [f"{i}.png: bad" for i in range(10)]
    assert [line.strip() for line in lines[1:]] == [*named, "and 3 more"]
    refuse_images([], 301, "faces")


def test_empty_sources_are_refused(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InputError, match="nothing: no images in it"):
        genlab.data.images(str(tmp_path / "nothing"))
    with zipfile.ZipFile(tmp_path / "nothing.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(InputError, match=r"nothing\.zip: no images in it"):
        genlab.data.images(str(tmp_path / "nothing.zip"))
    (tmp_path / "noise.zip").write_bytes(b"noise")
    with pytest.raises(InputError, match=r"noise\.zip: not a readable zip"):
        genlab.data.images(str(tmp_path / "noise.zip"))
    (tmp_path / "one.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"one\.png: a file, one picture; give the folder"):
        genlab.data.images(str(tmp_path / "one.png"))


def test_hostile_zips_do_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    image = write(tmp_path / "x.bmp", np.zeros((600, 600, 3), np.uint8)).read_bytes()
    names = ["../../out.bmp", "/abs.bmp", "bell\a\nline.bmp", "__MACOSX/._abs.bmp"]
    with zipfile.ZipFile(tmp_path / "h.zip", "w", zipfile.ZIP_DEFLATED) as zipped:
        for name in names:
            zipped.writestr(name, image)
    pictures = genlab.data.images(str(tmp_path / "h.zip"), 16)
    assert len(pictures) == 3
    assert "left out: 1 hidden folder __MACOSX with 1 file" in capsys.readouterr().err
    assert all(name.isprintable() for name in pictures.names)
    assert [pictures.read(i).shape for i in range(3)] == [(3, 16, 16)] * 3
    assert list(home.iterdir()) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["h.zip", "home", "x.bmp"]
    monkeypatch.setattr(archive, "LARGEST_MEMBER", len(image) - 1)
    with pytest.raises(InputError, match="too large for an image"):
        genlab.data.images(str(tmp_path / "h.zip"))
    monkeypatch.setattr(archive, "FREE", 1 << 20)  # these zeros shrink 300 times
    with pytest.raises(InputError, match=r"h\.zip: .* bytes that unpack to .*: refused"):
        genlab.data.images(str(tmp_path / "h.zip"))
    link = zipfile.ZipInfo("link.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "l.zip", "w") as zipped:
        zipped.writestr(link, "/etc/passwd")
    with pytest.raises(InputError, match=r"link\.png: .*a link"):
        genlab.data.images(str(tmp_path / "l.zip"))


def test_an_image_that_changes_meanwhile_is_refused(folder: Path) -> None:
    pictures = genlab.data.images(str(folder))
    write(folder / "B.PNG", pixels(99))
    with pytest.raises(InputError, match=r"B\.PNG: changed while"):
        pictures.read(0)
    (folder / "a.png").unlink()
    with pytest.raises(InputError, match=r"a\.png: cannot be read \(No such file"):
        pictures.read(1)


def test_too_many_pixels_are_refused_whoever_asks(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20 * 24 - 1)
    pictures = genlab.data.images(str(folder))
    with decoding(), pytest.raises(InputError, match="24x20 pixels: too many"):
        pictures.read(0)


def test_shorter_sides_are_those_of_the_files_whatever_is_asked_for(tmp_path: Path) -> None:
    for index, shape in enumerate([(20, 30), (40, 18), (17, 17)]):
        Image.new("RGB", shape).save(tmp_path / f"{index}.png")
    for size in (None, 16):
        assert shorter_sides(genlab.data.images(str(tmp_path), size)) == [20, 18, 17]
    np.save(tmp_path / "x.npy", np.zeros((2, 20, 24, 3), np.uint8))
    assert shorter_sides(genlab.data.images(str(tmp_path / "x.npy"), 16)) == [20, 20]
    for index in range(2):
        (tmp_path / f"{index}.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"2 of 3 images cannot be used"):
        shorter_sides(genlab.data.images(str(tmp_path)))


def test_a_crop_is_of_photographs_only(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((2, 20, 24, 3), np.uint8))
    for source in ("toydogs:3", "mnist", str(tmp_path / "x.npy")):
        with pytest.raises(InputError, match="`crop` subject.*leave it"):
            genlab.data.images(source, 32, "subject")
