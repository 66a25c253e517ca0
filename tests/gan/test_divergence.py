"""GANs of one's own networks that go wrong: where training stops, and what is left.

Numbers that are not finite in weights and gradients, and collapses, are in `test_monitor.py`.
"""

import math

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch

from cases.gan import SMALL, random_images, soft_images, tiny
from safetensors.torch import load, save
from torch import Tensor, nn

import genlab.data

from genlab.common.errors import InputError, TrainingError
from genlab.compute.hardware import Hardware
from genlab.configs.gan import GanConfig, dcgan, scratch
from genlab.gan.designs import Dcgan, Design, Scratch
from genlab.gan.findings import findings
from genlab.gan.fitting import fit
from genlab.gan.load import Choice, load_generator
from genlab.gan.results import Event
from genlab.gan.sampling import pixels_of, sample
from genlab.gan.training.players import build_players
from genlab.gan.training.probe import require_shapes
from genlab.runs.run import Run
from genlab.runs.seal import seal

CONFIG = replace(
    scratch("images"), batch=8, epochs=2, latent=8, snapshots=(1,), measure_every=0, held_out=0.0
)  # fmt: skip


class Generator(nn.Module):
    """A linear generator, whose images are changed."""

    def __init__(self, change: Callable[[Tensor, bool], Any]) -> None:
        super().__init__()
        self.linear, self.change = nn.Linear(8, 3 * 8 * 8), change

    def forward(self, z: Tensor) -> Any:
        small = torch.tanh(self.linear(z)).view(-1, 3, 8, 8)
        return self.change(nn.functional.interpolate(small, size=64), self.training)


class Discriminator(nn.Module):
    """A linear discriminator, whose scores are changed."""

    def __init__(self, change: Callable[[Tensor, bool], Any]) -> None:
        super().__init__()
        self.linear, self.change = nn.Linear(3, 1), change

    def forward(self, images: Tensor) -> Any:
        return self.change(self.linear(images.mean((2, 3))), self.training)


class Own(Design):
    """A design of two linear networks."""

    def __init__(
        self, images: Callable[[Tensor, bool], Any] = lambda x, _: x,
        scores: Callable[[Tensor, bool], Any] = lambda x, _: x,
    ) -> None:
        self.images, self.scores = images, scores

    def generator(self, latent: int, size: int) -> nn.Module:
        return Generator(self.images)

    def discriminator(self, size: int) -> nn.Module:
        return Discriminator(self.scores)


def trained(design: Design, out: Path, config: GanConfig = CONFIG) -> Any:
    return fit(design, genlab.data.images(soft_images(20)), out, config)


@pytest.mark.parametrize(
    ("design", "words"),
    [
        (Own(images=lambda x, _: x[..., :32]), r"generator returns shape \(2, 3, 64, 32\)"),
        (Own(images=lambda x, _: x[:, :1]), r"generator returns shape \(2, 1, 64, 64\)"),
        (Own(images=lambda x, _: (x, x)), "generator returns tuple"),
        (Own(scores=lambda s, _: s.mean()), r"discriminator returns shape \(\)"),
    ],
)
def test_networks_that_return_other_shapes_are_refused(
    design: Design, words: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=f"`design`: its {words}"):
        trained(design, tmp_path / "run")


@pytest.mark.parametrize(
    ("design", "quantity"),
    [
        (Own(images=lambda x, learns: x if learns else x * math.nan), "images"),
        (Own(images=lambda x, learns: x * math.inf if learns else x), "discriminator's loss"),
        (Own(scores=lambda s, learns: s * math.nan if learns else s), "discriminator's loss"),
        (Own(scores=lambda s, learns: s if learns else s * math.inf), "score_train"),
    ],
)
def test_a_network_that_returns_no_numbers_ends_the_run(
    design: Design, quantity: str, tmp_path: Path
) -> None:
    """Three attempts, then one error; no picture is made of NaN, in no file is one."""
    measured = replace(CONFIG, measure_every=1, measure_with=("pixels",), measure_fakes=16)
    with pytest.raises(TrainingError, match="after 3 attempts") as stopped:
        trained(design, tmp_path / "run", measured)
    assert stopped.value.quantity == quantity
    assert "\n" not in str(stopped.value)
    run = tmp_path / "run"
    assert not (run / "DONE").exists()
    assert not list(run.rglob("*.png")) or quantity == "score_train"
    tensors = [load(file.read_bytes()) for file in run.rglob("*.safetensors")]
    assert all(t.isfinite().all() for one in tensors for t in one.values())
    assert Run(run).newest_state() is not None


def test_no_pixels_are_made_of_what_is_not_finite() -> None:
    images = torch.zeros(2, 3, 4, 4)
    assert torch.equal(pixels_of(images), torch.full((2, 3, 4, 4), 128, dtype=torch.uint8))
    for value in (math.nan, math.inf):
        images[1, 2, 3, 3] = value
        with pytest.raises(TrainingError, match="the generator's images are not finite"):
            pixels_of(images)


@pytest.mark.parametrize("file", ["generator", "snapshots/epoch_001"])
def test_weights_that_are_not_finite_or_overflow_give_no_images(
    file: str, tmp_path: Path
) -> None:
    """Though they are sealed: a run that somebody made like that."""
    out, design = tmp_path / "run", Scratch(**SMALL["scratch"])
    trained(design, out)
    path, choice = out / f"{file}.safetensors", Choice(epoch=1 if "epoch" in file else None)
    for value, error in ((math.nan, InputError), (1e38, TrainingError)):
        tensors = load(path.read_bytes())
        for tensor in tensors.values():
            if tensor.is_floating_point():
                tensor.fill_(value)
        path.write_bytes(save(tensors))
        (out / "DONE").unlink()
        seal(out)
        with pytest.raises(error, match="not finite"):
            sample(out, 2, choice=choice)
        if error is InputError:
            with pytest.raises(InputError, match="not finite"):
                load_generator(out, choice)


# Finite, and wrong


def test_a_generator_of_one_picture_is_said_to_be_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Though nothing is measured; a generator of many is not."""
    constant = Own(images=lambda x, _: x * 0 - 0.5)
    (event,) = trained(constant, tmp_path / "one").events
    assert (event.kind, event.levels, event.epoch) == ("one picture", 0.0, 2)
    assert "warning: one picture: the generated images are one picture" in capsys.readouterr().err
    assert trained(Own(), tmp_path / "many").events == []


def test_a_discriminator_that_has_won_is_said_to_have(tmp_path: Path) -> None:
    """It learns at a rate at which the generator, which hardly does, cannot follow."""
    config = replace(
        dcgan("images"), batch=8, epochs=10, latent=8, measure_every=0, held_out=0.0,
        learning_rate=1e-9, discriminator_rate=1e-2, snapshots=(1,),
    )  # fmt: skip
    events = trained(Dcgan(**SMALL["dcgan"]), tmp_path / "run", config).events
    won = [event for event in events if event.kind == "discriminator wins"]
    assert len(won) == 1
    assert won[0].share is not None
    assert 0 < won[0].share < 0.01


@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize(
    ("recipe", "loss"), [("projected", 4 * 2.0), ("scratch", 2 * math.log(2))]
)
def test_the_loss_of_no_opinion_is_that_of_scores_of_zero(
    recipe: str, loss: float, precision: Literal["float32", "bf16"], tmp_path: Path
) -> None:
    """Hinge losses of four heads, and logistic ones of one; the networks' shapes are right."""
    config = tiny(recipe, tmp_path)
    players = build_players(config, hardware=Hardware(precision=precision))
    require_shapes(players, config)
    assert players.loss_of_no_opinion(random_images(4)) == pytest.approx(loss)


def test_each_kind_of_event_is_a_sentence_in_both_languages() -> None:
    lines = {
        "not finite": {"failed": 9}, "collapse": {"failed": 9}, "memory": {"p": 0.001},
        "little variety": {"variety": 0.2}, "one picture": {"levels": 0.25},
        "discriminator wins": {"share": 0.002},
    }
    events = [Event(kind=k, step=4, words="", epoch=3, **v) for k, v in lines.items()]
    said = findings(events)
    assert len(said) == len(lines)
    for one, words in zip(said, ("at step 9 numbers", "had collapsed", "p = 0.0010", "20 %",
                                 "0.25 of 255", "0.20 %")):
        assert words in one.en
        assert one.zh
