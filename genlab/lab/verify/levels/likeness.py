"""Which submissions of a class are near-identical: their weights and their generated images.

    weights    the same file; or, of the weight matrices that two networks share in shape, a
               correlation above 0.98 (each matrix less its mean, by its deviation)
    images     the same pixels; or a root mean square difference below 3 of 255 levels at
               16 x 16 pixels, whatever the files are called

Of each network some 65,000 weights are looked at, evenly spaced. Networks trained from different
seeds have correlations near 0. Two people who took the same seed, data and settings get the same
weights honestly, above all on one kind of machine: equality is a reason to look, no verdict. A
run takes its seed from the student number, if it is given one and no other seed.

Submissions that are alike by twos are told as one group.
"""

__all__ = ["Group", "Prints", "likeness", "prints_of", "some_weights"]

import hashlib

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch

from torch import Tensor

from genlab.configs.lab import seed_of
from genlab.lab.report.numbers.facts import priors_of
from genlab.lab.verify.readers.pictures import read_picture
from genlab.lab.verify.readers.tensors import read_weights
from genlab.lab.verify.results.findings import Refused, Words
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
    seed: Any
    """Of the lab run."""
    begun_for: str
    """The student number that the lab run was begun with; "" without one."""


@dataclass(frozen=True)
class Group:
    """Submissions that are alike."""

    members: tuple[int, ...]
    """Their places, in the order of the submissions."""
    found: Words


def prints_of(who: str, run: Path) -> Prints:
    """Takes the prints of an unpacked submission; what is not readable is left out."""
    files, weights = {}, {}
    places = [run / "vae" / prior / "model.safetensors" for prior in priors_of(run)]
    for path in [*places, run / "gan" / "generator.safetensors"]:
        if path.exists():
            data, name = path.read_bytes(), path.parent.name
            files[name] = hashlib.sha256(data).hexdigest()
            try:
                weights[name] = some_weights(read_weights(data, name))
            except Refused:  # said where the models are rebuilt
                continue
    pixels, small = _images(run / "gan" / "generated")
    record = run / "config.json"
    lab = read_json(record).get("config") if record.exists() else None
    lab = lab if isinstance(lab, dict) else {}
    return Prints(
        who=who, files=files, weights=weights, pixels=pixels, small=small, settings=_settings(run),
        seed=lab.get("seed"), begun_for=str(lab.get("id") or ""),
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


@dataclass
class _Alike:
    """In what two submissions are alike, or all of a group."""

    same: set[str]
    """Networks with the same file."""
    near: dict[str, float]
    """Correlations of networks whose weights are almost the same."""
    same_images: int
    near_images: int

    def __bool__(self) -> bool:
        return bool(self.same or self.near or self.same_images or self.near_images)

    def __or__(self, other: "_Alike") -> "_Alike":
        return _Alike(
            self.same | other.same, self.near | other.near,
            max(self.same_images, other.same_images), max(self.near_images, other.near_images),
        )


def likeness(all_prints: list[Prints]) -> list[Group]:
    """Returns the groups of submissions that are alike, and in what."""
    groups: list[tuple[set[int], _Alike]] = []
    for (i, a), (j, b) in combinations(enumerate(all_prints), 2):
        if not (alike := _compared(a, b)):
            continue
        members = {i, j}
        for group in [group for group in groups if group[0] & members]:
            groups.remove(group)
            members, alike = members | group[0], alike | group[1]
        groups.append((members, alike))
    return [
        Group(tuple(sorted(members)), _words(alike, [all_prints[i] for i in sorted(members)]))
        for members, alike in groups
    ]


def _compared(a: Prints, b: Prints) -> _Alike:
    same = {name for name in a.files if a.files[name] == b.files.get(name)}
    return _Alike(same, _near_weights(a, b, same), *_images_alike(a, b))


def _near_weights(a: Prints, b: Prints, same: set[str]) -> dict[str, float]:
    """Returns the correlation of networks whose weights are almost the same."""
    near = {}
    for name in sorted(set(a.weights) & set(b.weights) - same):
        (shapes, ours), (others, theirs) = a.weights[name], b.weights[name]
        if shapes == others and len(ours):
            near[name] = float(np.mean(ours * theirs, dtype=np.float64))
    return {name: value for name, value in near.items() if value > ALIKE}


def _images_alike(a: Prints, b: Prints) -> tuple[int, int]:
    """Returns how many of the images of one are the same as, or nearly, one of the other's."""
    known = set(b.pixels)
    same = sum(one in known for one in a.pixels)
    near = 0
    if len(a.small) and len(b.small):
        squares = (a.small**2).sum(1)[:, None] + (b.small**2).sum(1) - 2 * a.small @ b.small.T
        near = int((squares.min(1) < LEVELS_OFF**2 * a.small.shape[1]).sum()) - same
    return same, max(0, near)


def _words(alike: _Alike, members: list[Prints]) -> Words:
    words = []
    if alike.same:
        shown = ", ".join(sorted(alike.same))
        words.append(Words(f"权重文件相同：{shown}", f"the same files of weights: {shown}"))
    if alike.near:
        shown = ", ".join(f"{name} {value:.4f}" for name, value in sorted(alike.near.items()))
        words.append(Words(f"权重几乎相同（相关系数）：{shown}",
                           f"near-identical weights (correlation): {shown}"))
    if alike.same_images:
        words.append(Words(f"{alike.same_images}张生成图像相同",
                           f"generated images that are the same: {alike.same_images}"))
    if alike.near_images:
        words.append(Words(f"{alike.near_images}张生成图像几乎相同",
                           f"generated images that are near-identical: {alike.near_images}"))
    # The generator alone decides the images.
    words.append(_why(members, {*alike.same, *alike.near} or {"gan"}))
    return Words("；".join(w.zh for w in words), "; ".join(w.en for w in words))


def _why(members: list[Prints], networks: set[str]) -> Words:
    """Says whether equal settings of these networks explain it, and where the seed is from."""
    differ = sorted(
        key for key in set().union(*(one.settings for one in members))
        if key.split()[0].rpartition("/")[2] in networks
        and any(one.settings.get(key) != members[0].settings.get(key) for one in members)
    )
    if differ:
        shown = ", ".join(differ[:4])
        return Words(f"它们的设置不同（{shown}），不足以解释",
                     f"their settings differ ({shown}): these do not explain it")
    seed = members[0].seed
    owners = {one.begun_for for one in members if one.begun_for} if isinstance(seed, int) else set()
    if owner := next((one for one in sorted(owners) if seed_of(one) == seed), None):
        return Words(
            f"种子{seed}由学号{owner}得出：这样的种子不应有第二人使用",
            f"their seed {seed} is that of the student number {owner}: nobody else should have it")
    return Words(f"种子（{seed}）、数据与设置都相同，这足以解释",
                 f"same seed ({seed}), data and settings explain this")
