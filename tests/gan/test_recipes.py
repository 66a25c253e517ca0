"""The recipes' own: dcgan's batches, losses and rates; every recipe at 128 and 256 pixels."""

import copy
import dataclasses

from pathlib import Path

import pytest
import torch

from cases.gan import same, tensors, tiny
from torch import nn

from genlab.configs.gan import FEATURE_SIZES, RECIPES, SIZES
from genlab.gan.sample import draw
from genlab.gan.training.players import build_players
from genlab.gan.training.step import train_step, update_discriminator


def test_dcgan_takes_reals_and_fakes_as_batches_of_their_own(tmp_path: Path) -> None:
    """What the fakes are does not move the scores of reals; the losses are the textbook's BCE."""
    config = tiny("dcgan", tmp_path)
    random = torch.Generator().manual_seed(0)
    real, fake, other = (torch.rand(8, 3, 64, 64, generator=random) * 2 - 1 for _ in range(3))
    found = []
    for seen in (fake, other):
        pair = build_players(config)
        apart = copy.deepcopy(pair.discriminator)
        loss, of_real, _ = update_discriminator(
            pair, config, ([real], None), ([seen], None), 0
        )
        (high,), (low,) = apart([real]), apart([seen])
        bce = nn.functional.binary_cross_entropy_with_logits
        expected = bce(high, torch.ones(8, 1)) + bce(low, torch.zeros(8, 1))
        assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
        found.append(of_real.item())
    assert found[0] == found[1]


def test_adam_has_the_recipes_memories(tmp_path: Path) -> None:
    for recipe, betas in {"dcgan": (0.5, 0.999), "scratch": (0.0, 0.99)}.items():
        pair = build_players(tiny(recipe, tmp_path))
        for adam in (pair.adam_generator, pair.adam_discriminator):
            assert adam.param_groups[0]["betas"] == betas


@pytest.mark.parametrize("size", [128, 256])
@pytest.mark.parametrize("recipe", ["projected", "scratch", "dcgan"])
def test_a_round_at_larger_sizes_moves_every_network(
    recipe: str, size: int, tmp_path: Path
) -> None:
    config = dataclasses.replace(tiny(recipe, tmp_path), size=size, batch=2)
    pair = build_players(config)
    before = {name: tensors(module) for name, module in pair.modules.items()}
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (2, 3, size, size), generator=random, dtype=torch.uint8)
    assert train_step(pair, config, images, 0).isfinite().all()
    assert not any(same(before[name], tensors(module)) for name, module in pair.modules.items())
    assert draw(pair.average, config, 1, 0, "sample").shape == (1, 3, size, size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("recipe", RECIPES)
def test_recipes_have_numbers_for_every_size(recipe: str, size: int) -> None:
    """Features of whole maps at stride 32, never more than the ImageNet network was trained on;
    R1's weight in proportion to the pixels."""
    config, small = (RECIPES[recipe]("dogs", size=s) for s in (size, 64))
    if recipe.startswith("projected"):
        assert config.feature_size is not None
        assert config.feature_size % 32 == 0
        assert config.feature_size <= FEATURE_SIZES[size] <= 224
    if recipe == "scratch":
        assert config.r1_gamma is not None
        assert small.r1_gamma is not None
        assert config.r1_gamma / small.r1_gamma == size**2 / 64**2
