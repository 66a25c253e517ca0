"""A report whose temporary folder is full names it."""

import tempfile

from pathlib import Path

import pytest

from cases.faults import counted, failing

from genlab.common.system_errors import told
from genlab.lab.report.formats.docx import write_docx


def test_a_full_temporary_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = tmp_path / "temporary"
    full.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(full))
    arguments = ("Text.\n", tmp_path / "x.docx", tmp_path, "en", "A", "T")
    with counted([full]) as counter:
        write_docx(*arguments)
    (tmp_path / "x.docx").unlink()
    first = next(at for at, call in enumerate(counter.calls, 1) if call.kind == "write")
    for at in (1, first):
        with counted([full], at, failing(28)), pytest.raises(OSError) as error:
            write_docx(*arguments)
        assert str(full) in told(error.value)
        assert "no space is left on the disk; free some" in told(error.value)
        assert list(tmp_path.iterdir()) == [full]
        assert not list(full.iterdir())
