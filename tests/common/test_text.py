"""Names of files are printed on one line, whatever characters they hold."""

import pytest

from genlab.common.errors import InputError
from genlab.common.progress import Progress, say
from genlab.common.text import one_line

NAMES = {
    "a\nb": r"a\nb", "a\r\nb": r"a\r\nb", "\x1b[31mred": r"\x1b[31mred", "a\u2028b": r"a\u2028b",
    "fdp.\u202egpj": r"fdp.\u202egpj", "caf\udce9": r"caf\udce9", "a\x85b\x00": r"a\x85b\x00",
    "\u200b": r"\u200b", "\U000e0001": r"\U000e0001",
    "实验五　甲": "实验五　甲", "a\u00a0b": "a\u00a0b", "é `x` \\n": "é `x` \\n",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_one_line_in_errors_notes_and_progress(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = NAMES[name]
    assert one_line(name) == one_line(shown) == shown
    assert str(InputError(f"{name}: no")) == f"{shown}: no"
    say(f"note: {name}")
    assert capsys.readouterr().err == f"note: {shown}\n"
    monkeypatch.setattr("genlab.common.progress.LINE_EVERY_S", 0)
    with Progress(2, "reading") as progress:
        progress.advance(note=name)
    assert f", {shown}\n" in capsys.readouterr().err


def test_a_list_of_problems_has_one_line_each() -> None:
    assert str(InputError("two:", "a\nb", "c")) == "two:\na\\nb\nc"
