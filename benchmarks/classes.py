"""Does a GAN with classes make what it is asked for, and more than one image of each?

    python benchmarks/classes.py RUN --n 1000 --out classes.jpg

An image counts as of the class whose mean feature, over the images learned from, is nearest.

    agreement   the share of images that count as of the class asked for
    spread      sum over images of |f - mean of its class|^2, generated over real, where both sums
                are divided by N - K: 1 if a class's images differ as much as photographs do   (1)

Both by EfficientNet-Lite0, which found clusters and through which the projected recipe's
discriminator looks, and by FID Inception's 768 features, where those are at hand
(`--inception FILE`). The photographs held out stand beside them. The picture: a class a row, five
photographs learned from and seven generated images, the first of each.
"""

import argparse

from pathlib import Path

import numpy as np
import torch

from PIL import Image
from torch import Tensor

import genlab.data

from genlab.data.image_set import load_images
from genlab.features.extractors import FeatureExtractors
from genlab.figures.sheets import image_sheet
from genlab.gan.classes import read_classes
from genlab.gan.load import gan_config, load_generator
from genlab.gan.sampling import draw_latents, generate_images
from genlab.gan.split import split_images
from genlab.runs.run import Run

REALS, FAKES = 5, 7


def means_of(features: Tensor, labels: Tensor, count: int) -> Tensor:
    """Returns the mean feature of each class, `(K, F)`."""
    return torch.stack([features[labels == k].mean(0) for k in range(count)])


def agreement(features: Tensor, labels: Tensor, means: Tensor) -> float:
    return (torch.cdist(features, means).argmin(1) == labels).double().mean().item()


def spread(features: Tensor, labels: Tensor, count: int) -> float:
    """One side of (1)."""
    off = features - means_of(features, labels, count)[labels]
    return off.square().sum().item() / (len(features) - count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--inception")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    config, classes = gan_config(Run(options.run)), read_classes(options.run)
    data = load_images(config.data, config.size, config.images, config.crop)
    found, count = split_images(data.images, config, classes), len(classes.names)
    z, of_fake = draw_latents(config, options.n, 1, "sample", classes)
    assert of_fake is not None
    fake = generate_images(load_generator(options.run), z, 1.0, of_fake)
    of_train, of_held = (classes.labels[side] for side in (found.learned, ~found.learned))
    extractors = FeatureExtractors(inception=options.inception)
    for name in ["efficientnet-lite0", *(["inception-768"] if options.inception else [])]:
        def look(images: Tensor, name: str = name) -> Tensor:
            return extractors.features(extractors[name], genlab.data.images(images)).double()

        train, made = look(found.train), look(fake)
        means = means_of(train, of_train, count)
        asked = [(fake, made, of_fake, "generated"), (found.train, train, of_train, "learned")]
        if found.held_out is not None:
            asked.append((found.held_out, look(found.held_out), of_held, "held out"))
        for images, features, labels, kind in asked:
            share = agreement(features, labels, means)
            print(f"{name}: agreement of {len(images)} {kind}: {share:.1%}")
        ratio = spread(made, of_fake, count) / spread(train, of_train, count)
        print(f"{name}: spread {ratio:.2f}")
    sheets = []
    for images, labels, shown in ((found.train, of_train, REALS), (fake, of_fake, FAKES)):
        rows = [images[labels == k][:shown] for k in range(count)]
        assert all(len(row) == shown for row in rows), "a class with too few images to show"
        sheets.append(image_sheet(torch.cat(rows).permute(0, 2, 3, 1).numpy(), shown))
    between = np.full((len(sheets[0]), 24, 3), 255, np.uint8)
    sheet = np.hstack([sheets[0], between, sheets[1]])
    Image.fromarray(sheet).save(options.out, quality=88)


if __name__ == "__main__":
    main()
