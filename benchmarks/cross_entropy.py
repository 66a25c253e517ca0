"""What the binary cross-entropy of grey values costs a VAE; writes cross_entropy.json.

    python benchmarks/cross_entropy.py FOLDER --epochs 40 --figure docs/images/cross-entropy.png

Many VAEs are trained on grey values with the binary cross-entropy, as if it were -ln p(x|z). It
is the logarithm of no density: the continuous Bernoulli has the same terms in x and another
normaliser (genlab/vae/likelihoods/continuous_bernoulli.py). Two VAEs that begin alike are trained
on the same grey pictures, one by the cross-entropy, one by that density. Both are then measured
as densities of the pictures, each with the logits that its decoder returns.

All values are in nats per test picture. The cross-entropy's own bound is no bound; it is given
because papers and programs print it. The pictures should be photographs: where a pixel is 0 in
every picture, as at the border of MNIST, a density grows without limit.
"""

import argparse
import tempfile

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from kept import keep
from matplotlib.figure import Figure
from torch import Tensor

import genlab
import genlab.data

from genlab.common.quantities import Measured
from genlab.common.rng import generator, seeded
from genlab.configs.vae import TrainingConfig
from genlab.data.image_splits import ImageSplits
from genlab.figures.style import CM, save, styled
from genlab.priors import Standard
from genlab.vae.likelihoods import Bernoulli, ContinuousBernoulli, Likelihood
from genlab.vae.model import VAE
from genlab.vae.splits import observed_test_images

OUT = Path(__file__).with_suffix(".json")
DRAWS = 16
LUMA = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
"""The weights of red, green and blue in a grey value (ITU-R BT.601)."""


class CrossEntropy(Bernoulli):
    """The binary cross-entropy of grey values, with its sign changed."""

    def observe(self, grey: Tensor, random: torch.Generator) -> Tensor:
        """Returns the grey values."""
        del random
        return grey


@dataclass(frozen=True)
class Settings:
    """What is trained."""

    size: int
    latent: int
    epochs: int
    seed: int


def grey_pictures(source: str, size: int, seed: int) -> ImageSplits:
    """Returns the pictures of a SOURCE in grey, shuffled, a sixth of them for tests."""
    pictures = genlab.data.images(source, size)
    colour = torch.stack([pictures.read(index) for index in range(len(pictures))])
    grey = (colour * LUMA).sum(1).round().byte()
    rows = torch.randperm(len(grey), generator=generator(seed, "split"))
    shuffled = grey[rows].numpy()
    cut = len(shuffled) - max(1, len(shuffled) // 6)
    return genlab.data.splits({"train": shuffled[:cut], "test": shuffled[cut:]})


def trained(likelihood: Likelihood, data: ImageSplits, out: Path, settings: Settings) -> VAE:
    """Trains a VAE under N(0, I); its weights begin the same for every likelihood."""
    with seeded(settings.seed, "weights"):
        vae = VAE.perceptron(
            settings.size**2, settings.latent, Standard(settings.latent), likelihood
        )
    config = TrainingConfig(epochs=settings.epochs, seed=settings.seed, learning_rate=1e-3)
    genlab.vae.fit(vae, data, out, config, draws=1, importance=0)
    return vae.eval()


@torch.no_grad()
def elbo(vae: VAE, likelihood: Likelihood, x: Tensor, seed: int) -> Measured:
    """The bound of test pictures, with the networks of a VAE and another likelihood."""
    scored = VAE(vae.encoder, vae.decoder, vae.prior, likelihood)
    values = []
    for index, batch in enumerate(x.split(500)):
        random = generator(seed, "elbo", index)
        noise = torch.randn(DRAWS, len(batch), vae.latent, generator=random)
        values.append(scored.terms(batch, noise).elbo)
    value = torch.cat(values).double()
    return Measured(value.mean().item(), (value.std() / len(value) ** 0.5).item(), "nats")


@torch.no_grad()
def shown(vae: VAE, likelihood: Likelihood, x: Tensor) -> np.ndarray:
    """The mean pictures that test pictures decode to, by a likelihood, as `(N, S, S)`."""
    scored = VAE(vae.encoder, vae.decoder, vae.prior, likelihood)
    side = int(x.shape[1] ** 0.5)
    return scored.decode(scored.encode(x)[0]).view(-1, side, side).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("source")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--latent", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--figure", type=Path)
    given = parser.parse_args()
    settings = Settings(given.size, given.latent, given.epochs, given.seed)
    data, density = grey_pictures(given.source, given.size, given.seed), ContinuousBernoulli()
    x = observed_test_images(data, density)
    with tempfile.TemporaryDirectory() as folder:
        by_entropy = trained(CrossEntropy(), data, Path(folder) / "entropy", settings)
        by_density = trained(density, data, Path(folder) / "density", settings)
    found = {
        "cross-entropy, as printed": elbo(by_entropy, CrossEntropy(), x, given.seed),
        "trained by cross-entropy": elbo(by_entropy, density, x, given.seed),
        "trained by the density": elbo(by_density, density, x, given.seed),
    }
    for name, value in found.items():
        print(f"{name:26} {value}")
    rows = {name: {"value": one.value, "error": one.error} for name, one in found.items()}
    kept = {"settings": vars(settings), "pictures": [len(data.train), len(data.test)],
            "sha256": data.identity.sha256, "elbo": rows}  # fmt: skip
    keep(OUT, kept)
    if given.figure:
        side = given.size
        few = x[:8]
        pictures = {
            "test pictures": few.view(-1, side, side).numpy(),
            "by cross-entropy": shown(by_entropy, CrossEntropy(), few),
            "by the density": shown(by_density, density, few),
        }
        save(draw(found, pictures), given.figure)


@styled
def draw(found: dict[str, Measured], pictures: dict[str, np.ndarray]) -> Figure:
    """Draws what a pixel pays, what a picture pays, and what pictures decode to."""
    figure = Figure(figsize=(16 * CM, 10.5 * CM), layout="constrained")
    top, below = figure.subfigures(2, 1, height_ratios=[1, 0.85])
    left, right = top.subplots(1, 2)
    grey = torch.linspace(0.002, 0.998, 499, dtype=torch.float64)[:, None]
    density, place = ContinuousBernoulli(), grey[:, 0].numpy()
    best = density.log_prob(grey, density.with_mean(grey))
    left.plot(place, best, color="#4477aa", label="the density, its mean at x")
    left.plot(place, density.log_prob(grey, grey.logit()), color="#ccbb44",
              label="the density, logit of x")  # fmt: skip
    left.plot(place, Bernoulli().log_prob(grey, grey.logit()), color="#ee6677",
              label="cross-entropy (no density)")  # fmt: skip
    left.set(xlabel="grey value x of a pixel", ylabel="ln p(x), nats", ylim=(-1, 4))
    left.set_title("a pixel decoded to its own value")
    left.legend(frameon=False)
    names, colours = list(found), ("#ee6677", "#ccbb44", "#4477aa")
    values = [found[name].value for name in names]
    right.barh(range(3), values, xerr=[found[name].error for name in names], color=colours,
               height=0.55)  # fmt: skip
    right.axvline(0, color="black", lw=0.6)
    right.set_yticks(range(3), ["printed by\ncross-entropy", "trained by\ncross-entropy",
                                "trained by\nthe density"])  # fmt: skip
    right.invert_yaxis()
    for row, value in enumerate(values):
        words = f" {value:,.0f}".replace("-", "\N{MINUS SIGN}")
        right.text(max(0, value), row, words, va="center")
    room = 0.2 * (max(values) - min(0, *values))
    right.set_xlim(min(0, *values) - room / 4, max(values) + room)
    right.set(xlabel="ELBO, nats per test picture")
    right.set_title("a VAE of such pixels")
    for axis, (name, images) in zip(below.subplots(len(pictures), 1), pictures.items()):
        axis.imshow(np.concatenate(list(images), 1), cmap="gray", vmin=0, vmax=1)
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
        axis.set_ylabel(name, rotation=0, ha="right", va="center")
    return figure


if __name__ == "__main__":
    main()
