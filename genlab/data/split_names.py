"""Folders that part a data set and are no classes: `train`, `Testing`, `val2017`, `test_images`.

A name counts if nothing but such words is left of its letters: a word for a split, and words like
"set", "data" or "images" around it; or those alone ("images", "dataset").
"""

__all__ = ["Split", "past_splits", "split_of"]

import re

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal

Split = Literal["train", "valid", "test", "whole"]
"""A part of a data set; "whole" for words that only say that data lie there."""

WORDS: dict[str, str] = {
    "train": "training|train|trn|tr|训练",
    "valid": "validation|validate|valid|val|development|dev|验证",
    "test": "testing|tests|test|tst|te|evaluation|eval|holdout|heldout|测试",
}
AROUND = (
    "datasets?|data|sets?|splits?|folders?|subsets?|samples?|images?|imgs?|pictures?|pics?|"
    "photos?|jpe?gs?|pngs?|files|all|full|数据集?|集|图像|图片"
)
PATTERNS = {
    split: re.compile(f"(?:{AROUND})*(?:{words})(?:{AROUND})*") for split, words in WORDS.items()
}
WHOLE = re.compile(f"(?:{AROUND})+")


def split_of(name: str) -> Split | None:
    """Returns the part of a data set that a folder's name speaks of; None for another name."""
    letters = re.sub(r"[\W\d_]+", "", name.lower())
    for split in ("train", "valid", "test"):
        if PATTERNS[split].fullmatch(letters):
            return split
    return "whole" if WHOLE.fullmatch(letters) else None


def past_splits(paths: Iterable[Sequence[str]]) -> list[tuple[str, ...]]:
    """Returns the folders of each image without those that part the data set.

    A folder is looked past if its name and those of all folders beside it are names of splits,
    or if it alone holds all images and they lie in folders within it.

    Arguments:
        paths: The folders that each image lies in, from the outermost inwards.
    """
    left = [tuple(path) for path in paths]
    while True:
        before = left
        left = _past_names(left)
        if all(len(path) > 1 for path in left) and len({path[0] for path in left}) == 1:
            left = [path[1:] for path in left]
        if left == before:
            return left


def _past_names(paths: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Drops leading folders that are splits, beside one another, folder by folder."""
    branches: dict[str, list[int]] = defaultdict(list)
    for index, path in enumerate(paths):
        branches[path[0] if path else ""].append(index)
    if not all(name and split_of(name) for name in branches):
        return paths
    found = list(paths)
    for rows in branches.values():
        for index, rest in zip(rows, _past_names([paths[row][1:] for row in rows])):
            found[index] = rest
    return found
