"""Findings as text: a table a submission for the terminal, and one CSV for a class."""

__all__ = [
    "DISCLAIMER", "GROUP", "LEFT_WORDS", "LEVEL_WORDS", "NOT_COUNTED", "alike_as_json",
    "alike_as_text", "as_csv", "as_json", "as_text", "left_as_json", "left_as_text", "named",
    "summary",
]

import csv
import io

from typing import Any

from genlab.common.text import one_line
from genlab.lab.verify.check import Alike, Report, alike_in
from genlab.lab.verify.readers.submissions import Left
from genlab.lab.verify.results.findings import Verdict, Words

LEVEL_WORDS = {
    "integrity": Words("完整性", "integrity"), "consistency": Words("一致性", "consistency"),
    "recompute": Words("重算", "recompute"), "replay": Words("重放", "replay"),
    "likeness": Words("相似", "likeness"),
}
DISCLAIMER = Words(
    "以上检验至多说明文件彼此一致、数值可由所交模型重新得到；不证明作者是谁，也不证明没有抄袭。",
    "These checks show at most that the files agree with each other and that the numbers follow "
    "from the models handed in. They do not prove who made them: neither authorship nor "
    "independent work.",
)
GROUP = Words("相似组{}", "alike, group {}")
NOT_COUNTED = Words("不计", "not counted")
"""Of a file of no submission that counts for nothing."""
LEFT_WORDS = Words("不属于任何提交的文件", "files that belong to no submission")
SHOWN = 40
"""Files of no submission that the terminal shows; CSV, page and JSON have them all."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First letters that make a spreadsheet take a text for a formula."""


def as_text(report: Report, lang: str) -> str:
    """Returns one submission's table: level, verdict, check, what was found."""
    lines = [
        f"{one_line(report.who)}: {report.verdict.words.of(lang)} ({report.seconds:.0f} s)  "
        f"{one_line(report.place)}{_group(report, lang)}"
    ]
    for finding in report.findings:
        level = LEVEL_WORDS[finding.level].of(lang)
        verdict = finding.verdict.words.of(lang)
        lines.append(
            f"  {_pad(level, 12)} {_pad(verdict, 14)} {finding.check.of(lang)}: "
            f"{one_line(finding.found.of(lang))}"
        )
    return "\n".join(lines)


def _group(report: Report, lang: str) -> str:
    return f"  {GROUP.of(lang).format(report.alike.number)}" if report.alike else ""


def named(alike: Alike, lang: str) -> str:
    """Returns the line of a group: its members, and in what they are alike."""
    return one_line(
        f"{GROUP.of(lang).format(alike.number)} ({len(alike.members)}): "
        f"{', '.join(alike.members)}: {alike.found.of(lang)}"
    )


def alike_as_text(reports: list[Report], lang: str) -> list[str]:
    """Returns the table of submissions that are alike, a line a group; nothing if none are."""
    groups = alike_in(reports)
    if not groups:
        return []
    return ["\n".join([LEVEL_WORDS["likeness"].of(lang), *(f"  {named(g, lang)}" for g in groups)])]


def left_as_text(left: list[Left], lang: str) -> list[str]:
    """Returns the table of the files of no submission; nothing if there is none."""
    if not left:
        return []
    lines = [
        f"  {_pad(_left_word(one, lang), 14)} {one_line(one.path)}: "
        f"{one_line(one.why.of(lang))}"
        for one in left[:SHOWN]
    ]
    more = [f"  (+{len(left) - SHOWN})"] if len(left) > SHOWN else []
    return ["\n".join([f"{LEFT_WORDS.of(lang)}: {len(left)}", *lines, *more])]


def _left_word(left: Left, lang: str) -> str:
    words = NOT_COUNTED if left.verdict is Verdict.PASS else left.verdict.words
    return words.of(lang)


def _pad(text: str, width: int) -> str:
    """Fills up with spaces, a Chinese character being two wide."""
    return text + " " * (width - sum(2 if ord(letter) > 0x2E7F else 1 for letter in text))


def as_csv(reports: list[Report], left: list[Left], lang: str) -> str:
    """Returns one row a finding for a spreadsheet, after one that names the columns.

    A row for each group of submissions that are alike and each file of no submission follow.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(["submission", "path", "overall", "level", "check", "verdict", "found"])
    for report in reports:
        for one in report.findings:
            writer.writerow(map(_cell, (
                report.who, report.place, report.verdict.value, one.level, one.check.of(lang),
                one.verdict.value, one.found.of(lang),
            )))
    for alike in alike_in(reports):
        writer.writerow(map(_cell, (
            ", ".join(alike.members), "", Verdict.LOOK.value, "likeness",
            GROUP.of(lang).format(alike.number), Verdict.LOOK.value, alike.found.of(lang),
        )))
    for one in left:
        writer.writerow(map(_cell, (
            "", one.path, one.verdict.value, "", LEFT_WORDS.of(lang), one.verdict.value,
            one.why.of(lang),
        )))
    return "\N{BYTE ORDER MARK}" + buffer.getvalue()  # Excel takes it for UTF-8 by this


def _cell(text: str) -> str:
    text = one_line(text)
    return f"'{text}" if text.startswith(FORMULA) else text


def summary(reports: list[Report], left: list[Left], lang: str) -> str:
    """Returns one line: how many submissions have which verdict, and how many files are left."""
    counts = {v: sum(r.verdict is v for r in reports) for v in reversed(Verdict)}
    line = ", ".join(f"{v.words.of(lang)} {count}" for v, count in counts.items() if count)
    return f"{line}; {LEFT_WORDS.of(lang)}: {len(left)}" if left else line


def as_json(report: Report, lang: str) -> dict[str, Any]:
    """Returns one submission's findings as JSON values."""
    return {
        "submission": report.who,
        "path": report.place,
        "verdict": report.verdict.value,
        "alike": report.alike.number if report.alike else None,
        "seconds": round(report.seconds, 1),
        "findings": [
            {
                "level": one.level, "check": one.check.of(lang), "verdict": one.verdict.value,
                "found": one.found.of(lang),
            }
            for one in report.findings
        ],
    }


def alike_as_json(reports: list[Report], lang: str) -> list[dict[str, Any]]:
    """Returns the groups of submissions that are alike as JSON values."""
    return [
        {"group": one.number, "submissions": list(one.members), "found": one.found.of(lang)}
        for one in alike_in(reports)
    ]


def left_as_json(left: list[Left], lang: str) -> list[dict[str, str]]:
    """Returns the files of no submission as JSON values."""
    return [
        {"path": one.path, "verdict": one.verdict.value, "why": one.why.of(lang)} for one in left
    ]
