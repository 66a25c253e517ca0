"""Changed files: every reader reads them or refuses them by an `InputError`, soon and in little.

`benchmarks/fuzz.py` does the same at length. What was found once stays in `finds/`, a file a
find, named by its reader.
"""

from pathlib import Path

import pytest

from cases.fuzz.campaign import Reader, run
from cases.fuzz.readers import OF_RUNS, READERS, WEIGHTS, make_run
from cases.once import made_once

FINDS = Path(__file__).parent / "finds"
SEED = 0
CASES = 250
"""Cases of each reader, at most; of those that are slow fewer."""


def made(name: str, folder: Path, factory: pytest.TempPathFactory) -> Reader:
    if name in OF_RUNS:
        (folder.parent / "vae").symlink_to(made_once(factory, "fuzzed", make_run) / "vae")
    folder.mkdir()
    return READERS[name](folder)


@pytest.mark.parametrize("name", READERS)
def test_changed_files_are_read_or_refused(
    name: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    reader = made(name, tmp_path / "folder", tmp_path_factory)
    found = run(reader, SEED, 0, int(CASES * min(1.0, WEIGHTS.get(name, 1.0))))
    assert not found.finds, [(find.what, find.index, find.data[:200]) for find in found.finds]
    assert 0 < found.refused < found.cases or name == "names"


@pytest.mark.parametrize("file", sorted(FINDS.iterdir()), ids=lambda file: file.name)
def test_what_was_found_once_is_read_or_refused(
    file: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    name = file.name.partition("-")[0]
    reader = made(name, tmp_path / "folder", tmp_path_factory)
    found = run(Reader(name, reader.honest, reader.read, given=file.read_bytes()), SEED, 0, 1)
    assert not found.finds, found.finds[0].what
