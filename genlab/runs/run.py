"""The run directory: all that a training leaves, and all that a report or a page ever reads.

config.json        the resolved configuration and what kind of run it is
env.json           versions, hardware, threads, data identity, one entry a session
metrics.jsonl      one JSON object a line, each with its "step"
beginning.jsonl    the same of each of the first steps, which another machine repeats closely
state.json         the marker of the newest training state (`marker.py`)
previous.json      that of the state before it
state-STEP.safetensors   that state: weights, averages, optimiser moments
good.json          the marker of a GAN's last healthy state (gan/training/state.py)
checkpoint-STEP.safetensors   where asked for, two such states that stay (runs/checkpoints.py)
kept.json          the SHA-256 of what is written once and for all (`seal.py`)
results.json       the final numbers
DONE               the run is complete; the SHA-256 of every file that it keeps
"""

__all__ = [
    "BEGINNING", "Run", "checkpoint_name", "open_run", "require_finite_tensors", "require_folder",
]  # fmt: skip

import json
import os

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from genlab.common import atomic
from genlab.common.errors import InputError, TrainingError
from genlab.common.formats.files import read_file
from genlab.common.formats.tensors import read_tensors, require_finite
from genlab.common.paths import exists, require_place, way_from
from genlab.common.progress import say
from genlab.common.system_errors import remedy
from genlab.common.typed_json import from_json
from genlab.numerics.finite import first_not_finite
from genlab.runs import environment
from genlab.runs.marker import LOGS, Marker, make_marker, read_marker, verified_logs
from genlab.runs.records import is_config, read_json, read_log, require_numbers
from genlab.runs.seal import DONE, LARGEST, RECORD, digest_of, has, read_kept, seal, write_kept

if TYPE_CHECKING:
    from torch import Tensor

    from genlab.data.identity import Identity

T = TypeVar("T")
State = tuple[dict[str, "Tensor"], int, float]
"""Tensors, step and seconds of a training state."""

BEGINNING = 8
"""Steps that are recorded one by one: rounding has not grown yet (see
genlab/lab/verify/levels/replay.py)."""
SOURCES = ("data", "mnist", "dogs")
"""Fields of a configuration that say where data is; its content is compared, not its place."""


class Run:
    """An existing run directory; `open_run` makes one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        record = read_json(path / "config.json")
        if not is_config(record):
            raise InputError(
                f"{path / 'config.json'}: not that of a genlab run, which has 'kind' and 'config'"
            )
        self.kind: str = record["kind"]
        self.config: dict[str, Any] = record["config"]

    def config_as(self, kind: type[T]) -> T:
        """Returns the configuration as a dataclass.

        A SOURCE that was given as a relative path, and is not found from here, is looked for from
        the run's own folder, where it lay when the run began.

        Raises:
            InputError: If a field is missing, unknown or of another type, or refused.
        """
        config = self.config | {
            name: self._found(self.config[name]) for name in SOURCES if self.config.get(name)
        }
        return from_json(kind, config, str(self.path / "config.json"))

    def _found(self, source: Any) -> Any:
        if not isinstance(source, str) or exists(Path(source)):
            return source
        way = self.env.ways.get(source) if has(self.path / "env.json") else None
        return source if way is None else os.path.normpath(self.path / way)

    @property
    def done(self) -> bool:
        """Whether the run is complete."""
        return (self.path / DONE).exists()

    @property
    def results(self) -> dict[str, Any]:
        """The contents of `results.json`."""
        if not (self.path / "results.json").exists():
            raise self.lacking("results.json")
        return read_json(self.path / "results.json")

    @property
    def env(self) -> environment.Environment:
        """The contents of `env.json`; raises `InputError` if it is missing or damaged."""
        file = self.path / "env.json"
        return from_json(environment.Environment, read_json(file), str(file))

    def data(self, role: str) -> "Identity":
        """Returns the identity of a data set that the run began with; as `env`."""
        found = self.env.data
        if role not in found:
            raise InputError(f"{self.path / 'env.json'}: lacks `data.{role}`")
        return found[role]

    def weights(self, name: str) -> "dict[str, Tensor]":
        """Reads a file of weights.

        Raises:
            InputError: If it is not there, was changed, is damaged, or a weight is not finite.
        """
        file = self.path / name
        if not file.exists():
            raise self.lacking(name)
        tensors = read_tensors(read_kept(file), str(file))
        require_finite(tensors, str(file))
        return tensors

    def lacking(self, name: str) -> InputError:
        """Returns the error to raise where something that a finished run has is not there."""
        if self.done:
            return InputError(
                f"{self.path}: done, yet it lacks {name}: the run is damaged; train it again in "
                "another folder"
            )
        return InputError(
            f"{self.path}: {name} is not there yet; finish the training with: "
            f"genlab resume {self.path}"
        )

    def refuse_other_data(self, data: "Mapping[str, Identity]") -> None:
        """Raises `InputError` if a data set is not, byte for byte, the one the run began with."""
        before = self.env.data
        for role, identity in data.items():
            if role in before and before[role].sha256 != identity.sha256:
                raise InputError(
                    f"{self.path}: that run used other data for {role!r} "
                    f"(SHA-256 {before[role].sha256[:12]}…, now {identity.sha256[:12]}…); "
                    "give the same data, or another `out`"
                )

    def finish(
        self, results: Mapping[str, Any],
        tensors: "Mapping[str, Mapping[str, Tensor]]" = MappingProxyType({}),
    ) -> None:
        """Writes the final numbers and seals the run: it is complete, and needs no state any more.

        A run that is complete already gets new numbers; all else stays as it was sealed.

        Arguments:
            results: The contents of `results.json`.
            tensors: Files of named tensors that are written with them, by name.
        """
        new = {name: atomic.tensor_bytes(one) for name, one in tensors.items()}
        write_kept(self.path, new | {"results.json": atomic.json_bytes(dict(results))})
        if not self.done:
            seal(self.path)
        self.drop_state()

    def log(self, record: Mapping[str, Any]) -> None:
        """Appends one line to `metrics.jsonl`; `record` has a "step"."""
        self._append("metrics.jsonl", record)

    def log_beginning(self, record: Mapping[str, Any]) -> None:
        """Appends one line to `beginning.jsonl`; `record` has a "step", `BEGINNING` at most."""
        self._append("beginning.jsonl", record)

    def _append(self, name: str, record: Mapping[str, Any]) -> None:
        line = json.dumps(record, allow_nan=False, ensure_ascii=False) + "\n"
        atomic.append(self.path / name, line)

    def metrics(self) -> list[dict[str, Any]]:
        """Returns the lines of `metrics.jsonl`; a last line cut short by a kill is left out."""
        path = self.path / "metrics.jsonl"
        if not has(path):
            return []
        lines = read_log(path)
        require_numbers(lines, path, besides="measured")  # a GAN's measurements
        return lines

    def save_state(
        self, tensors: "Mapping[str, Tensor]", step: int, seconds: float, good: bool = False
    ) -> None:
        """Saves the training state of `step`; a kill at any moment leaves this one or the last.

        The tensors go to a new file; `state.json`, replaced after it, is what makes it count. A
        `good` state stays, to go back to, until the next good one.

        Raises:
            TrainingError: If a tensor is not finite: the last good state stays.
        """
        require_finite_tensors(tensors, step)
        before = read_marker(self.path / "state.json")
        if before and before["good"]:
            atomic.write_json(self.path / "good.json", before)
        name = f"state-{step:08d}.safetensors"
        if before and before["file"] == name:  # it counts until the new marker does
            name = f"state-{step:08d}-again.safetensors"
        data = atomic.tensor_bytes(tensors)
        atomic.write_bytes(self.path / name, data)
        for log in LOGS:
            if (self.path / log).exists():
                atomic.sync(self.path / log)  # the marker says what they hold
        marker = make_marker(self.path, name, data, step, seconds, good)
        if before:
            atomic.write_json(self.path / "previous.json", before)
        atomic.write_json(self.path / "state.json", marker)
        stays = marker if good else read_marker(self.path / "good.json") or marker
        kept = {name, stays["file"], before["file"] if before else name}
        for old in self.path.glob("state-*.safetensors"):
            if old.name not in kept:
                old.unlink()

    def return_to_good(self) -> None:
        """Makes the last good state the newest one."""
        good = read_marker(self.path / "good.json")
        newest = read_marker(self.path / "state.json")
        if good and newest and not newest["good"]:
            atomic.write_json(self.path / "state.json", good)

    def keep(self, tensors: "Mapping[str, Tensor]", step: int) -> None:
        """Keeps tensors of `step` for good; a run that goes on from before it writes them again.

        Raises:
            TrainingError: If a tensor is not finite.
        """
        require_finite_tensors(tensors, step)
        write_kept(self.path, {checkpoint_name(step): atomic.tensor_bytes(tensors)})

    def load_state(self) -> State | None:
        """Returns `(tensors, step, seconds)` of the newest state, or None for a fresh run.

        Lines of the logs after that step are dropped: they will be written again.
        """
        marker, state = self._newest()
        if marker is not None:
            atomic.write_json(self.path / "state.json", marker)
        for name, log in verified_logs(self.path, marker).items():
            atomic.write_bytes(self.path / name, log)
        return state

    def newest_state(self) -> State | None:
        """Returns what `load_state` does, and touches nothing: the run may still be going on."""
        return self._newest()[1]

    def _newest(self) -> tuple[Marker, State] | tuple[None, None]:
        """The newest state that is whole, after its marker; Nones for a fresh run."""
        problem = None
        for name in ("state.json", "previous.json"):
            try:
                marker = read_marker(self.path / name)
                if marker is None:
                    continue
                tensors = self._state_of(marker)
                verified_logs(self.path, marker)
            except InputError as error:
                problem = problem or error
                continue
            if problem:
                say(f"note: {problem}; going on from the state before it, step {marker['step']}")
            return marker, (tensors, marker["step"], marker["seconds"])
        if problem:
            raise InputError(f"{problem}; delete {self.path} and train again") from None
        return None, None

    def _state_of(self, marker: Marker) -> "dict[str, Tensor]":
        file = self.path / marker["file"]
        if not file.exists():
            raise InputError(f"{file}: missing")
        data = read_file(file, LARGEST)
        if digest_of(data) != marker["sha256"]:
            raise InputError(f"{file}: changed or torn (its SHA-256 is not the recorded one)")
        return read_tensors(data, str(file))

    def drop_state(self) -> None:
        """Deletes what only a run that is not finished needs: its states and its record."""
        for name in ("state.json", "previous.json", "good.json", RECORD):
            (self.path / name).unlink(missing_ok=True)
        for old in self.path.glob("state-*.safetensors"):
            old.unlink()


def checkpoint_name(step: int) -> str:
    """Returns the name of the file in which `Run.keep` keeps a step."""
    return f"checkpoint-{step:08d}.safetensors"


def require_finite_tensors(tensors: "Mapping[str, Tensor]", step: int) -> None:
    """Raises `TrainingError` if a tensor of a state is not finite."""
    if (name := first_not_finite(tensors)) is not None:
        raise TrainingError(f"{name} is not finite at step {step}; not saved", name, step)


def open_run(
    path: Path, kind: str, config: Any, data: "Mapping[str, Identity]",
    ran_on: Mapping[str, Any] = MappingProxyType({}),
) -> Run:
    """Starts a run in `path`, or goes on with the one that is there.

    Arguments:
        path: The run directory; made if missing.
        kind: What the run is: "vae", "gan", "compare" or "lab".
        config: A frozen dataclass, saved as JSON.
        data: The identity of each data set used, by its role ("digits", "images").
        ran_on: What this session runs on, beside what `environment.session` knows: keys of
            `environment.Session`.

    Raises:
        InputError: If `path` holds something else, or a run with another configuration or data;
            the data may lie elsewhere now.
        OSError: If `path` cannot be written.
    """
    wanted = json.loads(json.dumps(asdict(config)))
    identities = {role: asdict(identity) for role, identity in data.items()}
    require_folder(path)
    if (path / "config.json").exists():
        run = Run(path)
        _refuse_changes(run, kind, wanted)
        run.refuse_other_data(data)
        _note_moves(run, wanted)
        if run.done:
            run.drop_state()  # where the process that finished it was killed before
        else:
            _note_session(run, ran_on)
        return run
    # A start that was killed may have left env.json, a lock, or a file half written.
    leftovers = sorted(
        p.name for p in path.iterdir() if p.name != "env.json" and not atomic.is_leftover(p)
    )
    if leftovers:
        raise InputError(
            f"`out` {path}: the folder holds {leftovers[0]!r} and is not a genlab run; "
            "name a new or empty folder"
        )
    ways = {
        one.source: way_from(path, Path(one.source))
        for one in data.values()
        if not Path(one.source).is_absolute() and Path(one.source).exists()
    }
    env = {"data": identities, "ways": ways, "sessions": [environment.session() | dict(ran_on)]}
    atomic.write_json(path / "env.json", env)
    atomic.write_json(path / "config.json", {"kind": kind, "config": wanted})
    return Run(path)


def require_folder(path: Path) -> None:
    """Makes a run's folder; raises `InputError` if that cannot be, or it cannot be written."""
    require_place("out", path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"`out` {path}: cannot be made: {remedy(error)}") from None


def _refuse_changes(run: Run, kind: str, wanted: dict[str, Any]) -> None:
    """Refuses other options; data is compared by its content, not by where it is."""
    if run.kind != kind:
        raise InputError(f"`out` {run.path}: holds a {run.kind!r} run, not a {kind!r} run")
    there = run.config
    changed = [k for k in sorted({*there, *wanted} - {*SOURCES}) if there.get(k) != wanted.get(k)]
    if changed:
        lines = ", ".join(f"{k}: {there.get(k)!r} there, {wanted.get(k)!r} now" for k in changed)
        raise InputError(
            f"`out` {run.path}: that run was made with other options ({lines}); "
            "give the same options to go on, or another `out`"
        )


def _note_moves(run: Run, wanted: dict[str, Any]) -> None:
    for name in SOURCES:
        before, now = run.config.get(name), wanted.get(name)
        if before != now:
            say(f"note: {run.path}: {name} was {before!r} and is {now!r}: the same content")


def _note_session(run: Run, ran_on: Mapping[str, Any]) -> None:
    last, now = run.env.sessions[-1], environment.session() | dict(ran_on)
    for key in (*environment.DECIDES_BITS, *ran_on):
        if (before := getattr(last, key)) != now[key]:
            say(
                f"note: {key} was {before!r} and is {now[key]!r}: the run goes on, "
                "but not bit for bit as on one machine"
            )
    env = read_json(run.path / "env.json")
    env["sessions"].append(now)
    atomic.write_json(run.path / "env.json", env)
