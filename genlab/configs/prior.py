"""The priors' names and options, read from their constructors. Imports no torch."""

__all__ = ["PRIOR_SIGNATURES", "WIDEST", "PriorName", "PriorOptions"]

from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from genlab.configs.signatures import read_signatures

WIDEST = 16_384
"""The widest layer of a network."""
PRIOR_SIGNATURES = read_signatures(
    "prior", "genlab/priors/__init__.py", "PRIORS",
    limits={
        "components": 1_000_000, "hidden": WIDEST, "grid": 1000, "blocks": 1000, "bins": 1000,
        "bound": 1000, "truncation": 100_000, "draws": 1_000_000, "steps": 100_000,
        "width": 4096,
    },
)
"""The priors and their keywords. Larger values than these would not fit into memory, or would
take for ever."""

if TYPE_CHECKING:
    PriorName = str
else:
    PriorName = Literal[tuple(PRIOR_SIGNATURES.rows)]
PriorOptions = Annotated[
    dict[str, Any], tyro.conf.arg(name="prior", constructor=PRIOR_SIGNATURES.options())
]
"""The keywords of a prior's constructor; on the command line `--prior.KEYWORD`."""
