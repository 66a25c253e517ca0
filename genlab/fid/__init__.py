"""Generated images against real ones: distances that can be quoted.

    found = genlab.fid.measure("dogs", images)        # names, folders, arrays, tensors, runs
    print(found.verdict)                              # sentences, with errors
    found.distances[0].distance                       # Measured(value, error)
    found.distances[0].metrics["kid"]                 # Measured(value, error)

Each name is imported when it is first used: the package itself loads no torch.
"""

__all__ = ["Distance", "FidResults", "Measurement", "measure"]

from typing import TYPE_CHECKING

from genlab.common.lazy import lazy_names

if TYPE_CHECKING:
    from genlab.fid.measurement import measure
    from genlab.fid.results import Distance, FidResults, Measurement

__getattr__, __dir__ = lazy_names(__name__, {
    "Distance": "results",
    "FidResults": "results",
    "Measurement": "results",
    "measure": "measurement",
})  # fmt: skip
