"""Data: a SOURCE (a name, a file, a folder or an array) becomes digits or images.

`digits` and `images` open everything; they are loaded when they are first asked for, so that
`import genlab.data` loads neither NumPy nor torch.
"""

__all__ = ["digits", "images"]

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genlab.data.open import digits, images


def __getattr__(name: str) -> Any:
    if name in __all__:
        from genlab.data import open as opening

        return getattr(opening, name)
    raise AttributeError(f"module 'genlab.data' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
