"""The GAN designs' names and options, read from their constructors. Imports no torch."""

__all__ = ["DESIGN_SIGNATURES", "DesignName", "DesignOptions"]

from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from genlab.configs.signatures import read_signatures

DESIGN_SIGNATURES = read_signatures(
    "design", "genlab/gan/designs/__init__.py", "DESIGNS",
    limits={"width": 512, "discriminator_width": 4096, "feature_size": 1024},
)
"""The designs and their keywords. Networks larger than these would not fit into memory."""

if TYPE_CHECKING:
    DesignName = str
else:
    DesignName = Literal[tuple(DESIGN_SIGNATURES.rows)]
DesignOptions = Annotated[
    dict[str, Any], tyro.conf.arg(name="design", constructor=DESIGN_SIGNATURES.options())
]
"""The keywords of a design's constructor; on the command line `--design.KEYWORD`."""
