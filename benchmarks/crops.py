"""Draws photographs beside the squares that each `--crop` keeps of them.

    python benchmarks/crops.py DIR --out crops.jpg [--count 10] [--seed 0]

The photographs are drawn at random, not chosen. Where no head is found, the square of the crop
face is grey: it leaves such photographs out. How many of 500 central and subjects' squares are
recognised as dogs stands in `genlab/data/crops/subject.py`.
"""

import argparse

from pathlib import Path

import numpy as np

from PIL import Image, ImageDraw, ImageOps

from genlab.data.crops.heads import HeadFinder
from genlab.data.crops.squares import Box, central_box
from genlab.data.crops.subject import subject_box
from genlab.data.decode import decode_usable
from genlab.data.files.folder import Folder
from genlab.figures.grids import labelled_rows
from genlab.networks.pretrained.efficientnet_lite0 import load_efficientnet_lite0

SIDE = 96
NONE = np.full((SIDE, SIDE, 3), 128, np.uint8)
LINES = {"centre": (255, 255, 255), "subject": (255, 60, 60), "face": (60, 160, 255)}


def outlined(image: Image.Image, boxes: dict[str, Box]) -> np.ndarray:
    """Returns the whole picture on a square, the squares drawn into it."""
    image = image.copy()
    pen = ImageDraw.Draw(image)
    for name, box in boxes.items():
        corners = (box.left, box.top, box.left + box.side - 1, box.top + box.side - 1)
        pen.rectangle(corners, outline=LINES[name], width=3)
    return np.asarray(ImageOps.pad(image, (SIDE, SIDE), color=(128, 128, 128)))


def cut(image: Image.Image, box: Box) -> np.ndarray:
    corners = (box.left, box.top, box.left + box.side, box.top + box.side)
    return np.asarray(image.crop(corners).resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    files = Folder(options.folder)
    order = np.random.default_rng(options.seed).permutation(len(files.names))[: options.count]
    network = load_efficientnet_lite0()
    finder = HeadFinder(network)
    rows: dict[str, list[np.ndarray]] = {"photograph": []} | {name: [] for name in LINES}
    for file in (files.names[i] for i in order):
        image = decode_usable(files.read(file), files.title(file))
        boxes = {"centre": central_box(*image.size), "subject": subject_box(network, image)}
        head = finder.find(image)
        if head.is_head:
            boxes["face"] = head.box
        rows["photograph"].append(outlined(image, boxes))
        for name in LINES:
            rows[name].append(cut(image, boxes[name]) if name in boxes else NONE)
    figure = labelled_rows([(name, np.stack(images)) for name, images in rows.items()])
    figure.savefig(options.out, dpi=100, pil_kwargs={"quality": 88})


if __name__ == "__main__":
    main()
