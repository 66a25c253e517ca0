"""Commands that a signal ends, given again, and compared with those left in peace.

A command runs in an arena of its own: the folder `home`, where it is given, the folder `cache`,
and the folder `tmp` for temporary files of the system. It gets a signal after a share of the time
that it takes, or at one of the calls by which it changes files (opened to write, renamed, made,
removed, fsync). After some of them it is given once more, and must leave what it leaves
undisturbed: the same files with the same bytes, but for times (`VOLATILE`), in `home` and `cache`.
SIGKILL ends a command at once; after another signal it must say so in its last line.
"""

import hashlib
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cases.lab import lab_options, write_digits
from cases.small_data import make_pictures, make_tiny_digits
from cases.timeless import TIMES, timeless

from genlab.runs.run import Run

ROOT = Path(__file__).parents[2]
VOLATILE = TIMES | {"check"}
"""Keys of JSON files that are not compared: times, the sessions, and digests over them."""
STATES = ("state.json", "previous.json", "good.json")

PROGRAM = """
import atexit, importlib.machinery, os, signal, sys

number, at, counted, acknowledged, *arguments = sys.argv[1:]
sys.argv = ["genlab", *arguments]
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir"}
calls, fsync = 0, os.fsync
told = os.open(acknowledged, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def count():
    global calls
    calls += 1
    if calls == int(at):
        os.kill(os.getpid(), int(number))

def audit(event, values):
    if event in CHANGES or (event == "open" and values[2] & WRITES and values[0] != counted):
        count()

def counted_fsync(descriptor):
    count()
    fsync(descriptor)

def finish():
    with open(counted, "w") as file:
        file.write(str(calls))

def save_always(module):
    module.SAVE_EVERY_S = 0.0

def tell(module):
    save_state = module.Run.save_state
    def told_state(run, tensors, step, *rest, **options):
        save_state(run, tensors, step, *rest, **options)
        os.write(told, f"{step} {run.path}\\n".encode())
    module.Run.save_state = told_state

def shrink(module):
    from cases.lab import shrink_lab
    class Patch:
        setattr = staticmethod(setattr)
        setitem = staticmethod(dict.__setitem__)
    shrink_lab(Patch)

AFTER = {
    "genlab.vae.loop": save_always, "genlab.gan.training.train": save_always,
    "genlab.runs.run": tell, "genlab.lab.sheet": shrink,
}

class Finder:
    def find_spec(self, name, path, target=None):
        if name not in AFTER:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        load = spec.loader.exec_module
        def exec_module(module):
            load(module)
            AFTER[name](module)
        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Finder())
os.fsync = counted_fsync
sys.addaudithook(audit)
atexit.register(finish)
if arguments[0] == "-c":
    exec(arguments[1])
else:
    from genlab.cli.main import main
    main()
"""


FORKS = """
import atexit, importlib, json, os, sys, tempfile, traceback
program = sys.argv[1]
for name in (
    "tyro", "numpy", "torch", "torch._dynamo", "torch.distributed.nn", "safetensors.torch",
    "PIL.Image", "filelock", "tqdm", "matplotlib.pyplot", "docx", "pypandoc", "lxml.etree",
):
    importlib.import_module(name)

def run(arguments, environment, arena):
    os.environ.update(environment)
    tempfile.tempdir = None
    os.chdir(arena + "/home")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open(arena + "/told", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    sys.argv, code = ["genlab", *arguments], 0
    try:
        exec(program, {"__name__": "__main__"})
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    sys.stderr.flush()
    os._exit(code)

for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        run(*json.loads(line))
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""

ENVIRONMENT = {
    "GENLAB_DATA": "", "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "OMP_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1",
}  # fmt: skip


@dataclass(frozen=True)
class Command:
    """A command that is killed.

    `resumed` is the run that `genlab resume` can go on with in place of the command.
    """

    name: str
    arguments: tuple[str, ...]
    resumed: str = ""
    base: str = ""
    """The command whose undisturbed arena it begins in; that of the inputs if empty."""
    timed: tuple[str, ...] = ()
    """Ends of the names of files that show times: only their presence is compared."""


GAN = (
    "--images", "20", "--batch", "8", "--latent", "8", "--epochs", "3", "--snapshots", "1", "3",
    "--measure-with", "pixels", "--measure-fakes", "16", "--measure-every", "1", "--checkpoints",
    "--out", "run",
)  # fmt: skip
VAE = ("--data", "digits.npz", "--hidden", "16", "--batch", "50", "--importance", "100")
EXPORT = """
import torch
from pathlib import Path
from genlab.export import generator, to_onnx
from genlab.gan.load import load_generator
network = generator(load_generator(Path("run")))
to_onnx(network, torch.zeros(2, 8), Path("generator.onnx"))
"""
PAGES = (".html", ".docx", ".zip", ".md", "numbers.json")
COMMANDS = [
    Command("vae train", ("vae", "train", *VAE, "--epochs", "8", "--prior", "mixture",
                          "--prior.components", "4", "--checkpoints", "--out", "run"), "run"),
    Command("gan train, scratch", (
        "gan", "train", "pictures", "--recipe", "scratch", "--design.width", "1",
        "--design.discriminator-width", "1", "--design.r1-every", "2", *GAN), "run"),
    Command("gan train, projected", (
        "gan", "train", "pictures", "--recipe", "projected", "--design.width", "1",
        "--design.discriminator-width", "8", "--design.feature-size", "32", *GAN), "run"),
    Command("vae compare", (
        "vae", "compare", *VAE, "--epochs", "4", "--priors", "standard", "mixture", "--seeds", "1",
        "--components", "4", "--out", "run"), "run"),
    Command("lab", ("lab", *lab_options(Path("large.npz"), Path("run"))), timed=PAGES),
    Command("fid", (
        "fid", "pictures", "others", "--features", "efficientnet-lite0", "pixels",
        "--permutations", "50", "--save-statistics", "--out", "out")),
    Command("data check", ("data", "check", "pictures", "--out", "page", "--clean", "clean")),
    Command("vae evaluate", ("vae", "evaluate", "run"), base="vae train"),
    Command("gan sample", ("gan", "sample", "run", "--n", "24", "--out", "fakes"),
            base="gan train, scratch"),
    Command("submit", ("submit", "run", "--name", "李四", "--id", "7"), base="lab"),
    Command("report", ("report", "run", "--format", "docx,html"), base="lab"),
    Command("explore", ("explore", "run", "--out", "page.html"), base="lab"),
    Command("export", ("-c", EXPORT), base="gan train, scratch"),
]  # fmt: skip

@dataclass(frozen=True)
class Peace:
    """What an undisturbed command left, how long it took, and how many calls it made."""

    arena: Path
    files: dict[str, str]
    seconds: float
    calls: int


@dataclass
class Fought:
    """What a command left that a signal ended, and that was given again until its end."""

    number: int = signal.SIGKILL
    """The signal."""
    kills: list[tuple[Literal["time", "call"], float]] = field(default_factory=list)
    """Each moment of a signal: the share of the time, or the number of the call."""
    resumes: int = 0
    differing: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    """States that were acknowledged as saved and are not there."""
    failed: list[str] = field(default_factory=list)
    """What was said where a command did not end well."""
    temporary: int = 0
    """Files left in the system's folder for temporary files."""


class Commands:
    """Starts commands: one in a few in a process of its own from the first import on, the others
    as forks of a process that has imported torch and the other libraries, but nothing of genlab.

    Arguments:
        cold: One in so many is started alone.
    """

    def __init__(self, cold: int = 5) -> None:
        self.cold, self.number = cold, 0
        self.forks = subprocess.Popen(
            [sys.executable, "-c", FORKS, PROGRAM], stdin=subprocess.PIPE, text=True,
            stdout=subprocess.PIPE, env=os.environ | ENVIRONMENT,
        )  # fmt: skip

    def close(self) -> None:
        """Ends the process that forks."""
        self.forks.communicate()

    def run(
        self, arena: Path, arguments: Sequence[str], at_call: int = 0,
        seconds: float | None = None, number: int = signal.SIGKILL,
    ) -> tuple[int, str]:
        """Runs a command in an arena; returns its code and what it said.

        Arguments:
            arena: The arena.
            arguments: The command line, or "-c" and a program.
            at_call: It sends itself the signal at the call of that number.
            seconds: It gets the signal after this time.
            number: The signal.
        """
        self.number += 1
        own = [str(int(number)), str(at_call), str(arena / "calls"), str(arena / "acknowledged")]
        environment = {"GENLAB_CACHE": str(arena / "cache"), "TMPDIR": str(arena / "tmp")}
        if self.number % self.cold == 0:
            process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, *own, *arguments], cwd=arena / "home", text=True,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                env=os.environ | ENVIRONMENT | environment,
            )  # fmt: skip
            try:
                _, told = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(number)
                _, told = process.communicate()
            return process.returncode, told
        assert self.forks.stdin is not None
        assert self.forks.stdout is not None
        request = [[*own, *arguments], environment, str(arena)]
        print(json.dumps(request), file=self.forks.stdin, flush=True)
        pid = int(self.forks.stdout.readline())
        if not select.select([self.forks.stdout], [], [], seconds)[0]:
            os.kill(pid, number)
        code = int(self.forks.stdout.readline())
        return code, (arena / "told").read_text()


def make_inputs(arena: Path) -> Path:
    """Makes the arena that the commands begin in: small digits and pictures."""
    home = arena / "home"
    home.mkdir(parents=True)
    (arena / "cache").mkdir()
    make_tiny_digits(home / "digits.npz")
    write_digits(home / "large.npz")
    make_pictures(home / "pictures")
    others = make_pictures(home / "others")
    for index, picture in enumerate(sorted(others.iterdir())):
        picture.rename(others / f"{index}{picture.suffix}") if index % 3 else picture.unlink()
    return arena


def make_arena(arena: Path, base: Path) -> Path:
    """Makes an arena with the `home` and `cache` of another one."""
    shutil.rmtree(arena, ignore_errors=True)
    for name in ("home", "cache"):
        shutil.copytree(base / name, arena / name)
    (arena / "tmp").mkdir()
    return arena


def in_peace(commands: Commands, command: Command, arena: Path) -> Peace:
    """Runs a command undisturbed in an arena that was made."""
    began = time.monotonic()
    code, told = commands.run(arena, command.arguments)
    assert code == 0, f"{command.name}: {told}"
    seconds = time.monotonic() - began
    return Peace(arena, files_of(arena, command), seconds, int((arena / "calls").read_text()))


def fight(
    commands: Commands, command: Command, peace: Peace, arena: Path, kills: int,
    chance: random.Random, number: int = signal.SIGKILL,
) -> Fought:
    """Ends a command by a signal so many times, at most, gives it once more, and compares."""
    found, ended = Fought(number), False
    while len(found.kills) < kills and not ended:
        arguments = command.arguments
        if command.resumed and (arena / "home" / command.resumed / "config.json").exists():
            if chance.random() < 0.5:
                arguments, found.resumes = ("resume", command.resumed), found.resumes + 1
        share = chance.random()
        if chance.random() < 0.5:
            kind, moment = "time", share
            seconds = share * peace.seconds
            code, told = commands.run(arena, arguments, seconds=seconds, number=number)
        else:
            kind, moment = "call", 1 + int(share * peace.calls)
            code, told = commands.run(arena, arguments, int(moment), number=number)
        if code in (-number, 128 + number):
            found.kills.append((kind, moment))
            found.lost += lost_states(arena)
            found.failed += [told] if number != signal.SIGKILL and not is_one_line(told) else []
        else:
            ended = True
            found.failed += [told] if code else []
    code, told = commands.run(arena, command.arguments)  # where it had ended, too
    found.failed += [told] if code else []
    files = files_of(arena, command)
    found.left = sorted(files.keys() - peace.files.keys())
    found.differing = sorted(
        name for name, digest in peace.files.items() if files.get(name) != digest
    )
    found.temporary = sum(path.is_file() for path in (arena / "tmp").rglob("*"))
    return found


def is_one_line(told: str) -> bool:
    """Whether a stopped command says so in its last line, or had not begun to listen."""
    last = told.rstrip().rpartition("\n")[2]
    return not told or ("Traceback" not in told and last.startswith("genlab: stopped"))


def lost_states(arena: Path) -> list[str]:
    """States that a killed process was told to be saved, and that are not there now."""
    acknowledged = arena / "acknowledged"
    lost = []
    lines = acknowledged.read_text().splitlines() if acknowledged.exists() else []
    for path, step in {line.split()[1]: int(line.split()[0]) for line in lines}.items():
        run = Run(arena / "home" / path)
        state = None if run.done else run.newest_state()
        if not run.done and (state is None or state[1] < step):
            lost.append(f"{path}, step {step}")
    acknowledged.unlink(missing_ok=True)
    return lost


def files_of(arena: Path, command: Command) -> dict[str, str]:
    """Digests of all files in `home` and `cache`, without what depends on the time."""
    found = {}
    for top in ("home", "cache"):
        for path in sorted((arena / top).rglob("*")):
            name = path.relative_to(arena).as_posix()
            if path.is_dir():
                found[f"{name}/"] = ""
            else:
                found[name] = "" if name.endswith(command.timed) else (
                    hashlib.sha256(timeless(path, VOLATILE)).hexdigest()
                )
    return found
