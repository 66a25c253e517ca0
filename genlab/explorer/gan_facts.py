r"""The data of a GAN for a page: samples over training, a walk through the latents, distances.

The walk goes round some latents along great circles,

    z(t) = [sin((1 - t) w) a + sin(t w) b] / sin w,    w = angle between a and b,

because the generators see the direction of z alone.

References:
    | Animating Rotation with Quaternion Curves (Shoemake, 1985), equation of "slerp"

Shapes: N images, Z latent dimensions, S pixels a side.
"""

__all__ = ["gan_facts", "gan_stills", "slerp"]

from pathlib import Path
from typing import Any

import torch

from torch import Tensor

from genlab.common.rng import generator
from genlab.common.typed_json import from_json
from genlab.explorer.blobs import Blobs
from genlab.explorer.stills import Still, webp
from genlab.fid.results import GanMeasurement
from genlab.figures.sheets import read_sheet
from genlab.gan.load import classes_of, gan_config, load_generator
from genlab.gan.results import read_gan_results
from genlab.gan.sampling import generate_images
from genlab.runs.records import read_json
from genlab.runs.run import Run
from genlab.runs.seal import digest_of, has, read_kept

ANCHORS = 6
"""The number of latents that the walk passes through."""
STEPS = 8
"""The number of pictures from one latent to the next."""
QUALITY = 92
"""The quality of the walk's pictures (WebP); the samples are lossless."""


def slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Returns points on the great circle from a to b, with shape `(N, Z)`.

    Arguments:
        a: A unit vector, with shape `(Z,)`.
        b: Another, neither the same nor the opposite one.
        t: Shares of the way, with shape `(N,)`.
    """
    angle = torch.arccos((a @ b).clamp(-1, 1))
    t = t[:, None]
    return (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / angle.sin()


def gan_facts(path: Path, blobs: Blobs) -> dict[str, Any]:
    """Returns the data of a finished GAN run as JSON; pictures go into `blobs`.

    Raises:
        InputError: If weights or samples are missing or damaged.
    """
    run = Run(path)
    results = read_gan_results(run)
    identity = results.data
    return {
        "design": results.design, "epochs": results.epochs, "images": results.images,
        "size": results.size, "pretrained": results.pretrained,
        "data": {
            "name": identity.name, "sha256": identity.sha256, "licence": identity.licence,
            "stand_in": identity.stand_in,
        },
        "sha256": digest_of(read_kept(path / "generator.safetensors")),
        "snapshots": [_snapshot(path, epoch, blobs) for epoch in results.snapshots],
        "walk": _walk(path, blobs),
        "distances": distances_of(path / "fid.json"),
    }


def gan_stills(facts: dict[str, Any], blobs: Blobs) -> list[Still]:
    """Returns the samples of each epoch in `gan_facts` as still pictures."""
    return [
        Still(
            "gan", {"zh": str(snapshot["epoch"]), "en": str(snapshot["epoch"])},
            "data:image/webp;base64," + blobs.text(snapshot["sheet"]),
        )
        for snapshot in facts["snapshots"]
    ]


def _snapshot(path: Path, epoch: int, blobs: Blobs) -> dict[str, Any]:
    """Returns the samples of an epoch, side by side."""
    folder = path / "samples" / f"epoch_{epoch:03d}"
    images = read_sheet(folder)
    row = images.transpose(1, 0, 2, 3).reshape(images.shape[1], -1, 3)
    return {"epoch": epoch, "count": len(images), "sheet": blobs.add(webp(row, None))}


def _walk(path: Path, blobs: Blobs) -> dict[str, Any]:
    """Returns a closed walk through the generator's latents as one sheet, one row per latent.

    Where there are classes, all of it is of the most frequent one.
    """
    config = gan_config(Run(path))
    z = torch.randn(ANCHORS, config.latent, generator=generator(config.seed, "explorer walk"))
    z = torch.nn.functional.normalize(z, dim=1)
    shares = torch.arange(STEPS) / STEPS
    points = torch.cat([slerp(a, b, shares) for a, b in zip(z, z.roll(-1, 0))])
    network, classes = load_generator(path), classes_of(path)
    labels = None
    if classes is not None:
        labels = torch.full((len(points),), int(classes.frequencies.argmax()))
    pixels = generate_images(network, points, labels=labels)
    grid = pixels.view(ANCHORS, STEPS, *pixels.shape[1:]).permute(0, 3, 1, 4, 2)
    sheet = grid.reshape(ANCHORS * config.size, STEPS * config.size, 3).contiguous().numpy()
    return {"anchors": ANCHORS, "steps": STEPS, "sheet": blobs.add(webp(sheet, QUALITY))}


def distances_of(path: Path) -> dict[str, Any] | None:
    """Returns the distances by epoch, with errors and floors; None without the file.

    The floor is the mean distance of the images, mixed and split at random.
    """
    if not has(path):
        return None
    found = from_json(GanMeasurement, read_json(path), str(path))
    curves = []
    for one in found.distances:
        points = [
            {
                "epoch": snapshot.epoch, "value": snapshot.distances[one.label].distance.value,
                "error": snapshot.distances[one.label].distance.error,
            }
            for snapshot in found.epochs if one.label in snapshot.distances
        ]
        curves.append({
            "label": one.label, "value": one.distance.value, "points": points,
            "floor": one.null.mean if one.null else None,
        })
    recognised = [{"epoch": one.epoch, "value": one.recognised} for one in found.epochs]
    return {
        "curves": curves, "recognised": recognised, "recognised_real": found.recognised_real,
        "n_real": found.n_real, "n_fake": found.n_fake,
        "different_real": found.different.real, "different_fake": found.different.fake,
    }
