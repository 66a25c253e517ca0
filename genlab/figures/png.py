"""Figures as files."""

__all__ = ["save"]

import io

from pathlib import Path

from matplotlib.figure import Figure

from genlab.common import atomic


def save(figure: Figure, path: Path) -> None:
    """Writes a figure as PNG, without the library's version in it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    atomic.write_bytes(path, buffer.getvalue())
