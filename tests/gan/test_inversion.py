"""GAN inversion: own images are found, losses are what they are said to be, what is refused."""

import json

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cases.command import refused, run_command
from cases.gan import tiny
from cases.small_data import make_pictures
from PIL import Image

from genlab.common.errors import InputError
from genlab.figures.outputs.inversion import project
from genlab.gan import inversion
from genlab.gan.inversion import AFTER, PIXELS, Loss, invert
from genlab.gan.load import END, Choice, load_generator
from genlab.gan.sampling import generate_images, sample
from genlab.gan.training.train import train_gan
from genlab.networks.pretrained.efficientnet_lite0 import load_efficientnet_lite0, to_input

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run, and one with two classes."""
    folder = tmp_path_factory.mktemp("inverted")
    pictures = make_pictures(folder / "pictures")
    for index, path in enumerate(sorted(pictures.glob("*.png"))):
        place = folder / "folders" / "ab"[index % 2]
        place.mkdir(parents=True, exist_ok=True)
        (place / path.name).write_bytes(path.read_bytes())
    configs = {
        "plain": tiny("scratch", pictures),
        "classes": replace(tiny("scratch", folder / "folders"), classes="folders"),
    }
    for name, config in configs.items():
        train_gan(config, folder / name)
    return {name: folder / name for name in configs} | {"pictures": pictures}


def shorten(patch: pytest.MonkeyPatch, draws: int, starts: int, steps: int) -> None:
    for name, value in {"DRAWS": draws, "STARTS": starts, "STEPS": steps, "OWN": 1}.items():
        patch.setattr(inversion, name, value)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search of seconds."""
    shorten(monkeypatch, 60, 2, 40)


@pytest.fixture
def shortest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that finds little."""
    shorten(monkeypatch, 20, 1, 4)


@pytest.mark.usefixtures("short")
def test_images_that_the_generator_made_are_found(runs: dict[str, Path]) -> None:
    made = sample(runs["plain"], 2, seed=7)
    found = invert(runs["plain"], made, seed=1)
    assert (found.losses < found.drawn_losses / 5).all()
    assert (found.levels < found.drawn_levels / 2).all()
    assert (found.own_losses < found.drawn_losses.min() / 5).all()
    assert torch.equal(found.pictures, made)


@pytest.mark.usefixtures("shortest")
def test_the_latents_are_those_of_the_images_and_the_losses_those_of_both(
    runs: dict[str, Path]
) -> None:
    made = sample(runs["plain"], 1, seed=7)
    found, again = (invert(runs["plain"], made, seed=1) for _ in range(2))
    network = load_generator(runs["plain"])
    assert torch.equal(found.latents, again.latents)
    assert torch.equal(found.images, generate_images(network, found.latents))
    assert torch.allclose(found.latents.norm(dim=1), torch.tensor(8.0).sqrt())
    with torch.no_grad():
        images = network(found.latents)
    target = made[0].float() / 127.5 - 1
    assert found.losses.item() == pytest.approx(explicit_loss(images[0], target), rel=1e-4)
    gap = (found.images[0].double() - made[0].double()).square().mean().sqrt()
    assert found.levels.item() == pytest.approx(gap.item())


def explicit_loss(image: torch.Tensor, other: torch.Tensor) -> float:
    """Sums equation (1) place by place, by NumPy, in float64."""
    network, total = load_efficientnet_lite0(), 0.0
    with torch.no_grad():
        maps = [network.taps(to_input((x[None] + 1) / 2, 96), AFTER) for x in (image, other)]
    for a, b in zip(*maps):
        height, width = a.shape[2:]
        places = 0.0
        for i in range(height):
            for j in range(width):
                u, v = (m[0, :, i, j].double().numpy() for m in (a, b))
                gap = u / np.sqrt((u**2).sum()) - v / np.sqrt((v**2).sum())
                places += (gap**2).sum()
        total += places / (height * width)
    pixels = (image.double() - other.double()).numpy()
    return total + PIXELS * (pixels**2).sum() / pixels.size


def test_the_loss_of_a_picture_and_itself_is_zero_and_has_a_gradient_elsewhere() -> None:
    random = torch.Generator().manual_seed(0)
    picture = torch.randint(0, 256, (3, 64, 64), generator=random, dtype=torch.uint8)
    loss = Loss(64)
    target = loss.target(picture)
    assert loss.between(target.pixels, target.maps, target).item() == 0
    moved = (target.pixels * 0.9).requires_grad_(True)
    loss.between(moved, loss.maps(moved), target).sum().backward()
    assert moved.grad is not None
    assert (moved.grad * (target.pixels - moved)).sum() < 0  # towards the picture it falls


@pytest.mark.usefixtures("shortest")
def test_a_class_that_is_chosen_is_that_of_all_latents(runs: dict[str, Path]) -> None:
    made = sample(runs["classes"], 2, seed=7)
    every = invert(runs["classes"], made)
    assert every.labels is not None
    chosen = invert(runs["classes"], made, choice=Choice(of_class="b"))
    assert chosen.labels is not None
    assert chosen.labels.tolist() == [1, 1]
    network = load_generator(runs["classes"])
    for found in (every, chosen):
        images = generate_images(network, found.latents, labels=found.labels)
        assert torch.equal(found.images, images)


@pytest.mark.usefixtures("shortest")
def test_what_was_found_is_written(runs: dict[str, Path], tmp_path: Path) -> None:
    run, out = runs["plain"], tmp_path / "new" / "out"
    record = project(run, str(runs["pictures"]), 2, out, 1, END, walk=True, new=True)
    assert json.loads((out / "results.json").read_text()) == record
    assert [Path(row["name"]).name for row in record["pictures"]] == ["00.png", "01.png"]
    assert record["data"]["count"] == 2
    latents = np.load(out / "latents.npy")
    frames = generate_images(load_generator(run), torch.from_numpy(latents))
    with Image.open(out / "walk.webp") as moving:
        assert moving.n_frames == 48  # two stops
        for stop in (0, 1):
            moving.seek(24 * stop)
            pixels = np.asarray(moving.convert("RGB"))[1::3, 1::3]
            assert np.array_equal(pixels, frames[stop].permute(1, 2, 0).numpy())
    with Image.open(out / "projected.png") as drawn:
        assert drawn.width > 1000
    with pytest.raises(InputError, match="something is there"):
        project(run, str(runs["pictures"]), 1, out, 1, END, new=True)


@pytest.mark.usefixtures("shortest")
def test_one_pictures_file_is_brought_to_the_runs_square(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    """Its centre, at the run's size: the same numbers as of that square."""
    square = Image.open(sorted(runs["pictures"].glob("*.png"))[0]).convert("RGB").resize((64, 64))
    wide = Image.new("RGB", (128, 64))
    wide.paste(square, (32, 0))
    for name, image in (("square", square), ("wide", wide)):
        image.save(tmp_path / f"{name}.png")
    records = [
        project(runs["plain"], str(tmp_path / f"{name}.png"), 8, tmp_path / name, 1, END)
        for name in ("square", "wide")
    ]
    first, second = (dict(record["pictures"][0]) for record in records)
    assert first.pop("name") != second.pop("name")
    assert first == second


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nothing.png",), "nothing.png: no such file"),
        (("PICTURES", "--n", "0"), "--n must be at least 1"),
        (("PICTURES", "--n", "1", "--walk"), "--walk: a walk leads through at least 2 pictures"),
        (("PICTURES", "--class", "a"), "trained without classes"),
        (("PICTURES", "--epoch", "7"), "--epoch 7"),
        (("PICTURES", "--crop", "boxes"), "--crop"),
    ],
)
def test_what_cannot_be_is_refused(
    runs: dict[str, Path], arguments: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    given = [str(runs["pictures"]) if one == "PICTURES" else one for one in arguments]
    done = run_command("gan", "project", str(runs["plain"]), *given, cwd=tmp_path)
    refused(done, says)
    assert not (runs["plain"] / "projected").exists()


def test_arrays_that_are_no_pictures_of_the_run_are_refused(runs: dict[str, Path]) -> None:
    right = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    for wrong in (right[:0], right[..., :32], right.float(), right[0]):
        with pytest.raises(InputError, match=r"`pictures`: .* \(N, 3, 64, 64\)"):
            invert(runs["plain"], wrong)
    with pytest.raises(InputError, match=r"`truncation` 0\.5"):
        invert(runs["plain"], right, choice=Choice(truncation=0.5))
