"""Hidden files and those of operating systems, disks and browsers: never data.

A name that begins with a dot is hidden everywhere (`.git`, `.ipynb_checkpoints`, `.thumbnails`,
`.DS_Store`, and the `._NAME` that macOS puts beside NAME). The others are these systems' own:
"""

__all__ = ["hidden_part"]

from collections.abc import Sequence

SYSTEM = frozenset({
    "$recycle.bin", "recycler", "system volume information", "found.000", "msocache",  # Windows
    "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini",
    "__macosx", "icon\r", "network trash folder", "temporary items",  # macOS
    "lost+found",  # Linux
    "@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "@tmp",  # network disks
    "__pycache__",
})
"""Names in lower case."""


def hidden_part(parts: Sequence[str]) -> int | None:
    """Returns the place of the first hidden name on a path; None if there is none."""
    for place, part in enumerate(parts):
        dotted = part.startswith(".") and part not in (".", "..")
        if dotted or part.startswith("~$") or part.lower() in SYSTEM:
            return place
    return None
