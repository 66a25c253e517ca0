"""No command fails for an encoding, a closed stream or a reader that has gone."""

import json
import subprocess
import sys

from pathlib import Path

import pytest

from cases.command import run_command

from genlab.cli.errors import every_error_is_3
from genlab.common.errors import InputError, TrainingError
from genlab.lab.handin import submission
from genlab.lab.verify import check

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""An environment in which Python takes file names and streams for ASCII."""


ROOT = Path(__file__).parents[2]


def python(
    *arguments: str, cwd: Path = ROOT, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Runs Python with this environment alone."""
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True, check=False,
    )


def test_any_letter_is_printed_where_the_system_is_ascii(tmp_path: Path) -> None:
    ended = python("-m", "genlab", "data", "--data-dir", "图é", cwd=tmp_path, **ASCII)
    assert (ended.returncode, ended.stderr.count(b"\n")) == (2, 1)
    assert ended.stderr.startswith(b"genlab: error: --data-dir \\u56fe")


def test_names_are_written_where_the_system_is_ascii(tmp_path: Path) -> None:
    """The process begins again in UTF-8 mode, once, with the streams' encoding as it was."""
    program = (
        "import sys; from pathlib import Path\n"
        "from genlab.cli.console import prepare_console; prepare_console()\n"
        "Path(sys.argv[1]).touch(); print(sys.argv[1])"
    )
    ended = python("-c", program, "实验五_张三", cwd=tmp_path, **ASCII)
    assert [path.name for path in tmp_path.iterdir()] == ["实验五_张三"]
    assert ended.stdout.startswith(b"\\u5b9e")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "gbk", "utf-8"])
def test_json_stays_json_in_any_encoding(encoding: str) -> None:
    program = "from genlab.cli.base import print_json; print_json({'é': '张 \\U0001f600 \\udce9'})"
    ended = python("-c", program, PYTHONIOENCODING=encoding)
    assert json.loads(ended.stdout.decode(encoding)) == {"é": "张 \U0001f600 \udce9"}


def test_closed_and_full_streams_end_without_a_traceback() -> None:
    program = (
        "import sys; from genlab.cli.console import prepare_console; {}; prepare_console()\n"
        "from genlab.cli.errors import every_error_is_3\n"
        "with every_error_is_3(): print('x')"
    )
    ended = python("-c", program.format("sys.stdout = sys.stderr = None"))
    assert (ended.returncode, ended.stderr) == (0, b"")
    ended = python("-c", program.format("sys.stdout = open('/dev/full', 'w')"))
    assert (ended.returncode, ended.stderr.count(b"\n")) == (3, 1)


@pytest.mark.parametrize("error", [
    KeyError("a\nb"), RecursionError(), MemoryError(),
    UnicodeEncodeError("ascii", "张", 0, 1, "no"),
    OSError(28, "No space left on device"), TrainingError("nan", "bound"), BrokenPipeError(),
    ModuleNotFoundError("No module named 'docx'", name="docx"), RuntimeError("a\nb"),
])
def test_verify_and_submit_end_with_3_where_they_cannot_go_on(
    error: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(check, "check_all", fail)
    monkeypatch.setattr(submission, "submit", fail)
    (tmp_path / "x").mkdir()
    for name in ("实验五_张三_1.docx", "实验五代码_张三_1.zip", "实验五支撑材料_张三_1.zip"):
        (tmp_path / "x" / name).write_bytes(b"PK")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text('{"kind": "lab", "config": {}}')
    for command in (("verify", "x"), ("submit", "run")):
        ended = run_command(*command, cwd=tmp_path)
        assert ended.returncode == 3
        assert ended.stderr.count("\n") == (0 if isinstance(error, BrokenPipeError) else 1)
        assert "Traceback" not in ended.stderr


def test_bad_input_and_the_end_itself_pass() -> None:
    for error in (InputError("x"), SystemExit(1), KeyboardInterrupt()):
        with pytest.raises(type(error)), every_error_is_3():
            raise error
