"""Whether a GAN draws pictures that it learned from more nearly than pictures held out.

    python benchmarks/latent_recovery.py RUN --n 20 --out projected.png

Of the training images and of the held-out ones N each are looked for among the generator's images
(`genlab/gan/inversion.py`). Had it learned pictures by heart, those would be found more nearly:
Webster et al. (2019), https://arxiv.org/abs/1901.03396. The picture shows the first four, two of
each. RUN is a finished GAN whose training images are at hand.
"""

import argparse

from pathlib import Path

import torch

from scipy.stats import mannwhitneyu

from genlab.figures.outputs.inversion import inversion_figure
from genlab.figures.style import save
from genlab.gan.images import training_images
from genlab.gan.inversion import invert
from genlab.gan.load import gan_config
from genlab.gan.split import split_images
from genlab.runs.run import Run


def main() -> None:
    """Prints the losses of both kinds, and how probable as large a difference is by chance."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--n", type=int, default=20)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    config = gan_config(Run(options.run))
    data = training_images(config)
    split = split_images(data.images, config)
    if split.held_out is None:
        parser.error(f"{options.run}: no images were held out")
    n = min(options.n, len(split.held_out))
    both = torch.stack([split.train[:n], split.held_out[:n]], 1).flatten(0, 1)  # in turn
    found = invert(options.run, both, seed=0)
    for name, of in (("learned", slice(0, None, 2)), ("held out", slice(1, None, 2))):
        losses = found.losses[of]
        error = losses.std() / n**0.5
        print(f"{name}: {n} pictures, mean loss {losses.mean():.2f} ± {error:.2f}, "
              f"{found.levels[of].mean():.1f} levels; best random images "
              f"{found.drawn_losses[of].mean():.2f}")  # fmt: skip
    test = mannwhitneyu(found.losses[::2], found.losses[1::2], alternative="less")
    print(f"learned found more nearly: p = {test.pvalue:.3f} (Mann and Whitney)")
    print(f"the generator's own images: {[round(x, 3) for x in found.own_losses.tolist()]}")
    if options.out:
        save(inversion_figure(found, data.identity.name, 4), options.out)


if __name__ == "__main__":
    main()
