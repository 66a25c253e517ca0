"""Features of images: decoded ahead by a thread, by one process or several, cached by content.

Images are processed in the order of their content (`content_order`), so that the same set
renamed, shuffled or zipped gives the same bits and is found in the cache; the rows come back in
the order of the pictures. With them come the digests of the pixels that the network was given, by
which repeated images are known (`pixels.py`): the features of one image differ in the last
bits from batch to batch. Images of one size share batches. Of P processes (`torchrun`) the
process of rank r takes every P-th image, from the r-th on.

Features that are cached are computed and kept in blocks of `Parts.BLOCK` images, so that an
extraction that was stopped goes on after the last one.

Memory holds, at most, one batch of decoded images, four batches that fill, a block, and the rows.

Shapes: N images, B of them in a batch, F features.
"""

__all__ = ["Extracted", "Images", "as_pictures", "extract", "extract_with_pixels"]

import hashlib
import json

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import PIL
import torch

from torch import Tensor

import genlab.data

from genlab.common.cache import NOTHING_KEPT, Parts
from genlab.common.errors import InputError
from genlab.common.progress import Progress
from genlab.compute.distributed import all_true, gather_rows, gather_text, rank, world_size
from genlab.data.arrays.layout import Array
from genlab.data.decode import decoding
from genlab.data.pictures import Pictures, content_order
from genlab.data.problems import refuse_images
from genlab.features.extractor import Extractor
from genlab.features.pixels import BYTES, pixel_digest
from genlab.features.prefetch import in_background
from genlab.features.registry import load_extractor

HELD = 4
"""Batches of images that wait, at most, for others of their size."""
COLUMNS = 64
"""Features that are put in another order together."""


Images = Pictures | str | Path | Array
"""Images: opened ones, or what `genlab.data.images` opens: a SOURCE, an array or a tensor."""


def as_pictures(images: Images, size: int | None = None) -> Pictures:
    """Opens images.

    Arguments:
        images: The images.
        size: The side of the squares that they become; by default each keeps its own size.

    Raises:
        InputError: If there are no such images.
    """
    if isinstance(images, Pictures):
        return images if size is None else images.squares(size)
    return genlab.data.images(images, size)


class Extracted(NamedTuple):
    """What is known of each of N images, a row an image."""

    features: Tensor
    """With shape `(N, F)`."""
    pixels: Tensor
    """The SHA-256 of the pixels that the network was given, uint8 with shape `(N, 32)`."""


def extract(
    images: Images, extractor: Extractor | None = None, *, size: int | None = None,
    batch: int = 32, cache: bool | None = None,
) -> Tensor:
    """Returns the features of images, one row an image.

    Arguments:
        images: The images, of one size or of many.
        extractor: The feature network; by default EfficientNet-Lite0.
        size: The side of the squares that images become first; by default each keeps its own.
        batch: The number of images that the network processes together, at most.
        cache: Whether the features are kept on disk, under the images' content and the
            extractor's provenance, and found there the next time; by default as the extractor
            says.

    Returns:
        Features with shape `(N, F)` in the order of the images, in memory; float32, or float64
        if the network's are.

    Raises:
        InputError: If images are unreadable, or have features that are not finite (all are tried
            first, then ten are named), if there are fewer images than processes, or as of the
            extractor.
    """
    return extract_with_pixels(images, extractor, size=size, batch=batch, cache=cache).features


def extract_with_pixels(
    images: Images, extractor: Extractor | None = None, *, size: int | None = None,
    batch: int = 32, cache: bool | None = None,
) -> Extracted:
    """Returns the features of images and the digests of their pixels; all else as of `extract`."""
    pictures = as_pictures(images, size)
    if extractor is None:
        extractor = load_extractor("efficientnet-lite0")
    if not (extractor.cache if cache is None else cache):
        return _in_order(_by_content(extractor, pictures, batch, NOTHING_KEPT), pictures)
    name = _cache_name(pictures, extractor)
    kept = Parts.of_cache(name)
    read = kept.read_rows(len(pictures))
    everywhere = all_true(read is not None)  # all processes extract, or none does
    if read is not None and everywhere:
        return _in_order(Extracted(**read), pictures)
    if world_size() == 1:
        return _in_order(_by_content(extractor, pictures, batch, kept), pictures)
    parts = Parts.of_cache(f"{name}-parts-{rank()}-of-{world_size()}")
    found = _by_content(extractor, pictures, batch, parts)
    kept.write_rows(found._asdict())
    parts.discard()
    return _in_order(found, pictures)


def _cache_name(pictures: Pictures, extractor: Extractor) -> str:
    content = pictures.identity.sha256
    what = {
        "content": content, "pillow": PIL.__version__, "kept": Extracted._fields,
        **asdict(extractor.provenance),
    }  # fmt: skip
    key = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
    return f"features/{key[:40]}"


def _in_order(found: Extracted, pictures: Pictures) -> Extracted:
    """Brings rows in the order of content to the order of the pictures, in place."""
    places = torch.tensor(content_order(pictures)).argsort()
    for rows in found:
        for columns in rows.split(COLUMNS, 1):  # a copy of all would be as large as they are
            columns.copy_(columns[places])
    return found


def _by_content(
    extractor: Extractor, pictures: Pictures, batch: int, parts: Parts
) -> Extracted:
    """Returns what is extracted, in the order of content, the same in every process."""
    if len(pictures) < world_size():
        raise InputError(
            f"{pictures.identity.source}: {len(pictures)} images for {world_size()} processes; "
            "start fewer"
        )
    mine = content_order(pictures)[rank() :: world_size()]
    found, problems = _features(extractor, pictures, mine, batch, parts)
    heard = [problem for text in gather_text(json.dumps(problems)) for problem in json.loads(text)]
    refuse_images(sorted(heard), len(pictures), pictures.identity.source)
    return Extracted(*(_every_process(rows, len(pictures)) for rows in found))


def _every_process(rows: Tensor, count: int) -> Tensor:
    """Returns the rows of all processes in the order of content."""
    if world_size() == 1:
        return rows
    every = rows.new_empty(count, rows.shape[1])
    for index, part in enumerate(gather_rows(rows)):
        every[index :: world_size()] = part
    return every


class Read(NamedTuple):
    """An image that the thread has read, or why there is none."""

    place: int
    """Its row among those of this process."""
    image: Tensor | None
    problem: str
    digest: bytes = b""
    """Of its pixels."""


def _read(pictures: Pictures, indices: list[int]) -> Iterator[Read]:
    for place, index in enumerate(indices):
        try:
            image = pictures.read(index)
            yield Read(place, image, "", pixel_digest(image))
        except InputError as error:
            yield Read(place, None, str(error))
        except Exception as error:
            error.add_note(f"while reading {pictures.names[index]}")
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


def _features(
    extractor: Extractor, pictures: Pictures, indices: list[int], batch: int, parts: Parts
) -> tuple[Extracted, list[str]]:
    """Returns what is extracted of some images, and what is wrong with those that have none."""
    label = f"features of {pictures.identity.source}"
    found: Extracted | None = None
    unreadable: list[str] = []
    infinite: list[str] = []
    with decoding(), Progress(len(indices), label, "images") as progress:
        for start in range(0, len(indices), Parts.BLOCK):
            kept = None if unreadable else parts.read(str(start))
            if kept is not None:
                one = Extracted(**kept)
                progress.advance(len(one.features))
            else:
                block = indices[start : start + Parts.BLOCK]
                one = _block(extractor, pictures, block, batch, unreadable, infinite, progress)
                if not unreadable and not infinite:
                    parts.write(str(start), one._asdict())
            if found is None:
                found = Extracted(*(rows.new_empty(len(indices), rows.shape[1]) for rows in one))
            if not unreadable:
                for every, rows in zip(found, one):
                    every[start : start + Parts.BLOCK] = rows
    assert found is not None  # there is at least one image
    return found, unreadable + infinite


def _block(
    extractor: Extractor, pictures: Pictures, indices: list[int], batch: int,
    unreadable: list[str], infinite: list[str], progress: Progress,
) -> Extracted:
    """Returns what is extracted of some images; both lists get what is wrong with the others."""
    features, pixels = torch.empty(0, 0), torch.empty(len(indices), BYTES, dtype=torch.uint8)
    with closing(in_background(_read(pictures, indices), batch)) as reads:
        for group in _batches(reads, batch, unreadable, progress):
            images = torch.stack([read.image for read in group if read.image is not None])
            rows = extractor(images)
            if not features.numel():
                features = rows.new_empty(len(indices), rows.shape[1])
            places = [read.place for read in group]
            features[torch.tensor(places)] = rows
            for read in group:
                pixels[read.place] = torch.frombuffer(bytearray(read.digest), dtype=torch.uint8)
            for place, good in zip(places, rows.isfinite().all(1).tolist()):
                if not good:
                    infinite.append(f"{pictures.names[indices[place]]}: {_not_finite(extractor)}")
            progress.advance(len(group))
    return Extracted(features, pixels)


def _not_finite(extractor: Extractor) -> str:
    remedy = "; give another `precision`" if extractor.precision == "fp16" else ""
    return f"its features by {extractor.name} are not finite{remedy}"
