"""What happens while a GAN trains: images held out, measurements, alarms, failures, the best."""

import dataclasses
import json
import math

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from cases.gan import EPOCHS, sides_of, soft_images, tiny, tiny_scratch, write_images
from PIL import Image
from safetensors.torch import load
from torch import Tensor, nn

import genlab

from genlab.common import atomic
from genlab.common.errors import InputError, TrainingError
from genlab.configs.gan import SIZES, GanConfig, scratch
from genlab.features.weight_free import pixels
from genlab.figures.sheets import read_image
from genlab.gan.load import Choice, gan_config, load_generator
from genlab.gan.results import Event
from genlab.gan.sampling import draw, sample
from genlab.gan.split import split_images
from genlab.gan.training import monitor as gan_watch
from genlab.gan.training import train as gan
from genlab.gan.training.monitor import COLLAPSED, Monitor, epochs_to_measure, grid
from genlab.gan.training.players import Players, build_players
from genlab.gan.training.step import train_step
from genlab.gan.training.train import train_gan
from genlab.metrics.frechet_distance import frechet_distance
from genlab.runs.run import Run

TRAIN, HELD = 28, 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("pictures"), soft_images(TRAIN + HELD))


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    path = tmp_path_factory.mktemp("runs") / "run"
    train_gan(tiny_scratch(folder), path)
    return Run(path)


def measured(run: Run) -> list[dict]:
    return [line["measured"] for line in run.metrics()]


# The images held out


def test_training_sees_none_of_the_images_held_out(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = set()

    def spying(pair: Players, config: GanConfig, images: Tensor, step: int, *_: None) -> Tensor:
        seen.update(image.numpy().tobytes() for image in images)
        return train_step(pair, config, images, step)

    monkeypatch.setattr(gan, "train_step", spying)
    results = train_gan(tiny_scratch(folder, epochs=1, measure_every=0), tmp_path / "run")
    everything = {
        np.asarray(Image.open(p)).transpose(2, 0, 1).tobytes() for p in folder.glob("*.png")
    }
    assert (results.images, results.held_out) == (TRAIN, HELD)
    assert len(seen) == TRAIN
    assert len(everything - seen) == HELD


def test_copies_stay_on_one_side() -> None:
    different = soft_images(40)
    brighter = (different[:20].float() * 0.9 + 20).byte()  # near copies of the first twenty
    images = torch.cat([different, brighter, different[20:30]])  # and exact ones of ten
    names = torch.cat([torch.arange(40), torch.arange(20), torch.arange(20, 30)])
    config = tiny_scratch(Path("pictures"), held_out=0.4)
    split = split_images(images, config)
    learned, kept = split.train, split.held_out
    assert kept is not None
    assert len(kept) + len(learned) == 70
    name = {image.numpy().tobytes(): int(n) for image, n in zip(images, names)}
    groups = [{name[image.numpy().tobytes()] for image in side} for side in (learned, kept)]
    assert not groups[0] & groups[1]
    again = split_images(images, dataclasses.replace(config, seed=9))
    assert torch.equal(again.train, learned)  # the same whatever the seed


def test_flat_copies_are_found_by_their_bytes() -> None:
    flat = torch.arange(30, dtype=torch.uint8)[:, None, None, None].expand(30, 3, 64, 64) * 8
    twice = torch.cat([flat, flat]).contiguous()
    split = split_images(twice, tiny_scratch(Path("p"), held_out=0.4))
    learned, kept = split.train, split.held_out
    assert kept is not None
    assert not set(learned[:, 0, 0, 0].tolist()) & set(kept[:, 0, 0, 0].tolist())


def test_few_images_are_all_learned_from() -> None:
    assert split_images(soft_images(94), scratch("p")).held_out is None  # a tenth would be nine
    kept = split_images(soft_images(95), scratch("p")).held_out
    assert kept is not None
    assert len(kept) == 10
    with pytest.raises(InputError, match="12 images to learn from beside 12"):
        split_images(soft_images(24), tiny_scratch(Path("p"), held_out=0.5))


# Measurements


def test_ten_measurements_or_as_few_as_cost_little() -> None:
    plain = scratch("dogs")
    assert epochs_to_measure(plain, 1500) == set(range(5, 51, 5))  # 3,000 of 75,000 images: 4 %
    assert epochs_to_measure(plain, 900) == {9, 18, 27, 36, 45, 50}  # 1,800 of 45,000
    assert epochs_to_measure(plain, 240) == {17, 34, 50}
    assert epochs_to_measure(dataclasses.replace(plain, epochs=2), 240) == {1, 2}
    assert epochs_to_measure(dataclasses.replace(plain, measure_every=20), 240) == {20, 40, 50}
    assert epochs_to_measure(dataclasses.replace(plain, measure_every=0), 240) == set()


def test_distances_are_those_of_the_images_themselves(run: Run, folder: Path) -> None:
    """Recomputed from the files: the pixels' Fréchet distances to either side, at each epoch."""
    config = gan_config(run)
    files = [np.array(Image.open(path)) for path in sorted(folder.iterdir())]
    everything = torch.from_numpy(np.stack(files)).permute(0, 3, 1, 2)
    split = split_images(everything, config)
    learned, kept = split.train, split.held_out
    assert kept is not None
    for epoch, found in enumerate(measured(run), 1):
        network = load_generator(run.path, Choice(epoch=epoch))
        fakes = draw(network, config, 40, config.seed, "watch")
        for side, images in (("train", learned), ("held_out", kept)):
            expected = frechet_distance(*(pixels(x).flatten(1) for x in (images, fakes)))
            assert found["distances"][0][side] == pytest.approx(expected, rel=1e-6)
        assert [d["label"] for d in found["distances"]] == [
            "FD (16 x 16 pixels)", "FD (random convolutions)",
        ]
        assert found["n"] == 40
        assert 0 <= found["memory"] <= 1


def test_floors_are_what_real_images_get() -> None:
    """Sets of one law: the distance to other real images of the same number lies at the floor."""
    config = tiny_scratch(Path("p"), measure_fakes=100, measure_with=("pixels",))
    images = soft_images(500, seed=3)
    watch = Monitor(config, sides_of(images[:300], images[300:400]))
    (view,) = watch.real.values()
    new = pixels(images[400:]).flatten(1)
    assert view.held_out is not None
    assert view.floors["floor_train"] == pytest.approx(frechet_distance(view.train, new), rel=0.2)
    assert view.floors["floor_held_out"] == pytest.approx(
        frechet_distance(view.held_out, new), rel=0.2
    )


def test_few_training_images_are_compared_with_as_many() -> None:
    """Variety grows with the number of images, and a floor has the numbers that there are."""
    config = tiny_scratch(Path("p"), measure_fakes=100, measure_with=("pixels",))
    images = soft_images(140, seed=3)
    watch = Monitor(config, sides_of(images[:40], None))
    (view,) = watch.real.values()
    assert view.floors["floor_train_n"] == [20, 20]
    fresh = pixels(images[40:]).flatten(1)
    assert watch.diversity(fresh) == pytest.approx(1, abs=0.1)
    assert watch.diversity(fresh[:4].repeat(25, 1)) < COLLAPSED


def test_the_grid_shows_the_fixed_latents_pixel_by_pixel(run: Run) -> None:
    config = gan_config(run)
    for epoch in range(1, EPOCHS + 1):
        network = load_generator(run.path, Choice(epoch=epoch))
        fakes = draw(network, config, 40, config.seed, "watch")
        with Image.open(run.path / "progress" / f"epoch_{epoch:03d}.png") as image:
            shown = torch.from_numpy(np.array(image))
        assert shown.shape == (6 * 64, 6 * 64, 3)  # the largest square of 40
        for index in (0, 5, 6, 35):
            top, left = index // 6 * 64, index % 6 * 64
            tile = shown[top : top + 64, left : left + 64].permute(2, 0, 1)
            assert torch.equal(tile, fakes[index])


def test_a_grid_has_64_images_at_most() -> None:
    assert grid(soft_images(300)).shape == (8 * 64, 8 * 64, 3)


@pytest.mark.parametrize("size", SIZES)
def test_a_grid_of_any_size_is_a_picture_that_is_read_again(size: int, tmp_path: Path) -> None:
    """Black images pack so well that larger ones would be refused."""
    black = torch.zeros(1, 3, size, size, dtype=torch.uint8).expand(64, 3, size, size)
    file = tmp_path / "grid.png"
    file.write_bytes(atomic.png_bytes(grid(black).numpy()))
    assert read_image(file).shape == (min(8 * size, 2048),) * 2 + (3,)


def test_watching_changes_nothing(run: Run, folder: Path, tmp_path: Path) -> None:
    train_gan(tiny_scratch(folder, measure_every=0), tmp_path / "blind")
    for name in ("generator.safetensors", "snapshots/epoch_002.safetensors"):
        assert (tmp_path / "blind" / name).read_bytes() == (run.path / name).read_bytes()
    blind = Run(tmp_path / "blind")
    assert [m["loss_generator"] for m in blind.metrics()] == [
        m["loss_generator"] for m in run.metrics()
    ]
    assert blind.results["best_epoch"] is None
    assert blind.results["memorisation"] is None
    assert not (tmp_path / "blind" / "progress").exists()
    with pytest.raises(InputError, match="`best`: .*measured nothing"):
        load_generator(tmp_path / "blind", Choice(best=True))


def test_watching_leaves_every_tensor_of_the_players_as_it_was(tmp_path: Path) -> None:
    """Spectral norms and batch-norm statistics too, which change when a network is only used."""
    config = tiny("projected", Path("p"))
    pair, images = build_players(config), soft_images(40)
    train_step(pair, config, images[:8], 0)
    modules = {**pair.modules, "view": pair.projection}
    before = {n: {k: t.clone() for k, t in m.state_dict().items()} for n, m in modules.items()}
    Monitor(config, sides_of(images[:30], images[30:])).measure(pair)
    for name, module in modules.items():
        assert all(torch.equal(t, before[name][k]) for k, t in module.state_dict().items()), name
    assert pair.discriminator.training
    assert pair.generator.training


class Brightness(nn.Module):
    """D(x) = the mean of x."""

    def forward(self, views: list[Tensor]) -> list[Tensor]:
        return [view.mean((1, 2, 3))[:, None] for view in views]


def test_over_fitting_is_the_share_of_the_gap_that_new_images_fall_by(tmp_path: Path) -> None:
    """Training images 200, held-out ones 150, fakes 100: r_v = (200 - 150) / (200 - 100)."""
    grey = torch.zeros(40, 3, 64, 64, dtype=torch.uint8)
    noise = torch.randint(-20, 21, grey.shape, generator=torch.Generator().manual_seed(0))
    config = tiny_scratch(tmp_path, measure_with=("pixels",), measure_fakes=16)
    watch = Monitor(config, sides_of((200 + noise).byte(), (150 + noise[:12]).byte()))
    pair = dataclasses.replace(build_players(config), discriminator=Brightness())
    found = watch.scores(pair, (100 + noise).byte())
    assert found["overfit"] == pytest.approx(0.5, abs=0.01)
    assert found["score_train"] == pytest.approx(200 / 127.5 - 1, abs=0.01)
    without = Monitor(config, sides_of((200 + noise).byte(), None))
    alone = without.scores(pair, (100 + noise).byte())
    assert alone["overfit"] is None


# The best


def test_the_best_is_the_nearest_to_the_held_out_images(run: Run) -> None:
    values = [found["distances"][0]["held_out"] for found in measured(run)]
    best = 1 + int(np.argmin(values))
    assert run.results["best_epoch"] == best
    assert run.results["measured_with"][0]["network"] == "pixels"
    kept = (run.path / "best.safetensors").read_bytes()
    assert kept == (run.path / "snapshots" / f"epoch_{best:03d}.safetensors").read_bytes()
    choices = Choice(best=True), Choice(epoch=best)
    drawn = [sample(run.path, 3, 0, choice) for choice in choices]
    assert torch.equal(*drawn)
    assert torch.equal(genlab.Run(run.path).sample(3, best=True), drawn[0])
    with pytest.raises(InputError, match="one of them"):
        sample(run.path, 3, 0, Choice(epoch=1, best=True))


# Going on after a stop


def without_times(run: Run) -> list[dict]:
    drop = ("seconds", "images_per_second", "measure_seconds")
    return [{k: v for k, v in m.items() if k not in drop} for m in run.metrics()]


@pytest.mark.parametrize("stop", [3, 4, 5])
def test_a_stopped_run_measures_each_epoch_once_and_alike(
    stop: int, run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped within an epoch and right at its end, with a state a step or some steps old."""
    monkeypatch.setattr(gan, "SAVE_EVERY_S", 0.0 if stop != 5 else 1e9)

    def stopped(pair: Players, config: GanConfig, images: Tensor, step: int, *_: None) -> Tensor:
        if step == stop:
            raise KeyboardInterrupt
        return train_step(pair, config, images, step)

    monkeypatch.setattr(gan, "train_step", stopped)
    with pytest.raises(KeyboardInterrupt):
        train_gan(tiny_scratch(folder), tmp_path / "run")
    monkeypatch.setattr(gan, "train_step", train_step)
    train_gan(tiny_scratch(folder), tmp_path / "run")
    again = Run(tmp_path / "run")
    assert without_times(again) == without_times(run)
    for name in ("generator.safetensors", "best.safetensors", "progress/epoch_004.png"):
        assert (again.path / name).read_bytes() == (run.path / name).read_bytes()
    keys = ("best_epoch", "memorisation", "events")
    assert all(again.results[key] == run.results[key] for key in keys)


# Alarms


def collapsing(monkeypatch: pytest.MonkeyPatch, bad: Callable[[int], bool]) -> None:
    """Has the measurements that `bad` says, counted from 1, see two images again and again."""
    two, seen = soft_images(2, seed=5), []

    def drawn(network: nn.Module, config: GanConfig, n: int, *rest: object) -> Tensor:
        seen.append(1)
        return two.repeat(n // 2, 1, 1, 1) if bad(len(seen)) else soft_images(n, seed=7)

    monkeypatch.setattr(gan_watch, "draw", drawn)


def test_a_collapse_is_gone_back_from_to_the_last_healthy_measurement(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Seen in epochs 2 and 3: back to the end of epoch 1, step 2, with half the rates.

    Where it goes back to does not depend on what else was saved: the same bytes at the end.
    """
    ends, rates = [], []

    def spying(pair: Players, config: GanConfig, images: Tensor, step: int, *_: None) -> Tensor:
        rates.append((step, pair.adam_discriminator.param_groups[0]["lr"]))
        return train_step(pair, config, images, step)

    for often in (0.0, 1e9):
        rates.clear()
        collapsing(monkeypatch, lambda count: count in (2, 3))
        monkeypatch.setattr(gan, "SAVE_EVERY_S", often)
        monkeypatch.setattr(gan, "train_step", spying)
        out = tmp_path / f"{often}"
        (event,) = train_gan(tiny_scratch(folder), out).events
        assert (event.kind, event.failed, event.step) == ("collapse", 6, 2)
        rate = tiny_scratch(folder).discriminator_rate
        assert rates == [*((s, rate) for s in range(6)), *((s, rate / 2) for s in range(2, 8))]
        assert capsys.readouterr().err.count("warning: collapse") == 1
        assert [line["epoch"] for line in Run(out).metrics()] == [1, 2, 3, 4]
        assert all(found["diversity"] > 0.7 for found in measured(Run(out)))
        lines = (out / "events.jsonl").read_text().splitlines()
        assert [Event(**json.loads(line)) for line in lines] == [event]
        assert not list(out.glob("state*")) + list(out.glob("good*"))
        ends.append((out / "generator.safetensors").read_bytes())
    assert ends[0] == ends[1]


def test_what_collapses_again_and_again_stops_and_is_not_done(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collapsing(monkeypatch, lambda count: count > 1)
    for _ in range(2):  # started again it does not try for ever
        with pytest.raises(TrainingError, match="down from .*, after 3 attempts") as stopped:
            train_gan(tiny_scratch(folder), tmp_path / "run")
        assert (stopped.value.quantity, stopped.value.step) == ("variety", 6)
        lines = (tmp_path / "run" / "events.jsonl").read_text().splitlines()
        events = [json.loads(line) for line in lines]
        assert [(e["kind"], e["step"], e["failed"]) for e in events] == [("collapse", 2, 6)] * 3
    run = Run(tmp_path / "run")
    assert not run.done
    state = run.load_state()
    assert state is not None
    assert state[1] == 2


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (lambda count: True, [2, EPOCHS]),
        (lambda count: count <= 3, [2]),  # it is varied in the end
        (lambda count: count <= 1, []),  # in the first third only
    ],
)
def test_images_that_never_were_varied_are_told_of(
    bad: Callable[[int], bool], told: list[int],
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a third of the run and at its end; nothing has fallen, nothing is gone back to."""
    collapsing(monkeypatch, bad)
    events = train_gan(tiny_scratch(folder), tmp_path / "run").events
    assert not any("down from" in event.words for event in events)
    assert [(event.kind, event.epoch) for event in events] == [
        ("little variety", epoch) for epoch in told
    ]
    assert all(event.failed is None for event in events)


def test_copies_of_training_images_are_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned = split_images(soft_images(TRAIN + HELD), tiny_scratch(folder)).train

    def copied(network: nn.Module, config: GanConfig, n: int, *rest: object) -> Tensor:
        return learned.repeat(2, 1, 1, 1)[:n]

    monkeypatch.setattr(gan_watch, "draw", copied)
    results = train_gan(tiny_scratch(folder), tmp_path / "run")
    assert [(e.kind, e.epoch) for e in results.events] == [("memory", 2)]
    assert results.memorisation.p < 1e-4
    assert results.memorisation.reference == "held-out"
    assert results.memorisation.duplicates == 40


def test_repeated_images_count_once_for_tests_and_floors() -> None:
    """Training images in the data twice, and the same twenty fakes again and again."""
    images, fakes = soft_images(60, seed=3), soft_images(20, seed=8)
    config = tiny_scratch(Path("p"), measure_fakes=60, measure_with=("pixels",))
    once = Monitor(config, sides_of(images[:40], images[40:]))
    twice = Monitor(config, sides_of(images[:40].repeat(2, 1, 1, 1), images[40:]))
    assert len(twice.train) == len(twice.train.unique(dim=0)) == 40
    memory = [
        watch._memory(watch.extract("pixels", shown), shown)
        for watch, shown in ((once, fakes), (twice, fakes.repeat(3, 1, 1, 1)))
    ]
    assert memory[0] == pytest.approx(memory[1])
    few = fakes[:9].repeat(5, 1, 1, 1)
    assert once._memory(once.extract("pixels", few), few) is None
    pair = Monitor(config, sides_of(images[:2].repeat(10, 1, 1, 1), None))  # no ten to choose
    assert len(pair.train) == 20
    with pytest.raises(InputError, match="the 20 training images are one and the same"):
        Monitor(config, sides_of(images[:1].repeat(20, 1, 1, 1), None))


def test_images_that_are_new_and_varied_raise_no_alarm(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gan_watch, "draw", lambda net, config, n, *rest: soft_images(n, seed=7))
    results = train_gan(tiny_scratch(folder, epochs=3), tmp_path / "run")
    assert results.events == []
    assert results.memorisation.p > 0.01
    assert results.memorisation.duplicates == 0
    assert not (tmp_path / "run" / "events.jsonl").exists()


# Numbers that are not finite


def finite(path: Path) -> bool:
    files = list(path.rglob("*.safetensors"))
    assert files
    return all(
        t.isfinite().all() for f in files for t in load(f.read_bytes()).values()
        if t.is_floating_point()
    )  # fmt: skip


@pytest.mark.parametrize("where", ["weight", "gradient", "average"])
def test_what_is_not_finite_is_gone_back_from_with_half_the_rates(
    where: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates, spoilt = [], []

    def spoiling(pair: Players, config: GanConfig, images: Tensor, step: int, *_: None) -> Tensor:
        rates.append((step, pair.adam_generator.param_groups[0]["lr"]))
        (first, *_) = pair.generator.parameters()
        if step == 5 and not spoilt:
            spoilt.append(step)
            if where == "weight":
                first.data[0] = math.nan
            elif where == "gradient":
                first.register_hook(lambda g: g * math.inf if len(spoilt) == 1 else g)
        result = train_step(pair, config, images, step)
        if step == 5 and where == "average" and len(spoilt) == 1:
            spoilt.append(step)
            next(pair.average.parameters()).data[0] = math.inf
        return result

    monkeypatch.setattr(gan, "train_step", spoiling)
    monkeypatch.setattr(gan, "SAVE_EVERY_S", 0.0)
    fail = gan.TrainingState.fail

    def counted(course: gan.TrainingState, error: TrainingError, steps: int) -> None:
        spoilt.append(0)
        fail(course, error, steps)

    monkeypatch.setattr(gan.TrainingState, "fail", counted)
    results = train_gan(tiny_scratch(folder), tmp_path / "run")
    (event,) = [e for e in results.events if e.kind == "not finite"]
    assert {"weight": "loss is nan", "gradient": "generator's gradient is",
            "average": "average's start.weight is not finite"}[where] in event.words
    assert event.step == 4  # the end of the second epoch, measured and healthy
    rate = tiny_scratch(folder).learning_rate
    assert [r for s, r in rates if s == 4] == [rate, rate / 2]
    assert rates[-1][1] == rate / 2
    assert [line["epoch"] for line in Run(tmp_path / "run").metrics()] == [1, 2, 3, 4]
    assert finite(tmp_path / "run")


def test_what_fails_again_and_again_stops_and_keeps_the_last_good_state(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverging(pair: Players, config: GanConfig, images: Tensor, step: int, *_: None) -> Tensor:
        if step == 5:
            raise TrainingError("the generator's loss is inf", "loss")
        return train_step(pair, config, images, step)

    monkeypatch.setattr(gan, "SAVE_EVERY_S", 0.0)
    monkeypatch.setattr(gan, "train_step", diverging)
    for _ in range(2):  # started again it does not try for ever
        with pytest.raises(TrainingError, match=r"loss is inf after step 5 \(2.50 epochs\)"):
            train_gan(tiny_scratch(folder), tmp_path / "run")
        events = (tmp_path / "run" / "events.jsonl").read_text().splitlines()
        kinds = [json.loads(e)["kind"] for e in events]
        assert kinds.count("not finite") == 3
    run = Run(tmp_path / "run")
    assert not run.done
    state = run.load_state()
    assert state is not None
    assert state[1] == 4
    assert finite(tmp_path / "run")
    with pytest.raises(InputError, match="not there yet"):
        load_generator(tmp_path / "run")
