"""Training again between two kept states: what passes, what fails, what is refused."""

import json
import shutil

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from cases.verify import drawn_anew
from safetensors.torch import load, save
from torch import Tensor

import genlab.data

from genlab.common.errors import InputError, TrainingError
from genlab.lab.verify.bench import Bench
from genlab.lab.verify.levels import between
from genlab.lab.verify.levels.rehearsal import Enough, Rehearsal
from genlab.lab.verify.results.findings import Finding, Refused, Verdict, Words, judged
from genlab.runs.seal import seal
from genlab.vae.load import build_likelihood, load_vae
from genlab.vae.loop import train_loop
from genlab.vae.splits import splits_of

FIRST = {"vae/standard": 2, "vae/vamp": 2, "gan": 4}
SECOND = {"vae/standard": 6, "vae/vamp": 6, "gan": 5}
"""The tiny run has 2 steps an epoch; its VAEs keep the first of 3 epochs, its GAN the second of
4, a snapshot."""
Spoil = Callable[[dict[str, Tensor]], dict[str, Tensor]]


@pytest.fixture
def run(lab_run: Path, tmp_path: Path) -> Path:
    """A copy of the run; an archive that is unpacked has the same files of it."""
    return shutil.copytree(lab_run, tmp_path / "run", ignore=shutil.ignore_patterns("report"))


def check(run: Path, lab: Path, folder: str, seconds: float = 60.0) -> Finding:
    bench, name = Bench(mnist=str(lab.parent / "digits.npz")), Words(folder, folder)
    one = between.between_gan if folder == "gan" else between.between_vae
    return judged("replay", name, lambda: one(run / folder, bench, seconds))


def spoil(run: Path, folder: str, step: int, change: Spoil) -> None:
    path = run / folder / f"checkpoint-{step:08d}.safetensors"
    path.write_bytes(save(change(load(path.read_bytes()))))


def scaled(start: str, by: float) -> Spoil:
    return lambda tensors: {
        key: value * by if key.startswith(start) and value.is_floating_point() else value
        for key, value in tensors.items()
    }


@pytest.mark.parametrize("folder", FIRST)
def test_every_digit_is_the_same_here(folder: str, run: Path, lab_run: Path) -> None:
    found = check(run, lab_run, folder)
    assert found.verdict is Verdict.PASS, found.found.en
    assert "every digit of the weights is the same" in found.found.en
    assert "逐位相同" in found.found.zh


@pytest.mark.parametrize("folder", FIRST)
def test_rounding_passes_and_says_how_much(folder: str, run: Path, lab_run: Path) -> None:
    spoil(run, folder, SECOND[folder], scaled("module/", 1 + 1e-7))
    found = check(run, lab_run, folder)
    assert found.verdict is Verdict.PASS, found.found.en
    assert "of the way at most" in found.found.en


@pytest.mark.parametrize(("folder", "part"), [
    ("vae/standard", "vae.decoder"), ("vae/vamp", "vae.prior"), ("gan", "discriminator"),
    ("gan", "average"),
])
def test_another_second_state_fails_and_its_part_is_named(
    folder: str, part: str, run: Path, lab_run: Path
) -> None:
    start = f"module/{part.replace('.', '/', 1)}"
    spoil(run, folder, SECOND[folder], scaled(start, 1.1))
    found = check(run, lab_run, folder)
    assert found.verdict is Verdict.FAIL
    assert f"the weights of {part} are off by" in found.found.en


def test_true_steps_from_a_state_that_is_not_the_records_fail(
    run: Path, lab_run: Path
) -> None:
    """Both states are forged so well that the steps between them are right."""
    folder = run / "vae/vamp"
    model, config = load_vae(folder)
    digits = genlab.data.splits(str(lab_run.parent / "digits.npz"))
    splits = splits_of(digits, config, build_likelihood(config))
    path = folder / "checkpoint-00000002.safetensors"
    state = scaled("module/vae/decoder", 0.5)(load(path.read_bytes()))
    path.write_bytes(save(state))
    forged = Rehearsal(run, (state | {"sums": torch.zeros(3).double()}, 2), last=6)
    with pytest.raises(Enough):
        train_loop(config, forged, model.requires_grad_(True), splits)
    (folder / "checkpoint-00000006.safetensors").write_bytes(save(forged.kept[6]))
    found = check(run, lab_run, "vae/vamp")
    assert found.verdict is Verdict.FAIL
    assert "off by" not in found.found.en
    assert "the test ELBO of epoch 1 is recorded as" in found.found.en


def test_samples_of_another_snapshot_fail(run: Path, lab_run: Path) -> None:
    shutil.copy(run / "gan/samples/epoch_004/03.png", run / "gan/samples/epoch_002/03.png")
    found = check(run, lab_run, "gan")
    assert found.verdict is Verdict.FAIL
    assert "the sample epoch_002/03.png is not what the state draws" in found.found.en


@pytest.mark.parametrize(("folder", "file"), [("vae/standard", "model"), ("gan", "generator")])
def test_weights_at_the_end_of_another_training_fail(
    folder: str, file: str, run: Path, lab_run: Path
) -> None:
    path = run / folder / f"{file}.safetensors"
    path.write_bytes(drawn_anew(path.read_bytes()))
    found = check(run, lab_run, folder)
    assert found.verdict is Verdict.FAIL
    assert "do not come from this state" in found.found.en


def without(part: str) -> Spoil:
    return lambda tensors: {k: v for k, v in tensors.items() if part not in k}


def longer(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    key = next(iter(tensors))
    return tensors | {key: torch.zeros(5, 5)}


@pytest.mark.parametrize("change", [
    without("optimiser"), without("encoder"), longer, scaled("module/vae/decoder", float("nan")),
    scaled("optimiser/", float("inf")), lambda t: t | {"more": torch.zeros(3)},
    lambda t: {k: v.double() for k, v in t.items()},
])
def test_a_state_that_is_not_of_this_model_is_refused(
    change: Spoil, run: Path, lab_run: Path
) -> None:
    spoil(run, "vae/standard", 2, change)
    with pytest.raises(Refused, match="standard/checkpoint-00000002"):
        between.between_vae(
            run / "vae/standard", Bench(mnist=str(lab_run.parent / "digits.npz")), 60.0
        )


def test_moments_that_no_training_has_fail(run: Path, lab_run: Path) -> None:
    """Negative squares: their root is not a number."""
    spoil(run, "vae/standard", 2, scaled("optimiser/", -1.0))
    found = check(run, lab_run, "vae/standard")
    assert found.verdict is Verdict.FAIL


def test_a_missing_state_is_tampered_and_no_time_cannot_be_judged(
    run: Path, lab_run: Path
) -> None:
    late = check(run, lab_run, "vae/standard", seconds=0.0)
    assert (late.verdict, "--minutes" in late.found.en) == (Verdict.CANNOT, True)
    (run / "gan/checkpoint-00000005.safetensors").unlink()
    found = check(run, lab_run, "gan")
    assert found.verdict is Verdict.TAMPERED
    assert "gan/checkpoint-00000005.safetensors: missing" in found.found.en


def test_a_training_whose_rates_were_halved_cannot_be_judged(
    run: Path, lab_run: Path
) -> None:
    path = run / "gan/results.json"
    results = json.loads(path.read_text()) | {"events": [{"kind": "collapse", "failed": 8}]}
    path.write_text(json.dumps(results))
    seal(run / "gan")
    with pytest.raises(InputError, match="halved"):
        between.between_gan(run / "gan", Bench(), 60.0)
    assert check(run, lab_run, "gan").verdict is Verdict.CANNOT


def test_a_model_whose_numbers_are_not_finite_does_not_hold() -> None:
    def check() -> tuple[Verdict, Words]:
        raise TrainingError("the generator's images are not finite", "images")

    assert judged("recompute", Words("图像", "images"), check).verdict is Verdict.FAIL
