"""VAEs of objects: trained, measured, resumed and loaded by `genlab.vae.fit`."""

from pathlib import Path

import pytest
import torch

from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

import genlab

from genlab.common.errors import InputError
from genlab.configs.vae import TrainingConfig
from genlab.data.image_splits import ImageSplits
from genlab.priors import Prior
from genlab.vae import VAE, ExponentialFamily
from genlab.vae.fitting import fit, load_weights

SHORT = TrainingConfig(epochs=3, batch=40)


class Shifted(Prior):
    """A Gaussian with a learned mean: a prior that genlab does not know."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(latent))

    def forward(self) -> Distribution:
        return Independent(Normal(self.mean, 1.0), 1)


class Poisson(ExponentialFamily):
    """Counts, here of x in [0, 1]: a likelihood that genlab does not know."""

    def statistic(self, x: Tensor) -> Tensor:
        return x

    def log_partition(self, eta: Tensor) -> Tensor:
        return eta.exp().sum(-1)

    def log_base(self, x: Tensor) -> Tensor:
        return -torch.lgamma(x + 1).sum(-1)

    def mean(self, eta: Tensor) -> Tensor:
        return eta.exp()

    def sample(self, eta: Tensor) -> Tensor:
        return torch.poisson(eta.exp())

    def observe(self, grey: Tensor, random: torch.Generator) -> Tensor:
        return torch.poisson(3 * grey, generator=random)


@pytest.fixture
def digits() -> ImageSplits:
    random = torch.Generator().manual_seed(0)
    shapes = torch.rand(4, 4, 4, generator=random).round()
    return genlab.data.splits(shapes[torch.randint(4, (240,), generator=random)])


def model() -> VAE:
    torch.manual_seed(0)
    return VAE.perceptron(16, 2, Shifted(2), Poisson(), hidden=(16,))


def test_a_model_of_unknown_classes_is_trained_measured_and_loaded(
    digits: ImageSplits, tmp_path: Path
) -> None:
    before = model()
    vae = model()
    results = fit(vae, digits, tmp_path / "run", SHORT, importance=200)
    assert results.identity_holds
    assert results.nll_exact is not None
    assert results.nll_exact.value < -results.elbo.value  # the bound is below the likelihood
    assert vae.prior.mean.abs().max() > 0  # learned
    x = torch.poisson(3 * digits.test.flatten(1).float() / 255)
    loaded = load_weights(model(), tmp_path / "run")
    assert torch.equal(loaded.decode(loaded.encode(x)[0]), vae.decode(vae.encode(x)[0]))
    assert not torch.equal(before.encode(x)[0], vae.encode(x)[0])


def test_a_finished_run_is_not_repeated(digits: ImageSplits, tmp_path: Path) -> None:
    first = fit(model(), digits, tmp_path / "run", SHORT, importance=0)
    vae = model()
    again = fit(vae, digits, tmp_path / "run", SHORT, importance=0)
    assert again == first
    loaded = load_weights(model(), tmp_path / "run")
    assert torch.equal(vae.prior.mean, loaded.prior.mean)


def test_other_settings_and_other_classes_are_refused(digits: ImageSplits, tmp_path: Path) -> None:
    out = tmp_path / "run"
    fit(model(), digits, out, SHORT, importance=0)
    with pytest.raises(InputError, match="other options.*epochs: 3 there, 4 now"):
        fit(model(), digits, out, TrainingConfig(epochs=4, batch=40), importance=0)
    other = VAE.perceptron(16, 2, genlab.priors.Standard(2), Poisson(), hidden=(16,))
    with pytest.raises(InputError, match="prior: Shifted there, Standard here"):
        load_weights(other, out)
    with pytest.raises(InputError, match="damaged|not those"):
        load_weights(VAE.perceptron(16, 2, Shifted(2), Poisson(), hidden=(17,)), out)
