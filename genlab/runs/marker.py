"""The markers of training states: small JSON files that name a state and everything it needs.

    state.json       the newest state
    previous.json    the one before it, for the case that the newest is torn
    good.json        a GAN's last healthy one, to go back to (gan/training/state.py)

A marker holds the step, the seconds so far, the state's file with its SHA-256, the SHA-256 of the
configuration and of the data's identities, the length and SHA-256 of each log at that step, and a
check of all this: a marker of which anything was changed is not taken.
"""

__all__ = ["LOGS", "Marker", "make_marker", "read_marker", "verified_logs"]

import json

from pathlib import Path
from typing import Any

from genlab.common.errors import InputError
from genlab.common.formats import json_text
from genlab.common.formats.files import read_file
from genlab.common.typed_json import fits
from genlab.runs.records import LARGEST_LOG, read_json
from genlab.runs.seal import digest_of

LOGS = ("metrics.jsonl", "beginning.jsonl")

Marker = dict[str, Any]
FIELDS = {
    "step": int, "seconds": float, "file": str, "sha256": str, "good": bool, "config": str,
    "env": str, "logs": dict[str, list[int | str]],
}  # fmt: skip
"""What a marker holds, beside its check."""
SUFFIX = ".safetensors"


def make_marker(
    run: Path, file: str, data: bytes, step: int, seconds: float, good: bool
) -> Marker:
    """Returns the marker of a state that was just written.

    Arguments:
        run: The run directory.
        file: The state's file.
        data: Its content.
        step: The state's step.
        seconds: Seconds of training until then.
        good: Whether it is a state to go back to.
    """
    logs = {name: read_file(run / name, LARGEST_LOG) for name in LOGS if (run / name).exists()}
    marker = {
        "step": step, "seconds": seconds, "file": file, "sha256": digest_of(data), "good": good,
        **_of_run(run), "logs": {name: [len(log), digest_of(log)] for name, log in logs.items()},
    }  # fmt: skip
    return marker | {"check": _check(marker)}


def read_marker(path: Path) -> Marker | None:
    """Reads a marker; None if there is none.

    Raises:
        InputError: If it was changed, or the configuration or the data's identity beside it was.
    """
    if not path.exists():
        return None
    marker = read_json(path)
    if marker.get("check") != _check(marker):
        raise InputError(f"{path}: changed or torn (it does not agree with its own check)")
    for key, kind in FIELDS.items():
        if not fits(marker[key], kind):
            raise InputError(f"{path}: {key} is not what a run writes there")
    if Path(marker["file"]).name != marker["file"] or not marker["file"].endswith(SUFFIX) or any(
        [type(part) for part in log] != [int, str] for log in marker["logs"].values()
    ):
        raise InputError(f"{path}: its file or its logs are not what a run writes there")
    for name, now in _of_run(path.parent).items():
        if marker[name] != now:
            raise InputError(f"{path.parent / name}.json: changed since the run began")
    return marker


def verified_logs(run: Path, marker: Marker | None) -> dict[str, bytes]:
    """Returns the logs as they were at a marker's step; empty ones without a marker.

    Raises:
        InputError: If a log is missing or was changed.
    """
    kept = {}
    for name in LOGS:
        size, digest = marker["logs"].get(name, (0, None)) if marker else (0, None)
        path = run / name
        data = read_file(path, LARGEST_LOG)[:size] if path.exists() else b""
        if digest is not None and digest_of(data) != digest:
            raise InputError(f"{path}: missing, changed or torn (its SHA-256 is not the state's)")
        kept[name] = data
    return kept


def _of_run(run: Path) -> dict[str, str]:
    """The digests of what a state was trained with."""
    data = json.dumps(read_json(run / "env.json")["data"], sort_keys=True)
    config = read_file(run / "config.json", json_text.LARGEST)
    return {"config": digest_of(config), "env": digest_of(data.encode())}


def _check(marker: Marker) -> str:
    rest = {key: value for key, value in marker.items() if key != "check"}
    return digest_of(json.dumps(rest, sort_keys=True).encode())
