"""How far the usual importance-sampled likelihood is off in two dimensions, though it looks well.

    python benchmarks/importance_bias.py RUN --images 1000 --out docs/images/importance.png

RUN is a finished VAE run with two latent dimensions. For random test digits the exact -ln p(x)
(quadrature) stands beside estimates from K draws of the encoder alone, as is usual, and of the
defensive mixture that `genlab vae evaluate` uses. Left: the mean error by K. Right: each digit's
error at the largest K, over its effective sample size, the diagnostic that is to warn of it.
"""

import argparse
import json

from pathlib import Path

import torch

from matplotlib.figure import Figure

import genlab.data

from genlab.common.progress import Progress
from genlab.common.rng import generator
from genlab.figures.style import save
from genlab.vae.evidence.exact import exact_evidence
from genlab.vae.evidence.importance import Estimate, draw_counts, importance_estimate, log_weights
from genlab.vae.evidence.sampled import SHARES
from genlab.vae.load import load_vae
from genlab.vae.splits import observed_test_images

DRAWS = (10, 30, 100, 300, 1000)
PROPOSALS = {"encoder alone": (1.0, 0.0, 0.0), "defensive mixture": SHARES[2]}


@torch.no_grad()
def estimates(model, x: torch.Tensor, shares: tuple[float, float, float]) -> list[Estimate]:  # noqa: ANN001
    """Returns the estimate of all images for every number of draws."""
    prior, rows = model.prior(), []
    with Progress(len(DRAWS) * len(x), "importance sampling", "images") as progress:
        for draws in DRAWS:
            counts, parts = draw_counts(draws, shares), []
            for index, batch in enumerate(x.split(100)):
                random = generator(draws, "bias", index)
                size = (counts[0] + counts[1], len(batch), model.latent)
                noise = torch.randn(size, generator=random)
                common = prior.sample((counts[2],)) if counts[2] else torch.zeros(0, model.latent)
                log_w = log_weights(model, prior, batch, counts, noise, common)
                parts.append(importance_estimate(log_w))
                progress.advance(len(batch))
            rows.append(Estimate(*(torch.cat(values) for values in zip(*parts))))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("docs/images/importance.png"))
    options = parser.parse_args()
    torch.manual_seed(0)
    model, config = load_vae(options.run)
    x = observed_test_images(genlab.data.splits(config.data), model.likelihood)
    x = x[torch.randperm(len(x), generator=generator(0, "bias"))[: options.images]]
    with torch.no_grad():
        mean, log_std = model.encode(x)
        exact = exact_evidence(model, model.prior(), x, mean, log_std, 0).log_p
    figure = Figure(figsize=(9.0, 3.4), dpi=150, layout="constrained")
    left, right = figure.subplots(1, 2)
    table = {"exact": -exact.mean().item(), "images": len(x)}
    for (name, shares), colour in zip(PROPOSALS.items(), ("tab:red", "tab:blue")):
        rows = estimates(model, x, shares)
        errors = [(exact - row.log_p).mean().item() for row in rows]
        left.plot(DRAWS, errors, "o-", color=colour, label=name)
        off = exact - rows[-1].log_p
        right.scatter(rows[-1].ess, off, s=4, color=colour, label=name, alpha=0.5, linewidths=0)
        table[name] = {
            "error_by_draws": dict(zip(map(str, DRAWS), errors)),
            "mean_ess": rows[-1].ess.mean().item(),
            "share_with_pareto_k_above_0.7": (rows[-1].pareto_k > 0.7).double().mean().item(),
            "largest_error": off.max().item(),
        }
    left.axhline(0, color="grey", lw=0.8)
    left.set(xscale="log", xlabel="draws K", ylabel="estimated − exact NLL, mean (nats)")
    right.set(xlabel=f"effective sample size, K = {DRAWS[-1]}", ylabel="estimated − exact (nats)")
    right.set_yscale("symlog", linthresh=0.1)
    for axis in (left, right):
        axis.grid(alpha=0.3)
        axis.legend(frameon=False, fontsize=8)
    save(figure, options.out)
    print(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
