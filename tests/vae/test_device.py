"""VAEs on a device: training's step and importance sampling, on what stands in for a GPU;
and what is said where a machine or a run is not what it should be.

Tests that need a real GPU are skipped where there is none.
"""

import copy
import json

from pathlib import Path
from typing import Any

import pytest
import torch

from cases.command import run_command
from cases.elsewhere import Elsewhere
from cases.priors import SMALL
from safetensors.torch import load

from genlab.common.atomic import write_tensors
from genlab.common.errors import InputError
from genlab.compute.hardware import Hardware
from genlab.configs.vae import VaeConfig
from genlab.conformance.densities import PIXELS
from genlab.priors import PRIORS
from genlab.runs.run import Run
from genlab.runs.seal import seal
from genlab.vae import train as training
from genlab.vae.evidence.sampled import measure_importance
from genlab.vae.load import first_vae, load_vae
from genlab.vae.loop import Best, elbo_of, train_step
from genlab.vae.model import VAE
from genlab.vae.splits import Splits
from genlab.vae.train import evaluate_vae, train_vae

META = torch.device("meta")
TINY: dict[str, Any] = {"hidden": (16,), "batch": 8, "epochs": 2, "importance": 0, "draws": 2}
GRIDS = ("energy", "lars")
"""At D <= 2 they keep a grid's points inside a circle: how many, no shape without values says."""


def config_of(prior: str, latent: int, **changes: Any) -> VaeConfig:
    options = SMALL.get(prior, {})
    return VaeConfig(
        **{**TINY, "prior": prior, "prior_options": options, "latent": latent, **changes}
    )


def splits(count: int = 40) -> Splits:
    random = torch.Generator().manual_seed(0)
    images = torch.rand(count, PIXELS, generator=random)
    return Splits(images, images[:10].round(), images[10:20].round(), (PIXELS, 1))


def places(model: VAE) -> set[str]:
    return {t.device.type for t in model.state_dict().values()}


@pytest.mark.parametrize("latent", [2, 40])
@pytest.mark.parametrize("prior", PRIORS)
def test_a_step_of_every_prior_is_on_the_asked_device(prior: str, latent: int) -> None:
    """No operation on two devices, gradients there, and the noise from the processor."""
    if prior in GRIDS and latent == 2:
        pytest.skip("its grid cannot be laid without values; D = 40 is tested")
    config, images = config_of(prior, latent, clip=1.0), splits()
    model = first_vae(config, images).to(META)
    adam = torch.optim.Adam([p for p in model.parameters() if p.requires_grad])
    rows = torch.arange(8)
    batch = images.train[rows].to(META), rows.to(META)
    with Elsewhere() as mode:
        told = train_step(config, model, adam, batch, 0, 0)
        assert (told.device.type, told.shape, told.dtype) == ("cpu", (3,), torch.float64)
        assert mode.back >= 2  # the check for finite values, and what the step tells
        elbo_of(model.eval(), images.test)
    assert places(model) == {"meta"}
    moments = [s["exp_avg"] for s in adam.state.values()]
    assert moments
    assert all(m.is_meta for m in moments)


@pytest.mark.parametrize(
    "changes",
    [{"objective": "iwae", "samples": 3}, {"objective": "iwae", "samples": 3, "gradient": "stl"},
     {"objective": "pooled"}, {"objective": "exact", "lattice": 9}, {"beta": 2.0, "warmup": 3},
     {"free_bits": 3.0}],
)  # fmt: skip
def test_a_step_of_every_objective_is_on_the_asked_device(changes: dict[str, Any]) -> None:
    config, images = config_of("mixture", 2, **changes), splits()
    model = first_vae(config, images).to(META)
    adam = torch.optim.Adam(model.parameters())
    batch = images.train[:8].to(META), torch.arange(8).to(META)
    with Elsewhere():
        told = train_step(config, model, adam, batch, 0, 0)
    assert told.device.type == "cpu"


@pytest.mark.parametrize("prior", PRIORS)
def test_importance_sampling_is_on_the_asked_device(prior: str) -> None:
    """The draws come from the processor's model, which stays where it is."""
    config, images = config_of(prior, 5), splits()
    model = first_vae(config, images).eval().requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    values: dict[str, torch.Tensor] = {}
    with Elsewhere():
        measure_importance(model, model.prior(), images.test, 200, 0, values, META)
    assert values["nll_is"].shape == (10,)
    assert places(model) == {"cpu"}
    assert all(torch.equal(v, model.state_dict()[k]) for k, v in before.items())


@pytest.mark.parametrize("prior", ["vamp", "vamp-mixture", "gtm-vamp", "exemplar"])
def test_a_copied_model_s_prior_looks_through_the_copy_s_encoder(prior: str) -> None:
    """Such priors hold the encoder's call: a copy on another device must not hold the old one."""
    model = first_vae(config_of(prior, 2), splits()).eval()
    twin, z = copy.deepcopy(model), torch.zeros(1, 2)
    before = model.prior().log_prob(z)
    assert torch.equal(twin.prior().log_prob(z), before)
    with torch.no_grad():
        for parameter in twin.encoder.parameters():
            parameter += 0.3
    assert not torch.equal(twin.prior().log_prob(z), before)
    assert torch.equal(model.prior().log_prob(z), before)


def test_the_best_weights_are_kept_on_the_device() -> None:
    model = first_vae(config_of("vamp", 2), splits()).to(META)
    best = Best(model)
    best.note(model, -100.0)
    assert places(best.model) == {"meta"}
    assert best.record.device.type == "cpu"


def test_a_session_says_what_it_ran_on(tiny_digits: Path, tmp_path: Path) -> None:
    train_vae(config_of("standard", 2, data=str(tiny_digits)), tmp_path / "run")
    session = Run(tmp_path / "run").env.sessions[-1]
    assert (session.device, session.gpu, session.precision) == ("cpu", None, "float32")


@pytest.mark.gpu
@pytest.mark.parametrize("prior", PRIORS)
def test_a_gpu_learns_what_the_processor_learns(
    prior: str, tiny_digits: Path, tmp_path: Path
) -> None:
    """The same draws, so the same weights but for rounding, which these few steps hardly grow."""
    on = Hardware(torch.device("cuda", 0))
    config = config_of(prior, 5, data=str(tiny_digits), importance=200)
    here = train_vae(config, tmp_path / "cpu")
    there = train_vae(config, tmp_path / "gpu", on)
    weights = [load((tmp_path / n / "model.safetensors").read_bytes()) for n in ("cpu", "gpu")]
    for name, ours in weights[0].items():
        torch.testing.assert_close(weights[1][name], ours, rtol=1e-3, atol=1e-4)
    assert there.nll_is.value == pytest.approx(here.nll_is.value, abs=0.01)
    again = evaluate_vae(tmp_path / "cpu", on=on)  # importance sampling alone is there now
    assert again.nll_is.value == pytest.approx(here.nll_is.value, abs=1e-3)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
@pytest.mark.parametrize("command", ["train", "compare"])
def test_cuda_without_a_gpu_is_refused(command: str, tmp_path: Path) -> None:
    ended = run_command("vae", command, "--device", "cuda", "--out", "run", cwd=tmp_path)
    assert ended.returncode == 2
    assert "--device cuda" in ended.stderr
    assert "give --device cpu" in ended.stderr
    assert not (tmp_path / "run").exists()


def test_a_full_gpu_ends_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for what only a GPU does: torch's own error is raised as it raises it."""
    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has")

    monkeypatch.setattr(training, "train_vae", full)
    ended = run_command("vae", "train", "--out", "run", cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith("genlab: error: CUDA out of memory: ")
    assert "--device cpu" in ended.stderr
    assert "smaller --batch" in ended.stderr


def test_weights_that_are_not_the_configuration_s_end_in_one_line(
    tiny_digits: Path, tmp_path: Path
) -> None:
    """As a run of an older version has them, or a damaged one."""
    run = tmp_path / "run"
    train_vae(config_of("standard", 2, data=str(tiny_digits)), run)
    whole = load((run / "model.safetensors").read_bytes())
    name = next(key for key in whole if key.startswith("decoder"))
    write_tensors(run / "model.safetensors", {k: v for k, v in whole.items() if k != name})
    seal(run)
    with pytest.raises(InputError, match=f"run: its weights and its .* do not fit .*{name}"):
        load_vae(run)
    config = json.loads((run / "config.json").read_text())
    config["config"]["layers"] = 3
    (run / "config.json").write_text(json.dumps(config))
    seal(run)
    with pytest.raises(InputError, match="config.json: unknown `layers`"):
        load_vae(run)
