"""Designs: each one's own batches, losses and rates; every size; one from outside the package."""

import copy
import dataclasses
import inspect

from pathlib import Path

import pytest
import torch

from cases.gan import same, soft_images, tensors, tiny, with_options, write_images
from torch import Tensor, nn

from genlab.common.errors import InputError
from genlab.configs.design import DESIGN_SIGNATURES
from genlab.configs.gan import RECIPES, SIZES, GanConfig, projected_short
from genlab.data.image_set import load_images
from genlab.gan.build import build_design, config_with
from genlab.gan.designs import DESIGNS, Dcgan, Design, Projected, Scratch
from genlab.gan.load import Choice, gan_config, load_generator
from genlab.gan.losses import HINGE
from genlab.gan.sampling import draw, sample
from genlab.gan.training.players import build_players
from genlab.gan.training.step import train_step, update_discriminator
from genlab.gan.training.train import train_gan_on
from genlab.gan.walk import walk
from genlab.runs.run import Run

# The designs


def test_dcgan_takes_reals_and_fakes_as_batches_of_their_own(tmp_path: Path) -> None:
    """What the fakes are does not move the scores of reals; the losses are the textbook's BCE."""
    config = tiny("dcgan", tmp_path)
    random = torch.Generator().manual_seed(0)
    real, fake, other = (torch.rand(8, 3, 64, 64, generator=random) * 2 - 1 for _ in range(3))
    found = []
    for seen in (fake, other):
        pair = build_players(config)
        apart = copy.deepcopy(pair.discriminator)
        loss, score_real, _ = update_discriminator(
            pair, config, ([real], None), ([seen], None), 0
        )
        (high,), (low,) = apart([real]), apart([seen])
        bce = nn.functional.binary_cross_entropy_with_logits
        expected = bce(high, torch.ones(8, 1)) + bce(low, torch.zeros(8, 1))
        assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
        found.append(score_real.item())
    assert found[0] == found[1]


def test_adam_has_the_designs_betas(tmp_path: Path) -> None:
    for recipe, betas in {"dcgan": (0.5, 0.999), "scratch": (0.0, 0.99)}.items():
        pair = build_players(tiny(recipe, tmp_path))
        for adam in (pair.adam_generator, pair.adam_discriminator):
            assert adam.param_groups[0]["betas"] == betas


@pytest.mark.parametrize("size", [32, 128, 256, 512])
@pytest.mark.parametrize("recipe", ["projected", "scratch", "dcgan"])
def test_a_step_at_every_size_moves_every_network(
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
def test_features_are_of_whole_maps_and_r1_grows_with_the_pixels(size: int) -> None:
    """Stride 32, and never more pixels than the ImageNet network was trained on."""
    large, small = (Projected(feature_size=f).feature_side(size) for f in ("large", "small"))
    assert large % 32 == small % 32 == 0
    assert small <= large <= 224
    assert Projected(feature_size=48).feature_side(size) == 48
    scratch = Scratch(r1_gamma=0.3, r1_every=4)
    weights = [scratch.r1_weight(step, size) for step in range(5)]
    assert weights == [pytest.approx(4 * 0.3 / 2 * size**2 / 64**2), 0, 0, 0, weights[0]]


# Their options


@pytest.mark.parametrize("name", DESIGNS)
def test_options_read_from_the_source_are_the_constructors(name: str) -> None:
    parameters = inspect.signature(DESIGNS[name]).parameters
    keywords = DESIGN_SIGNATURES.rows[name]
    assert {k: p.default for k, p in parameters.items()} == {
        k: keyword.default for k, keyword in keywords.items()
    }
    assert all(keyword.doc for keyword in keywords.values())


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_configuration_and_its_design_say_the_same(recipe: str) -> None:
    config = with_options(RECIPES[recipe]("dogs"), width=3)
    design = build_design(config)
    assert isinstance(design, Projected | Scratch | Dcgan)
    assert design.width == 3
    assert config_with(RECIPES["dcgan"]("dogs"), design).design_options == config.design_options
    assert config_with(config, design) == config


def test_a_recipe_is_its_designs_defaults_and_its_own() -> None:
    assert projected_short("dogs").design_options == {
        "width": 16, "discriminator_width": 64, "feature_size": "small",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("design", "options", "says"),
    [
        ("projected", {"feature_size": 16}, "`design.feature_size` must be at least 32, not 16"),
        ("projected", {"width": 0}, "`design.width` must be at least 1, not 0"),
        ("scratch", {"r1_gamma": -1.0}, "`design.r1_gamma` must be at least 0, not -1.0"),
        ("scratch", {"r1_every": 0}, "`design.r1_every` must be at least 1, not 0"),
        ("dcgan", {"discriminator_width": 0}, "`design.discriminator_width` must be at least 1"),
        ("elsewhere", {}, "`design` 'elsewhere' is none of genlab's"),
    ],
)
def test_options_out_of_range_are_refused_by_name(
    design: str, options: dict[str, object], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        build_design(GanConfig(data="dogs", design=design, design_options=options))


# A design of one's own


class Small(Design):
    """One hidden layer in each network, and the hinge loss."""

    losses = HINGE

    def generator(self, latent: int, size: int) -> nn.Module:
        return nn.Sequential(
            nn.Linear(latent, 16), nn.ReLU(), nn.Linear(16, 3 * size * size), nn.Tanh(),
            nn.Unflatten(1, (3, size, size)),
        )

    def discriminator(self, size: int) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(3 * size * size, 16), nn.ReLU(),
                             nn.Linear(16, 1), nn.Flatten(0))  # fmt: skip


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of `Small`."""
    folder = write_images(tmp_path_factory.mktemp("pictures"), soft_images(20))
    images = load_images(str(folder), 64)
    out = tmp_path_factory.mktemp("runs") / "own"
    train_gan_on(images, tiny("scratch", folder), out, design=Small())
    return out


def test_a_design_from_outside_trains_and_is_named(own: Path) -> None:
    run = Run(own)
    assert run.done
    assert (run.results["design"], run.results["pretrained"]) == ("Small", None)
    assert (gan_config(run).design, gan_config(run).design_options) == ("Small", {})
    first = Small().generator(8, 64)
    assert not same(tensors(first), tensors(load_generator(own, design=Small())))


def test_a_design_from_outside_is_loaded_as_an_object(own: Path) -> None:
    images = sample(own, 3, seed=1, design=Small())
    assert images.shape == (3, 3, 64, 64)
    assert torch.equal(sample(own, 5, seed=1, design=Small())[:3], images)
    assert torch.equal(walk(own, 2, seed=1, steps=4, design=Small())[::4], images[:2])
    with pytest.raises(InputError, match="'Small' is none of genlab's .*; give the object itself"):
        sample(own, 3, seed=1)
    with pytest.raises(InputError, match="cannot be split into two stages"):
        sample(own, 3, 1, Choice(truncation=0.5), design=Small())


def test_a_design_that_cannot_have_classes_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="`classes`: the discriminator of Small cannot be"):
        build_players(tiny("scratch", tmp_path), torch.ones(2) / 2, design=Small())


class Brightness(nn.Module):
    """D(x) = w mean(x), linear in its features."""

    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Linear(1, 1, bias=False)

    def features(self, images: Tensor) -> Tensor:
        return images.mean((1, 2, 3))[:, None]

    def forward(self, images: Tensor) -> Tensor:
        return self.score(self.features(images))


class Conditional(Small):
    """A discriminator with features: it can be conditioned on classes."""

    def discriminator(self, size: int) -> nn.Module:
        return Brightness()


def test_a_design_with_features_can_have_classes(tmp_path: Path) -> None:
    config = tiny("scratch", tmp_path)
    pair = build_players(config, torch.ones(2) / 2, design=Conditional())
    images, labels = soft_images(8), torch.arange(8) % 2
    assert train_step(pair, config, images, 0, labels).isfinite().all()
    z = torch.zeros(1, config.latent) + 1
    one, two = (pair.average(z, torch.tensor([k])) for k in (0, 1))
    assert not torch.equal(one, two)
