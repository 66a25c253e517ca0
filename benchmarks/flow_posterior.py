"""What a flow wins in the bound where decoder and prior stay as they are.

    python benchmarks/flow_posterior.py RUN [--epochs 20] [--rate 4e-3]

The encoder of a finished VAE run with Gaussian posteriors is trained further by the ELBO, once as
it is and once with a conditional flow behind it, from the same weights, with the same noise. The
likelihood does not change, so the difference of the bounds is that of the inference gaps.
"""

import argparse
import math

from dataclasses import replace
from pathlib import Path

import torch

from genlab.common.progress import Progress
from genlab.common.rng import generator
from genlab.configs.vae import VaeConfig
from genlab.runs.run import Run
from genlab.vae.load import build_vae, load_vae, measured_values
from genlab.vae.model import VAE
from genlab.vae.splits import (
    Splits,
    observed_test_images,
    observed_train_images,
    open_images,
    splits_of,
)

BATCH, DRAWS = 256, 16


def trained(config: VaeConfig, run: Path, splits: Splits, epochs: int, rate: float) -> VAE:
    """Returns the run's model, its encoder and flow trained further."""
    source, _ = load_vae(run)
    model = build_vae(config, splits.shape)
    model.load_state_dict(source.state_dict(), strict=False)
    model.requires_grad_(False)
    learned = [model.encoder] + ([] if model.flow is None else [model.flow])
    parameters = [p.requires_grad_() for part in learned for p in part.parameters()]
    optimiser, step = torch.optim.Adam(parameters, rate), 0
    steps = epochs * math.ceil(len(splits.train) / BATCH)
    with Progress(steps, f"posterior {config.posterior}", "steps") as progress:
        for epoch in range(epochs):
            shuffle = torch.randperm(len(splits.train), generator=generator(0, "order", epoch))
            for rows in shuffle.split(BATCH):
                random = generator(0, "step", step)
                x = model.likelihood.observe(splits.train[rows], random)
                noise = torch.randn(1, len(x), model.latent, generator=random)
                fall = 0.5 * (1 + math.cos(math.pi * step / steps))
                optimiser.param_groups[0]["lr"] = rate * fall
                optimiser.zero_grad()
                (-model.terms(x, noise).elbo.mean()).backward()
                optimiser.step()
                step += 1
                progress.advance()
    return model.eval()


@torch.no_grad()
def elbo(model: VAE, x: torch.Tensor) -> torch.Tensor:
    """Returns each image's ELBO by 16 draws, float64 with shape `(N,)`."""
    random, found = generator(0, "bound"), []
    for batch in x.split(1000):
        noise = torch.randn(DRAWS, len(batch), model.latent, generator=random)
        found.append(model.terms(batch, noise).elbo.double())
    return torch.cat(found)


def text(values: torch.Tensor) -> str:
    return f"{values.mean():.3f} +- {values.std() / math.sqrt(len(values)):.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rate", type=float, default=4e-3)
    given = parser.parse_args()
    model, config = load_vae(given.run)
    images = open_images(config)
    splits = splits_of(images, config, model.likelihood)
    test = observed_test_images(images, model.likelihood)
    train = observed_train_images(images, model.likelihood)[:5000]
    exact = -measured_values(given.run)["nll_exact"]
    print(f"{Run(given.run).path}: inference gap {text(exact - elbo(model, test))}")
    found = {}
    for kind in ("gaussian", "flow"):
        other = replace(config, posterior=kind)
        after = trained(other, given.run, splits, given.epochs, given.rate)
        found[kind] = elbo(after, test), elbo(after, train)
        print(f"{kind}: test ELBO {text(found[kind][0])}, inference gap "
              f"{text(exact - found[kind][0])}, training ELBO {text(found[kind][1])}")  # fmt: skip
    for index, name in enumerate(("test", "training")):
        difference = found["flow"][index] - found["gaussian"][index]
        print(f"flow - gaussian, paired, {name} images: {text(difference)}")


if __name__ == "__main__":
    main()
