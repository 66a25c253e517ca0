"""Data: a SOURCE (a name, a file, a folder or an array) becomes images, or images in splits.

`splits` and `images` open all images, `table` opens rows of numbers. They are loaded when they are
first asked for, so that `import genlab.data` loads neither NumPy nor torch.
"""

__all__ = ["ImageSplits", "Pictures", "Table", "images", "splits", "table"]

import importlib

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genlab.data.image_splits import ImageSplits
    from genlab.data.open import images, splits
    from genlab.data.pictures import Pictures
    from genlab.data.tables.table import Table, table

MODULES = {
    "ImageSplits": "image_splits", "Pictures": "pictures", "Table": "tables.table",
    "images": "open", "splits": "open", "table": "tables.table",
}
"""The module of each public name."""


def __getattr__(name: str) -> Any:
    if name in MODULES:
        return getattr(importlib.import_module(f"genlab.data.{MODULES[name]}"), name)
    raise AttributeError(f"module 'genlab.data' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
