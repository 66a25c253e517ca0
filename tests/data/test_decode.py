"""Every format and mode of image files has the right pixels."""

from pathlib import Path

import numpy as np
import pytest
import torch

from PIL import Image

import genlab.data

from genlab.common.errors import InputError
from genlab.data.crops.squares import square
from genlab.data.decode import decode, decoding


def read_square(path: Path, size: int) -> np.ndarray:
    with decoding():
        return square(decode(path.read_bytes(), str(path)), size, str(path))


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
    images = genlab.data.images(str(tmp_path), 16).stack()
    assert images.shape == (7, 3, 16, 16)
    left, right = images[..., :6].float().mean((2, 3)), images[..., 10:].float().mean((2, 3))
    # Palettes and CMYK round: twelve grey values of tolerance.
    wanted = torch.tensor([[200.0, 30, 30]])
    assert (left - wanted).abs().max() < 12
    assert (right - wanted.flip(1)).abs().max() < 12


def test_grey_of_sixteen_bits_and_transparency(tmp_path: Path) -> None:
    grey = np.full((20, 20), 40_000, np.uint16)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert read_square(tmp_path / "grey.png", 20)[0, 0].tolist() == [round(40_000 / 257)] * 3
    Image.new("RGBA", (20, 20), (10, 20, 30, 0)).save(tmp_path / "clear.png")
    assert read_square(tmp_path / "clear.png", 20)[5, 5].tolist() == [255, 255, 255]


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_pixels_of_unknown_range_are_refused(kind: type, tmp_path: Path) -> None:
    """Scaled as 16-bit grey they would be black."""
    pixels = np.linspace(0, 1 if kind is np.float32 else 255, 400).reshape(20, 20)
    Image.fromarray(pixels.astype(kind)).save(tmp_path / "a.tiff")
    with pytest.raises(InputError, match=r"a\.tiff: not a readable image \(32-bit pixels"):
        read_square(tmp_path / "a.tiff", 20)
    deep = (pixels / pixels.max() * 65535).astype(np.uint16)
    for name in ("b.tiff", "b.png", "b.pgm"):
        Image.fromarray(deep).save(tmp_path / name)
        np.testing.assert_array_equal(
            read_square(tmp_path / name, 20)[..., 0], np.round(deep / 257).astype(np.uint8)
        )


def test_exif_rotation_is_followed(tmp_path: Path) -> None:
    picture = Image.new("RGB", (32, 32), "black")
    picture.paste("white", (0, 0, 32, 16))  # white above
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned 90 degrees clockwise: white at the right
    picture.save(tmp_path / "a.png", exif=exif)
    seen = read_square(tmp_path / "a.png", 32)
    assert seen[:, 20:].min() > 250
    assert seen[:, :12].max() < 5


def test_square_is_cut_from_the_centre(tmp_path: Path) -> None:
    picture = Image.new("RGB", (90, 30), "red")
    picture.paste("lime", (30, 0, 60, 30))
    picture.save(tmp_path / "a.png")
    seen = read_square(tmp_path / "a.png", 30)
    assert (seen == [0, 255, 0]).all()


def test_resize_is_antialiased(tmp_path: Path) -> None:
    """Stripes of one pixel become grey, not a moire of black and white."""
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save(tmp_path / "a.png")
    seen = read_square(tmp_path / "a.png", 32)
    inner = seen[2:-2, 2:-2].astype(int)  # at the border half of the filter is cut off
    assert np.abs(inner - 128).max() < 8
