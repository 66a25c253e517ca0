"""Updates the results of a lab run, or of a comparison, from those of its parts."""

__all__ = ["EXPLORER", "gather", "gathered", "refresh"]

from pathlib import Path
from typing import Any

from genlab.configs.lab import DOGS_VAE, LAB_PRIORS
from genlab.fid.prior_pictures import RESULTS
from genlab.figures.draw import draw_comparison
from genlab.lab.handin.submission import submitted
from genlab.lab.report.numbers.facts import lab_config
from genlab.runs.lock import run_lock
from genlab.runs.records import kind_of, read_json
from genlab.runs.run import Run
from genlab.vae.compare import compare_config
from genlab.vae.compare import gather as gather_comparison
from genlab.vae.splits import open_data

EXPLORER = "report/explorer.html"
"""The path of the explorer page, relative to the run."""


def gathered(out: Path) -> dict[str, Any]:
    """Returns the results of the parts of a lab run."""
    results = {
        "vae": {prior: Run(out / "vae" / prior).results for prior in LAB_PRIORS},
        "gan": Run(out / "gan").results,
        "fid": read_json(out / "gan" / "fid.json"),
        "report": submitted(out),
    }
    if DOGS_VAE in lab_config(Run(out)).extra:
        folder = out / DOGS_VAE
        results[DOGS_VAE] = {
            "priors": Run(folder).results, "pictures": read_json(folder / RESULTS)
        }
    return results | ({"explorer": EXPLORER} if (out / EXPLORER).exists() else {})


def gather(out: Path) -> dict[str, Any]:
    """Returns the results of a finished lab, and updates its `results.json` from its parts.

    A part may have been measured again, or the report may have got another name.
    """
    results = gathered(out)
    run = Run(out)
    if results != run.results:
        run.finish(results)
    return results


def refresh(path: Path, data: str | None = None) -> None:
    """Updates results that are made of others after a change.

    Arguments:
        path: A lab that was changed, or a VAE that may be in a lab or a comparison, which itself
            may be in a lab.
        data: The SOURCE of the digits now, if they have moved.
    """
    above = path.resolve().parent.parent
    for out in (path, above, above.parent):
        kind = kind_of(out) if (out / "DONE").exists() else None
        if kind not in ("lab", "compare"):
            continue
        with run_lock(out, wait=True):  # another part may have been measured, too
            if kind == "lab":
                gather(out)
            else:
                gather_comparison(out)
                draw_comparison(out, open_data(compare_config(Run(out)), data) if data else None)
