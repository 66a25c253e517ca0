"""The likelihoods' names and options, read from their constructors. Imports no torch."""

__all__ = ["LIKELIHOOD_SIGNATURES", "LikelihoodName", "LikelihoodOptions"]

from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from genlab.configs.signatures import read_signatures

LIKELIHOOD_SIGNATURES = read_signatures(
    "likelihood", "genlab/vae/likelihoods/__init__.py", "LIKELIHOODS",
    limits={"trials": 65_535, "scale": 1000, "logistics": 100},
)
"""The likelihoods and their keywords."""

if TYPE_CHECKING:
    LikelihoodName = str
else:
    LikelihoodName = Literal[tuple(LIKELIHOOD_SIGNATURES.rows)]
LikelihoodOptions = Annotated[
    dict[str, Any], tyro.conf.arg(name="likelihood", constructor=LIKELIHOOD_SIGNATURES.options())
]
"""The keywords of a likelihood's constructor; on the command line `--likelihood.KEYWORD`."""
