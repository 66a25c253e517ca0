"""A tiny lab run that was handed in, a class of three, and ways to spoil what they hand in."""

import hashlib
import io
import shutil
import zipfile

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from cases.lab import FAKES
from PIL import Image
from safetensors.torch import load, save

from genlab.lab.handin.archive import MANIFEST
from genlab.lab.handin.submission import submit
from genlab.lab.verify.results.findings import Verdict

WHO = "张三_2021"
DOCX, CODE, SUPPORT = f"实验五_{WHO}.docx", f"实验五代码_{WHO}.zip", f"实验五支撑材料_{WHO}.zip"
Edit = Callable[[bytes], bytes]


def hand_in_by_three(lab_run: Path, folder: Path) -> Path:
    """A class of three: two of one run, one with other weights and images; a folder each."""
    run = shutil.copytree(lab_run, folder / "run")
    (folder / "class" / WHO).mkdir(parents=True)
    for name in (DOCX, CODE, SUPPORT):
        shutil.copy(lab_run / "report" / name, folder / "class" / WHO)
    for name, number in (("李四", "2022"), ("王五", "2023")):
        submit_again(run, folder / "class" / f"{name}_{number}", name, number)
    third = folder / "class" / "王五_2023"
    networks = ("vae/standard/model", "vae/mixture/model", "vae/vamp/model", "gan/generator")
    rewrite(third / CODE.replace(WHO, third.name),
            {f"models/{name}.safetensors": drawn_anew for name in networks})
    rewrite(third / SUPPORT.replace(WHO, third.name),
            {f"generated/{index:03d}.png": negative for index in range(FAKES)})
    return folder / "class"


def drawn_anew(data: bytes) -> bytes:
    """Other weights of the same shapes."""
    random = torch.Generator().manual_seed(0)
    return save({
        key: torch.randn(value.shape, generator=random) if value.is_floating_point() else value
        for key, value in load(data).items()
    })


def negative(data: bytes) -> bytes:
    """The negative of a picture."""
    return altered(data, lambda value: 255 - value)


def altered(data: bytes, change: Callable[[int], int]) -> bytes:
    """A picture with every value changed."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(data)) as image:
        image.point(change).save(buffer, "PNG")
    return buffer.getvalue()


def rewrite(
    path: Path, edits: dict[str, Edit] | None = None, add: dict[str, bytes] | None = None,
    drop: tuple[str, ...] = (), redo: bool = True,
) -> None:
    """Writes an archive again with changes; its manifest too if `redo` says so."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if name not in drop}
    for name, edit in (edits or {}).items():
        changed = edit(files[name])
        assert changed != files[name], name
        files[name] = changed
    files |= add or {}
    if redo and MANIFEST in files:
        files[MANIFEST] = "".join(
            f"{hashlib.sha256(data).hexdigest()}  {name}\n"
            for name, data in sorted(files.items()) if name != MANIFEST
        ).encode()
    with zipfile.ZipFile(path, "w") as archive:  # stored: packing takes longer than verifying
        for name, data in files.items():
            archive.writestr(name, data)


def submit_again(run: Path, folder: Path, name: str, number: str, **options: Any) -> Path:
    """Builds what a run hands in, for somebody, into a folder of their own."""
    results = submit(run, name, number, **options)
    folder.mkdir(parents=True)
    for kind in ("docx", "code", "support"):
        shutil.copy(run / results[kind], folder)
    return folder


def rows(report: Any) -> dict[str, Verdict]:
    """The verdicts of a report by the English names of the checks."""
    return {finding.check.en: finding.verdict for finding in report.findings}
