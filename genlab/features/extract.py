"""Features of pictures: decoded ahead by a thread, by one process or several, kept by content.

The images are looked at in the order of their content (`Pictures.order`), so that the same set
renamed, shuffled or zipped gives the same bits and is found in the cache; the rows come back in
the order of the pictures. Images of one size share batches. Of P processes (`torchrun`) the
process of rank r looks at every P-th image, from the r-th on.

In memory are, at most, a batch of decoded images that wait, four batches that fill, and the rows.

Shapes: N images, B of them in a batch, F features.
"""

__all__ = ["HasFeatures", "Provenance", "extract"]

import hashlib
import json

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import NamedTuple, Protocol

import PIL
import torch

from torch import Tensor

from genlab.common.cache import cached, read_cached
from genlab.common.errors import InputError
from genlab.common.progress import Progress
from genlab.compute.distributed import all_true, gather_rows, gather_text, rank, world_size
from genlab.data.decode import decoding, refuse_images
from genlab.data.pictures import Pictures
from genlab.features.prefetch import in_background

HELD = 4
"""Batches' worth of images that wait, at most, for others of their size."""


class HasFeatures(Protocol):
    """Anything that looks at images."""

    def features(self, images: Tensor) -> Tensor:
        """Returns features `(B, F)` of images, uint8 with shape `(B, 3, H, W)` in memory."""
        ...


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """All that features depend on besides the images: what two sets must share to compare."""

    network: str
    """Its name."""
    sha256: str
    """Of its weights."""
    layer: str
    """Where the features are taken, and how they are pooled."""
    preprocessing: str
    """What happens between pixels and the network: range, resizing, antialiasing."""
    precision: str = "float32"
    """What the network calculates in."""
    device: str = "cpu"
    """The kind of device on which it calculates: "cpu" or "cuda"."""
    version: int = 1
    """Of the code between an image and its features."""


def extract(
    network: HasFeatures, pictures: Pictures, batch: int = 32, provenance: Provenance | None = None
) -> Tensor:
    """Returns the features of pictures, one row an image.

    Arguments:
        network: What looks at them; it brings the images to its own device.
        pictures: The images, of one size or of many.
        batch: How many images it looks at together, at most.
        provenance: What the features depend on besides the images. If given they are kept in the
            cache under it and the images' content, and found there the next time.

    Returns:
        Features with shape `(N, F)` in the order of the pictures, in memory; float32, or float64
        if the network's are.

    Raises:
        InputError: If images are unreadable, or have features that are not finite (all are tried
            first, then ten are named), or if there are fewer than processes.
        ValueError: If the network does not give one row an image.
    """
    if provenance is None:
        return _in_order(_by_content(network, pictures, batch), pictures)
    name = _cache_name(pictures, provenance)
    kept = read_cached(name)
    everywhere = all_true(kept is not None)  # all processes look, or none does
    if kept is not None and everywhere:
        return _in_order(kept["features"], pictures)
    features = _by_content(network, pictures, batch)
    cached(name, lambda: {"features": features})
    return _in_order(features, pictures)


def _cache_name(pictures: Pictures, provenance: Provenance) -> str:
    content = pictures.identity.sha256
    what = {"content": content, "pillow": PIL.__version__, **asdict(provenance)}
    key = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
    return f"features/{key[:40]}"


def _in_order(features: Tensor, pictures: Pictures) -> Tensor:
    """Brings rows in the order of content to the order of the pictures."""
    rows = torch.empty_like(features)
    rows[torch.tensor(pictures.order)] = features
    return rows


def _by_content(network: HasFeatures, pictures: Pictures, batch: int) -> Tensor:
    """Returns the features, `(N, F)`, in the order of content, the same in every process."""
    if len(pictures) < world_size():
        raise InputError(
            f"{pictures.identity.source}: {len(pictures)} images for {world_size()} processes; "
            "start fewer"
        )
    mine = pictures.order[rank() :: world_size()]
    rows, problems = _look(network, pictures, mine, batch)
    heard = [problem for text in gather_text(json.dumps(problems)) for problem in json.loads(text)]
    refuse_images(sorted(heard), len(pictures), pictures.identity.source)
    parts = gather_rows(rows)
    features = rows.new_empty(len(pictures), rows.shape[1])
    for index, part in enumerate(parts):
        features[index :: world_size()] = part
    return features


class Read(NamedTuple):
    """What the thread hands over: an image, or why there is none."""

    place: int
    """Its row among those of this process."""
    image: Tensor | None
    problem: str


def _read(pictures: Pictures, indices: list[int]) -> Iterator[Read]:
    for place, index in enumerate(indices):
        try:
            yield Read(place, pictures.read(index), "")
        except InputError as error:
            yield Read(place, None, str(error))
        except Exception as error:
            error.add_note(f"while reading {pictures.name(index)}")
            raise


def _batches(
    reads: Iterator[Read], batch: int, problems: list[str], progress: Progress
) -> Iterator[list[Read]]:
    """Groups images of one size; after the first unreadable one the rest is only read."""
    groups: dict[torch.Size, list[Read]] = {}
    held = 0
    for read in reads:
        if read.image is None:
            problems.append(read.problem)
        if read.image is None or problems:
            groups, held = {}, 0
            progress.advance()
            continue
        group = groups.setdefault(read.image.shape, [])
        group.append(read)
        held += 1
        if len(group) < batch and held > HELD * batch:  # too many sizes: the fullest goes as it is
            group = max(groups.values(), key=len)
        elif len(group) < batch:
            continue
        held -= len(group)
        yield groups.pop(_shape(group))
    yield from groups.values()


def _shape(group: list[Read]) -> torch.Size:
    assert group[0].image is not None  # _batches groups none without
    return group[0].image.shape


@torch.no_grad()
def _look(
    network: HasFeatures, pictures: Pictures, indices: list[int], batch: int
) -> tuple[Tensor, list[str]]:
    """Returns the features of some images, and what is wrong with those that have none."""
    features = torch.empty(0, 0)
    unreadable: list[str] = []
    strange: list[str] = []
    label = f"looking at {pictures.identity.source}"
    with (
        decoding(),
        Progress(len(indices), label, "images") as progress,
        closing(in_background(_read(pictures, indices), batch)) as reads,
    ):
        for group in _batches(reads, batch, unreadable, progress):
            images = torch.stack([read.image for read in group if read.image is not None])
            rows = _checked(network.features(images), len(images))
            if not features.numel():
                features = rows.new_empty(len(indices), rows.shape[1])
            places = [read.place for read in group]
            features[torch.tensor(places)] = rows
            for place, good in zip(places, rows.isfinite().all(1).tolist()):
                if not good:
                    strange.append(f"{pictures.name(indices[place])}: its features are not finite")
            progress.advance(len(group))
    return features, unreadable + strange


def _checked(rows: Tensor, count: int) -> Tensor:
    if rows.ndim != 2 or len(rows) != count:
        raise ValueError(f"features of {count} images have shape {tuple(rows.shape)}, not (B, F)")
    return rows.detach().to("cpu", torch.promote_types(rows.dtype, torch.float32))
