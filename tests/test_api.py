"""The public names: light to import, complete, and documented."""

import inspect
import subprocess
import sys

import pytest

import genlab

PACKAGES = (
    "configs", "conformance", "data", "export", "features", "fid", "gan", "metrics", "priors",
    "vae",
)  # fmt: skip


def test_importing_genlab_loads_no_heavy_module() -> None:
    code = (
        "import sys, genlab; heavy = {'torch', 'numpy', 'matplotlib', 'PIL', 'tyro'}; "
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("package", [None, *PACKAGES])
def test_every_public_name_exists_and_is_documented(package: str | None) -> None:
    module = genlab if package is None else getattr(genlab, package)
    assert module.__doc__
    for name in module.__all__:
        found = getattr(module, name)
        if inspect.isclass(found) or inspect.isfunction(found):
            assert found.__doc__, name
    assert set(module.__all__) <= set(dir(module))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'genlab' has no attribute 'vea'"):
        genlab.vea  # noqa: B018
