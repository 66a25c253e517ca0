"""What is handed in for a finished lab run: the Word report and two archives, named as asked.

    实验五_姓名_学号.docx             the report; its author is the name
    实验五代码_姓名_学号.zip          the source that ran, and the trained models
    实验五支撑材料_姓名_学号.zip      all images of the GAN

姓名 (name) and 学号 (student number) stay as they are where none is given.
"""

__all__ = ["check_author", "submit"]

import unicodedata

from pathlib import Path
from typing import Any

from genlab import atomic
from genlab.engine.run import Run
from genlab.errors import InputError
from genlab.report.archive import pack
from genlab.report.contents import code_files, support_files
from genlab.report.docx import write_docx
from genlab.report.text import PLACEHOLDERS, write_markdown

KINDS = {"docx": ("实验五", ".docx"), "code": ("实验五代码", ".zip"),
         "support": ("实验五支撑材料", ".zip")}
"""Prefix and suffix of each file's name, from the lab sheet."""
FORBIDDEN = '/\\:*?"<>|'
"""Letters that a file name cannot have on one system or another."""
LONGEST, LONGEST_FILE = 80, 230
"""Letters of an option; bytes of a file name, less than the 255 that systems take."""
TITLES = {
    "zh": "《神经网络与深度学习》课程实验作业（五）：生成模型基础",
    "en": "Neural Networks and Deep Learning, Lab Assignment 5: Foundations of Generative Models",
}


def check_author(name: str | None, student_id: str | None) -> None:
    """Refuses a name or number that cannot be part of a file name; None is not given.

    Raises:
        InputError: Naming the option.
    """
    for option, value in (("--name", name), ("--id", student_id)):
        if value is not None:
            _check(option, value)
    longest = max(len(file.encode()) for file in file_names(name, student_id).values())
    if longest > LONGEST_FILE:
        raise InputError(
            f"--name and --id: together too long for a file name ({longest} bytes, at most "
            f"{LONGEST_FILE}); shorten them"
        )


def _check(option: str, value: str) -> None:
    if not value.strip():
        raise InputError(f"{option}: empty; give it, or leave the option out")
    bad = sorted(set(value) & set(FORBIDDEN))
    if bad:
        raise InputError(
            f"{option} {value!r}: {bad[0]!r} cannot stand in a file name; leave it out"
        )
    unseen = [c for c in value if unicodedata.category(c)[0] == "C"]
    if unseen:
        raise InputError(f"{option} {value!r}: holds an invisible character; leave it out")
    if value.startswith(".") or value != value.strip():
        raise InputError(f"{option} {value!r}: begins with a dot, or begins or ends with a space")
    if len(value) > LONGEST:
        raise InputError(f"{option}: {len(value)} characters; at most {LONGEST}")


def file_names(name: str | None, student_id: str | None) -> dict[str, str]:
    """Returns the lab sheet's file names; 姓名 and 学号 stand for what was not given."""
    who = f"{name or PLACEHOLDERS[0]}_{student_id or PLACEHOLDERS[1]}"
    return {kind: f"{prefix}_{who}{suffix}" for kind, (prefix, suffix) in KINDS.items()}


def submit(
    run_path: Path, name: str | None = None, student_id: str | None = None,
    lang: str | None = None,
) -> dict[str, Any]:
    """Builds everything that is handed in, into the run's folder `report`.

    Files of an earlier submission under other names are removed when the new ones are complete.

    Arguments:
        run_path: A finished lab run.
        name: The author's name; the run's own if not given.
        student_id: The author's student number; the run's own if not given.
        lang: "zh" or "en"; the run's own if not given.

    Returns:
        Paths below the run: "markdown", "docx", "code", "support"; "author" (empty without a
        name) and "hint", how to set what was not given, or "".

    Raises:
        InputError: If a name cannot be part of a file name, or the run is not finished.
    """
    run = Run(run_path)
    name = name if name is not None else run.config.get("name")
    student_id = student_id if student_id is not None else run.config.get("id")
    language: str = lang or run.config.get("lang") or "zh"
    check_author(name, student_id)
    markdown = write_markdown(run, language, name, student_id)

    folder = run_path / "report"
    files = {kind: folder / file for kind, file in file_names(name, student_id).items()}
    atomic.write_bytes(folder / "report.md", markdown.encode())
    write_docx(markdown, files["docx"], folder, language, name or "", TITLES[language])
    atomic.write_bytes(files["code"], pack(code_files(run_path)))
    atomic.write_bytes(files["support"], pack(support_files(run_path)))
    _remove_earlier(folder, set(files.values()))
    return {
        "markdown": "report/report.md",
        **{kind: f"report/{path.name}" for kind, path in files.items()},
        "author": name or "",
        "lang": language,
        "hint": _hint(run_path, name, student_id),
    }


def _remove_earlier(folder: Path, kept: set[Path]) -> None:
    for prefix, suffix in KINDS.values():
        for path in folder.glob(f"{prefix}_*{suffix}"):
            if path not in kept:
                path.unlink()


def _hint(run_path: Path, name: str | None, student_id: str | None) -> str:
    if name and student_id:
        return ""
    return f"set the author with: genlab submit {run_path} --name 姓名 --id 学号"
