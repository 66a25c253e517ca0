"""Samples of a GAN: the same bytes always, truncation, walks, files, and what is refused."""

import dataclasses
import io
import json
import os
import shlex
import shutil
import subprocess

from pathlib import Path

import numpy as np
import pytest
import torch

from cases.command import refused, run_command, run_process
from cases.small_data import make_pictures
from PIL import Image
from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.rng import seeded
from genlab.configs.gan import scratch
from genlab.data.image_set import load_images
from genlab.figures import gan_pictures
from genlab.figures.animation import animation, captioned
from genlab.figures.draw import draw_gan
from genlab.figures.gan_pictures import Neighbours, find_neighbours, training_frames
from genlab.figures.outputs.samples import frames_of, generate, of_gan, sheet, walk_file
from genlab.figures.sheets import enlarged
from genlab.gan import split as gan_images
from genlab.gan.load import Choice, gan_config, load_generator
from genlab.gan.networks.fastgan import FastGanGenerator
from genlab.gan.networks.residual import ResidualGenerator
from genlab.gan.sampling import draw, generate_images, sample
from genlab.gan.training.train import train_gan
from genlab.gan.truncation import mean_map, truncated
from genlab.gan.walk import walk, walk_latents  # fmt: skip
from genlab.runs.run import Run
from genlab.runs.seal import digest_of, seal


def lively(kind: type, latent: int = 8) -> FastGanGenerator | ResidualGenerator:
    """A generator with random weights and statistics large enough to tell images apart."""
    with seeded(0, "lively"), torch.no_grad():
        network = kind(latent, 2)
        for weight in network.parameters():
            weight.add_(0.3 * torch.randn_like(weight) / max(1, weight[0].numel()) ** 0.5)
        for name, buffer in network.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_()
            if name.endswith("running_var"):
                buffer.uniform_(0.2, 0.6)
    return network.eval().requires_grad_(False)


KINDS = [FastGanGenerator, ResidualGenerator]


def noise(n: int, latent: int = 8, seed: int = 0) -> Tensor:
    return torch.randn(n, latent, generator=torch.Generator().manual_seed(seed))


# Truncation


@pytest.mark.parametrize("kind", KINDS)
def test_mean_map_is_the_mean_over_the_sphere(kind: type) -> None:
    """In two dimensions the sphere is a circle, and the mean a sum over equal angles."""
    network = lively(kind, latent=2)
    angles = torch.arange(720) * (2 * torch.pi / 720)
    circle = torch.stack([angles.cos(), angles.sin()], 1)
    exact = network.first(circle).double().mean(0)
    error = network.first(circle).double().std(0) / 100  # of 10,000 draws
    z = (mean_map(network, torch.Generator().manual_seed(0)).double() - exact) / error
    assert z.abs().max() < 6
    assert 0.2 < z.std() < 3  # the errors are as large as they should be
    # and it is not the map of the middle of the circle, which truncation must not go to
    middle = network.first(torch.zeros(1, 2))[0]
    assert ((exact - middle) / error).abs().max() > 20


@pytest.mark.parametrize("kind", KINDS)
def test_truncation_has_both_ends_exactly_and_is_linear_between(kind: type) -> None:
    network = lively(kind)
    z, mean = noise(5), mean_map(network, torch.Generator().manual_seed(0))
    assert torch.equal(truncated(network, z, 1.0, mean), network(z))
    none = truncated(network, z, 0.0, mean)
    assert torch.equal(none, network.rest(mean.expand(5, -1, -1, -1)))
    maps = []
    network.rest = lambda x: maps.append(x) or x  # type: ignore[method-assign]
    truncated(network, z, 0.3, mean)
    assert torch.allclose(maps[0], mean + 0.3 * (network.first(z) - mean), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_psi_one_gives_the_same_bytes_zero_one_image_and_between_less_variety(kind: type) -> None:
    network = lively(kind)
    z = noise(24)
    plain = generate_images(network, z)
    expected = ((network(z[:20]) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    assert torch.equal(plain[:20], expected)
    zero = generate_images(network, z, 0.0)
    assert torch.equal(zero, zero[:1].expand_as(zero))
    levels = (0.0, 0.3, 0.7, 1.0)
    spread = [generate_images(network, z, psi).double().var(0).mean() for psi in levels]
    assert spread == sorted(spread)
    assert spread[1] > 0


# The same bytes


@pytest.mark.parametrize("psi", [1.0, 0.6])
@pytest.mark.parametrize("kind", KINDS)
def test_an_image_is_independent_of_its_company_and_sampling_changes_nothing(
    kind: type, psi: float
) -> None:
    network = lively(kind)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    z = noise(43)
    together = generate_images(network, z, psi)
    for rows in (slice(0, 1), slice(0, 21), slice(20, 43)):
        assert torch.equal(generate_images(network, z[rows], psi), together[rows])
    other = torch.cat([z[:3], 100 * noise(20, seed=1)])  # outliers in the same batch
    assert torch.equal(generate_images(network, other, psi)[:3], together[:3])
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())
    assert len({image.numpy().tobytes() for image in together}) == 43


# Walks


def test_a_walk_keeps_to_great_circles_at_the_speed_of_its_easing() -> None:
    stops, steps = noise(4, latent=16).double(), 12
    way = walk_latents(stops, steps)
    u = torch.nn.functional.normalize(stops, dim=1)
    path = torch.nn.functional.normalize(way, dim=1).view(4, steps, 16)
    t = (1 - (torch.pi * torch.arange(steps).double() / steps).cos()) / 2
    for k in range(4):
        a, b = u[k], u[(k + 1) % 4]
        angle = (a @ b).arccos()
        assert torch.allclose((path[k] @ a).clamp(-1, 1).arccos(), t * angle, atol=1e-6)
        assert torch.allclose((path[k] @ b).clamp(-1, 1).arccos(), (1 - t) * angle, atol=1e-6)
    ahead = torch.cat([way, way[:1]])
    pace = torch.nn.functional.normalize(ahead, dim=1).diff(dim=0).norm(dim=1)
    # closed and smooth: the slowest steps are those at the stops, the last among them
    assert all(pace[k * steps - 1] < pace[k * steps + steps // 2] / 3 for k in range(4))


def test_a_walk_between_equal_and_nearly_equal_latents_has_no_holes() -> None:
    z = noise(1).repeat(3, 1)
    z[2] += 1e-7
    assert walk_latents(z, 5).isfinite().all()


# Runs


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny finished run with its pictures drawn."""
    folder = tmp_path_factory.mktemp("sampled")
    make_pictures(folder / "pictures")
    config = dataclasses.replace(
        scratch(str(folder / "pictures")), images=20, batch=8, epochs=2, latent=8,
        snapshots=(1, 2), seed=3, measure_every=0,
        design_options={"width": 1, "discriminator_width": 1},
    )
    train_gan(config, folder / "run")
    draw_gan(folder / "run")
    return folder / "run"


def test_a_walk_leads_through_the_images_of_its_seed(run: Path) -> None:
    frames, images = walk(run, 3, seed=4, steps=5), sample(run, 3, seed=4)
    assert frames.shape == (15, 3, 64, 64)
    assert torch.equal(frames[::5], images)
    truncated_frames = walk(run, 3, 4, Choice(truncation=0.5), steps=5)
    assert torch.equal(truncated_frames[::5], sample(run, 3, 4, Choice(truncation=0.5)))
    assert not torch.equal(truncated_frames, frames)


def test_a_sheet_has_the_very_pixels(run: Path, tmp_path: Path) -> None:
    sheet(of_gan(run, 5), 7, tmp_path / "grid.png")
    drawn = np.array(Image.open(tmp_path / "grid.png"))
    assert drawn.shape == (3 * 66 + 2, 3 * 66 + 2, 3)
    for index, image in enumerate(sample(run, 7, 5)):
        top, left = 2 + index // 3 * 66, 2 + index % 3 * 66
        part = drawn[top : top + 64, left : left + 64]
        assert np.array_equal(part, image.permute(1, 2, 0).numpy())
        drawn[top : top + 64, left : left + 64] = 255
    assert (drawn == 255).all()  # nothing else is on it


@pytest.mark.parametrize(("side", "scale"), [(28, 3), (128, 3), (256, 2), (512, 1), (600, 1)])
def test_frames_are_enlarged_up_to_512_pixels(side: int, scale: int) -> None:
    images = torch.arange(side, dtype=torch.uint8).expand(2, 3, side, side)
    frames = frames_of(images)
    assert frames.shape == (2, scale * side, scale * side, 3)
    assert np.array_equal(frames[:, ::scale, ::scale], images.permute(0, 2, 3, 1).numpy())


def test_a_walk_as_webp_has_every_pixel_and_the_same_bytes(run: Path, tmp_path: Path) -> None:
    for name in ("a.webp", "b.webp", "c.gif"):
        results = walk_file(of_gan(run, 5), 2, tmp_path / name)
    assert (tmp_path / "a.webp").read_bytes() == (tmp_path / "b.webp").read_bytes()
    frames = walk(run, 2, 5)
    assert results["frames"] == len(frames) == 48
    with Image.open(tmp_path / "a.webp") as moving:
        assert (moving.n_frames, moving.size, moving.info["loop"]) == (48, (192, 192), 0)
        for index in (0, 17, 47):
            moving.seek(index)
            pixels = np.asarray(moving.convert("RGB"))[1::3, 1::3]
            assert np.array_equal(pixels, frames[index].permute(1, 2, 0).numpy())
    with Image.open(tmp_path / "c.gif") as moving:
        assert moving.format == "GIF"
        moving.seek(17)
        near = np.asarray(moving.convert("RGB"))[1::3, 1::3].astype(int)
        assert np.abs(near - frames[17].permute(1, 2, 0).numpy()).mean() < 4


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not at hand")
def test_a_walk_as_mp4_shows_every_frame_closely_and_has_the_same_bytes(
    run: Path, tmp_path: Path
) -> None:
    for name in ("a.mp4", "b.mp4"):
        results = walk_file(of_gan(run, 5), 2, tmp_path / name)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert results["frames"] == 48
    assert_shows(tmp_path / "a.mp4", enlarged(walk(run, 2, 5).permute(0, 2, 3, 1).numpy(), 4))


def assert_shows(file: Path, frames: np.ndarray) -> None:
    """Asserts that a video has these frames, within a few levels on average."""
    command = f"ffmpeg -v error -i {shlex.quote(str(file))} -f rawvideo -pix_fmt rgb24 -"
    shown = subprocess.run(shlex.split(command), capture_output=True, check=True).stdout
    found = np.frombuffer(shown, np.uint8).reshape(frames.shape).astype(int)
    assert np.abs(found - frames).mean(axis=(1, 2, 3)).max() < 5  # of noise, the worst there is


def test_a_video_without_ffmpeg_says_what_to_do(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"a\.mp4: an MP4 needs the program ffmpeg.*\.webp"):
        walk_file(of_gan(run, 0), 2, tmp_path / "a.mp4")


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")
def test_what_ffmpeg_refuses_is_said(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\necho Unknown encoder libx264 >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(InputError, match="no such video: Unknown encoder libx264"):
        walk_file(of_gan(run, 0), 2, tmp_path / "a.mp4")
    assert not (tmp_path / "a.mp4").exists()


def test_a_folder_is_completed_but_never_mixed(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "images"
    results = generate(of_gan(run, 1, Choice(truncation=0.7)), 5, out)
    assert results["truncation"] == 0.7
    record = json.loads((out / "results.json").read_text())
    assert record.pop("files") == {p.name: digest_of(p.read_bytes()) for p in out.glob("*.png")}
    assert record == results
    for index, image in enumerate(sample(run, 5, 1, Choice(truncation=0.7))):
        found = np.asarray(Image.open(out / f"{index:03d}.png"))
        assert np.array_equal(found, image.permute(1, 2, 0).numpy())
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    for n, seed, psi in ((5, 2, 0.7), (5, 1, 1.0), (3, 1, 0.7)):  # other images, or fewer
        with pytest.raises(InputError, match="other files"):
            generate(of_gan(run, seed, Choice(truncation=psi)), n, out)
        assert {p.name: p.read_bytes() for p in out.iterdir()} == before
    (out / "004.png").unlink()
    generate(of_gan(run, 1, Choice(truncation=0.7)), 6, out)
    assert {n: b for n, b in before.items() if n != "results.json"}.items() <= {
        p.name: p.read_bytes() for p in out.iterdir()
    }.items()
    (out / "mine.txt").write_text("notes")
    with pytest.raises(InputError, match=r"mine\.txt"):
        generate(of_gan(run, 1, Choice(truncation=0.7)), 6, out)


def test_a_file_that_is_named_is_not_replaced_by_another(run: Path, tmp_path: Path) -> None:
    for name, write in (("a.png", sheet), ("a.webp", walk_file)):
        out = tmp_path / name
        out.write_bytes(b"mine")
        with pytest.raises(InputError, match="another file is there"):
            write(of_gan(run, 0), 2, out, new=True)
        assert out.read_bytes() == b"mine"
        write(of_gan(run, 0), 2, out)
        write(of_gan(run, 0), 2, out, new=True)  # which it is already
        with pytest.raises(InputError, match="another file is there"):
            write(of_gan(run, 1), 2, out, new=True)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda r, o: sample(r, 1, 0, Choice(truncation=1.5)), "`truncation` 1.5"),
        (lambda r, o: sample(r, 1, 0, Choice(truncation=-0.1)), "`truncation` -0.1"),
        (lambda r, o: sample(r, 1, 0, Choice(truncation=float("nan"))), "`truncation` nan"),
        (lambda r, o: walk(r, 1, 0), "`n` 1: a walk"),
        (lambda r, o: walk(r, 2, 0, Choice(epoch=7)), "epochs 1, 2"),
        (lambda r, o: sheet(of_gan(r, 0), 4, o / "a.jpg"), "`grid` writes a PNG"),
        (lambda r, o: walk_file(of_gan(r, 0), 2, o / "a.png"), r"\.webp, \.gif or \.mp4"),
        (lambda r, o: generate(of_gan(r, 0), 2, o / "a.png"), "add `grid`"),
        (lambda r, o: draw_gan(o), "config.json"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_left(
    call: object, says: str, run: Path, tmp_path: Path
) -> None:
    assert callable(call)
    with pytest.raises(InputError, match=says):
        call(run, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_another_process_gives_the_same_bytes_by_the_command_line(
    run: Path, tmp_path: Path
) -> None:
    command = ("gan", "sample", str(run))
    options = "--n 4 --seed 9 --epoch 1 --truncation 0.5 --grid --out g.png"
    made = run_process(*command, *options.split(), cwd=tmp_path, OMP_NUM_THREADS="1")
    assert made.returncode == 0, made.stderr
    sheet(of_gan(run, 9, Choice(epoch=1, truncation=0.5)), 4, tmp_path / "here.png")
    assert (tmp_path / "g.png").read_bytes() == (tmp_path / "here.png").read_bytes()
    both = run_command(*command, "--grid", "--walk", cwd=tmp_path)
    refused(both, "--grid, --walk: give one of them")


# Pictures of a run


def test_a_run_is_drawn_with_its_neighbours_and_its_training(run: Path) -> None:
    for name in ("progress.png", "curve.png", "training.webp", "walk.webp", "real.png",
                 "neighbours.png"):
        with Image.open(run / name) as image:
            image.load()
    with Image.open(run / "training.webp") as moving:
        assert moving.n_frames == 2
    config = gan_config(Run(run))
    kept = np.stack([np.asarray(Image.open(p)) for p in sorted(run.glob("samples/epoch_002/*"))])
    end = draw(load_generator(run), config, 10, 3, "snapshot").permute(0, 2, 3, 1).numpy()
    assert np.array_equal(kept, end)
    frame = training_frames(run, 2)[1]  # each pixel twice as wide, under a line of text
    assert np.array_equal(frame[-4 - 128 : -4 : 2, 4 : 4 + 128 : 2], end[5])


def test_the_animation_takes_the_sheets_kept_during_training(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "progress"
    folder.mkdir()
    for epoch, value in ((5, 10), (100, 200), (20, 90)):
        Image.new("RGB", (800, 30), (value,) * 3).save(folder / f"epoch_{epoch:03d}.png")
    frames = training_frames(tmp_path, 100)
    assert [int(frame[-1, -1, 0]) for frame in frames] == [10, 90, 200]
    same = captioned(np.zeros((30, 800, 3), np.uint8), "epoch 5 of 100")
    other = captioned(np.zeros((30, 800, 3), np.uint8), "epoch 6 of 100")
    assert frames[0].shape == same.shape
    assert np.array_equal(frames[0][:22], same[:22])
    assert not np.array_equal(same[:22], other[:22])  # the epoch is written


def test_neighbours_are_the_nearest_by_the_features(
    run: Path,
) -> None:
    """A training set that holds a generated image shows it, at distance zero."""
    real = load_images(str(run.parent / "pictures"), 64)
    planted = real.images.clone()
    planted[5] = sample(run, 3, seed=3)[2]
    found = find_neighbours(run, planted, torch.arange(len(planted)), seed=3)
    assert found.distances[2] == 0
    assert np.array_equal(found.reals[2], found.fakes[2])
    assert found.typical > 0
    assert found.network == "EfficientNet-Lite0"


def test_images_held_out_are_not_shown_as_learned_from(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(run, tmp_path / "run")
    record = json.loads((tmp_path / "run" / "config.json").read_text())
    record["config"]["held_out"] = 0.5
    (tmp_path / "run" / "config.json").write_text(json.dumps(record))
    seal(tmp_path / "run")
    monkeypatch.setattr(gan_images, "FEWEST", 4)
    searched: list[Tensor] = []

    def find(path: Path, images: Tensor, rows: Tensor, seed: int) -> Neighbours:
        searched.append(images[rows])
        return find_neighbours(path, images, rows, seed)

    monkeypatch.setattr(gan_pictures, "find_neighbours", find)
    draw_gan(tmp_path / "run")
    config = gan_config(Run(tmp_path / "run"))
    images = load_images(config.data, config.size, config.images, config.crop).images
    parts = gan_images.split_images(images, config)
    assert len(images) == 20
    assert parts.held_out is not None
    assert torch.equal(searched[0], parts.train)


def test_without_the_training_images_the_rest_is_drawn_with_a_note(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(run, tmp_path / "run")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    config["config"]["data"] = str(tmp_path / "gone")
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    seal(tmp_path / "run")
    for name in ("neighbours.png", "real.png", "curve.png"):
        (tmp_path / "run" / name).unlink()
    drawn = draw_gan(tmp_path / "run")
    assert drawn == ["progress.png", "curve.png", "training.webp", "walk.webp"]
    assert (tmp_path / "run" / "curve.png").exists()
    assert not (tmp_path / "run" / "neighbours.png").exists()
    assert "no pictures with training images" in capsys.readouterr().err


def test_an_animation_repeats_and_keeps_its_times() -> None:
    frames = [np.full((8, 9, 3), value, np.uint8) for value in (0, 120, 250)]
    for suffix in (".webp", ".gif"):
        with Image.open(io.BytesIO(animation(frames, suffix, [100, 100, 700]))) as moving:
            assert (moving.n_frames, moving.info["loop"]) == (3, 0)
    with pytest.raises(ValueError, match="mp4"):
        animation(frames, ".mp4", 100)
