"""What truncation does to a GAN's images, by where it is done and how much of it.

    python benchmarks/truncation.py RUN --n 300 --out DIR

"first map" truncates towards the mean of the first map that is not linear in z (what genlab does,
`genlab/gan/truncation.py`); "latent" shortens the latent inside its sphere, psi u(z), which is
truncation towards the mean of the *linear* first map. RUN is a finished GAN of the projected
recipe whose training images are at hand. One seed; all numbers by EfficientNet-Lite0, through
which that GAN's discriminator looks: compare them with one another only.

Writes truncation.json, truncation.md and truncation.png (ten images at every psi).
"""

import argparse

from pathlib import Path
from typing import Any

import torch

from torch import Tensor

import genlab.data

from genlab.common import atomic
from genlab.data.image_set import load_images
from genlab.features.extractors import FeatureExtractors
from genlab.figures.sheets import image_sheet
from genlab.gan.load import gan_config, load_generator
from genlab.gan.networks.fastgan import FastGanGenerator, to_sphere
from genlab.gan.sampling import CHUNK, draw_latents, generate_images
from genlab.metrics.frechet_distance import frechet_distance
from genlab.metrics.manifold import density_coverage, precision_recall
from genlab.networks.pretrained.efficientnet_lite0 import dog_probability, load_efficientnet_lite0
from genlab.runs.run import Run

AMOUNTS = (0.0, 0.3, 0.5, 0.7, 0.85, 1.0)
NETWORK = "efficientnet-lite0"


def shortened(network: FastGanGenerator, z: Tensor, psi: float) -> Tensor:
    """Returns images, uint8, of latents shortened inside their sphere."""
    with torch.no_grad():
        middle = network.norm(network.start(torch.zeros(1, network.latent)).view(1, -1, 4, 4))

        def first(rows: Tensor) -> Tensor:
            x = network.start(to_sphere(rows)).unflatten(1, (-1, 4, 4))
            return torch.nn.functional.glu(middle + psi * (network.norm(x) - middle), dim=1)

        parts = [network.rest(first(rows)) for rows in z.split(CHUNK)]
    return ((torch.cat(parts) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def numbers(extractors: FeatureExtractors, real: Tensor, images: Tensor) -> dict[str, Any]:
    """Returns what EfficientNet-Lite0 says of the images."""
    fake = extractors.features(extractors[NETWORK], genlab.data.images(images, name="truncated"))
    with torch.no_grad():
        dog = dog_probability(load_efficientnet_lite0().classify(fake)).double()
    near, cover = precision_recall(real, fake, 3), density_coverage(real, fake, 5)
    return {
        "precision": near.precision, "recall": near.recall, "coverage": cover.coverage,
        "distance": frechet_distance(real, fake), "dog_probability": dog.mean().item(),
        "pixel_deviation": images.double().std(0).mean().item(),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--out", type=Path, default=Path("runs/truncation"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    config, network = gan_config(Run(options.run)), load_generator(options.run)
    assert isinstance(network, FastGanGenerator), "give a run of the projected recipe"
    data = load_images(config.data, config.size, config.images, config.crop)
    extractors = FeatureExtractors()
    real = extractors.features(extractors[NETWORK], genlab.data.images(data.images))
    z, _ = draw_latents(config, options.n, 0, "sample")
    rows, shown = [], []
    for place in ("latent", "first map"):
        for psi in AMOUNTS:
            if psi == 1 and place == "first map":
                continue  # the same as the last
            make = shortened if place == "latent" else generate_images
            images = make(network, z, psi)
            shown.append(images[:10])
            found = numbers(extractors, real, images) if psi else {}  # of one image there are none
            rows.append({"place": place, "psi": psi, **found})
    keys = list(rows[1])
    table = ["| " + " | ".join(keys) + " |", "|" + "---|" * len(keys)]
    table += ["| " + " | ".join(
        f"{v:.3f}" if isinstance(v := row.get(k, ""), float) else str(v) for k in keys
    ) + " |" for row in rows]
    atomic.write_json(options.out / "truncation.json", {"n": options.n, "rows": rows})
    atomic.write_bytes(options.out / "truncation.md", ("\n".join(table) + "\n").encode())
    sheet = image_sheet(torch.cat(shown).permute(0, 2, 3, 1).numpy(), 10)
    atomic.write_png(options.out / "truncation.png", sheet)
    print("\n".join(table))


if __name__ == "__main__":
    main()
