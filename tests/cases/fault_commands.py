"""Commands at which the k-th call fails, the states they begin with, and what must then hold.

1. What was there before is there, each file as it was or as the command would leave it.
2. The error is one line that names the file and says what to do; exit code 2 (submit: 3).
3. No temporary file stays, and none at all after
4. the same command, which ends with the same files as without the failure.

A failure that costs no result (of the cache, of a deletion) may be a note, with exit code 0.
"""

import errno
import json
import os
import shutil

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import torch

from cases.command import Ended, run_command
from cases.faults import Action, Call, Counter, counted, failing
from cases.report import make_lab_run
from cases.small_data import make_pictures
from cases.timeless import TIMES, timeless
from torch import Tensor
from torch.distributions import Distribution

from genlab.common import atomic
from genlab.common.atomic import TEMPORARY
from genlab.figures import draw, fid_figures, gan_pictures
from genlab.figures.language import twin
from genlab.figures.outputs import samples
from genlab.lab.handin import submission
from genlab.runs.examine import examine
from genlab.vae import measure
from genlab.vae.model import VAE as Model

SAID = {
    errno.ENOSPC: ("no space is left", "free some"), errno.EIO: ("disk fails", "check it"),
    errno.EACCES: ("permission denied", "permissions"),
}  # fmt: skip
"""Words on what is wrong, and on what to do."""
VOLATILE = TIMES | {"created"}
"""Keys of JSON whose values depend on the clock."""

VAE = (
    "--data", "tiny.npz", "--hidden", "8", "--epochs", "1", "--importance", "0", "--draws", "1",
)  # fmt: skip
GAN = (
    "pictures", "--recipe", "scratch", "--epochs", "2", "--batch", "8", "--images", "16",
    "--latent", "4", "--design.width", "1", "--design.discriminator-width", "1",
    "--snapshots", "1", "2",
    "--measure-with", "pixels", "--measure-fakes", "16", "--measure-every", "1",
)  # fmt: skip
FID = ("pictures", "gan", "--features", "pixels", "random", "--n", "12", "--permutations", "20")


@dataclass(frozen=True)
class Command:
    """A command, and the state that it begins with."""

    arguments: tuple[str, ...]
    prepare: Callable[[Path], None]
    code: int = 2
    """The exit code of a failed call."""
    examined: str | None = None
    """A folder whose unreadable files are what the command tells."""


def only_data(folder: Path) -> None:
    """Digits and pictures."""
    images = (np.random.default_rng(0).random((40, 4, 4)) < 0.5).astype(np.uint8)
    np.savez(folder / "tiny.npz", train=images[:30], test=images[30:])
    pictures = make_pictures(folder / "pictures")
    (folder / "few").mkdir()
    for index in range(5):
        shutil.copy(pictures / f"{index:02d}.png", folder / "few")


def with_runs(folder: Path) -> None:
    """A VAE and a GAN, finished."""
    only_data(folder)
    done("vae", "train", *VAE, "--out", "vae", folder=folder)
    done("gan", "train", *GAN, "--out", "gan", folder=folder)


def with_outputs(folder: Path) -> None:
    """Earlier outputs of all kinds, which a command is to replace."""
    with_runs(folder)
    done("fid", *FID, "--seed", "1", "--save-statistics", "--out", "fid", folder=folder)
    done("data", "check", "few", "--out", "check", folder=folder)
    done("explore", "vae", "--lang", "en", folder=folder)
    shutil.rmtree(folder / "cache")


def submitted_before(folder: Path) -> None:
    """A finished lab, handed in under another name, and a report."""
    make_lab_run(folder / "lab")
    done("submit", "lab", "--name", "A", "--id", "1", folder=folder)
    done("report", "lab", "--lang", "en", folder=folder)


COMMANDS = {
    "vae train": Command(("vae", "train", *VAE, "--out", "vae"), only_data),
    "gan train": Command(("gan", "train", *GAN, "--out", "gan"), only_data),
    "compare": Command(
        ("vae", "compare", "--data", "tiny.npz", "--hidden", "8", "--epochs", "1", "--importance",
         "0", "--priors", "mixture", "--components", "2", "--out", "compare"), only_data,
    ),
    "evaluate": Command(("vae", "evaluate", "vae", "--importance", "100"), with_outputs),
    "fid": Command(("fid", *FID, "--save-statistics", "--out", "fid"), with_outputs),
    "data check": Command(
        ("data", "check", "few", "--out", "check", "--clean", "good/clean"), with_outputs,
        examined="few",
    ),
    "gan sample": Command(("gan", "sample", "gan", "--n", "4", "--out", "new/fakes"), with_runs),
    "sheet": Command(("gan", "sample", "gan", "--n", "4", "--grid"), with_runs),
    "encode": Command(("vae", "encode", "vae"), with_runs),
    "interpolate": Command(("vae", "interpolate", "vae", "0", "1"), with_runs),
    "explore": Command(("explore", "vae"), with_outputs),
    "doctor": Command(("doctor", "gan"), with_runs),
    "submit": Command(
        ("submit", "lab", "--name", "B", "--id", "2", "--lang", "en"), submitted_before, code=3
    ),
    "report": Command(("report", "lab", "--lang", "zh"), submitted_before),
    "report again": Command(
        ("report", "lab", "--lang", "en", "--format", "docx,html"), submitted_before
    ),
}  # fmt: skip


def done(*arguments: str, folder: Path) -> None:
    """Runs a command to its end."""
    ended = run(arguments, folder)
    assert ended.returncode == 0, ended.stderr


def run(arguments: tuple[str, ...], folder: Path) -> Ended:
    """Runs a command in a folder, with a cache there."""
    return run_command(*arguments, cwd=folder, GENLAB_CACHE="cache", GENLAB_DATA="")


@contextmanager
def nothing_drawn() -> Iterator[None]:
    """Figures are written as their names, and the pictures of neighbours are the first ones.

    Drawing them takes longer than all else, and calls nothing of the system.
    """
    def save(make: object, path: Path, languages: Sequence[str] = ("en",)) -> None:
        for lang in languages:
            atomic.write_bytes(twin(path, lang), path.name.encode())

    def neighbours(
        path: Path, images: Tensor, rows: Tensor, seed: int
    ) -> gan_pictures.Neighbours:
        images = images[:1].permute(0, 2, 3, 1).numpy()
        return gan_pictures.Neighbours(images, images, [1.0], 1.0, "none")

    def document(text: str, target: Path, *_: object) -> None:
        atomic.write_bytes(target, text.encode())

    def ascent(
        model: Model, prior: Distribution, x: Tensor, random: object
    ) -> tuple[Tensor, Tensor]:
        return torch.zeros(len(x)).double(), torch.ones(len(x)).double()

    with ExitStack() as stack:
        for module, name, stub in (
            (draw, "save", save), (fid_figures, "save", save),
            (draw, "animation", lambda *_: b"frames"),
            (samples, "animation", lambda *_: b"walk"),
            (draw, "_draw_plane", lambda path, *_: save(None, path / "figures" / "plane.png")),
            (gan_pictures, "find_neighbours", neighbours),
            (measure, "best_gaussian_elbo", ascent), (submission, "write_docx", document),
        ):
            stack.enter_context(mock.patch.object(module, name, stub))
        stack.enter_context(mock.patch.dict(submission.FORMATS, docx=document, html=document))
        yield


class Bench:
    """Runs a command again and again from one state, with another call failing each time.

    Arguments:
        command: The command.
        before: A folder with the state that it begins with.
        here: Where it runs, always the same place.
    """

    def __init__(self, command: Command, before: Path, here: Path) -> None:
        self.command, self.here = command, here
        self.before = before
        self.begin()
        self.old = self.files()
        with counted([here]) as counter:
            self.expected_end = run(command.arguments, here)
        assert self.expected_end.returncode == 0, self.expected_end.stderr
        self.calls = counter.calls
        self.new = self.files()

    def begin(self) -> None:
        """Makes the state that the command begins with."""
        shutil.rmtree(self.here, ignore_errors=True)
        shutil.copytree(self.before, self.here)

    def files(self) -> dict[str, bytes]:
        """All files and their content, as far as it does not depend on the clock.

        A run that says it is done must be whole.
        """
        for done in self.here.rglob("DONE"):
            wrong = [one for one in examine(done.parent) if one.found != "whole"]
            assert not wrong, wrong
        return {
            path.relative_to(self.here).as_posix(): timeless(path, VOLATILE)
            for path in sorted(self.here.rglob("*")) if path.is_file()
        }

    def disturbed(self, at: int, act: Action) -> tuple[Counter, Ended]:
        """Runs the command from the beginning, with something happening at a call."""
        self.begin()
        with counted([self.here], at, act) as counter:
            ended = run(self.command.arguments, self.here)
        return counter, ended

    def again(self) -> Ended:
        """Gives the command in the state that is there."""
        return run(self.command.arguments, self.here)

    def check(self, at: int, number: int, act: Action | None = None) -> bool:
        """Lets a call fail and asserts all properties; returns whether there is such a call."""
        counter, ended = self.disturbed(at, act or failing(number))
        if (call := counter.acted) is None:
            return False
        if ended.returncode == 0 and self.examines(call):
            return True
        self.check_message(call, ended, number)
        self.check_intact(call)
        again = self.again()
        assert again.returncode == 0, (call, again.stderr)
        now = {name: data for name, data in self.files().items() if not in_cache(name)}
        new = [name for name in self.new if not in_cache(name)]
        assert list(now) == new, (call, {*now} ^ {*new})
        differing = [name for name in now if now[name] != self.new[name]]
        assert not differing, (call, differing)
        return True

    def examines(self, call: Call) -> bool:
        """Whether a call reads what the command examines."""
        folder = self.command.examined
        return folder is not None and call.path.startswith(f"{self.here / folder}")

    def check_message(self, call: Call, ended: Ended, number: int) -> None:
        """Properties 2."""
        assert "Traceback" not in ended.stderr, (call, ended.stderr)
        if ended.returncode == 0:
            # A folder that is there: made, tried by `filelock`, removed if empty.
            known = call.kind in ("mkdir", "open", "unlink") and Path(call.path).is_dir()
            assert known or is_harmless(call), (call, ended.stderr)
            return
        assert ended.returncode == self.command.code, (call, ended)
        line = ended.stderr.rstrip("\n").split("\n")[-1]
        assert line.startswith("genlab: error: "), (call, ended.stderr)
        name = target_of(call.path)
        assert name in line or str(Path(call.path).parent.name) in line, (call, line)
        if call.kind not in ("look", "read"):  # what reads a format has words of its own
            assert all(words in line for words in SAID[number]), (call, line)

    def check_intact(self, call: Call) -> None:
        """Properties 1 and 3, before the command is given again."""
        now = self.files()
        for name, data in self.old.items():
            if name in self.new:
                known = [settled(name, one) for one in (data, self.new[name])]
                assert settled(name, now.get(name)) in known, (call, name)
        if call.kind != "unlink":
            assert not [name for name in now if TEMPORARY in name], call


def settled(name: str, data: bytes | None) -> bytes | None:
    """A file's content, of a submission's record without the files that it has yet to delete."""
    if data is None or not name.endswith("submission.json"):
        return data
    return json.dumps(json.loads(data) | {"earlier": []}).encode()


def in_cache(name: str) -> bool:
    """Whether a file lies in the cache, which a command may do without."""
    return name.startswith("cache/")


def is_harmless(call: Call) -> bool:
    """Whether the failure of a call costs no result."""
    if call.kind == "unlink" and call.path.endswith("/.lock"):
        return True  # a file that is left locks nothing
    if "/report/.new" in call.path and call.kind in ("look", "unlink"):
        return True  # its files have been moved; the next submission deletes it
    return "/cache/" in call.path or call.path.endswith("/cache") or "/measuring" in call.path


def target_of(path: str) -> str:
    """The name of the file that a path is, or is the temporary file of."""
    name = os.path.basename(path)
    return name[1:].partition(TEMPORARY)[0] if TEMPORARY in name else name


def every(bench: Bench, error: Callable[[int], int]) -> Iterator[int]:
    """Lets each call fail in turn, with the error number of k; yields each k."""
    at = 1
    while bench.check(at, error(at)):
        yield at
        at += 1
