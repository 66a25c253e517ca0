"""Data: a SOURCE (a name, a file, a folder or an array) becomes digits or images.

`digits` and `images` open everything. They are loaded when they are first asked for, so that
`import genlab.data` loads neither NumPy nor torch.
"""

__all__ = ["Digits", "Pictures", "digits", "images"]

import importlib

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genlab.data.digit_set import Digits
    from genlab.data.open import digits, images
    from genlab.data.pictures import Pictures

MODULES = {"Digits": "digit_set", "Pictures": "pictures", "digits": "open", "images": "open"}
"""The module of each public name."""


def __getattr__(name: str) -> Any:
    if name in MODULES:
        return getattr(importlib.import_module(f"genlab.data.{MODULES[name]}"), name)
    raise AttributeError(f"module 'genlab.data' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
