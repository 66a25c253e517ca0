"""Training a GAN: who learns from what, the average, exact resuming, repeatable samples."""

import dataclasses
import json
import math
import os
import shutil
import signal
import subprocess
import sys

from pathlib import Path

import numpy as np
import pytest
import torch

from cases.gan import random_images, same, tensors, tiny, trained, with_options
from PIL import Image
from safetensors.torch import load
from torch import Tensor, nn

from genlab.cli.resume import resume
from genlab.common.errors import InputError, TrainingError
from genlab.common.typed_json import to_json
from genlab.configs.gan import RECIPES, dcgan, projected, scratch
from genlab.configs.lab import LabConfig
from genlab.gan.build import build_design, build_generator
from genlab.gan.designs import Scratch
from genlab.gan.load import Choice, gan_config, load_generator
from genlab.gan.networks.residual import ResidualDiscriminator
from genlab.gan.sampling import draw, sample
from genlab.gan.training import train as gan
from genlab.gan.training.ema import average_decay, update_average
from genlab.gan.training.optimiser import optimiser_step
from genlab.gan.training.players import Players, build_players
from genlab.gan.training.step import train_step, update_discriminator, update_generator
from genlab.gan.training.train import train_gan
from genlab.lab.sheet import run_lab
from genlab.runs.run import Run

STEPS = 9  # of which every third has 4 images
KEPT = ("checkpoint-00000003.safetensors", "checkpoint-00000004.safetensors")


# The configuration


def test_snapshots_beyond_the_run_are_dropped_and_its_end_is_kept() -> None:
    assert projected("dogs").snapshot_epochs == (10, 30, 50)
    assert projected("dogs", epochs=35).snapshot_epochs == (10, 30, 35)
    assert projected("dogs", epochs=3).snapshot_epochs == (3,)


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipes_pass_their_arguments_on(recipe: str) -> None:
    config = RECIPES[recipe]("folder", size=64, epochs=7, seed=5, images=9)
    design = recipe.removesuffix("-short")  # the same networks and losses, other numbers
    assert (config.data, config.design, config.size) == ("folder", design, 64)
    assert (config.epochs, config.seed, config.images) == (7, 5, 9)


@pytest.mark.parametrize(
    ("make", "change", "says"),
    [
        (projected, {"size": 96}, "`size` 96: the generators make 32, 64, 128, 256, 512"),
        (projected, {"epochs": 0}, "`epochs` 0"),
        (projected, {"batch": 0}, "`batch` 0"),
        (projected, {"batch": 10**20}, "`batch` 100000000000000000000: at most"),
        (projected, {"design": "scratch", "design_options": {"feature_size": 64}},
         "`design.feature_size` is no option of the design 'scratch', which takes `design.width`"),
        (projected, {"design_options": {"width": 10**11}}, "`design.width` must be at most 512"),
        (projected, {"design_options": {"width": "wide"}}, "`design.width` must be a whole"),
        (projected, {"design_options": {"feature_size": "vast"}}, "`design.feature_size` must be"),
        (dcgan, {"design_options": {"r1_gamma": 1.0}}, "`design.r1_gamma` is no option"),
        (projected, {"images": 0}, "`images` 0"),
        (projected, {"learning_rate": math.nan}, "`learning_rate` nan"),
        (projected, {"average_share": 0.5}, "`average_share` 0.5"),
        (projected, {"snapshots": (0, 10)}, "`snapshots`"),
    ],
)
def test_options_that_cannot_work_are_refused_by_name(
    make: object, change: dict[str, object], says: str
) -> None:
    assert callable(make)
    with pytest.raises(InputError, match=says):
        dataclasses.replace(make("dogs"), **change)


# One round


@pytest.mark.parametrize("recipe", RECIPES)
def test_each_player_learns_from_its_own_loss_alone(recipe: str, tmp_path: Path) -> None:
    config = tiny(recipe, tmp_path)
    pair = build_players(config)
    real = [t.detach() for t in pair.projection(torch.rand(8, 3, 64, 64) * 2 - 1)]
    seen = pair.projection(pair.generator(torch.randn(8, config.latent)))
    update_discriminator(
        pair, config, (real, None), ([t.detach() for t in seen], None), 1
    )
    assert all(p.grad is None for p in pair.generator.parameters())
    assert any(p.grad is not None and p.grad.any() for p in pair.discriminator.parameters())
    pair.discriminator.zero_grad()
    before = tensors(pair.discriminator)
    update_generator(pair, config, (seen, None))
    assert all(p.grad is None for p in pair.discriminator.parameters())
    assert all(p.requires_grad for p in pair.discriminator.parameters())
    assert all(p.grad is not None for p in pair.generator.parameters())
    after = {n: p for n, p in pair.discriminator.named_parameters()}
    assert all(torch.equal(before[n], p) for n, p in after.items())


def test_the_frozen_part_of_the_projection_never_changes(tmp_path: Path) -> None:
    config = tiny("projected", tmp_path)
    pair = build_players(config)
    assert isinstance(pair.projection, nn.Module)
    before = tensors(pair.projection)
    for step in range(2):
        train_step(pair, config, random_images(8), step)
    assert same(before, tensors(pair.projection))
    assert all(p.grad is None for p in pair.projection.parameters())


class Linear(nn.Module):
    """D(x) = <w, x>: its R1 is ||w||^2 at every image."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.linspace(-1, 1, 12))

    def forward(self, views: list[Tensor]) -> list[Tensor]:
        return [(view.flatten(1) @ self.w)[:, None] for view in views]


@pytest.mark.parametrize(("step", "factor"), [(8, 4.0), (9, 0.0)])
def test_lazy_r1_is_seldom_and_as_much_heavier(
    step: int, factor: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its gradient is `r1_every` gamma w at every `r1_every`-th step and zero between them."""
    gradients = []
    real, fake = torch.rand(5, 3, 2, 2), torch.rand(5, 3, 2, 2)
    for gamma in (0.0, 0.3):
        config, linear = scratch("dogs"), Linear()
        adam = torch.optim.Adam(linear.parameters(), 0.0)
        pair = Players(
            design=Scratch(r1_gamma=gamma, r1_every=4), generator=nn.Identity(),
            average=nn.Identity(), projection=lambda x: [x], discriminator=linear,
            adam_generator=adam, adam_discriminator=adam,
        )
        update_discriminator(
            pair, config, ([real.clone()], None), ([fake], None), step
        )
        assert linear.w.grad is not None
        gradients.append(linear.w.grad.clone())
    difference = gradients[1] - gradients[0]
    assert torch.allclose(difference, factor * 0.3 * Linear().w.detach(), atol=1e-6)


def test_a_loss_that_is_not_finite_stops_before_the_update(tmp_path: Path) -> None:
    config = tiny("scratch", tmp_path)
    pair = build_players(config)
    assert isinstance(pair.discriminator.discriminator, ResidualDiscriminator)
    with torch.no_grad():
        pair.discriminator.discriminator.score.bias.fill_(math.nan)
    before = [tensors(m) for m in (pair.discriminator.discriminator.blocks, pair.average)]
    generator = [p.detach().clone() for p in pair.generator.parameters()]
    with pytest.raises(TrainingError, match="discriminator's loss is nan"):
        train_step(pair, config, random_images(8), 0)
    after = [tensors(m) for m in (pair.discriminator.discriminator.blocks, pair.average)]
    assert all(same(a, b) for a, b in zip(before, after))
    assert all(torch.equal(a, b) for a, b in zip(generator, pair.generator.parameters()))


@pytest.mark.parametrize(("length", "kept"), [(100.0, 2.0), (1.5, 1.5), (0.0, 0.0)])
def test_a_gradient_much_longer_than_usual_is_shortened(length: float, kept: float) -> None:
    """After 50 gradients of length 1, v_i / (1 - beta^t) sums to 1: the usual length is 1."""
    w = nn.Parameter(torch.zeros(3))
    adam = torch.optim.Adam([w], 0.1, (0.0, 0.99))
    way = torch.tensor([2.0, -1.0, 2.0]) / 3
    for t in range(50):
        optimiser_step(adam, (w * way * (100 if length == 0 and t == 0 else 1)).sum(), "w", 2.0)
        if t == 0:  # nothing is usual yet
            assert w.grad is not None
            assert w.grad.norm().item() == pytest.approx(100 if length == 0 else 1)
    optimiser_step(adam, (w * way * length).sum(), "w", 2.0)
    assert w.grad is not None
    assert torch.allclose(w.grad, way * kept, atol=1e-5)


# The average


def test_average_has_its_closed_form_and_copies_counters() -> None:
    """Towards a constant c: a_k = c + (a_0 - c) decay^k; batch-norm statistics too."""
    average, current = nn.BatchNorm2d(4), nn.BatchNorm2d(4)
    with torch.no_grad():
        current.weight.fill_(3.0)
        current.running_var.fill_(5.0)
        current.num_batches_tracked.fill_(7)
    for _ in range(10):
        update_average(average, current, 0.8)
    assert torch.allclose(average.weight, torch.tensor(3 - 2 * 0.8**10))
    assert torch.allclose(average.running_var, torch.tensor(5 - 4 * 0.8**10))
    assert average.num_batches_tracked == 7
    assert torch.equal(average.bias, current.bias)


def test_half_life_is_a_share_of_what_was_seen_up_to_a_limit() -> None:
    config = projected("dogs")
    assert average_decay(config, 4000) ** (200 / 16) == pytest.approx(0.5)  # 5 % are 200
    assert average_decay(config, 400_000) ** (10_000 / 16) == pytest.approx(0.5)  # the limit


def test_average_of_a_short_run_has_forgotten_the_first_weights() -> None:
    """After 60 steps less than a thousandth of what the first weights were is left."""
    config = projected("dogs")
    kept = [average_decay(config, (step + 1) * config.batch) for step in range(60)]
    assert np.prod(kept) < 1e-3


# Whole runs


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for index in range(24):
        coarse = random.integers(0, 256, (4, 4, 3)).astype(np.uint8)
        Image.fromarray(coarse).resize((64, 64)).save(folder / f"{index:02d}.png")
    return folder


@pytest.fixture(scope="module")
def runs(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An unbroken run of each recipe."""
    return trained({recipe: tiny(recipe, pictures) for recipe in RECIPES}, tmp_path_factory)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_run_leaves_what_others_rely_on(recipe: str, runs: dict[str, Path]) -> None:
    path = runs[recipe]
    run = Run(path)
    assert run.done
    assert set(run.results) == {
        "design", "design_numbers", "betas", "size", "epochs", "images", "batch",
        "seconds", "images_per_second",
        "parameters_generator", "parameters_discriminator", "snapshots", "pretrained",
        "classes", "data", "held_out", "best_epoch", "measured_with", "memorisation", "events",
        "origin",
    }  # fmt: skip
    assert run.results["snapshots"] == [1, 2, 3]
    assert run.results["images"] == 20
    pretrained = "EfficientNet-Lite0 (ImageNet)" if recipe.startswith("projected") else None
    assert run.results["pretrained"] == pretrained
    assert [(m["epoch"], m["step"]) for m in run.metrics()] == [(1, 3), (2, 6), (3, 9)]
    for epoch in (1, 2, 3):
        names = sorted(p.name for p in (path / "samples" / f"epoch_{epoch:03d}").iterdir())
        assert names == [f"{i:02d}.png" for i in range(10)]
    assert list(path.glob("state*")) == []
    last = load((path / "snapshots/epoch_003.safetensors").read_bytes())
    assert same(last, load((path / "generator.safetensors").read_bytes()))


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_first_state_kept_is_that_of_a_snapshot(recipe: str, runs: dict[str, Path]) -> None:
    first, second = (load((runs[recipe] / name).read_bytes()) for name in KEPT)
    average = {k: v for k, v in first.items() if k.startswith("module/average/")}
    snapshot = load((runs[recipe] / "snapshots/epoch_001.safetensors").read_bytes())
    assert average.keys() == {f"module/average/{key}" for key in snapshot}
    assert all(torch.equal(average[f"module/average/{k}"], v) for k, v in snapshot.items())
    assert second.keys() == {key for key in first if key.startswith("module/")}
    for name in ("generator", "average", "discriminator"):
        assert any(not torch.equal(first[k], v) for k, v in second.items() if f"/{name}/" in k)


@pytest.mark.parametrize("recipe", RECIPES)
def test_snapshots_show_the_same_latents_without_loss(recipe: str, runs: dict[str, Path]) -> None:
    path = runs[recipe]
    config = gan_config(Run(path))
    z = torch.stack([
        torch.randn(8, generator=gan.generator(config.seed, "snapshot", i)) for i in range(20)
    ])
    for epoch in config.snapshots:
        with torch.no_grad():
            expected = ((load_generator(path, Choice(epoch=epoch))(z) + 1) * 127.5).round()
        for index in range(10):
            file = path / "samples" / f"epoch_{epoch:03d}" / f"{index:02d}.png"
            drawn = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)
            assert torch.equal(drawn, expected[index].to(torch.uint8))


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_same_seed_gives_the_same_bytes_however_many(
    recipe: str, runs: dict[str, Path]
) -> None:
    path = runs[recipe]
    many = sample(path, 43, seed=1)
    assert many.shape == (43, 3, 64, 64)
    assert many.dtype == torch.uint8
    for n in (1, 20, 21):
        assert torch.equal(sample(path, n, seed=1), many[:n])


def test_samples_differ_between_latents_seeds_and_epochs(tmp_path: Path) -> None:
    config = with_options(tiny("scratch", tmp_path), width=2)
    network = build_generator(config, build_design(config)).eval()
    one, two = (draw(network, config, 30, seed, "sample") for seed in (1, 2))
    assert len({image.numpy().tobytes() for image in torch.cat([one, two])}) == 60


def test_what_cannot_be_sampled_is_refused(runs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="`n` must be at least 1, not 0"):
        sample(runs["scratch"], 0, seed=0)
    with pytest.raises(InputError, match="epochs 1, 2, 3"):
        sample(runs["scratch"], 1, 0, Choice(epoch=7))
    with pytest.raises(InputError, match="config.json"):
        sample(tmp_path, 1, seed=0)
    (tmp_path / "config.json").write_text(json.dumps({"kind": "vae", "config": {}}))
    with pytest.raises(InputError, match="'vae' run"):
        sample(tmp_path, 1, seed=0)


def test_a_finished_run_that_lacks_its_generator_is_damaged(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    run = Path(shutil.copytree(runs["scratch"], tmp_path / "run"))
    (run / "generator.safetensors").unlink()
    with pytest.raises(InputError, match=r"done, yet it lacks generator\.safetensors"):
        sample(run, 1, seed=0)
    (run / "results.json").unlink()
    with pytest.raises(InputError, match=r"done, yet it lacks results\.json"):
        resume(run)
    (run / "DONE").unlink()
    with pytest.raises(InputError, match="is not there yet; .*genlab resume"):
        sample(run, 1, seed=0)


def test_a_finished_run_returns_at_once(
    runs: dict[str, Path], pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gan, "build_players", lambda config: pytest.fail("trained again"))
    results = train_gan(tiny("scratch", pictures), runs["scratch"])
    assert to_json(results) == Run(runs["scratch"]).results


def without_times(path: Path) -> list[dict[str, float]]:
    drop = ("seconds", "images_per_second", "measure_seconds")
    return [{k: v for k, v in m.items() if k not in drop} for m in Run(path).metrics()]


KILLED = """
import os, signal, sys, torch
from genlab.gan.training import train as gan
sys.path.insert(0, sys.argv[4])
from pathlib import Path
from cases.gan import tiny
torch.set_num_threads(1)
gan.SAVE_EVERY_S = 0.0  # after every step
train_step = gan.train_step
def killed(players, config, images, step, labels):
    if step == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return train_step(players, config, images, step, labels)
gan.train_step = killed
gan.train_gan(tiny(sys.argv[1], Path(sys.argv[2])), Path(sys.argv[3]))
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_killed_run_goes_on_as_if_unbroken(
    recipe: str, runs: dict[str, Path], pictures: Path, tmp_path: Path
) -> None:
    """Killed in the second of three epochs, by SIGKILL: the same bytes at the end."""
    here = str(Path(__file__).parents[1])
    command = [sys.executable, "-c", KILLED, recipe, str(pictures), str(tmp_path / "run"), here]
    ended = subprocess.run(command, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert json.loads((tmp_path / "run/state.json").read_text())["step"] == 4
    train_gan(tiny(recipe, pictures), tmp_path / "run")
    for name in ("generator.safetensors", "snapshots/epoch_001.safetensors",
                 "snapshots/epoch_002.safetensors", "samples/epoch_003/09.png", *KEPT):
        assert (tmp_path / "run" / name).read_bytes() == (runs[recipe] / name).read_bytes()
    assert without_times(tmp_path / "run") == without_times(runs[recipe])


def test_the_layout_of_the_images_in_memory_changes_nothing(tmp_path: Path) -> None:
    config = tiny("projected", tmp_path)
    ends = []
    for layout in (torch.contiguous_format, torch.channels_last):
        pair = build_players(config)
        train_step(pair, config, random_images(8).to(memory_format=layout), 0)
        ends.append(tensors(pair.discriminator))
    assert same(*ends)


def test_fewer_images_than_the_batch_are_enough(pictures: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(tiny("projected", pictures), images=16, batch=24, epochs=2)
    assert train_gan(config, tmp_path / "run").images == 16
    assert all(math.isfinite(m["loss_generator"]) for m in Run(tmp_path / "run").metrics())


def test_too_few_images_are_refused(pictures: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(tiny("projected", pictures), images=3)
    with pytest.raises(InputError, match="3 images"):
        train_gan(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_goes_on_where_its_images_have_moved_to(pictures: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(pictures, tmp_path / "copied"))
    config, out = tiny("dcgan", copied), tmp_path / "run"
    train_gan(config, out)
    (out / "DONE").unlink()
    before = (out / "config.json").read_bytes()
    moved = copied.rename(tmp_path / "moved")
    with pytest.raises(InputError, match="copied"):
        resume(out)
    results = resume(out, data=str(moved))
    assert (out / "config.json").read_bytes() == before
    assert (out / "neighbours.png").exists()
    shutil.rmtree(moved)
    assert resume(out) == results


def test_a_run_inside_its_images_is_refused_before_it_begins(
    pictures: Path, tmp_path: Path
) -> None:
    """Its own pictures would be other images, and it could never go on."""
    folder = Path(shutil.copytree(pictures, tmp_path / "pictures"))
    for out in (folder, folder / "runs" / "one"):
        with pytest.raises(InputError, match="`out` .*: lies in the folder of the images"):
            train_gan(tiny("dcgan", folder), out)
        with pytest.raises(InputError, match="`out` .*: lies in the folder of the images"):
            run_lab(LabConfig(mnist="mnist-5k", dogs=str(folder)), out)
    assert len(list(folder.iterdir())) == 24
