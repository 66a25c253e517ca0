"""The values that a seeded run leaves in a folder, read and compared; `guard.py` says which."""

__all__ = ["Fact", "compare", "facts_of"]

import hashlib
import html
import io
import json
import re
import zipfile

from base64 import b64decode
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from PIL import Image, ImageSequence

VARYING = re.compile("second|elapsed|minutes")
"""Keys of numbers that two runs of one tree do not share."""
UNSAID = re.compile(
    r"\d{4}-\d\d-\d\d\S*|每秒[\d.]+|[\d.]+ images (?:a|per) second"
    r"|[\d.,]+\s*(?:秒|分钟|小时|s\b|seconds?|minutes?|hours?|[KMG]B)"
)
"""Dates, times and sizes in a report."""
SPOKEN = re.compile(r"(?<![\w.])[-+−]?\d+(?:,\d{3})*(?:\.\d+)?(?!\.?\w)", re.ASCII)
SHORT = 8
"""Characters of a number that says little by itself."""
SHOWN = 12
"""Lost values of a kind that are printed."""


class Fact(NamedTuple):
    """A value that a case made, and where it stood."""

    kind: str
    file: str
    name: str
    value: str


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:20]


def pixels(data: bytes) -> str:
    frames = ImageSequence.Iterator(Image.open(io.BytesIO(data)))
    return digest(b"".join(frame.convert("RGBA").tobytes() for frame in frames))


def tensors(data: bytes) -> Iterator[tuple[str, str]]:
    """Yields the tensors of a .safetensors file: its header's length, its header, their bytes."""
    start = 8 + int.from_bytes(data[:8], "little")
    for name, entry in json.loads(data[8:start]).items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            yield name, digest(data[start + first : start + last])


def arrays(data: bytes) -> Iterator[tuple[str, str]]:
    """Yields the arrays of numbers in an .npz file."""
    for name, array in np.load(io.BytesIO(data)).items():
        if array.dtype.kind in "iufc":
            yield name, digest(array.tobytes())


def numbers(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yields the numbers within a JSON value, whole ones below ten and varying ones left out."""
    if isinstance(value, dict):
        if not VARYING.search(str(value.get("origin"))):  # a number of the report, and its source
            for key, item in value.items():
                if not VARYING.search(key):
                    yield from numbers(item, f"{name}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from numbers(item, f"{name}.{index}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if not (float(value).is_integer() and abs(value) < 10):
            yield name.removeprefix("."), repr(float(value))


def spoken(data: bytes) -> Iterator[tuple[str, str]]:
    """Yields the numbers in a Word file's text: of three digits or with decimals, not in code."""
    document = zipfile.ZipFile(io.BytesIO(data)).read("word/document.xml").decode()
    for paragraph in re.findall(r"<w:p[ >].*?</w:p>", document, re.DOTALL):
        style = re.search(r'<w:pStyle w:val="([^"]*)"', paragraph)
        if style and re.search("code|heading|toc|reference", style[1], re.IGNORECASE):
            continue
        text = "".join(re.findall(r"<[wm]:t(?: [^>]*)?>([^<]*)<", paragraph))
        text = UNSAID.sub(" ", html.unescape(text))
        for found in SPOKEN.finditer(text):
            value = found[0].replace("−", "-")
            if "." in value or sum(map(str.isdigit, value)) > 2:
                yield text[max(0, found.start() - 16) : found.start()], value


def embedded(data: bytes, file: str) -> Iterator[Fact]:
    """Yields what an explorer page holds: JSON, and arrays and pictures as base64."""
    blocks = re.findall(rb'<script type="application/([\w-]+)"[^>]*>(.*?)</script>', data, re.S)
    for index, (kind, block) in enumerate(blocks):
        if kind == b"json":
            yield from (Fact("page", file, *found) for found in numbers(json.loads(block)))
        elif (content := b64decode(block)).startswith(b"RIFF"):  # WebP
            yield Fact("figures", file, f"picture {index}", pixels(content))
        else:
            yield Fact("page", file, f"array {index}", digest(content))


def facts_of_file(path: Path, file: str) -> Iterator[Fact]:
    data = path.read_bytes()
    if path.suffix == ".safetensors":
        yield from (Fact("weights", file, *found) for found in tensors(data))
    elif path.suffix == ".npz":
        yield from (Fact("weights", file, *found) for found in arrays(data))
    elif path.suffix in (".json", ".jsonl") and path.stem not in ("config", "env"):
        if path.suffix == ".json":
            value = json.loads(data)
        else:
            value = [json.loads(line) for line in data.splitlines()]
        yield from (Fact("numbers", file, *found) for found in numbers(value))
    elif path.suffix in (".png", ".webp", ".gif"):
        sample = path.stem.isdigit() or path.stem in ("grid", "walk")
        yield Fact("samples" if sample else "figures", file, "", pixels(data))
    elif path.suffix == ".docx":
        yield from (Fact("report", file, *found) for found in spoken(data))
    elif path.suffix == ".html":
        yield from embedded(data, file)


def facts_of(folder: Path) -> list[Fact]:
    """Returns the values in all files of a folder."""
    return [
        fact
        for path in sorted(folder.rglob("*")) if path.is_file()
        for fact in facts_of_file(path, path.relative_to(folder).as_posix())
    ]  # fmt: skip


def compare(before: list[Fact], after: list[Fact]) -> bool:
    """Prints what is lost and added, and returns whether nothing but figures is lost."""
    was, now = Counter(map(valued, before)), Counter(map(valued, after))
    lost: dict[str, list[str]] = {}
    for fact in before:
        value = valued(fact)
        left, needed = now[value], was[value] if len(fact.value) > SHORT else 1
        if left < needed:
            words = f"{fact.file} {fact.name} = {fact.value}"
            words += f" ({left} of {needed} copies left)" if left else ""
            lost.setdefault(fact.kind, []).append(words)
    for kind, lines in lost.items():
        print(f"    {kind}: {len(lines)} LOST" + ", no failure" * (kind == "figures"))
        for line in lines[:SHOWN]:
            print(f"        {line}")
        if len(lines) > SHOWN:
            print(f"        and {len(lines) - SHOWN} more")
    added = Counter(kind for kind, _ in (now - was).elements())
    if added:
        print("    added: " + ", ".join(f"{count} {kind}" for kind, count in added.items()))
    return not lost.keys() - {"figures"}


def valued(fact: Fact) -> tuple[str, str]:
    """Returns what is compared of a value; an image may turn from a figure into a sample."""
    return "images" if fact.kind in ("samples", "figures") else fact.kind, fact.value
