"""A run as a notebook shows it: tables, and its figures at the size of a preview.

Whatever comes from a file is escaped. What is embedded is bounded: `SHOWN` figures of at most
`SIDE` pixels a side, as JPEG.
"""

__all__ = ["page"]

import base64
import html
import io

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genlab.common.errors import InputError
from genlab.common.text import one_line
from genlab.notebook.tables import Results, Table, headline, tables_of

SHOWN = 6
SIDE = 420
FIRST = (
    "figures/aggregated", "figures/manifold", "figures/samples", "figures/reconstructions",
    "progress", "neighbours", "generated", "vae/priors", "comparison", "closest",
)  # fmt: skip
"""Figures that are shown before others."""


def page(
    path: str, kind: str, done: bool, results: Results | InputError,
    figures: Mapping[str, Path], last: dict[str, Any],
) -> str:
    """Returns HTML of a run.

    Arguments:
        path: Its folder.
        kind: Of which kind it is.
        done: Whether it is complete.
        results: Its numbers, or why they cannot be read.
        figures: Its pictures by name.
        last: Of a run that is not complete, the last entry of its metrics.
    """
    parts = [
        f"<div><b>{_escaped(path)}</b><br>{_escaped(headline(kind, done, results))}</div>"
    ]
    if last:
        words = ", ".join(f"{k} {v:.5g}" if isinstance(v, float) else f"{k} {v}"
                          for k, v in last.items())
        parts.append(f"<div>so far: {_escaped(words)}</div>")
    if done and not isinstance(results, InputError):
        parts += [_table(table) for table in tables_of(kind, results)]
    names = sorted(figures, key=lambda n: (FIRST.index(n) if n in FIRST else len(FIRST), n))
    stills = [name for name in names if figures[name].suffix == ".png"]
    shown = [image for name in stills[:SHOWN] if (image := _preview(name, figures[name]))]
    if shown:
        parts.append(f"<div style='display:flex;flex-wrap:wrap;gap:12px'>{''.join(shown)}</div>")
    if names:
        words = _escaped(", ".join(names))
        parts.append(f"<div><small>.figures: {words}</small></div>")
    return "\n".join(parts)


def _escaped(text: str) -> str:
    """A text of a file as HTML shows it: no markup, nothing that turns the line around."""
    return html.escape(one_line(text))


def _table(table: Table) -> str:
    def row(cells: tuple[str, ...], tag: str) -> str:
        style = "padding:1px 14px 1px 0;text-align:left"
        return "".join(f"<{tag} style='{style}'>{_escaped(cell)}</{tag}>" for cell in cells)

    head = f"<thead><tr>{row(table.head, 'th')}</tr></thead>" if any(table.head) else ""
    body = "".join(f"<tr>{row(cells, 'td')}</tr>" for cells in table.rows)
    return (
        f"<div style='margin-top:8px'><small>{_escaped(table.title)}</small></div>"
        f"<table>{head}<tbody>{body}</tbody></table>"
    )


def _preview(name: str, path: Path) -> str:
    """A figure as a small JPEG in the page; nothing where the file is no picture."""
    from genlab.common.formats.files import read_file
    from genlab.common.formats.picture import LARGEST, opened

    try:
        with opened(read_file(path, LARGEST), str(path), ("PNG",)) as image:
            small = image.convert("RGB")
    except (InputError, OSError):
        return ""
    small.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    small.save(buffer, format="JPEG", quality=85)
    data = base64.b64encode(buffer.getvalue()).decode()
    label = _escaped(name)
    return (
        f"<figure style='margin:0'><img alt='{label}' src='data:image/jpeg;base64,{data}'>"
        f"<figcaption><small>{label}</small></figcaption></figure>"
    )
