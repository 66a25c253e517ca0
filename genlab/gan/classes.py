"""The classes of a GAN run: determined once, and saved in its `classes.json`.

Clusters are found by k-means in the pooled features of EfficientNet-Lite0. On another machine
rounding may move an image from one cluster to another; a run uses those it began with.

Shapes: N images, K classes.
"""

__all__ = [
    "FILE", "clusters_of", "default_count", "find_classes", "keep_classes", "read_classes",
]  # fmt: skip

from dataclasses import dataclass
from pathlib import Path

import torch

from genlab.common import atomic
from genlab.common.errors import InputError
from genlab.common.rng import generator
from genlab.common.typed_json import from_json, to_json
from genlab.configs.gan import GanConfig
from genlab.data.arrays.pictures import pictures_of
from genlab.data.classes import Classes, by_folder
from genlab.data.image_set import ImageSet
from genlab.features.extraction import extract
from genlab.features.registry import load_extractor
from genlab.metrics.clusters import k_means
from genlab.runs.records import read_json
from genlab.runs.seal import write_kept

FILE = "classes.json"


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What the file holds."""

    by: str
    names: list[str]
    counts: list[int]
    """The number of training images of each class."""
    labels: list[int]
    """The class of each image."""
    held_out: list[int]
    """The images that are not trained on."""


def find_classes(config: GanConfig, images: ImageSet, out: Path) -> Classes | None:
    """Returns the classes that a configuration asks for; None if it asks for none.

    Arguments:
        config: The configuration.
        images: The images that it trains on.
        out: The run directory; clusters that are saved there are read, not found again.

    Raises:
        InputError: If the images have no such classes.
    """
    if config.classes == "none":
        return None
    if config.classes == "folders":
        return by_folder(images.paths, config.data)
    if (out / FILE).exists():
        return read_classes(out)
    return clusters_of(images, config.clusters, config.seed)


def clusters_of(images: ImageSet, count: int | None, seed: int) -> Classes:
    """Clusters images by the features of EfficientNet-Lite0, the largest cluster first.

    Arguments:
        images: The images.
        count: The number of clusters K; None: `default_count` of the images.
        seed: Determines the first centres.

    Raises:
        InputError: If there are more groups than different images.
    """
    if count is None:
        count = default_count(len(images.images))
    pictures = pictures_of(images.images, "the images")
    features = extract(pictures, load_extractor("efficientnet-lite0"))
    try:
        found = k_means(features, count, generator(seed, "clusters"))
    except ValueError as error:
        raise InputError(f"`clusters` {count}: {error}; ask for fewer") from None
    digits = len(str(count))
    names = tuple(f"cluster-{k + 1:0{digits}d}" for k in range(count))
    return Classes(by="clusters", names=names, labels=found.labels)


def default_count(images: int) -> int:
    """Returns a number of clusters: one a hundred images, 8 to 16, but eight images a cluster."""
    return max(2, min(16, max(8, images // 100), images // 8))


def keep_classes(out: Path, classes: Classes) -> None:
    """Writes the classes into a run directory."""
    held_out = [] if classes.learned is None else (~classes.learned).nonzero().flatten().tolist()
    kept = Kept(
        by=classes.by, names=list(classes.names), counts=classes.counts,
        labels=classes.labels.tolist(), held_out=held_out,
    )
    write_kept(out, {FILE: atomic.json_bytes(to_json(kept))})


def read_classes(path: Path) -> Classes:
    """Reads the classes of a run directory.

    Raises:
        InputError: If they are missing or damaged.
    """
    kept = from_json(Kept, dict(read_json(path / FILE)), str(path / FILE))
    images, names = range(len(kept.labels)), range(len(kept.names))
    if not (all(n in names for n in kept.labels) and all(n in images for n in kept.held_out)):
        raise InputError(f"{path / FILE}: labels or images that are not there; it is damaged")
    labels = torch.tensor(kept.labels, dtype=torch.int64)
    learned = torch.ones(len(labels), dtype=torch.bool)
    learned[torch.tensor(kept.held_out, dtype=torch.int64)] = False
    classes = Classes(by=kept.by, names=tuple(kept.names), labels=labels, learned=learned)
    if classes.counts != kept.counts:
        raise InputError(f"{path / FILE}: its counts are not those of its labels; it is damaged")
    return classes
