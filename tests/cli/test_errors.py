"""Errors of the command line: parameters become options, and a line and an exit code end it."""

import pytest

from genlab.cli.errors import ended_by_errors, with_options
from genlab.common.errors import InputError, TrainingError


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("`epochs` 0: must be at least 1", "--epochs 0: must be at least 1"),
        ("`learning_rate` nan", "--learning-rate nan"),
        ("`prior.bins` 1: above 1", "--prior.bins 1: above 1"),
        ("`beta`, `free_bits`: belong to `objective` elbo", "--beta, --free-bits: belong to "
         "--objective elbo"),
        ("a `` b ` c `1`", "a `` b ` c `1`"),
    ],
)  # fmt: skip
def test_parameters_become_options(message: str, line: str) -> None:
    assert with_options(message) == line


@pytest.mark.parametrize(
    ("error", "line", "code"),
    [
        (InputError("`out` x: no"), "genlab: error: --out x: no", 2),
        (InputError("a\nb\x1b: no"), r"genlab: error: a\nb\x1b: no", 2),
        (FileNotFoundError(2, "No such file", "x"), "genlab: error: x: no such file or folder", 2),
        (OSError("a\nb\x1b: no"), r"genlab: error: a\nb\x1b: no", 2),
        (
            ModuleNotFoundError("No module named 'docx.oxml'", name="docx.oxml"),
            "genlab: error: this needs a package more: docx is not installed; install it with: "
            "pip install 'genlab[report]'", 2,
        ),
        (TrainingError("the bound is nan", "bound", 3), "genlab: error: the bound is nan", 3),
        (KeyboardInterrupt(), "genlab: stopped; give the same command again", 130),
    ],
)  # fmt: skip
def test_an_error_ends_with_one_line(
    error: BaseException, line: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, ended_by_errors():
        raise error
    printed = capsys.readouterr().err
    assert (ended.value.code, printed.count("\n")) == (code, 1)
    assert printed.startswith(line)


def test_a_fault_of_the_program_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), ended_by_errors():
        _ = 1 / 0
    with pytest.raises(ModuleNotFoundError), ended_by_errors():
        raise ModuleNotFoundError("No module named 'genlab.none'", name="genlab.none")
