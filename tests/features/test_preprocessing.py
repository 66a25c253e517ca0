"""Each tool's way from an image to 299 pixels against its definition, written here in float64."""

import math

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch

from PIL import Image

from genlab.common.rng import generator
from genlab.features.preprocessing import PREPROCESSINGS, to_uint8

SIDE = 299
SIZES = [(64, 64), (299, 299), (512, 512), (100, 420), (299, 40), (640, 299), (1, 3)]

def rounding(*size: int) -> float:
    """What float32 may change in [-1, 1]: a coordinate of n pixels is known to about n 2^-23
    pixels, and neighbours differ by up to 2. At 299 pixels it is a fiftieth of a grey level."""
    return 4 * max(*size, SIDE) * 2**-23


def zone_plate(height: int, width: int) -> np.ndarray:
    """cos(pi r^2 / n) from the corner: frequencies from zero to the highest there is."""
    y, x = np.mgrid[:height, :width]
    n = max(height, width)
    rings = [np.cos(np.pi * (x**2 + y**2) / n + phase) for phase in (0, 1, 2)]
    return np.floor(127.5 + 127.5 * np.stack(rings) + 0.5).clip(0, 255).astype(np.uint8)


def noise(height: int, width: int) -> np.ndarray:
    random = generator(0, "noise")
    return torch.randint(0, 256, (3, height, width), generator=random).numpy().astype(np.uint8)


@cache
def two_taps(length: int, place: Callable[[int, float], float]) -> np.ndarray:
    """The 299 x length matrix of bilinear interpolation at the places of the output pixels."""
    matrix = np.zeros((SIDE, length))
    for i in range(SIDE):
        x = min(max(place(i, length / SIDE), 0.0), length - 1)
        low = math.floor(x)
        matrix[i, low] += 1 - (x - low)
        matrix[i, min(low + 1, length - 1)] += x - low
    return matrix


def half_pixel(i: int, s: float) -> float:
    return (i + 0.5) * s - 0.5


def legacy(i: int, s: float) -> float:
    return i * s


@cache
def many_taps(length: int, kernel: Callable[[float], float]) -> np.ndarray:
    """The 299 x length matrix of a resize whose kernel is as wide as an output pixel."""
    matrix = np.zeros((SIDE, length))
    s = length / SIDE
    for i in range(SIDE):
        for j in range(length):
            matrix[i, j] = kernel((j + 0.5 - (i + 0.5) * s) / max(s, 1.0))
    return matrix / matrix.sum(1, keepdims=True)


def triangle(x: float) -> float:
    return max(1 - abs(x), 0.0)


def cubic(x: float) -> float:
    """Keys (1981), equation 4, with a = -1/2."""
    a, x = -0.5, abs(x)
    if x < 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0


MATRICES: dict[str, Callable[[int], np.ndarray]] = {
    "pytorch-fid": lambda n: two_taps(n, half_pixel),
    "tensorflow": lambda n: two_taps(n, legacy),
    "clean": lambda n: many_taps(n, cubic) if n != SIDE else np.eye(SIDE),
    "torchmetrics": lambda n: many_taps(n, triangle),
    "edm2": lambda n: two_taps(n, legacy),
}


def by_definition(name: str, image: np.ndarray) -> np.ndarray:
    rows, columns = MATRICES[name](image.shape[1]), MATRICES[name](image.shape[2])
    v = np.einsum("ih,chw,jw->cij", rows, image.astype(np.float64), columns, optimize=True)
    return 2 * (v / 255) - 1 if name == "pytorch-fid" else (v.clip(0, 255) - 128) / 128


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", PREPROCESSINGS)
def test_every_preprocessing_is_what_its_tool_defines(name: str, size: tuple[int, int]) -> None:
    images = np.stack([zone_plate(*size), noise(*size)])
    mine = PREPROCESSINGS[name].prepare(torch.from_numpy(images))
    assert mine.shape == (2, 3, SIDE, SIDE)
    assert mine.dtype == torch.float32
    wanted = np.stack([by_definition(name, image) for image in images])
    np.testing.assert_allclose(mine.numpy(), wanted, rtol=0, atol=rounding(*size))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(
    ("name", "filter"),
    [("clean", Image.Resampling.BICUBIC), ("torchmetrics", Image.Resampling.BILINEAR)],
)
def test_antialiased_ones_are_pillows(
    name: str, filter: Image.Resampling, size: tuple[int, int]
) -> None:
    image = zone_plate(*size)
    channels = [
        np.asarray(Image.fromarray(c.astype(np.float32)).resize((SIDE, SIDE), filter))
        for c in image
    ]
    wanted = (np.stack(channels).clip(0, 255) - 128) / 128
    mine = PREPROCESSINGS[name].prepare(torch.from_numpy(image)[None])[0].numpy()
    if name == "clean":
        assert np.array_equal(mine, wanted)
    else:
        np.testing.assert_allclose(mine, wanted, rtol=0, atol=rounding(*size))


def test_legacy_pixels_in_closed_form() -> None:
    ramp = torch.arange(100, dtype=torch.uint8).expand(1, 3, 7, 100).contiguous()
    place = np.arange(SIDE) * 100 / SIDE
    wanted = (np.minimum(place, 99) - 128) / 128  # a ramp's value is its coordinate
    for name in ("tensorflow", "edm2"):
        mine = PREPROCESSINGS[name].prepare(ramp)[0, 1, 150].numpy()
        np.testing.assert_allclose(mine, wanted, rtol=0, atol=1e-6)
    # the first pixel stays put
    assert PREPROCESSINGS["tensorflow"].prepare(ramp)[0, 0, 0, 0] == -1


def test_tensorflow_and_edm2_differ_by_rounding_only() -> None:
    image = torch.from_numpy(zone_plate(331, 487))[None]
    one, other = (PREPROCESSINGS[name].prepare(image) for name in ("tensorflow", "edm2"))
    assert 0 < (one - other).abs().max() < rounding(331, 487)


def test_preprocessings_differ_where_they_should() -> None:
    """Shrinking a zone plate, the antialiased ones agree with no other."""
    image = torch.from_numpy(zone_plate(512, 512))[None]
    seen = {name: preprocessing.prepare(image) for name, preprocessing in PREPROCESSINGS.items()}
    del seen["edm2"]  # the same as tensorflow
    names = sorted(seen)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            assert (seen[a] - seen[b]).abs().mean() > 1e-2, (a, b)


def test_nothing_is_resized_at_299_pixels() -> None:
    image = torch.from_numpy(noise(SIDE, SIDE))[None]
    v = image.double()
    for name, preprocessing in PREPROCESSINGS.items():
        wanted = 2 * (v / 255) - 1 if name == "pytorch-fid" else (v - 128) / 128
        atol = rounding(SIDE) if name == "edm2" else 1e-6  # its grid rounds
        found = preprocessing.prepare(image).double()
        torch.testing.assert_close(found, wanted, rtol=0, atol=atol)


@pytest.mark.parametrize("name", PREPROCESSINGS)
def test_grey_is_repeated_and_batches_do_not_matter(name: str) -> None:
    prepare = PREPROCESSINGS[name].prepare
    images = torch.from_numpy(np.stack([zone_plate(40, 50), noise(40, 50)]))
    assert torch.equal(prepare(images), torch.cat([prepare(images[:1]), prepare(images[1:])]))
    grey = images[:, :1]
    assert torch.equal(prepare(grey), prepare(grey.repeat(1, 3, 1, 1)))


@pytest.mark.parametrize("name", PREPROCESSINGS)
def test_other_images_are_refused(name: str) -> None:
    prepare = PREPROCESSINGS[name].prepare
    for wrong in (torch.rand(1, 3, 8, 8), torch.zeros(3, 8, 8, dtype=torch.uint8),
                  torch.zeros(1, 4, 8, 8, dtype=torch.uint8)):  # fmt: skip
        with pytest.raises(ValueError, match=r"images are torch\..*uint8 \(B, 3, H, W\)"):
            prepare(wrong)


def test_one_half_rounds_up_and_torchmetrics_truncates() -> None:
    x = torch.tensor([0.0, 0.5, 127.4 / 255, 254.6 / 255, 1.0])
    assert to_uint8(x).tolist() == [0, 128, 127, 255, 255]
    assert PREPROCESSINGS["torchmetrics"].quantise(x).tolist() == (x * 255).byte().tolist()
    assert PREPROCESSINGS["torchmetrics"].quantise(x).tolist() == [0, 127, 127, 254, 255]
    assert PREPROCESSINGS["pytorch-fid"].quantise(x).tolist() == [0, 128, 127, 255, 255]
    every = torch.arange(256)
    assert torch.equal(to_uint8(every / 255), every.to(torch.uint8))
    for wrong in (torch.tensor([1.01]), torch.tensor([-0.1, 0.5]), torch.tensor([math.nan])):
        with pytest.raises(ValueError, match=r"lie in \[0, 1\]"):
            to_uint8(wrong)


def test_covariances_divide_by_n_minus_one() -> None:
    """np.cov in pytorch-fid, TTUR and clean-fid; (N - 1) written out in torchmetrics and edm2."""
    for name, preprocessing in PREPROCESSINGS.items():
        assert preprocessing.name == name
        assert "\n" not in preprocessing.words
        assert "299 px" in preprocessing.words
