"""Which submissions of a class are near-identical: their weights and their generated images.

    weights    the same file; or, of the weight matrices that two networks share in shape, a
               correlation above 0.98 (each matrix less its mean, by its deviation)
    images     the same pixels; or a root mean square difference below 3 of 255 levels at
               16 x 16 pixels, whatever the files are called

Of each network some 65,000 weights are looked at, evenly spaced. Networks trained from different
seeds have correlations near 0. Two people who took the same seed, data and settings get the same
weights honestly, above all on one kind of machine: equality is a reason to look, no verdict.
"""

__all__ = ["Prints", "likeness", "prints_of", "some_weights"]

import hashlib

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch

from torch import Tensor

from genlab.lab.report.numbers.facts import priors_of
from genlab.lab.verify.readers.pictures import read_picture
from genlab.lab.verify.readers.tensors import read_tensors
from genlab.lab.verify.results.findings import Finding, Refused, Verdict, Words
from genlab.runs.records import read_json

ALIKE = 0.98
LEVELS_OFF = 3.0
SIDE = 16
WEIGHTS = 65_536
SMALLEST = 256
"""Values of a matrix that counts."""
MOST_IMAGES = 1_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Prints:
    """What is kept of a submission to compare it with others."""

    who: str
    files: dict[str, str]
    """SHA-256 of the weights' file, by network."""
    weights: dict[str, tuple[object, np.ndarray]]
    """Shapes of the matrices and some of their values, standardised, by network."""
    pixels: list[str]
    """SHA-256 of each generated image's pixels."""
    small: np.ndarray
    """The generated images at 16 x 16 pixels, `(N, 768)`."""
    settings: dict[str, Any]


def prints_of(who: str, run: Path) -> Prints:
    """Takes the prints of an unpacked submission; what is not readable is left out."""
    files, weights = {}, {}
    places = [run / "vae" / prior / "model.safetensors" for prior in priors_of(run)]
    for path in [*places, run / "gan" / "generator.safetensors"]:
        if path.exists():
            data, name = path.read_bytes(), path.parent.name
            files[name] = hashlib.sha256(data).hexdigest()
            try:
                weights[name] = some_weights(read_tensors(data, name))
            except Refused:  # said where the models are rebuilt
                continue
    pixels, small = _images(run / "gan" / "generated")
    return Prints(
        who=who, files=files, weights=weights, pixels=pixels, small=small, settings=_settings(run)
    )


def _settings(run: Path) -> dict[str, Any]:
    """Returns the configurations and the data's identities, as far as they decide the weights."""
    found: dict[str, Any] = {}
    for folder in [*(f"vae/{prior}" for prior in priors_of(run)), "gan"]:
        for file, key in (("config.json", "config"), ("env.json", "data")):
            if (run / folder / file).exists():
                found[f"{folder} {key}"] = read_json(run / folder / file).get(key)
    for value in found.values():
        if isinstance(value, dict):
            value.pop("checkpoints", None)  # what a run keeps does not decide its weights
            # Where the data lay does not matter, their content does.
            for key in ("data", "digits", "images"):
                if isinstance(one := value.get(key), dict):
                    value[key] = one.get("sha256")
                elif isinstance(one, str):
                    del value[key]
    return found


def some_weights(weights: Mapping[str, Tensor]) -> tuple[object, np.ndarray]:
    """Returns shapes and evenly spaced values of the matrices, each with mean 0 and variance 1."""
    tensors = {
        key: tensor for key, tensor in sorted(weights.items())
        if tensor.is_floating_point() and tensor.ndim > 1 and tensor.numel() >= SMALLEST
    }
    step = max(1, sum(tensor.numel() for tensor in tensors.values()) // WEIGHTS)
    parts = []
    for tensor in tensors.values():
        values = tensor.flatten()[::step].double()
        parts.append((values - values.mean()) / (values.std(correction=0) + 1e-12))
    shapes = [(key, tuple(tensor.shape)) for key, tensor in tensors.items()]
    return shapes, torch.cat(parts).float().numpy() if parts else np.zeros(0, np.float32)


def _images(folder: Path) -> tuple[list[str], np.ndarray]:
    pixels, small = [], []
    for path in sorted(folder.glob("[0-9]*.png"))[:MOST_IMAGES]:
        try:
            data = path.read_bytes()
            pixels.append(hashlib.sha256(read_picture(data, path.name).tobytes()).hexdigest())
            small.append(read_picture(data, path.name, (SIDE, SIDE)).astype(np.float32).ravel())
        except Refused:
            continue
    return pixels, np.stack(small) if small else np.zeros((0, 3 * SIDE**2), np.float32)


def likeness(all_prints: list[Prints]) -> list[tuple[int, int, Finding]]:
    """Returns which two (by place) are alike, and in what; nothing of those who are not."""
    found = []
    for (i, a), (j, b) in combinations(enumerate(all_prints), 2):
        same = sorted(name for name in a.files if a.files[name] == b.files.get(name))
        near = _near_weights(a, b, set(same))
        words = [*_weight_words(same, near), *_image_words(a, b)]
        if not words:
            continue
        networks = {*same, *near} or {"gan"}  # the generator alone decides the images
        words.append(_why(a, b, networks))
        text = Words("；".join(w.zh for w in words), "; ".join(w.en for w in words))
        name = Words(f"{a.who}与{b.who}相似", f"{a.who} and {b.who} are alike")
        found.append((i, j, Finding("likeness", name, Verdict.LOOK, text)))
    return found


def _near_weights(a: Prints, b: Prints, same: set[str]) -> dict[str, float]:
    """Returns the correlation of networks whose weights are almost the same."""
    near = {}
    for name in sorted(set(a.weights) & set(b.weights) - same):
        (shapes, ours), (others, theirs) = a.weights[name], b.weights[name]
        if shapes == others and len(ours):
            near[name] = float(np.mean(ours * theirs, dtype=np.float64))
    return {name: value for name, value in near.items() if value > ALIKE}


def _weight_words(same: list[str], near: dict[str, float]) -> list[Words]:
    words = []
    if same:
        shown = ", ".join(same)
        words.append(Words(f"权重文件相同：{shown}", f"the same files of weights: {shown}"))
    if near:
        shown = ", ".join(f"{name} {value:.4f}" for name, value in near.items())
        words.append(Words(f"权重几乎相同（相关系数）：{shown}",
                           f"near-identical weights (correlation): {shown}"))
    return words


def _image_words(a: Prints, b: Prints) -> list[Words]:
    known = set(b.pixels)
    same = sum(one in known for one in a.pixels)
    near = 0
    if len(a.small) and len(b.small):
        squares = (a.small**2).sum(1)[:, None] + (b.small**2).sum(1) - 2 * a.small @ b.small.T
        near = int((squares.min(1) < LEVELS_OFF**2 * a.small.shape[1]).sum()) - same
    words = []
    if same:
        words.append(Words(f"{same}张生成图像相同", f"generated images that are the same: {same}"))
    if near > 0:
        words.append(Words(f"{near}张生成图像几乎相同",
                           f"generated images that are near-identical: {near}"))
    return words


def _why(a: Prints, b: Prints, networks: set[str]) -> Words:
    """Says whether equal settings of these networks explain it."""
    differ = sorted(
        key for key in {*a.settings, *b.settings}
        if key.split()[0].rpartition("/")[2] in networks
        and a.settings.get(key) != b.settings.get(key)
    )
    if not differ:
        return Words("种子、数据与设置都相同，这足以解释",
                     "same seed, data and settings explain this")
    shown = ", ".join(differ[:4])
    return Words(f"两者的设置不同（{shown}），不足以解释",
                 f"their settings differ ({shown}): these do not explain it")
