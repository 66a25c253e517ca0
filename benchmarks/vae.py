"""How fast VAEs train and how fast their likelihood is estimated, beside others, in one run.

    pip install pythae==0.1.2
    GENLAB_DATA=... python benchmarks/vae.py [--rounds 3] [--threads 2]

All sides: the same perceptrons (784-300-300-D and back), batch 128, Adam, binary digits, float32,
the same threads, in turn, several rounds; the ratio is the median over the rounds. pythae trains
through its own trainer and estimates through its own `get_nll`; the code published with the
VampPrior is restated (`benchmarks/vae_peers.py`); genlab goes through the loop and the estimator
that its commands use. Speeds are digits a second.

Training stands beside its limits as well (`benchmarks/vae_floor.py`): the products of the step
alone and, for the standard prior, a step by hand. The last column is the share of this machine's
matrix-product rate (measured here on products of the step's own shape) that the arithmetic of the
step's linear layers reaches.
"""

import argparse
import logging
import statistics
import tempfile
import time

from pathlib import Path

import torch

from kept import keep
from vae_floor import by_hand, products_alone
from vae_peers import BATCH, HIDDEN, PEERS

import genlab.data

from genlab.configs.vae import VaeConfig
from genlab.numerics.linear import linear
from genlab.runs.run import open_run
from genlab.vae.evidence.importance import draw_counts, importance_estimate, log_weights
from genlab.vae.likelihoods import Bernoulli
from genlab.vae.load import build_vae
from genlab.vae.loop import train_loop
from genlab.vae.splits import Splits, grey, observed_test_images

DIGITS = {
    ("training", "standard"): {"genlab": 20_000, "pythae": 20_000, "published code": 20_000},
    ("training", "vamp"): {"genlab": 12_000, "pythae": 4_000, "published code": 4_000},
    ("likelihood", "standard"): {"genlab": 300, "pythae": 20, "published code": 20},
    ("likelihood", "vamp"): {"genlab": 300, "pythae": 4, "published code": 4},
}
"""How many each side is given: enough for seconds."""
CASES = {"standard, D = 2": ("standard", 2), "VampPrior K = 500, D = 40": ("vamp", 40)}
DRAWS = 1000


def config_of(prior: str, latent: int) -> VaeConfig:
    options = {"components": 500} if prior == "vamp" else {}
    return VaeConfig(
        prior=prior, prior_options=options, latent=latent, hidden=(HIDDEN, HIDDEN), epochs=1,
        batch=BATCH, importance=0, fourier=0.0,
    )


def genlab_training(prior: str, latent: int, digits, count: int) -> float:  # noqa: ANN001
    config = config_of(prior, latent)
    images = grey(digits.train[:count])
    model = build_vae(config, (28, 28))
    model.prior.initialise(images[:500], torch.arange(500))
    test = observed_test_images(digits, Bernoulli())[:100]
    with tempfile.TemporaryDirectory() as folder:
        run = open_run(Path(folder) / "run", "vae", config, {"images": digits.identity})
        began = time.perf_counter()
        train_loop(config, run, model, Splits(images, None, test, (28, 28)))
        return count / (time.perf_counter() - began)


@torch.no_grad()
def genlab_likelihood(prior: str, latent: int, x: torch.Tensor) -> float:
    config = config_of(prior, latent)
    model = build_vae(config, (28, 28)).eval()
    model.prior.initialise(torch.rand(500, 784), torch.arange(500))
    counts = draw_counts(DRAWS, (0.8, 0.1, 0.1))
    began = time.perf_counter()
    p = model.prior()
    for batch in x.split(100):
        noise = torch.randn(counts[0] + counts[1], len(batch), latent)
        common = p.sample(torch.Size((counts[2],)))
        importance_estimate(log_weights(model, p, batch, counts, noise, common))
    return len(x) / (time.perf_counter() - began)


def product_rate() -> float:
    """Returns the best rate of (128, 784) x (784, 300) products, in multiply-adds a second.

    By MKL or oneDNN, as genlab takes them here.
    """
    a, b = torch.randn(BATCH, 784), torch.randn(HIDDEN, 784)
    best = 0.0
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(50):
            linear(a, b)
        best = max(best, 50 * BATCH * 784 * HIDDEN / (time.perf_counter() - began))
    return best


def step_products(prior: str, latent: int) -> float:
    """Returns the multiply-adds of a training step's linear layers, for each digit."""
    encoder = 784 * HIDDEN + HIDDEN**2 + 2 * HIDDEN * latent
    decoder = latent * HIDDEN + HIDDEN**2 + HIDDEN * 784
    passes = 3 * (encoder + decoder) - 784 * HIDDEN  # no gradient into the image
    return passes + (3 * encoder * 500 / BATCH if prior == "vamp" else 0)


def one_round(what: str, prior: str, latent: int, digits, x: torch.Tensor) -> dict[str, float]:  # noqa: ANN001
    """Returns the digits a second of each side."""
    counts = DIGITS[what, prior]
    if what == "training":
        speeds = {"genlab": genlab_training(prior, latent, digits, counts["genlab"])}
        for peer, (train, _) in PEERS.items():
            speeds[peer] = train(prior, latent, grey(digits.train[: counts[peer]]))
        speeds["products alone"] = products_alone(prior, latent)
        if prior == "standard":
            speeds["by hand"] = by_hand(build_vae(config_of(prior, latent), (28, 28)), x)
        return speeds
    speeds = {"genlab": genlab_likelihood(prior, latent, x[: counts["genlab"]])}
    for peer, (_, likelihood) in PEERS.items():
        speeds[peer] = likelihood(prior, latent, x[: counts[peer]], DRAWS)
    return speeds


def summary(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Returns each side's median speed and, by peer, the median of genlab's ratio to it."""
    row = {side: statistics.median(r[side] for r in rounds) for side in rounds[0]}
    for peer in PEERS:
        row[f"times {peer}"] = statistics.median(r["genlab"] / r[peer] for r in rounds)
    for limit in [side for side in ("products alone", "by hand") if side in rounds[0]]:
        row[f"{limit}, times pythae"] = statistics.median(r[limit] / r["pythae"] for r in rounds)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/vae.json"))
    options = parser.parse_args()
    logging.disable(logging.INFO)
    torch.set_num_threads(options.threads)
    torch.optim.Adam([torch.zeros(1, requires_grad=True)])  # the first imports for 3 s
    digits = genlab.data.splits("mnist")
    x = observed_test_images(digits, Bernoulli())
    rate = product_rate()
    results = {"product_rate_G_multiply_adds": rate / 1e9, "cases": {}}
    for name, (prior, latent) in CASES.items():
        speeds = {what: [] for what in ("training", "likelihood")}
        for _ in range(options.rounds):
            for what, rounds in speeds.items():
                rounds.append(one_round(what, prior, latent, digits, x))
        for what, rounds in speeds.items():
            row = summary(rounds)
            if what == "training":
                row["share_of_product_rate"] = row["genlab"] * step_products(prior, latent) / rate
            results["cases"][f"{what}, {name}"] = row
            print(f"{what:10} {name:26} " + "  ".join(f"{k} {v:.4g}" for k, v in row.items()))
    keep(options.out, results)


if __name__ == "__main__":
    main()
