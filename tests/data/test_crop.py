"""The subject's square: its map against an independent computation, its place on canvases."""

from pathlib import Path

import numpy as np
import pytest
import torch

from PIL import Image

import genlab.data

from genlab.common.errors import InputError
from genlab.configs.gan import projected
from genlab.data.crops.squares import Box, central_box
from genlab.data.crops.subject import CELLS, SHARE, smallest_square, subject_box
from genlab.data.image_set import load_images
from genlab.data.toydogs.draw import draw_dog
from genlab.gan.load import gan_config
from genlab.networks.pretrained.activation import activation_map
from genlab.networks.pretrained.efficientnet_lite0 import (
    DOG_CLASSES,
    EfficientNetLite0,
    load_efficientnet_lite0,
    to_input,
)
from genlab.runs.run import open_run


@pytest.fixture(scope="module")
def network() -> EfficientNetLite0:
    return load_efficientnet_lite0()


def dog(size: int, index: int = 3) -> Image.Image:
    return Image.fromarray(draw_dog(index, size))


def input_of(image: Image.Image, side: int = 160) -> torch.Tensor:
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255
    return to_input(pixels, side)


def noise(width: int, height: int) -> Image.Image:
    random = np.random.default_rng(1)
    return Image.fromarray(random.integers(90, 130, (height, width, 3)).astype(np.uint8))


@pytest.mark.parametrize("seen", ["dog", "noise"])
def test_mean_of_the_map_and_bias_is_the_logit(network: EfficientNetLite0, seen: str) -> None:
    """Zhou et al., equation 2: the map, averaged, is the logit less its bias."""
    x = input_of(dog(160) if seen == "dog" else noise(160, 160))
    found = activation_map(network, x)
    logits = network.logits(x)[0].double()
    bias = network.classifier.bias.double()
    wanted = found.classes @ (logits - bias)
    torch.testing.assert_close(found.map.mean(), wanted, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found.classes.sum(), torch.tensor(1.0).double())


def test_map_of_a_dog_is_the_gradient_of_its_evidence(network: EfficientNetLite0) -> None:
    """Times h w, d log sum_D exp l_c / d f_k(x, y), contracted with f: by autograd."""
    x = input_of(dog(160))
    found = activation_map(network, x)
    assert found.classes[DOG_CLASSES].sum() == pytest.approx(1), "the toy dog is not seen"
    maps = network.maps(x).detach().requires_grad_()
    logits = network.classify(maps.mean((2, 3)))[0]
    (slope,) = torch.autograd.grad(logits[DOG_CLASSES].logsumexp(0), maps)
    wanted = (maps * slope).sum(1)[0] * maps[0, 0].numel()
    torch.testing.assert_close(found.map.float(), wanted.detach(), rtol=1e-4, atol=1e-4)


def test_without_a_dog_the_map_is_of_the_top_class(network: EfficientNetLite0) -> None:
    x = input_of(noise(160, 160))
    found = activation_map(network, x)
    logits = network.logits(x)[0]
    assert logits.softmax(0)[DOG_CLASSES].sum() < 0.5
    assert found.classes.nonzero().flatten().tolist() == [int(logits.argmax())]


def test_one_picture_at_a_time(network: EfficientNetLite0) -> None:
    with pytest.raises(ValueError, match="give one"):
        activation_map(network, input_of(dog(160)).repeat(2, 1, 1, 1))


def held(activation: torch.Tensor, box: Box, width: int, height: int) -> float:
    """The share within a box by counting, on a map with a value a pixel."""
    part = activation[box.top : box.top + box.side, box.left : box.left + box.side]
    assert part.shape == (box.side, box.side), "the box leaves the picture"
    return float(part.sum() / activation.sum())


@pytest.mark.parametrize("place", [(8, 10), (70, 12), (30, 34), (60, 40)])
def test_square_is_the_smallest_that_holds_enough(place: tuple[int, int]) -> None:
    """Against every square of every size, on a map whose cells are the lattice's."""
    left, top = place
    activation = torch.full((CELLS, 2 * CELLS), -1.0)
    activation[top : top + 6, left : left + 10] = torch.rand(
        6, 10, generator=torch.Generator().manual_seed(left)
    )
    activation[5:40, 10:88] += 1.002  # a little everywhere, so that 85 % is a choice
    box = smallest_square(activation, 2 * CELLS, CELLS)
    clean = activation.clamp(min=0).double()
    assert held(clean, box, 2 * CELLS, CELLS) >= SHARE or box.side == CELLS
    best = {
        side: max(
            held(clean, Box(x, y, side), 2 * CELLS, CELLS)
            for y in range(CELLS - side + 1) for x in range(2 * CELLS - side + 1)
        )
        for side in (box.side - 1, box.side)
    }
    assert held(clean, box, 2 * CELLS, CELLS) == pytest.approx(best[box.side])
    if box.side > round(0.55 * CELLS):
        assert best[box.side - 1] < SHARE


def test_small_subject_in_a_corner_and_limits() -> None:
    activation = torch.zeros(5, 8)
    activation[4, 7] = 1
    box = smallest_square(activation, 320, 200)
    assert box.left + box.side == 320
    assert box.top + box.side == 200
    assert box.side == pytest.approx(0.55 * 200, abs=3)


def test_nothing_seen_means_the_centre() -> None:
    assert smallest_square(-torch.rand(5, 8), 320, 200) == central_box(320, 200)
    assert central_box(320, 200) == Box(60, 0, 200)


@pytest.mark.parametrize("size", [(16, 16), (17, 400), (901, 30), (64, 63)])
def test_squares_stay_inside(network: EfficientNetLite0, size: tuple[int, int]) -> None:
    for box in (subject_box(network, noise(*size)), smallest_square(torch.rand(3, 4), *size)):
        assert 0 <= box.left <= size[0] - box.side
        assert 0 <= box.top <= size[1] - box.side
        assert 0.5 * min(size) <= box.side <= min(size)


@pytest.mark.parametrize("corner", [(0, 0), (320, 0), (0, 160), (320, 160)])
def test_dog_in_a_corner_is_found(network: EfficientNetLite0, corner: tuple[int, int]) -> None:
    """A drawn face of 160 pixels on a canvas of 480 x 320: its middle is in the square."""
    canvas = noise(480, 320)
    canvas.paste(dog(160), corner)
    box = subject_box(network, canvas)
    x, y = corner[0] + 80, corner[1] + 80
    assert box.left < x < box.left + box.side
    assert box.top < y < box.top + box.side
    across, down = (max(0, min(a + 160, b + box.side) - max(a, b))
                    for a, b in zip(corner, (box.left, box.top)))
    assert across * down > 0.8 * 160**2  # of the face is kept


def test_real_dog_in_a_corner_is_found(network: EfficientNetLite0, real_data: Path) -> None:
    """Photographed faces: at least 9 of 10 wholly or almost, which the central square halves."""
    good = 0
    paths = sorted((real_data / "dogs" / "faces").glob("*.jpg"))[:10]
    for path in paths:
        canvas = noise(480, 240)
        canvas.paste(Image.open(path).convert("RGB").resize((140, 140)), (340, 100))
        box = subject_box(network, canvas)
        across, down = (max(0, min(a + 140, b + box.side) - max(a, b))
                        for a, b in zip((340, 100), (box.left, box.top)))
        good += across * down > 0.8 * 140**2
    assert good >= 9


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """Sixteen wide pictures of a drawn dog at the left or the right."""
    folder = tmp_path / "wide"
    folder.mkdir()
    for index in range(16):
        canvas = noise(300, 120)
        canvas.paste(dog(120, index), (180 * (index % 2), 0))
        canvas.save(folder / f"{index:02d}.png")
    return folder


def test_crop_is_part_of_cache_and_identity(wide: Path) -> None:
    centre = load_images(str(wide), 32)
    subject = load_images(str(wide), 32, crop="subject")
    assert centre.identity.sha256 != subject.identity.sha256
    assert (centre.identity.crop, subject.identity.crop) == ("centre", "subject")
    for _ in range(2):  # from the cache now, either in its own
        assert torch.equal(load_images(str(wide), 32).images, centre.images)
        again = load_images(str(wide), 32, crop="subject")
        assert torch.equal(again.images, subject.images)
        assert again.identity == subject.identity

    def off_canvas(images: torch.Tensor) -> float:
        return float(((images < 80) | (images > 140)).double().mean())

    assert off_canvas(subject.images) > 1.25 * off_canvas(centre.images)


def test_same_crop_alone_and_in_company(wide: Path, tmp_path: Path) -> None:
    """A picture's square depends on that picture only."""
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "x.png").write_bytes((wide / "03.png").read_bytes())
    many = load_images(str(wide), 32, crop="subject").images
    assert torch.equal(load_images(str(alone), 32, crop="subject").images[0], many[3])


def test_wrong_crops_are_named(wide: Path) -> None:
    wrong = "`crop` must be one of centre, subject, face, boxes, not 'middle'"
    with pytest.raises(InputError, match=wrong):
        load_images(str(wide), 32, crop="middle")  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="toy dogs are drawn"):
        load_images("toydogs:4", 32, crop="subject")


def test_crop_is_recorded_with_a_run(wide: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    config = replace(projected(str(wide), epochs=1), crop="subject")
    dogs = load_images(config.data, config.size, config.images, config.crop)
    run = open_run(tmp_path / "run", "gan", config, {"images": dogs.identity})
    assert gan_config(run).crop == "subject"
    assert run.data("images").crop == "subject"
    other = replace(config, crop="centre")
    with pytest.raises(InputError, match="crop"):
        open_run(tmp_path / "run", "gan", other, {"images": dogs.identity})


def test_pictures_are_cut_as_images_are(tmp_path: Path) -> None:
    """A folder read a picture at a time has the squares, and says which, that training saw."""
    random = np.random.default_rng(0)
    for index in range(3):
        pixels = random.integers(0, 256, (70, 120, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{index}.png")
    whole = load_images(str(tmp_path), 32, crop="subject").images
    pictures = genlab.data.images(str(tmp_path), 32, "subject")
    assert torch.equal(torch.stack([pictures.read(i) for i in range(3)]), whole)
    assert pictures.identity.crop == "subject"
    assert pictures.identity.sha256 != genlab.data.images(str(tmp_path), 32).identity.sha256
    with pytest.raises(InputError, match="`crop` subject cuts a square; give its `size`"):
        genlab.data.images(str(tmp_path), None, "subject")
