"""The command line run in this process, and in one of its own."""

import contextlib
import io
import json
import os
import subprocess
import sys

from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from genlab.cli.commands import run
from genlab.cli.errors import ended_by_errors


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it printed."""

    returncode: int
    stdout: str
    stderr: str


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def run_command(*arguments: str, cwd: Path, terminal: bool = False, **environment: str) -> Ended:
    """Runs a command in this process; what it changes of the environment is undone."""
    out, err = Terminal() if terminal else io.StringIO(), io.StringIO()
    code = 0
    with (
        mock.patch.object(sys, "argv", ["genlab", *arguments]),
        mock.patch.dict(os.environ, environment),
        contextlib.chdir(cwd), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err),
    ):
        try:
            with ended_by_errors():
                run()
        except SystemExit as end:
            code = end.code or 0
    assert isinstance(code, int), code
    return Ended(code, out.getvalue(), err.getvalue())


def run_process(*arguments: str, cwd: Path, **environment: str) -> Ended:
    """Runs a command as a person does, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "genlab", *arguments], capture_output=True, text=True, cwd=cwd,
        env=os.environ | environment, check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def commands_of_a_copy(folder: Path, *commands: tuple[str, ...]) -> list[Ended]:
    """Runs commands of the package's copy in a folder, one after another in one new process."""
    program = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path\n"
        "from cases.command import run_command\n"
        "import genlab; assert Path(genlab.__file__).is_relative_to(sys.argv[2])\n"
        "for one in json.loads(sys.argv[3]):\n"
        "    ended = run_command(*one, cwd=Path(sys.argv[2]))\n"
        "    print(json.dumps([ended.returncode, ended.stdout, ended.stderr]))\n"
    )
    environment = os.environ | {"PYTHONPATH": str(folder), "GENLAB_CACHE": str(folder / "cache")}
    tests = str(Path(__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", program, tests, str(folder), json.dumps(commands)],
        capture_output=True, text=True, cwd=folder, env=environment, check=False,
    )
    assert done.returncode == 0, done.stderr
    return [Ended(*json.loads(line)) for line in done.stdout.splitlines()]


def refused(ended: Ended, *words: str) -> None:
    """Asserts exit code 2 and one line on standard error that has the words, no traceback."""
    lines = ended.stderr.strip().split("\n")
    assert ended.returncode == 2, ended.stderr
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith("genlab: error: ")
    for word in words:
        assert word in lines[0]
