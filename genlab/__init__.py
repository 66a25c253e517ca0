"""genlab: a laboratory of small deep generative models whose every number is right.

`genlab.Run(path)` opens any run directory. It is loaded when it is first asked for, so that
`import genlab` costs nothing.
"""

__all__ = ["Run", "__version__"]

from typing import TYPE_CHECKING, Any

from genlab.common.version import __version__

if TYPE_CHECKING:
    from genlab.notebook.run import Run


def __getattr__(name: str) -> Any:
    if name == "Run":
        from genlab.notebook.run import Run

        return Run
    raise AttributeError(f"module 'genlab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
