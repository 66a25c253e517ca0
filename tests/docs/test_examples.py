"""Every example in the package's docstrings gives what it shows."""

import doctest
import importlib
import pkgutil

from pathlib import Path

import pytest

import genlab

MODULES = [
    found.name for found in pkgutil.walk_packages(genlab.__path__, "genlab.")
    if not found.name.endswith("__main__") and found.module_finder is not None
]


def has_examples(name: str) -> bool:
    """Whether the module's source has one; nothing is imported to know that."""
    path = Path(genlab.__file__).parents[1].joinpath(*name.split("."))
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ">>> " in source.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["genlab", *filter(has_examples, MODULES)])
def test_the_examples_of_a_module(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    done = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert done.failed == 0, capsys.readouterr().out
    assert name == "genlab" or done.attempted > 0
