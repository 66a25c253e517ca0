"""The facts that numbers depend on besides a configuration: versions, processor, threads."""

__all__ = ["DECIDES_BITS", "PLAIN", "session"]

import os
import platform
import sys
import time

from importlib.metadata import version
from typing import Any

DECIDES_BITS = ("genlab", "torch", "processor", "capability", "threads")
"""The entries of a session that must agree for a resumed run to repeat an unbroken one."""

PLAIN: dict[str, Any] = {"device": "cpu", "gpu": None, "precision": "float32", "compiled": False}
"""The hardware of a session that records none; a GAN's records it (`compute/hardware.py`)."""


def processor() -> str:
    """Returns the processor's name as the system gives it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.split(":", 1)[1].strip() for line in file if "model name" in line]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def session() -> dict[str, Any]:
    """Returns the facts of this process that its numbers depend on, as JSON values."""
    import torch

    from genlab.common.version import __version__

    return {
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": " ".join(["genlab", *sys.argv[1:]]),
        "genlab": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": version("numpy"),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }
