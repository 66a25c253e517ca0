"""Samples, codes and ways of a trained VAE: as files, from the command line and from Python."""

import json

from pathlib import Path

import numpy as np
import pytest
import torch

from cases.command import refused, run_command
from PIL import Image

import genlab

from genlab.common.errors import InputError
from genlab.configs.vae import VaeConfig
from genlab.vae.latents.sampling import decoded_draws
from genlab.vae.latents.walk import STEPS, walk, walk_latents
from genlab.vae.load import load_vae
from genlab.vae.splits import observed_test_images
from genlab.vae.train import train_vae


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A VAE of 8 x 8 bars and blocks."""
    from cases.small_data import make_tiny_digits

    folder = tmp_path_factory.mktemp("vae")
    data = make_tiny_digits(folder / "tiny.npz")
    config = VaeConfig(data=str(data), hidden=(16,), epochs=2, importance=0, draws=1)
    train_vae(config, folder / "run")
    return folder / "run"


def test_a_folder_of_samples_is_what_the_prior_s_draws_decode_to(run: Path) -> None:
    ended = run_command("vae", "sample", run.name, "--n", "120", "--seed", "3", cwd=run.parent)
    assert (ended.returncode, ended.stdout) == (0, "120 images in run/generated\n")
    images = decoded_draws(run, 130, 3)
    for index in (0, 99, 100, 119):  # a part is of 100
        with Image.open(run / "generated" / f"{index:03d}.png") as picture:
            assert picture.mode == "RGB"
            levels = np.asarray(picture)
        np.testing.assert_array_equal(levels, images[index].permute(1, 2, 0))
    record = json.loads((run / "generated" / "results.json").read_text())
    assert {key: record[key] for key in ("vae", "n", "seed", "size")} == {
        "vae": "run", "n": 120, "seed": 3, "size": 8,
    }
    again = genlab.data.images(run / "generated")  # every file as it was drawn
    assert len(again) == 120


def test_a_sheet_and_a_walk(run: Path, tmp_path: Path) -> None:
    ended = run_command(
        "vae", "sample", str(run), "--grid", "--n", "4", "--out", "a.png", cwd=tmp_path
    )
    assert ended.returncode == 0
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (2 + 2 * 10, 2 + 2 * 10)
    ended = run_command(
        "vae", "sample", str(run), "--walk", "--n", "3", "--out", "a.webp", cwd=tmp_path
    )
    assert ended.stdout == f"a walk through 3 images, {3 * STEPS} frames, in a.webp\n"
    with Image.open(tmp_path / "a.webp") as picture:
        assert picture.n_frames > STEPS  # frames that are alike are one


def test_a_walk_leads_through_the_first_samples_on_straight_lines(run: Path) -> None:
    stops = torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    way = walk_latents(stops, 8).view(3, 8, 2)
    assert torch.equal(way[:, 0], stops)
    for index in range(3):
        u, v = stops[index], stops[(index + 1) % 3]
        ahead, aside = (way[index] - u) @ (v - u), way[index] - u
        torch.testing.assert_close(aside, ahead[:, None] * (v - u) / (v - u).square().sum())
        assert (ahead.diff() > 0).all()
    torch.testing.assert_close(way[0, 4], (stops[0] + stops[1]) / 2)
    frames = walk(run, 3, 5)
    assert torch.equal(frames[::STEPS], decoded_draws(run, 3, 5))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--n", "0"], "--n must be at least 1"), (["--grid", "--walk"], "--grid, --walk: give one"),
     (["--walk", "--n", "1"], "2 to 100 images"), (["--n", "4", "--out", "a.png"], "add --grid"),
     (["--guidance", "1"], "--guidance 1.0: needs a prior that has learned with a guide"),
     (["--guidance", "-1"], "--guidance must be a number of 0 or above, not -1.0"),
     (["--guidance", "inf"], "--guidance must be a number of 0 or above, not inf")],
)  # fmt: skip
def test_what_cannot_be_sampled_is_refused(
    run: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    refused(run_command("vae", "sample", str(run), *arguments, cwd=tmp_path), words)
    assert not any(tmp_path.iterdir())


def test_codes_are_those_of_the_encoder(run: Path, tmp_path: Path) -> None:
    ended = run_command("vae", "encode", str(run), "--out", "codes.npz", cwd=tmp_path)
    assert ended.stdout == "codes of 120 train, 40 test images in codes.npz\n"
    model, config = load_vae(run)
    digits = genlab.data.splits(config.data)
    x = observed_test_images(digits, model.likelihood)
    with torch.no_grad():
        mean, log_std = model.encode(x)
    with np.load(tmp_path / "codes.npz") as codes:
        np.testing.assert_allclose(codes["test_mean"], mean, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(codes["test_std"], log_std.exp(), rtol=1e-5)
        assert codes["train_mean"].shape == (120, 2)
        np.testing.assert_array_equal(codes["test_labels"], digits.test_labels)
        names = set(codes.files)
    assert names == {f"{s}_{w}" for s in ("train", "test") for w in ("mean", "std", "labels")}


def test_codes_of_other_images_of_the_same_size(run: Path, tmp_path: Path) -> None:
    """Of an array, from Python; images in colour are refused where the run's are grey."""
    images = genlab.data.splits(load_vae(run)[1].data).test.numpy()
    codes = genlab.Run(run).encode(images)
    assert codes["train_mean"].shape[0] + codes["test_mean"].shape[0] == len(images)
    assert "test_labels" not in codes
    np.savez(tmp_path / "three.npz", train=images, valid=images[:7], test=images[:9])
    codes = genlab.Run(run).encode(tmp_path / "three.npz")
    assert {name: len(array) for name, array in codes.items() if name.endswith("_mean")} == {
        "train_mean": len(images), "valid_mean": 7, "test_mean": 9,
    }
    np.save(tmp_path / "larger.npy", images.repeat(2, 1).repeat(2, 2))  # brought to 8 x 8
    assert len(genlab.Run(run).encode(tmp_path / "larger.npy")["train_mean"]) == 36
    colour = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3)).astype(np.uint8)
    with pytest.raises(InputError, match=r"arrays: images of shape \(3, 8, 8\); this VAE was"):
        genlab.Run(run).encode(colour)
    refused(
        run_command("vae", "encode", str(run), "--out", "codes.npy", cwd=tmp_path),
        "codes are written as .npz",
    )


def test_a_way_between_two_images(run: Path, tmp_path: Path) -> None:
    """From a test image to a picture in a file; both ends and both codes stand on the row."""
    model, config = load_vae(run)
    digits = genlab.data.splits(config.data)
    Image.fromarray(digits.test[7].numpy()).save(tmp_path / "seven.png")
    ended = run_command(
        "vae", "interpolate", str(run), "3", "seven.png", "--steps", "5", "--out", "way.png",
        cwd=tmp_path,
    )
    assert (ended.returncode, ended.stdout) == (0, "5 pictures on way.png\n")
    with Image.open(tmp_path / "way.png") as picture:
        row = np.asarray(picture)[2:-2, 2:, 0]
    cells = [row[:, 10 * index : 10 * index + 8] for index in range(7)]
    x = observed_test_images(digits, model.likelihood)
    first = x[3].view(8, 8).numpy()
    with torch.no_grad():
        code = model.decode(model.encode(x[3][None])[0]).view(8, 8).numpy()
    dark = row.mean() > 128
    expected = [255 * (1 - one if dark else one) for one in (first, code)]
    np.testing.assert_allclose(cells[0], expected[0], atol=1)
    np.testing.assert_allclose(cells[1], expected[1], atol=1)
    ink = digits.test[7].numpy()  # bars and blocks are black or white: the draw of them is itself
    np.testing.assert_allclose(cells[6], 255 - ink if dark else ink, atol=1)


@pytest.mark.parametrize(
    ("ends", "words"),
    [(["3", "40"], "test image 40: the last is 39"), (["0", "none.png"], "none.png"),
     (["0", "large.png"], "large.png: 9x8 pixels; this VAE takes 8x8"),
     (["0", "red.png"], "red.png: a picture in colour")],
)  # fmt: skip
def test_ends_that_are_no_such_images_are_refused(
    run: Path, tmp_path: Path, ends: list[str], words: str
) -> None:
    Image.new("L", (9, 8)).save(tmp_path / "large.png")
    Image.new("RGB", (8, 8), "red").save(tmp_path / "red.png")
    refused(run_command("vae", "interpolate", str(run), *ends, cwd=tmp_path), words)


def test_only_a_vae_encodes(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"generators": {}}')
    with pytest.raises(InputError, match="only a VAE encodes images"):
        genlab.Run(tmp_path).encode()
