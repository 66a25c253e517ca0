"""What is handed in for a finished lab run: the Word report and two archives, named as asked.

    实验五_姓名_学号.docx             the report; its author is the name
    实验五代码_姓名_学号.zip          the source that ran, and the trained models
    实验五支撑材料_姓名_学号.zip      all images of the GAN

姓名 (name) and 学号 (student number) stay as they are where none is given. A template
(`genlab.lab.handin.template`) may ask for other names. `report/submission.json` says what was made.
"""

__all__ = ["FORMATS", "check_author", "file_names", "make_report", "submit", "submitted"]

import os
import shutil

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from genlab.common import atomic
from genlab.common.errors import InputError
from genlab.common.text import one_line
from genlab.common.typed_json import from_json, to_json
from genlab.lab.handin.archive import pack
from genlab.lab.handin.contents import code_files, support_files
from genlab.lab.handin.template import SHEET, Template, check_file_name, read_template
from genlab.lab.report.formats.docx import write_docx
from genlab.lab.report.formats.formats import check_pdf, write_html, write_pdf
from genlab.lab.report.numbers.bound import Shown
from genlab.lab.report.numbers.facts import lab_config
from genlab.lab.report.text.text import PLACEHOLDERS, compose
from genlab.runs.records import read_json
from genlab.runs.run import Run

FORMATS = {"docx": write_docx, "html": write_html, "pdf": write_pdf}
LONGEST, LONGEST_FILE = 80, 230
"""Letters of an option; bytes of a file name, less than the 255 that systems take."""
TITLES = {
    "zh": "《神经网络与深度学习》课程实验作业（五）：生成模型基础",
    "en": "Neural Networks and Deep Learning, Lab Assignment 5: Foundations of Generative Models",
}
RECORD = "submission.json"
NEW = ".new"
"""The folder in which the files are made before they take their places."""


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """The record of what was last built to be handed in."""

    lang: str
    author: str
    """Empty without a name."""
    id: str
    """The student number, likewise."""
    files: dict[str, str]
    """The files' names: "docx", "code" and "support"."""
    earlier: list[str]
    """Names of files of earlier submissions, which are removed when this one is complete."""


def check_author(
    name: str | None, student_id: str | None, template: Template = SHEET
) -> None:
    """Refuses a name or number that cannot be part of a file name; None is not given.

    Raises:
        InputError: Naming the option.
    """
    for option, value in (("`name`", name), ("`id`", student_id)):
        if value is not None:
            _check(option, value)
    files = file_names(name, student_id, template)
    longest = max(len(file.encode()) for file in files.values())
    if longest > LONGEST_FILE:
        raise InputError(
            f"`name` and `id`: together too long for a file name ({longest} bytes, at most "
            f"{LONGEST_FILE}); shorten them"
        )


def _check(option: str, value: str) -> None:
    if not value.strip():
        raise InputError(f"{option}: empty; give it, or leave the option out")
    check_file_name(value, option)
    if len(value) > LONGEST:
        raise InputError(f"{option}: {len(value)} characters; at most {LONGEST}")


def file_names(
    name: str | None, student_id: str | None, template: Template = SHEET
) -> dict[str, str]:
    """Returns the files' names; 姓名 and 学号 stand for what was not given."""
    return template.file_names(name or PLACEHOLDERS[0], student_id or PLACEHOLDERS[1])


def submit(
    run_path: Path, name: str | None = None, student_id: str | None = None,
    lang: str | None = None, template: Path | None = None,
) -> dict[str, Any]:
    """Builds everything that is handed in, into the run's folder `report`.

    Files of an earlier submission are replaced or, if they have other names, removed when the new
    ones are complete and on record: that is done last.

    Arguments:
        run_path: A finished lab run.
        name: The author's name; the run's own if not given.
        student_id: The author's student number; the run's own if not given.
        lang: "zh" or "en"; the run's own if not given.
        template: A TOML file with other names, title or look; the lab sheet's if not given.

    Returns:
        What `submitted` does.

    Raises:
        InputError: If a name cannot be part of a file name, the run is not finished, or the
            template cannot be used.
    """
    run = Run(run_path)
    asked, config = SHEET if template is None else read_template(template), lab_config(run)
    name = name if name is not None else config.name
    student_id = student_id if student_id is not None else config.id
    language: str = lang or config.lang
    check_author(name, student_id, asked)
    writer = compose(run, language, name, student_id, asked.title)
    code, support = pack(code_files(run_path)), pack(support_files(run_path))

    folder = run_path / "report"
    folder.mkdir(exist_ok=True)
    names = file_names(name, student_id, asked)
    new = folder / NEW
    if new.exists():  # of a process that was killed
        shutil.rmtree(new)
    atomic.drop_leftovers(folder)
    new.mkdir()
    try:
        write_docx(
            writer.text(), new / names["docx"], folder, language, name or "",
            asked.title or TITLES[language], asked.reference,
        )
        atomic.write_bytes(new / "report.md", writer.text().encode())
        atomic.write_json(new / "numbers.json", _numbers(language, writer.shown()))
        atomic.write_bytes(new / names["code"], code)
        atomic.write_bytes(new / names["support"], support)
        for file in sorted(new.iterdir()):
            os.replace(file, folder / file.name)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    earlier = _earlier(folder) - set(names.values())
    record = Submitted(
        lang=language, author=name or "", id=student_id or "", files=names, earlier=sorted(earlier)
    )
    atomic.write_json(folder / RECORD, to_json(record))
    for file in sorted(earlier):
        (folder / file).unlink(missing_ok=True)
    if earlier:
        record = replace(record, earlier=[])
        atomic.write_json(folder / RECORD, to_json(record))
    return _described(run_path, record)


def submitted(run_path: Path) -> dict[str, Any] | None:
    """Returns what was last built to be handed in; None if nothing was.

    Returns:
        Paths below the run: "markdown", "numbers", "docx", "code", "support"; "author" (empty
        without a name), "lang", and "hint", how to set what was not given, or "".
    """
    file = run_path / "report" / RECORD
    return _described(run_path, _read(file)) if file.exists() else None


def _read(file: Path) -> Submitted:
    return from_json(Submitted, read_json(file), str(file))


def _described(run_path: Path, record: Submitted) -> dict[str, Any]:
    return {
        "markdown": "report/report.md",
        "numbers": "report/numbers.json",
        **{kind: f"report/{file}" for kind, file in record.files.items()},
        "author": record.author,
        "lang": record.lang,
        "hint": _hint(run_path, record.author, record.id),
    }


def make_report(
    run_path: Path, lang: str | None = None, formats: tuple[str, ...] = ("docx",)
) -> dict[str, Any]:
    """Writes the report alone, as `report/report-LANG.FORMAT` below the run.

    Arguments:
        run_path: A finished lab run.
        lang: "zh" or "en"; the run's own if not given.
        formats: Names in `FORMATS`.

    Returns:
        Paths below the run: "markdown", "numbers", and one a format; "lang".

    Raises:
        InputError: If a format is unknown or cannot be made here, or the run is not finished.
    """
    if unknown := [one for one in formats if one not in FORMATS] or ([] if formats else [""]):
        raise InputError(
            f"`format` {unknown[0]!r}: no such format; there are {', '.join(FORMATS)} (several "
            "with commas)"
        )
    run = Run(run_path)
    config = lab_config(run)
    language: str = lang or config.lang
    writer = compose(run, language, config.name, config.id)
    if "pdf" in formats:
        check_pdf(language)
    folder, stem = run_path / "report", f"report-{language}"
    folder.mkdir(exist_ok=True)
    author = one_line(config.name or "")
    for one in formats:
        write = FORMATS[one]
        target = folder / f"{stem}.{one}"
        write(writer.text(), target, folder, language, author, TITLES[language])
    atomic.write_bytes(folder / f"{stem}.md", writer.text().encode())
    numbers = f"numbers-{language}.json"
    atomic.write_json(folder / numbers, _numbers(language, writer.shown()))
    return {
        "markdown": f"report/{stem}.md", "numbers": f"report/{numbers}",
        **{one: f"report/{stem}.{one}" for one in formats}, "lang": language,
    }


def _numbers(lang: str, shown: list[Shown]) -> dict[str, Any]:
    """Every number and text of the records that the report shows, in order, with its place."""
    return {"lang": lang, "shown": [one._asdict() for one in shown]}


def _earlier(folder: Path) -> set[str]:
    """Returns the files of the last submission and of those before, which it may have left."""
    if not (folder / RECORD).exists():
        return set()
    record = _read(folder / RECORD)
    files = {*record.files.values(), *record.earlier}
    return {file for file in files if Path(file).name == file and not (folder / file).is_dir()}


def _hint(run_path: Path, name: str | None, student_id: str | None) -> str:
    if name and student_id:
        return ""
    return f"set the author with: genlab submit {run_path} --name 姓名 --id 学号"
