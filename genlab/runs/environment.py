"""The facts that numbers depend on besides a configuration: versions, processor, threads."""

__all__ = ["DECIDES_BITS", "Environment", "Session", "session"]

import os
import platform
import sys
import time

from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Literal

from genlab.common.checks import require_choice
from genlab.common.errors import InputError
from genlab.common.identity import Identity

DECIDES_BITS = ("genlab", "torch", "processor", "capability", "threads")
"""The entries of a session that must agree for a resumed run to repeat an unbroken one."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """What the numbers of one process depend on besides the configuration."""

    started: str
    command: str
    genlab: str
    python: str
    torch: str
    numpy: str
    system: str
    processor: str
    capability: str
    cores: int | None
    threads: int
    device: str = "cpu"
    """This and what follows are recorded by a GAN's sessions (`compute/hardware.py`)."""
    gpu: str | None = None
    precision: Literal["float32", "bf16"] = "float32"
    compiled: bool = False

    def __post_init__(self) -> None:
        require_choice(("float32", "bf16"), precision=self.precision)


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The `env.json` of a run."""

    data: dict[str, Identity]
    """The data sets by their role: "digits", "images"."""
    sessions: list[Session]
    """One a process that worked on the run, the first first."""
    ways: dict[str, str] = field(default_factory=dict)
    """Ways from the run's folder to SOURCEs that were given as relative paths."""

    def __post_init__(self) -> None:
        if not self.sessions:
            raise InputError("`sessions`: none")


def processor() -> str:
    """Returns the processor's name as the system gives it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.split(":", 1)[1].strip() for line in file if "model name" in line]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def session() -> dict[str, Any]:
    """Returns the facts of this process, as a `Session` has them, as JSON values."""
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
