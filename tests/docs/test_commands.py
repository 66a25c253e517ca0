"""Every command that the documents show is one that the command line takes."""

import functools
import re
import shlex

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cases.command import run_command
from cases.documents import DOCUMENTS, blocks_of
from tyro.extras import SubcommandApp

SPACES = re.compile(r"\s{3,}|\s+#")
"""What parts a command from the words that explain it."""


def shown_in(document: Path) -> Iterator[str]:
    """The commands of a document's blocks of code."""
    for block in blocks_of(document):
        for line in block.replace("\\\n", " ").splitlines():
            words = SPACES.split(re.sub(r"^torchrun .* -m genlab", "genlab", line.strip()))[0]
            if words.startswith("genlab "):
                yield words


COMMANDS = [(path.name, command) for path in DOCUMENTS for command in shown_in(path)]


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Commands are parsed and not run; their names are noted."""
    names: list[str] = []
    run = SubcommandApp.cli

    def noting(command: str) -> Callable[..., None]:
        return lambda *_, **__: names.append(command)

    def replace_functions(app: SubcommandApp) -> None:
        for name, command in list(app._subcommands.items()):
            if isinstance(command.target, SubcommandApp):
                replace_functions(command.target)
                continue
            note = functools.wraps(command.target)(noting(name))
            monkeypatch.setitem(app._subcommands, name, replace(command, target=note))

    def cli(app: SubcommandApp, **options: Any) -> Any:
        replace_functions(app)
        return run(app, **options)

    monkeypatch.setattr(SubcommandApp, "cli", cli)
    return names


def command_name(command: str) -> str:
    """The last word of a command's name; `genlab data` alone is `genlab data list`."""
    group, *rest = command.split()[1:]
    if group not in ("vae", "gan", "data"):
        return group
    return rest[0] if rest else "list"


@pytest.mark.parametrize(("document", "command"), COMMANDS)
def test_a_command_of_the_documents_is_taken(
    document: str, command: str, parsed: list[str], tmp_path: Path
) -> None:
    ended = run_command(*shlex.split(command)[1:], cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert parsed == [command_name(command)]
    assert list(tmp_path.iterdir()) == []


def test_commands_are_found_in_the_documents() -> None:
    assert len({command for name, command in COMMANDS if name == "README.md"}) > 10
    assert len({name for name, _ in COMMANDS}) > 5
