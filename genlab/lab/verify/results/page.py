"""The class page: one HTML file that needs nothing else and runs no script."""

__all__ = ["class_page"]

import html
import time

from collections import Counter

from genlab.common.page import page_style
from genlab.common.text import one_line
from genlab.lab.verify.check import Alike, Report, alike_in
from genlab.lab.verify.readers.submissions import Left
from genlab.lab.verify.results.findings import LEVELS, Finding, Verdict, Words
from genlab.lab.verify.results.table import (
    DISCLAIMER,
    GROUP,
    LEFT_WORDS,
    LEVEL_WORDS,
    NOT_COUNTED,
    named,
    summary,
)

MARKS = {
    Verdict.PASS: "✓", Verdict.LOOK: "!", Verdict.CANNOT: "?", Verdict.FAIL: "✗",
    Verdict.TAMPERED: "✗✗",
}
STYLE = """
:root { --tampered: #8e1a6b }
@media (prefers-color-scheme: dark) { :root { --tampered: #f08bd0 } }
body { font: 15px/1.55 var(--sans); max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem 4rem }
h1 { font-size: 1.45rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
p { margin: .4rem 0 } .dim { color: var(--soft) } .note { border-left: 3px solid var(--warn);
       padding-left: .8rem; margin: 1rem 0 }
table { border-collapse: collapse; width: 100% }
th, td { padding: .35rem .5rem; border-bottom: 1px solid var(--line); text-align: left;
         vertical-align: top; overflow-wrap: anywhere }
th { font-weight: 600; color: var(--soft); font-size: .87em }
.overview td:not(:first-child), .overview th:not(:first-child) { text-align: center;
         white-space: nowrap }
.path { overflow-wrap: anywhere } a { color: inherit } b { font-weight: 600; white-space: nowrap }
.pass { color: var(--good) } .look { color: var(--warn) } .cannot { color: var(--soft) }
.fail { color: var(--bad) } .tampered { color: var(--tampered) }
section { margin-top: 2rem; border-top: 2px solid var(--line) }
.rows td:first-child { white-space: nowrap; color: var(--soft) } .rows td:nth-child(2) { width: 7.5rem }
.rows td:nth-child(3) { width: 15rem }
@media (max-width: 40rem) {
  th, td { padding: .3rem .25rem } .overview .word { display: none }
  .overview th:not(:first-child) { font-size: .75em; padding: .3rem .1rem }
  .rows tr { display: block; border-bottom: 1px solid var(--line); padding: .35rem 0 }
  .rows td { display: inline; border: 0; padding: 0 .4rem 0 0 }
  .rows td:last-child { display: block }
}
"""
WORDS = {
    "title": Words("提交检验", "Submissions verified"),
    "count": Words("份提交", "submissions"),
    "who": Words("提交", "submission"),
    "all": Words("总评", "overall"),
    "order": Words(
        "总评取最差的一项：被改动或不完整 > 不符 > 无法判断 > 请看、通过。“请看”不影响总评，由教师判断。",
        "Overall is the worst of all: tampered or incomplete > fail > cannot judge > look, pass. "
        "“Look” is left to the teacher."),
    "alike": Words("彼此相似的提交", "Submissions that are alike"),
    "seconds": Words("秒", "s"),
}


def class_page(reports: list[Report], left: list[Left], lang: str) -> str:
    """Returns the page as HTML.

    Arguments:
        reports: What was found, one a submission.
        left: The files of no submission.
        lang: "zh" or "en".
    """
    title = WORDS["title"].of(lang)
    today = time.strftime("%Y-%m-%d %H:%M")
    alike = alike_in(reports)
    parts = [
        f'<!doctype html><html lang="{"zh-CN" if lang == "zh" else "en"}"><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
        "style-src 'unsafe-inline'\">",
        f"<title>{title}</title><style>{page_style()}{STYLE}</style><h1>{title}</h1>",
        f'<p class="dim">{len(reports)} {WORDS["count"].of(lang)}, {today}: '
        f"{html.escape(summary(reports, left, lang))}</p>",
        f'<p class="note">{html.escape(DISCLAIMER.of(lang))}</p>',
        _overview(reports, lang),
        f'<p class="dim">{_legend(lang)}<br>{html.escape(WORDS["order"].of(lang))}</p>',
        *([f"<h2 id=alike>{WORDS['alike'].of(lang)}</h2>{_groups(alike, lang)}"] if alike else []),
        *([_left(left, lang)] if left else []),
        *(_details(index, report, lang) for index, report in enumerate(reports)),
        "</html>\n",
    ]
    return "\n".join(parts)


def _groups(groups: list[Alike], lang: str) -> str:
    rows = "".join(f"<tr><td>{html.escape(named(group, lang))}</td></tr>" for group in groups)
    return f"<table>{rows}</table>"


def _mark(verdict: Verdict | None, lang: str) -> str:
    if verdict is None:
        return '<span class="dim">–</span>'
    word = verdict.words.of(lang)
    return (
        f'<b class="{verdict.value}" title="{word}">{MARKS[verdict]}<span class="word"> {word}'
        "</span></b>"
    )


def _legend(lang: str) -> str:
    marks = (f'<b class="{v.value}">{MARKS[v]}</b> {v.words.of(lang)}' for v in Verdict)
    return " &nbsp; ".join(marks)


def _overview(reports: list[Report], lang: str) -> str:
    levels = [one for one in LEVELS if any(r.of(one) for r in reports)]
    if any(r.alike or r.of("likeness") for r in reports):
        levels.append("likeness")
    heads = "".join(f"<th>{LEVEL_WORDS[level].of(lang)}</th>" for level in levels)
    lines = [
        f'<table class="overview"><tr><th>{WORDS["who"].of(lang)}</th>'
        f'<th>{WORDS["all"].of(lang)}</th>{heads}</tr>'
    ]
    twice = {who for who, count in Counter(r.who for r in reports).items() if count > 1}
    for index, report in enumerate(reports):
        place = f'<br><span class="dim">{_text(report.place)}</span>' if report.who in twice else ""
        cells = "".join(f"<td>{_cell(report, level, lang)}</td>" for level in levels)
        lines.append(
            f'<tr><td><a href="#s{index}">{_text(report.who)}</a>{place}</td>'
            f"<td>{_mark(report.verdict, lang)}</td>{cells}</tr>"
        )
    return "\n".join([*lines, "</table>"])


def _cell(report: Report, level: str, lang: str) -> str:
    if level == "likeness" and report.alike:
        return f"{_mark(Verdict.LOOK, lang)} {report.alike.number}"
    return _mark(report.of(level), lang)


def _link(report: Report, lang: str) -> str:
    if report.alike is None:
        return ""
    return f'<p><a href="#alike">{GROUP.of(lang).format(report.alike.number)}</a></p>'


def _details(index: int, report: Report, lang: str) -> str:
    return (
        f'<section id="s{index}"><h2>{_text(report.who)}: {_mark(report.verdict, lang)} '
        f'<span class="dim">{report.seconds:.0f} {WORDS["seconds"].of(lang)}</span></h2>'
        f'<p class="dim path">{_text(report.place)}</p>'
        f"{_rows(report.findings, lang)}{_link(report, lang)}</section>"
    )


def _rows(findings: list[Finding], lang: str) -> str:
    rows = "".join(
        f"<tr><td>{LEVEL_WORDS[one.level].of(lang)}</td><td>{_mark(one.verdict, lang)}</td>"
        f"<td>{_text(one.check.of(lang))}</td><td>{_text(one.found.of(lang))}</td></tr>"
        for one in findings
    )
    return f'<table class="rows">{rows}</table>'


def _left(left: list[Left], lang: str) -> str:
    rows = "".join(
        f"<tr><td>{_left_mark(one, lang)}</td><td>{_text(one.path)}</td>"
        f"<td>{_text(one.why.of(lang))}</td></tr>"
        for one in left
    )
    return f'<h2>{LEFT_WORDS.of(lang)}</h2><table class="left">{rows}</table>'


def _left_mark(left: Left, lang: str) -> str:
    if left.verdict is Verdict.PASS:
        return f'<span class="dim">{NOT_COUNTED.of(lang)}</span>'
    return _mark(left.verdict, lang)


def _text(text: str) -> str:
    return html.escape(one_line(text))
