"""Checking a folder of images, or a zip, before anything is trained on it.

Every file is read once. A thumbnail of 64 x 64 pixels and a few numbers are kept of an image, so
that memory grows by about six kilobytes an image. The folder is never written to, and a zip is
read in place.

Shapes: N readable images.
"""

__all__ = ["check_folder"]

from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genlab.common.errors import InputError
from genlab.common.progress import Progress
from genlab.data.check.advice import advice
from genlab.data.check.probe import VIEW, Probe, look_at
from genlab.data.files.base import ImageFiles
from genlab.data.near_duplicates import (
    SIDE,
    NearDuplicates,
    connected_groups,
    near_duplicates,
)
from genlab.data.open import open_files
from genlab.networks.pretrained.efficientnet_lite0 import (
    EfficientNetLite0,
    load_efficientnet_lite0,
    recognised_as_dogs,
)

BATCH = 32
OUTLIERS = 8  # shown of each kind
WIDE = 2.0  # longer over shorter side from which the central square is half of the picture
DARK, BRIGHT, FLAT = 30.0, 225.0, 10.0  # grey values: of the mean, and of the contrast
SMALL = 64  # pixels: what the GAN's generators make


@dataclass(frozen=True, kw_only=True)
class FolderContents:
    """The images of a folder after reading."""

    names: list[str]
    """The readable images, relative to the folder, in the order of training."""
    probes: list[Probe]
    """The properties of each."""
    thumbnails: torch.Tensor
    """Their thumbnails, uint8 `(N, 64, 64)`."""
    dog: np.ndarray
    """The probability that each is a dog, float64 `(N,)`."""
    refused: list[dict[str, str]]
    """The others: "file" and "reason"."""


def check_folder(folder: Path) -> dict[str, Any]:
    """Examines a folder of images, or a zip.

    Returns:
        JSON values; files are named relative to `folder`, groups of copies begin with the one
        to keep (in colour if any is, then with most pixels, then the largest file).

    Raises:
        InputError: If `folder` is none, or holds no readable image.
    """
    with closing(open_files(folder)) as files:
        contents = _read(files)
    count = len(contents.names) + len(contents.refused)
    if not contents.names:
        first = contents.refused[0]
        raise InputError(
            f"{folder}: none of its {count} images can be used; the first, "
            f"{first['file']}: {first['reason']}"
        )
    findings = {
        "folder": files.name,
        "files": count,
        "images": len(contents.names),
        "other_files": {
            kind or "no suffix": count for kind, count in files.left_out.suffixes.most_common()
        },
        "left_out": files.left_out.words(),
        "unusable": contents.refused,
        **_describe(contents),
        **_copies(contents),
        "outliers": _outliers(contents),
    }
    return {**findings, "advice": advice(findings)}


def _read(files: ImageFiles) -> FolderContents:
    names, probes, dogs, waiting = [], [], [], []
    refused = [{"file": name, "reason": reason} for name, reason in files.broken.items()]
    # one block: small ones between those of the network would keep the heap from shrinking
    thumbnails = torch.zeros(len(files.names), SIDE, SIDE, dtype=torch.uint8)
    network = load_efficientnet_lite0()
    with Progress(len(files.names), f"examining {files.name}", "images") as progress:
        for name in files.names:
            try:
                found = look_at(files.read(name), files.title(name))
            except InputError as error:
                reason = str(error).removeprefix(f"{files.title(name)}: ")
                refused.append({"file": name, "reason": reason})
            else:
                thumbnails[len(names)] = torch.from_numpy(found.thumbnail)
                names.append(name)
                probes.append(found.probe)
                waiting.append(found.view)
            if len(waiting) == BATCH:
                dogs += _dog_probabilities(network, waiting)
                waiting = []
            progress.advance()
    if waiting:
        dogs += _dog_probabilities(network, waiting)
    return FolderContents(
        names=names, probes=probes, thumbnails=thumbnails[: len(names)], dog=np.array(dogs),
        refused=refused,
    )


def _dog_probabilities(network: EfficientNetLite0, views: list[np.ndarray]) -> list[float]:
    images = torch.from_numpy(np.stack(views))
    return recognised_as_dogs(network, images, size=VIEW).tolist()


def _describe(contents: FolderContents) -> dict[str, Any]:
    """Returns properties of the images as counts, quantiles and shares."""
    probes = contents.probes
    short = [min(p.width, p.height) for p in probes]
    aspect = [p.aspect for p in probes]
    return {
        "formats": dict(Counter(p.format for p in probes).most_common()),
        "modes": dict(Counter(p.mode for p in probes).most_common()),
        "turned_by_exif": sum(p.turned for p in probes),
        "several_frames": sum(p.several_frames for p in probes),
        "transparent": sum(p.transparent for p in probes),
        "grey": sum(p.grey for p in probes),
        "shorter_side": _quantiles(short),
        "under_64_pixels": sum(s < SMALL for s in short),
        "aspect": _quantiles(aspect),
        "square": sum(p.width == p.height for p in probes),
        "twice_as_long": sum(a >= WIDE for a in aspect),
        "left_out_by_central_square": _quantiles([1 - 1 / a for a in aspect]),
        "brightness": _quantiles([p.brightness for p in probes]),
        "dark": sum(p.brightness < DARK for p in probes),
        "bright": sum(p.brightness > BRIGHT for p in probes),
        "flat": sum(p.contrast < FLAT for p in probes),
        "dogs": {
            "share": float((contents.dog > 0.5).mean()),
            "mean_probability": float(contents.dog.mean()),
            "network": "EfficientNet-Lite0 (ImageNet)",
            "input": f"the central square at {VIEW} pixels",
        },
    }


def _quantiles(values: list[Any]) -> dict[str, float]:
    names = {"smallest": 0, "quarter": 0.25, "median": 0.5, "three_quarters": 0.75, "largest": 1}
    return {name: round(float(np.quantile(values, q)), 4) for name, q in names.items()}


def _copies(contents: FolderContents) -> dict[str, Any]:
    """Returns exact copies, near duplicates, and the groups that both make."""
    names, probes = contents.names, contents.probes
    first: dict[str, int] = {}
    same = []
    for index, p in enumerate(probes):
        if (earlier := first.setdefault(p.sha256, index)) != index:
            same.append((earlier, index))
    single = sorted(first.values())  # copies are compared once
    # no copy of the thumbnails where there are no copies among the images
    thumbs = contents.thumbnails if len(single) == len(names) else contents.thumbnails[single]
    found = near_duplicates(thumbs)
    near = NearDuplicates(torch.tensor(single)[found.pairs], found.correlation)
    pairs = [(i, j) for i, j in near.pairs.tolist()]

    def best_first(group: list[int]) -> list[str]:
        order = sorted(group, key=lambda i: (probes[i].grey, -probes[i].pixels, -probes[i].bytes))
        return [names[i] for i in order]

    n = len(names)
    return {
        "copies": [best_first(group) for group in connected_groups(n, same)],
        "near_duplicates": [
            {"files": [names[i], names[j]], "correlation": round(r, 4)}
            for r, (i, j) in sorted(zip(near.correlation.tolist(), pairs), reverse=True)
        ],
        "groups": [best_first(group) for group in connected_groups(n, [*same, *pairs])],
    }


def _outliers(contents: FolderContents) -> dict[str, list[dict[str, Any]]]:
    """Returns the most unusual images of each kind, with the value that makes them so."""
    probes = contents.probes
    kinds = {
        "least like a dog": contents.dog,
        "longest": [-p.aspect for p in probes],
        "darkest": [p.brightness for p in probes],
        "brightest": [-p.brightness for p in probes],
        "least contrast": [p.contrast for p in probes],
        "smallest": [min(p.width, p.height) for p in probes],
    }
    result = {}
    for kind, values in kinds.items():
        keys = np.asarray(values, np.float64)
        result[kind] = [
            {"file": contents.names[i], "value": round(abs(float(keys[i])), 4)}
            for i in np.argsort(keys, kind="stable")[:OUTLIERS]
        ]
    return result
