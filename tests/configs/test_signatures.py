"""Constructors' keywords: what is parsed from the source is what Python says of the class."""

import inspect
import subprocess
import sys

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
import tyro

from genlab.common.errors import InputError
from genlab.configs.prior import PRIOR_SIGNATURES
from genlab.configs.signatures import Signatures, read_keywords, read_signatures
from genlab.configs.vae import RECIPES
from genlab.priors import PRIORS

SOURCE = '''
from collections.abc import Sequence
from typing import Literal

from genlab.priors.spline import Spline as Imported


class Base:
    """A base.

    Arguments:
        size: Not a keyword: it has no default.
        width: The width,
            on two lines.
        rate: The rate: a number.
        kind: The kind.
        parts: The parts.

    Raises:
        Never: No argument.
    """

    def __init__(
        self, size: int, width: int = 3, rate: float | None = None, *,
        kind: Literal["a", "b"] = "a", parts: Sequence[float] = (1.0, 2.0), on: bool = True,
    ) -> None: ...


class Derived(Base):
    """Has the constructor of its base."""


class Bare:
    """Has none."""


ROWS: dict[str, type] = {"base": Base, "derived": Derived, "bare": Bare, "spline": Imported}
'''


@pytest.fixture
def source(tmp_path: Path) -> str:
    path = tmp_path / "rows.py"
    path.write_text(SOURCE)
    return str(path)


@pytest.fixture
def rows(source: str) -> Signatures:
    return read_signatures("part", source, "ROWS", limits={"width": 9, "parts": 5})


def test_keywords_of_a_constructor(rows: Signatures) -> None:
    base = rows.rows["base"]
    assert {name: keyword.type for name, keyword in base.items()} == {
        "width": int, "rate": float | None, "kind": Literal["a", "b"],
        "parts": tuple[float, ...], "on": bool,
    }
    assert {name: keyword.default for name, keyword in base.items()} == {
        "width": 3, "rate": None, "kind": "a", "parts": (1.0, 2.0), "on": True,
    }
    assert base["width"].doc == "The width, on two lines."
    assert base["rate"].doc == "The rate: a number."
    assert base["on"].doc == ""
    assert rows.rows["derived"] == base
    assert rows.rows["bare"] == {}
    assert rows.rows["spline"] == PRIOR_SIGNATURES.rows["spline"]


def test_a_class_and_a_table_that_are_not_there(source: str) -> None:
    with pytest.raises(LookupError, match="no table NONE"):
        read_signatures("part", source, "NONE")
    with pytest.raises(LookupError, match="no class None_"):
        read_keywords(source, "None_")


def test_an_annotation_that_no_option_can_have_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.py"
    path.write_text("class Odd:\n    def __init__(self, x: dict[str, int] = {}) -> None: ...\n")
    with pytest.raises(TypeError, match=r"dict\[str, int\]"):
        read_keywords(str(path), "Odd")


def test_given_keywords_join_the_defaults(rows: Signatures) -> None:
    assert rows.complete("base", {"width": 5, "parts": [2, 3.0]}) == {
        "width": 5, "rate": None, "kind": "a", "parts": (2, 3.0), "on": True,
    }
    assert rows.complete("bare", {}) == {}


@pytest.mark.parametrize(
    ("row", "given", "message"),
    [
        ("none", {}, "`part` must be one of base, derived, bare, spline, not 'none'"),
        ("bare", {"width": 1}, "`part.width` is no option of the part 'bare', which takes none"),
        ("base", {"bins": 1}, "`part.bins` is no option .* takes `part.width`, `part.rate`"),
        ("base", {"width": 2.0}, "`part.width` must be a whole number, not 2.0"),
        ("base", {"width": True}, "`part.width` must be a whole number, not True"),
        ("base", {"width": 10}, "`part.width` must be at most 9, not 10"),
        ("base", {"rate": "1"}, "`part.rate` must be a number or None, not '1'"),
        ("base", {"rate": float("nan")}, "`part.rate` must be a finite number, not nan"),
        ("base", {"kind": "c"}, "`part.kind` must be one of a, b, not 'c'"),
        ("base", {"parts": 1.0}, "`part.parts` must be numbers, not 1.0"),
        ("base", {"parts": [1.0, 6.0]}, "`part.parts` must be at most 5, not 6.0"),
        ("base", {"parts": [1.0] * 33}, "`part.parts` must have at most 32 items, not 33"),
        ("base", {"on": 1}, "`part.on` must be true or false, not 1"),
    ],
)
def test_wrong_keywords_are_named(
    rows: Signatures, row: str, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        rows.complete(row, given)


def test_errors_of_constructors_are_prefixed(rows: Signatures) -> None:
    with pytest.raises(InputError, match="`part.width` and `part.kind`, but not `epochs`"):
        with rows.prefixed():
            raise InputError("`width` and `kind`, but not `epochs`")


def test_options_of_the_command_line(rows: Signatures) -> None:
    function = rows.options()
    assert tyro.cli(function, args=[]) == {}
    assert tyro.cli(function, args=["--width", "4", "--parts", "1", "2"]) == {
        "width": 4, "parts": (1.0, 2.0),
    }
    with pytest.raises(SystemExit):
        tyro.cli(function, args=["--kind", "c"])


def test_help_has_the_documentation_and_the_defaults(
    rows: Signatures, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        tyro.cli(rows.options(), args=["--help"])
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "--width INT The width, on two lines (base, derived: 3)." in text
    assert "--kind {a,b} The kind (base, derived: a)." in text
    assert "--parts [FLOAT [FLOAT ...]] The parts (base, derived: 1.0 2.0)." in text
    assert "--bins INT" in text


@pytest.mark.parametrize("name", PRIORS)
def test_signatures_of_priors_are_those_that_python_sees(name: str) -> None:
    """Every prior takes the latent dimensions first and has a documented default for the rest."""
    kind, found = PRIORS[name], PRIOR_SIGNATURES.rows[name]
    hints = get_type_hints(kind.__init__)
    first, *rest = inspect.signature(kind).parameters.values()
    assert (first.name, first.default) == ("latent", inspect.Parameter.empty)
    assert {p.name: p.default for p in rest} == {k: v.default for k, v in found.items()}
    for keyword in found.values():
        assert keyword.doc.endswith("."), keyword
        hint = hints[keyword.name]
        if get_origin(hint) is Sequence:
            hint = tuple[get_args(hint)[0], ...]
        assert keyword.type == hint


def test_rows_are_those_of_the_table() -> None:
    assert list(PRIOR_SIGNATURES.rows) == list(PRIORS)


def test_reading_the_priors_loads_neither_them_nor_torch() -> None:
    program = (
        "import sys, genlab.configs.vae; "
        "assert not {'torch', 'numpy', 'genlab.priors'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipes_leave_the_prior_at_its_defaults(recipe: str) -> None:
    """The command line starts a prior's options from the constructor, not from the recipe."""
    config = RECIPES[recipe]()
    assert config.prior_options == PRIOR_SIGNATURES.complete(config.prior, {})
