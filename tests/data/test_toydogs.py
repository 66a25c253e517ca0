import hashlib
import subprocess
import sys

import numpy as np
import pytest

from PIL import Image

from genlab.common.errors import InputError
from genlab.data.toydogs import breeds as toydog_breeds
from genlab.data.toydogs import canvas as toydog_canvas
from genlab.data.toydogs import coat as toydog_coat
from genlab.data.toydogs.draw import draw_dog

SOME = (0, 7, 25, 41)
ELSEWHERE = """
import hashlib, random
import numpy as np
np.random.seed(5), random.seed(5)  # nothing global may matter
from genlab.data.toydogs.draw import draw_dog
print(hashlib.sha256(b"".join(draw_dog(i, 32).tobytes() for i in (41, 3, 0))).hexdigest())
"""


@pytest.fixture(scope="module")
def dogs() -> np.ndarray:
    return np.stack([draw_dog(index, 32) for index in range(200)])


def test_shape_and_type() -> None:
    for size in (8, 33, 64, 160):
        dog = draw_dog(1, size)
        assert dog.shape == (size, size, 3)
        assert dog.dtype == np.uint8


def test_a_dog_depends_on_its_index_alone(dogs: np.ndarray) -> None:
    for index in reversed(SOME):
        assert np.array_equal(draw_dog(index, 32), dogs[index])


def test_a_dog_is_the_same_in_another_process(dogs: np.ndarray) -> None:
    # another hash seed: the order of no set or dict of strings may matter
    run = subprocess.run(
        [sys.executable, "-c", ELSEWHERE], capture_output=True, text=True, check=True
    )
    ours = hashlib.sha256(b"".join(dogs[index].tobytes() for index in (41, 3, 0)))
    assert run.stdout.strip() == ours.hexdigest()


@pytest.mark.parametrize(("large", "small"), [(128, 64), (192, 48), (96, 32)])
def test_a_dog_is_the_same_at_every_size(large: int, small: int) -> None:
    for index in SOME:
        dog = Image.fromarray(draw_dog(index, large)).resize((small, small), Image.Resampling.BOX)
        apart = np.abs(np.asarray(dog, np.float64) - draw_dog(index, small)).mean()
        other = np.abs(np.asarray(dog, np.float64) - draw_dog(index + 1, small)).mean()
        assert apart < 4, index  # of 255; mostly the fur's edges
        assert other > 5 * apart, index


def test_dogs_vary(dogs: np.ndarray) -> None:
    assert len({dog.tobytes() for dog in dogs}) == len(dogs)
    flat = dogs[:60].reshape(60, -1).astype(np.float64)
    apart = np.abs(flat[:, None] - flat[None]).mean(-1)[np.triu_indices(60, 1)]
    assert apart.mean() > 30
    assert apart.min() > 8


def test_every_pixel_and_channel_varies_and_exposure_is_sound(dogs: np.ndarray) -> None:
    assert dogs.astype(np.float64).std(0).min() > 10
    means = dogs.mean((1, 2, 3))
    assert 40 < means.min() < means.max() < 220
    assert (dogs == 255).mean() < 0.02


def test_the_average_dog_is_a_face(dogs: np.ndarray) -> None:
    """A learnable picture: eyes and nose stand in about the same place in all of them."""
    grey = dogs.mean((0, 3))
    eyes = [grey[13:16, columns].mean() for columns in (slice(9, 12), slice(20, 23))]
    assert max(eyes) < grey[13:16, 14:18].mean() - 20  # than the bridge of the nose
    nose = grey[20:23, 14:18].mean()
    assert nose < min(grey[20:23, 11:13].mean(), grey[20:23, 19:21].mean()) - 10  # its sides
    # the halves of the average mirror each other: poses and lights lean to neither side
    assert np.abs(grey - grey[:, ::-1]).mean() < 3


def test_tables_are_complete() -> None:
    coats = {coat for breed in toydog_breeds.BREEDS.values() for coat in breed.coats}
    assert coats == set(toydog_breeds.COATS)
    marks = {mark for coat in toydog_breeds.COATS.values() for mark in coat.marks}
    assert marks == set(toydog_coat.MARKS)


def test_light_is_lambert_on_a_slope() -> None:
    # z = 0.75 x has the normal (-0.75, 0, 1) / 1.25 = (-0.6, 0, 0.8)
    line = np.arange(9, dtype=np.float32) * np.float32(0.1)
    slope = np.broadcast_to(line * np.float32(0.75), (9, 9))
    for light, wanted in (((0, 0, 1), 0.8), ((-0.6, 0, 0.8), 1), ((1, 0, 0), 0), ((0, 1, 0), 0)):
        assert toydog_canvas.lit(slope, 0.1, light) == pytest.approx(wanted, abs=1e-5)


def test_an_ellipse_covers_its_area() -> None:
    line = (np.arange(400, dtype=np.float32) + np.float32(0.5)) / np.float32(200) - 1
    x, y = np.meshgrid(line, line)
    mask = toydog_canvas.cover(toydog_canvas.ellipse(x, y, 0.8, 0.5), 0.02)
    assert mask.mean() * 4 == pytest.approx(np.pi * 0.8 * 0.5, rel=2e-3)


@pytest.mark.parametrize(("index", "size"), [(-1, 64), (0, 7), (0, 0), (0, -64)])
def test_bad_input_is_named(index: int, size: int) -> None:
    with pytest.raises(InputError, match="`index` must" if index < 0 else "`size` must"):
        draw_dog(index, size)
