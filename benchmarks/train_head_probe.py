r"""Trains the probe of heads in `genlab/networks/pretrained/heads.safetensors`.

    python -m benchmarks.train_head_probe FACES PHOTOS FILE.safetensors

FACES is a folder of cropped faces of dogs, PHOTOS one of whole photographs in which heads are not
marked; 2,000 of these are looked at. About a quarter of an hour on one core for 1,507 faces.
scikit-learn's logistic regression, of standardised features, is trained three times:

1. faces, as they are and made as blurred as small ones, against random squares of photographs
   (which count less, for some of them are heads);
2. and 3. with squares that the probe before found: of each photograph whose best square is above
   the median, that square and those that overlap it well are heads, the squares that hardly
   overlap it are none. Photographs below the median say nothing.

A fifth of the faces and three tenths of the photographs are held out, by the seed; the script
prints how the probe does on them. The weights follow from the seed on one machine and version of
torch; the package keeps those that its SHA-256 names.

Shapes: N images, B squares of one image, F features.
"""

__all__ = ["overlap", "train_probe"]

import sys

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from PIL import Image
from safetensors.torch import save
from sklearn.linear_model import LogisticRegression

import genlab.data

from genlab.common import atomic
from genlab.common.progress import Progress, say
from genlab.data.crops.heads import HeadFinder, neighbours
from genlab.data.crops.squares import Box, inside
from genlab.data.pictures import Pictures
from genlab.networks.pretrained.efficientnet_lite0 import load_efficientnet_lite0
from genlab.networks.pretrained.heads import HeadProbe

SHARPNESS = (96, 60, 36)
"""Pixels a side that faces are brought to before they are enlarged again."""
PHOTOS = 2000
"""Photographs that are looked at, the first of those given."""
RANDOM = 6
"""Random squares of each photograph."""
SAME, APART = 0.6, 0.3
"""Intersection over union of squares that show the same, and at most of those that do not."""
STRENGTH = 0.003
"""scikit-learn's C: the inverse of the weight of |w|^2."""
RANDOM_WEIGHT = 0.3
"""How much a random square counts in the first training."""


class Squares(NamedTuple):
    """Squares of one photograph."""

    boxes: np.ndarray
    """Left, top and side, `(B, 3)`."""
    features: np.ndarray
    """`(B, F)`."""


class Examples(NamedTuple):
    """What a probe is trained on."""

    features: np.ndarray
    """`(N, F)`."""
    are_heads: np.ndarray
    weights: np.ndarray


def overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Returns intersection over union of a square `(3,)` with others, `(B, 3)` to `(B,)`."""
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[:2] + box[2], boxes[:, :2] + boxes[:, 2:])
    shared = (high - low).clip(0).prod(1)
    return shared / (box[2] ** 2 + boxes[:, 2] ** 2 - shared)


def train_probe(faces: Pictures, photos: Pictures, seed: int = 0) -> HeadProbe:
    """Trains the probe.

    Arguments:
        faces: Cropped faces.
        photos: Whole photographs, of any sizes.
        seed: Decides the random squares, and what is held out.

    Raises:
        InputError: If images are not readable.
    """
    random = np.random.default_rng(seed)
    network = load_efficientnet_lite0()
    blank = HeadFinder(network, HeadProbe(torch.zeros(1280), torch.zeros(())))
    order = random.permutation(len(faces))
    learned, held_out = np.split(order, [len(order) * 4 // 5])
    heads = _faces(blank, faces, learned)
    order = random.permutation(len(photos))
    train, test = np.split(order, [len(order) * 7 // 10])
    squares = _all_squares(blank, photos, train, random)
    none = np.concatenate([one.features for one in squares])
    probe = _fit(Examples(
        np.concatenate([heads, none]), np.repeat([True, False], [len(heads), len(none)]),
        np.repeat([1 / len(SHARPNESS), RANDOM_WEIGHT / RANDOM], [len(heads), len(none)]),
    ))
    for _ in range(2):
        finder = HeadFinder(network, probe)
        squares = _all_squares(finder, photos, train, random)
        probe = _fit(_examples(probe, squares, heads))
    finder = HeadFinder(network, probe)
    seen = probe.log_odds(torch.from_numpy(_faces(blank, faces, held_out))) > 0
    shares = ", ".join(f"{share:.1%}" for share in seen.view(3, -1).float().mean(1).tolist())
    say(f"of {len(held_out)} held-out faces at {SHARPNESS} pixels, taken for heads: {shares}")
    with_head, beside = [], []
    for index in _told(test):
        image = _image(photos, index)
        head = finder.find(image)
        with_head.append(head.is_head)
        boxes = _random_boxes(image, random)
        apart = overlap(np.array(head.box), np.array(boxes)) < APART
        if head.is_head:
            judged = finder.judged(image, boxes)
            beside += [one.is_head for one, is_apart in zip(judged, apart) if is_apart]
    say(f"of {len(test):,} held-out photographs, with a head: {np.mean(with_head):.1%}")
    say(f"of {len(beside):,} random squares apart from it, taken for heads: {np.mean(beside):.1%}")
    return probe


def _told(indices: np.ndarray) -> list[int]:
    return [int(index) for index in indices]


def _image(pictures: Pictures, index: int) -> Image.Image:
    return Image.fromarray(pictures.read(index).permute(1, 2, 0).numpy())


def _faces(finder: HeadFinder, faces: Pictures, indices: np.ndarray) -> np.ndarray:
    """Returns the features of faces, of each sharpness after the other."""
    found = []
    with Progress(len(SHARPNESS) * len(indices), "faces", "images") as progress:
        for side in SHARPNESS:
            for index in _told(indices):
                image = _image(faces, index)
                image = image.resize((side, side), Image.Resampling.LANCZOS)
                found.append(finder.features(image, [Box(0, 0, side)]))
                progress.advance()
    return torch.cat(found).numpy()


def _random_boxes(image: Image.Image, random: np.random.Generator) -> list[Box]:
    """Returns random squares, whose sides are 0.25 to 1 of the shorter side."""
    width, height = image.size
    boxes = []
    for _ in range(RANDOM):
        side = min(image.size) * random.uniform(0.25, 1)
        x = random.uniform(side / 2, width - side / 2)
        y = random.uniform(side / 2, height - side / 2)
        boxes.append(inside(x, y, side, width, height))
    return boxes


def _all_squares(
    finder: HeadFinder, photos: Pictures, indices: np.ndarray, random: np.random.Generator
) -> list[Squares]:
    found = []
    with Progress(len(indices), "photographs", "images") as progress:
        for index in _told(indices):
            found.append(_squares(finder, photos, index, random))
            progress.advance()
    return found


def _squares(
    finder: HeadFinder, photos: Pictures, index: int, random: np.random.Generator
) -> Squares:
    """Returns random squares of a photograph; and, of a probe that knows, those it looks at."""
    image = _image(photos, index)
    boxes = _random_boxes(image, random)
    if finder.probe.weight.any():
        proposed = finder.proposals(image)
        best = max(finder.judged(image, proposed), key=lambda head: head.log_odds)
        boxes += [*proposed, *neighbours(best.box, *image.size)]
    return Squares(np.array(boxes), finder.features(image, boxes).numpy())


def _examples(probe: HeadProbe, squares: Sequence[Squares], faces: np.ndarray) -> Examples:
    """Returns faces, heads that the probe is sure of, and squares apart from these."""
    odds = [probe.log_odds(torch.from_numpy(one.features)).numpy() for one in squares]
    median = np.median([one.max() for one in odds])
    heads, none = [], []
    for one, values in zip(squares, odds):
        if values.max() > median:
            near = overlap(one.boxes[values.argmax()], one.boxes)
            heads.append(one.features[(near > SAME) & (values > 0)])
            none.append(one.features[near < APART])
    found, others = np.concatenate(heads), np.concatenate(none)
    return Examples(
        np.concatenate([faces, found, others]),
        np.repeat([True, False], [len(faces) + len(found), len(others)]),
        np.repeat(
            [1 / len(SHARPNESS), 1, len(found) / len(others)],
            [len(faces), len(found), len(others)],
        ),
    )


def _fit(examples: Examples) -> HeadProbe:
    """Returns the regression, of features as they are."""
    mean, std = examples.features.mean(0), examples.features.std(0) + 1e-3
    fitted = LogisticRegression(C=STRENGTH, max_iter=1000).fit(
        (examples.features - mean) / std, examples.are_heads, sample_weight=examples.weights
    )
    weight = fitted.coef_[0] / std
    bias = fitted.intercept_[0] - weight @ mean
    say(f"trained on {examples.are_heads.sum():,} heads, {(~examples.are_heads).sum():,} others")
    return HeadProbe(torch.tensor(weight).float(), torch.tensor(bias).float())


def main() -> None:
    """Runs from the command line."""
    faces, photos, out = sys.argv[1:]
    probe = train_probe(genlab.data.images(faces), genlab.data.images(photos, limit=PHOTOS))
    data = save({"weight": probe.weight, "bias": probe.bias})
    atomic.write_bytes(Path(out), data)
    say(f"{out}: {len(data):,} bytes")


if __name__ == "__main__":
    main()
