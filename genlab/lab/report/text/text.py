"""The whole report as pandoc Markdown: one document, in Chinese or in English."""

__all__ = ["PLACEHOLDERS", "compose", "write_markdown"]

from genlab.lab.report.numbers.bound import literal
from genlab.lab.report.numbers.facts import Facts, read_facts
from genlab.lab.report.text.data_words import data_name
from genlab.lab.report.text.dogs_part import dogs_part
from genlab.lab.report.text.end_part import end_part
from genlab.lab.report.text.gan_part import gan_part
from genlab.lab.report.text.vae_part import vae_part
from genlab.lab.report.writer import Writer
from genlab.runs.run import Run

PLACEHOLDERS = ("姓名", "学号")
"""What stands for a name and a student number that were not given."""
SPACE = "\N{IDEOGRAPHIC SPACE}"


def write_markdown(
    run: Run, lang: str, name: str | None = None, student_id: str | None = None
) -> str:
    """Returns the report on a finished lab run.

    Arguments:
        run: The lab run; every number comes from its records.
        lang: "zh" or "en".
        name: The author's name.
        student_id: The author's student number.

    Raises:
        InputError: If `run` is not a lab run, or lacks something, with a list of that.
    """
    return compose(run, lang, name, student_id).text()


def compose(
    run: Run, lang: str, name: str | None = None, student_id: str | None = None,
    title: str | None = None,
) -> Writer:
    """Returns the writer that holds the report, for all that it shows; as `write_markdown`.

    `title` stands for the lab sheet's own.
    """
    facts = read_facts(run)
    w = Writer(lang, run.path / "report")
    _title(w, title)
    _author(w, facts, name, student_id)
    vae_part(w, facts)
    gan_part(w, facts)
    dogs_part(w, facts)
    end_part(w, facts)
    return w


def _title(w: Writer, title: str | None) -> None:
    if title is not None:
        w.styled("Title", literal(title))
        return
    w.styled("Subtitle", w.pick(
        "北京邮电大学 2023—2024学年第一学期",
        "Beijing University of Posts and Telecommunications, 2023–2024, term 1"))
    w.styled("Title", w.pick(
        "《神经网络与深度学习》课程实验作业（五）",
        "Neural Networks and Deep Learning, Lab Assignment 5"))
    w.styled("Subtitle", w.pick(
        "实验内容：生成模型基础", "Subject: foundations of generative models"))


def _author(w: Writer, facts: Facts, name: str | None, student_id: str | None) -> None:
    line = "\\_" * 12
    w.styled("Author", w.pick(
        f"姓名：{literal(name) if name else line}{SPACE * 2}学号：{literal(student_id) if student_id else line}",
        f"Name: {literal(name) if name else line}{SPACE * 2}"
        f"Student number: {literal(student_id) if student_id else line}"))
    if facts.digits.stand_in or facts.dogs.stand_in:
        names = [data_name(w, d) for d in (facts.digits, facts.dogs) if d.stand_in]
        w.note(
            f"本报告中有部分结果来自内置的替代数据（{'、'.join(names)}），在相应数值处已注明。",
            f"Some results of this report are of embedded stand-in data ({', '.join(names)}); "
            "each place says so.",
        )
