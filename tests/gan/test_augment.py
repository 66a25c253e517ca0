"""Differentiable augmentation: each transform is what its definition says, for each image."""

import numpy as np
import pytest
import torch

from torch import Tensor

from genlab.gan.augment import AUGMENTS, augment, colour, cutout, mirror, translation


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(count: int, size: int = 16) -> Tensor:
    return torch.rand(count, 3, size, size, generator=generator(9)) * 2 - 1


@pytest.mark.parametrize("name", AUGMENTS)
def test_is_a_function_of_image_and_generator_and_differs_between_images(name: str) -> None:
    x = images(1).expand(12, -1, -1, -1)
    first, again = AUGMENTS[name](x, generator()), AUGMENTS[name](x, generator())
    other = AUGMENTS[name](x, generator(1))
    assert first.shape == x.shape
    assert first.dtype == x.dtype
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert len({row.numpy().tobytes() for row in first}) > 6  # twelve draws, hardly any alike


@pytest.mark.parametrize("name", AUGMENTS)
def test_no_image_leaks_into_another(name: str) -> None:
    x = images(4)
    changed = x.clone()
    changed[2] = 0.5
    same = AUGMENTS[name](x, generator())
    after = AUGMENTS[name](changed, generator())
    assert [torch.equal(a, b) for a, b in zip(same, after)] == [True, True, False, True]


@pytest.mark.parametrize("name", AUGMENTS)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    x = images(2, 8).double().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: AUGMENTS[name](x, generator(3)), x, fast_mode=True
    )


def test_colour_is_uniform_brightness_saturation_and_contrast() -> None:
    x = images(4000, 4).double()
    y = colour(x, generator())
    mean_x, mean_y = x.mean((1, 2, 3)), y.mean((1, 2, 3))
    shift = (mean_y - mean_x).numpy()  # saturation and contrast keep the mean
    assert np.abs(shift).max() <= 0.5
    assert shift.mean() == pytest.approx(0.0, abs=0.02)
    assert shift.std() == pytest.approx(1 / np.sqrt(12), rel=0.05)

    grey_x, grey_y = x.mean(1), y.mean(1)  # saturation keeps each pixel's grey
    contrast = ((grey_y - mean_y[:, None, None]) / (grey_x - mean_x[:, None, None])).flatten(1)
    assert torch.allclose(contrast, contrast[:, :1].expand_as(contrast), atol=1e-6)
    assert 0.5 <= contrast.min() < 0.51
    assert 1.49 < contrast.max() <= 1.5

    hue = (y - grey_y[:, None]) / (x - grey_x[:, None]) / contrast[:, :1, None, None]
    saturation = hue.flatten(1)
    assert torch.allclose(saturation, saturation[:, :1].expand_as(saturation), atol=1e-6)
    assert 0 <= saturation.min() < 0.01
    assert 1.99 < saturation.max() <= 2.0


def shifted(image: np.ndarray, down: int, right: int) -> np.ndarray:
    """An image `(C, H, W)` moved by whole pixels, pixel by pixel."""
    result = np.zeros_like(image)
    height, width = image.shape[1:]
    for i in range(height):
        for j in range(width):
            if 0 <= i - down < height and 0 <= j - right < width:
                result[:, i, j] = image[:, i - down, j - right]
    return result


def test_translation_moves_by_whole_pixels_up_to_an_eighth() -> None:
    x = images(120)
    moves = []
    for before, after in zip(x.numpy(), translation(x, generator()).numpy()):
        fits = [
            (down, right)
            for down in range(-3, 4)
            for right in range(-3, 4)
            if np.array_equal(shifted(before, down, right), after)
        ]
        assert len(fits) == 1
        moves += fits
    expected = {-2, -1, 0, 1, 2}  # 16 / 8
    assert {down for down, _ in moves} == expected
    assert {right for _, right in moves} == expected
    assert len(set(moves)) > 20  # of 25: the two directions are drawn apart


def test_cutout_greys_one_square_of_half_the_side_and_nothing_else() -> None:
    x = images(200).abs() + 0.1
    y = cutout(x, generator())
    largest = 0
    for before, after in zip(x, y):
        hole = after == 0
        assert torch.equal(torch.where(hole, 0.0, before), after)
        assert torch.equal(hole[0], hole[1])
        rows, columns = hole[0].any(1).nonzero(), hole[0].any(0).nonzero()
        height, width = len(rows), len(columns)
        assert hole[0].sum() == height * width  # a rectangle: cut off where it leaves the image
        assert 3 <= height <= 8
        assert 3 <= width <= 8
        largest = max(largest, height * width)
    assert largest == 64


def test_augment_applies_in_order_from_one_generator() -> None:
    x, random = images(3), generator(5)
    by_hand = cutout(translation(x, random), random)
    assert torch.equal(augment(x, ["translation", "cutout"], generator(5)), by_hand)
    assert augment(x, [], generator()) is x


def test_mirror_turns_about_half_of_the_images_and_only_that() -> None:
    x = images(400)
    y = mirror(x, generator())
    turned = [torch.equal(b, a.flip(2)) for a, b in zip(x, y)]
    kept = [torch.equal(b, a) for a, b in zip(x, y)]
    assert all(a != b for a, b in zip(turned, kept))
    assert 160 < sum(turned) < 240
