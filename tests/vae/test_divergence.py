"""VAEs whose training goes wrong: where they stop, what they say, what they leave."""

import math

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from safetensors.torch import load
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

import genlab.data

from genlab.common.errors import InputError, TrainingError
from genlab.configs.vae import TrainingConfig
from genlab.data.image_splits import ImageSplits
from genlab.networks.mlp import Decoder, Encoder
from genlab.priors import PRIORS, Mixture, Prior, Standard
from genlab.runs.run import Run
from genlab.vae import VAE, loop
from genlab.vae.findings import findings
from genlab.vae.fitting import fit
from genlab.vae.likelihoods import (
    LIKELIHOODS,
    Bernoulli,
    ExponentialFamily,
    Gaussian,
    Likelihood,
)
from genlab.vae.results import VaeResults, read_results

CONFIG = TrainingConfig(epochs=3, batch=12)
STEPS = 4
"""Steps an epoch."""
SPOILT = 6
"""The step from which on a part is spoilt, in the second epoch."""


@pytest.fixture
def digits() -> ImageSplits:
    random = torch.Generator().manual_seed(0)
    images = (torch.rand(60, 4, 4, generator=random) > 0.5).float().numpy()
    return genlab.data.splits({"train": images[:48], "test": images[48:]})


class Spoilt(nn.Module):
    """A network whose results in training are changed from a call on."""

    def __init__(self, inner: Encoder | Decoder, change: Callable[[Any], Any]) -> None:
        super().__init__()
        self.inner, self.change, self.calls, self.broken = inner, change, 0, True
        if isinstance(inner, Encoder):
            self.latent, self.pixels = inner.latent, inner.pixels

    def forward(self, x: Tensor) -> Any:
        found = self.inner(x)
        self.calls += self.training
        spoilt = self.broken and self.training and self.calls >= SPOILT
        return self.change(found) if spoilt else found


def vae_of(
    *, encoder: nn.Module | None = None, decoder: nn.Module | None = None,
    prior: Prior | None = None, likelihood: Likelihood | None = None,
) -> VAE:
    """A small VAE, with parts of one's own."""
    torch.manual_seed(0)
    own, small = Encoder(16, (8,), 2), Decoder(2, (8,), 16)
    return VAE(
        encoder or own, decoder or small, prior or Standard(2), likelihood or Bernoulli()
    )  # fmt: skip # pyright: ignore[reportArgumentType]


def whole(folder: Path) -> bool:
    """Whether a run is not done, and holds no number that is not finite."""
    tensors = [load(f.read_bytes()) for f in folder.rglob("*.safetensors")]
    texts = [f.read_text() for f in (*folder.rglob("*.json"), *folder.rglob("*.jsonl"))]
    return (
        not (folder / "DONE").exists() and not (folder / "results.json").exists()
        and all(t.isfinite().all() for one in tensors for t in one.values())
        and not any(word in text for text in texts for word in ("NaN", "Infinity"))
    )  # fmt: skip


class ScaleOfOnesOwn(Prior):
    """A prior whose scale turns negative."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self) -> Distribution:
        self.calls += self.training
        scale = 1.0 if self.calls < SPOILT else -1.0
        return Independent(Normal(torch.zeros(2), torch.full((2,), scale)), 1)


class NoDensity(Standard):
    """A prior whose density is not a number in training."""

    def training_log_prob(self, z: Tensor, rows: Tensor, random: torch.Generator) -> Tensor:
        found = super().training_log_prob(z, rows, random)
        return found * math.nan if self.training else found


class Variance(Gaussian):
    """A likelihood whose variance the decoder can make negative."""

    def log_prob(self, x: Tensor, eta: Tensor) -> Tensor:
        variance = 0.05 - eta.square().mean(-1)
        return super().log_prob(x, eta) - 8 * (variance.log() if self.training else 0.0)


class Counting(Bernoulli):
    """A likelihood with a number that its density does not need, and that is lost."""

    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(()))

    def log_prob(self, x: Tensor, eta: Tensor) -> Tensor:
        if self.training:
            self.count += 1
            self.count.div_((self.count < SPOILT).float())
        return super().log_prob(x, eta)


def explode(found: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return found[0] * 1e30, found[1]


PARTS: dict[str, tuple[Callable[[], VAE], str, int, str]] = {
    "encoder": (
        lambda: vae_of(encoder=Spoilt(Encoder(16, (8,), 2), lambda f: (f[0] * math.nan, f[1]))),
        "bound", SPOILT, "the encoder returns numbers that are not finite",
    ),
    "widths": (
        lambda: vae_of(encoder=Spoilt(Encoder(16, (8,), 2), lambda f: (f[0], f[1] + 1000))),
        "bound", SPOILT, r"log standard deviation is 1e\+03",
    ),
    "codes": (
        lambda: vae_of(encoder=Spoilt(Encoder(16, (8,), 2), explode)),
        "bound", SPOILT, r"the codes have exploded, up to \d\.\de\+29",
    ),
    "decoder": (
        lambda: vae_of(decoder=Spoilt(Decoder(2, (8,), 16), lambda f: f * math.inf)),
        "bound", SPOILT, "the decoder returns numbers that are not finite",
    ),
    "prior": (lambda: vae_of(prior=NoDensity(2)), "bound", 1, "is nan in epoch 1, step 1"),
    "scale": (
        lambda: vae_of(prior=ScaleOfOnesOwn()), "distribution", SPOILT, "parameter scale",
    ),
    "variance": (lambda: vae_of(likelihood=Variance(0.3)), "bound", 1, "the likelihood is not"),
    "buffer": (
        lambda: vae_of(likelihood=Counting()), "likelihood.count", 2 * STEPS,
        "likelihood.count is not finite after epoch 2, step 8",
    ),
}  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_goes_wrong_is_named_where_it_does(
    part: str, digits: ImageSplits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # torch.compile switches it off for the whole process
    monkeypatch.setattr(Distribution, "_validate_args", True)
    make, quantity, step, words = PARTS[part]
    with pytest.raises(TrainingError, match=words) as stopped:
        fit(make(), digits, tmp_path / "run", CONFIG, importance=0)
    assert (stopped.value.quantity, stopped.value.step) == (quantity, step)
    assert "\n" not in str(stopped.value)
    assert "`learning_rate`" in str(stopped.value)
    assert whole(tmp_path / "run")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"learning_rate": 1e30}, "step 2"),
        ({"learning_rate": 1e300}, "encoder.body.0.weight is not finite"),
        ({"beta": 1e30}, "the gradient of encoder.body.0.weight is not finite"),
        ({"beta": 1e300}, "the bound is nan in epoch 1, step 1"),
    ],
)
def test_options_that_overflow_stop_at_once(
    changes: dict[str, float], words: str, digits: ImageSplits, tmp_path: Path
) -> None:
    """A beta of 1e30 gives a finite gradient, whose square Adam could not hold."""
    config = replace(CONFIG, schedule="constant", **changes)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TrainingError, match=words):
        fit(vae_of(), digits, tmp_path / "run", config, importance=0)
    assert whole(tmp_path / "run")


@pytest.mark.parametrize("name", PRIORS)
def test_every_prior_stops(name: str, digits: ImageSplits, tmp_path: Path) -> None:
    some = {"components": 5} if name in ("mixture", "vamp", "vamp-mixture", "exemplar") else {}
    config = replace(CONFIG, schedule="constant", learning_rate=1e30)
    with pytest.raises(TrainingError, match="in epoch 1, step 2"):
        fit(vae_of(prior=PRIORS[name](2, **some)), digits, tmp_path / "run", config)
    assert whole(tmp_path / "run")


OBJECTIVES: dict[str, dict[str, Any]] = {
    "elbo": {}, "iwae": {"samples": 3}, "pooled": {}, "exact": {"lattice": 8},
}  # fmt: skip


@pytest.mark.parametrize(
    ("objective", "name"),
    [
        (objective, name) for objective in OBJECTIVES for name, kind in LIKELIHOODS.items()
        if objective in ("elbo", "iwae") or issubclass(kind, ExponentialFamily)
    ],
)
def test_every_objective_and_likelihood_stops(
    objective: str, name: str, digits: ImageSplits, tmp_path: Path
) -> None:
    options = {"objective": objective, **OBJECTIVES[objective]}
    config = replace(CONFIG, schedule="constant", learning_rate=1e30, **options)
    likelihood = LIKELIHOODS[name]()
    decoder = Decoder(2, (8,), likelihood.width((16,)))
    with pytest.raises(TrainingError, match="the bound is .*in epoch 1, step 2"):
        fit(vae_of(decoder=decoder, likelihood=likelihood), digits, tmp_path / "run", config)
    assert whole(tmp_path / "run")


def test_what_stopped_goes_on_from_its_last_state_as_if_nothing_had_been(
    digits: ImageSplits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault is that of one session: the next one ends with the same weights."""
    monkeypatch.setattr(loop, "SAVE_EVERY_S", 0.0)
    ends = []
    for name, faulty in (("a", False), ("b", True)):
        part = Spoilt(Decoder(2, (8,), 16), lambda f: f * math.nan)
        vae = vae_of(decoder=part)
        part.broken = faulty
        if faulty:
            with pytest.raises(TrainingError):
                fit(vae, digits, tmp_path / name, CONFIG, importance=0)
            state = Run(tmp_path / name).newest_state()
            assert state is not None
            assert state[1] == SPOILT - 1
            part.broken = False
        fit(vae, digits, tmp_path / name, CONFIG, importance=0)
        ends.append((tmp_path / name / "model.safetensors").read_bytes())
    assert ends[0] == ends[1]


class Narrow(Encoder):
    """An encoder whose posteriors have no width once it is measured."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_std = super().forward(x)
        return mean, log_std if self.training else log_std - 1000


class Undrawable(Standard):
    """A prior whose draws are infinite."""

    def forward(self) -> Distribution:
        found = super().forward()
        found.sample = lambda shape: torch.full((*shape, 2), math.inf)  # pyright: ignore
        return found


class Black(Bernoulli):
    """A likelihood whose mean image is not a number."""

    def mean(self, eta: Tensor) -> Tensor:
        return eta * math.nan


@pytest.mark.parametrize(
    ("part", "quantity"),
    [
        ({"encoder": Narrow(16, (8,), 2)}, "codes"),
        ({"prior": Undrawable(2)}, "draws of the prior"),
        ({"likelihood": Black()}, "decoded images"),
    ],
)
def test_what_is_wrong_only_when_measured_is_not_done_either(
    part: dict[str, Any], quantity: str, digits: ImageSplits, tmp_path: Path
) -> None:
    for _ in range(2):  # the second time it trains no more, and says the same
        with pytest.raises(TrainingError) as stopped:
            fit(vae_of(**part), digits, tmp_path / "run", CONFIG, importance=0)
        assert stopped.value.quantity == quantity
    assert whole(tmp_path / "run")


class PerPixel(Bernoulli):
    def log_prob(self, x: Tensor, eta: Tensor) -> Tensor:
        return super().log_prob(x, eta)[..., None]


class OneNumber(Standard):
    def training_log_prob(self, z: Tensor, rows: Tensor, random: torch.Generator) -> Tensor:
        return super().training_log_prob(z, rows, random).sum()


class Single(Encoder):
    def forward(self, x: Tensor) -> Any:
        return super().forward(x)[0]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"encoder": Encoder(15, (8,), 2)}, "`encoder`: it is for 15 pixels, not 16"),
        ({"encoder": Single(16, (8,), 2)}, "`encoder`: must return a pair"),
        ({"decoder": Decoder(2, (8,), 1)}, r"`decoder`: .* \(2, 3, 1\) .* must be \(2, 3, 16\)"),
        ({"prior": Standard(3)}, r"`prior`: sample has shape \(2, 3\) .* must be \(2, 2\)"),
        ({"prior": OneNumber(2)}, r"`prior`: training_log_prob has shape \(\)"),
        ({"likelihood": PerPixel()}, r"`likelihood`: log_prob has shape \(2, 3, 1\)"),
    ],
)
def test_a_wrong_shape_is_refused_before_anything_is_written(
    part: dict[str, Any], words: str, digits: ImageSplits, tmp_path: Path
) -> None:
    """Some of them would broadcast, and train something else without a word."""
    with pytest.raises(InputError, match=words):
        fit(vae_of(**part), digits, tmp_path / "run", CONFIG)
    assert not (tmp_path / "run").exists()


def test_weights_that_are_no_numbers_are_refused_before_training(
    digits: ImageSplits, tmp_path: Path
) -> None:
    vae = vae_of()
    next(vae.decoder.parameters()).data[0] = math.nan
    with pytest.raises(InputError, match=r"`vae`: its decoder\.body\.0\.weight is not finite"):
        fit(vae, digits, tmp_path / "run", CONFIG)
    assert not (tmp_path / "run").exists()


# Finite, and wrong


class Far(Encoder):
    """An encoder whose codes are told apart, far from any prior."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_std = super().forward(x)
        return 1e4 * mean, log_std


class Deaf(Decoder):
    """A decoder that does not listen to the latent."""

    def forward(self, z: Tensor) -> Tensor:
        return super().forward(0 * z)


def said(results: VaeResults) -> str:
    return "; ".join(one["en"] for one in results.findings)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"encoder": Far(16, (8,), 2)}, "the latent has exploded: the codes lie"),
        ({"decoder": Deaf(2, (8,), 16)}, "the decoder returns nearly one picture"),
    ],
)
def test_a_model_that_is_no_good_is_said_to_be_so_in_its_results(
    part: dict[str, Any], words: str, digits: ImageSplits, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    results = fit(vae_of(**part), digits, tmp_path / "run", replace(CONFIG, epochs=1))
    assert words in said(results)
    assert said(read_results(Run(tmp_path / "run"))) == said(results)
    assert words in capsys.readouterr().err
    assert [one._asdict() for one in findings(results)] == results.findings


def test_nothing_is_said_of_a_model_that_has_learned(tmp_path: Path) -> None:
    """Four shapes, which three latent dimensions tell apart: I(x; z) is 1.4 nats at most."""
    random = torch.Generator().manual_seed(0)
    shapes = torch.rand(4, 4, 4, generator=random).round()
    images = shapes[torch.randint(4, (240,), generator=random)]
    vae = VAE.perceptron(16, 3, Mixture(3, components=4), Bernoulli(), hidden=(16,))
    config = replace(CONFIG, epochs=30, batch=40, learning_rate=2e-2)
    results = fit(vae, genlab.data.splits(images), tmp_path / "run", config, importance=0)
    assert [one["en"] for one in results.findings if "dimension" not in one["en"]] == []
    assert results.mutual_information.value > 0.9
    assert results.decoded_variance is not None
    assert results.decoded_variance > 0.3
    assert results.latent_reach is not None
    assert results.latent_reach < 2
