"""Level 2: the document says what the records in the archives say.

The report is written again from the records (`rebuild.py`) and compared paragraph by paragraph;
a row of a table is one. Equations are compared by what they say. A student may have written into
it, and another program may have saved it:

    a paragraph that has changed but for its numbers      look
    a paragraph added or left out                         look
    an equation changed but for its numbers, or left out  look
    a number that has changed                             fail
    a row of a table, with numbers, left out or moved     fail
    a paragraph with weighty numbers (a decimal point, or three digits and more) moved    fail
    a weighty number in an added paragraph that is nowhere in the report that the records give
                                                          fail
    hidden text, symbols, tracked changes, text boxes ... look

Headers, footers, notes and comments are paragraphs like those of the body.

Every picture of the run must be in its place: the same file, or its pixels brought to the same
size to within 3 of 255 levels (the report makes large pictures smaller). One that another program
made smaller, or a JPEG, to within 20 levels of the means of blocks of 16 x 16 pixels, is shown
("look"), and so is a further picture.
"""

__all__ = ["check_consistency"]

import re

from difflib import SequenceMatcher
from pathlib import Path
from typing import NamedTuple

from genlab.common.errors import InputError
from genlab.common.formats.picture import PNG
from genlab.lab.report.text.text import PLACEHOLDERS
from genlab.lab.verify.levels.integrity import Unpacked
from genlab.lab.verify.levels.rebuild import Rebuilt, rebuild
from genlab.lab.verify.readers.docx_reader import Document, read_docx
from genlab.lab.verify.readers.equations import numbers_of
from genlab.lab.verify.readers.names import person
from genlab.lab.verify.readers.pictures import converted, difference, read_picture, size_of
from genlab.lab.verify.results.findings import Finding, Refused, Verdict, Words, refusing
from genlab.runs.run import Run

NUMBER = re.compile(r"[−-]?\d[\d,]*(?:\.\d+)?(?:[eE][−+-]?\d+| × 10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?")
WEIGHTY = re.compile(r"\.|\d.*\d.*\d")
"""A number that looks measured: a decimal point, or three digits and more."""
DECLARED = re.compile(r"(?:姓名|Name)\s*[:：]\s*(.+?)\s*(?:学号|Student number)\s*[:：]\s*(.+?)\s*")
"""The report's line with the author's name and student number."""
ALIKE = 0.5
"""Paragraphs above this ratio of common letters are one, changed."""
LEVELS_OFF = 3
SHOWN = 4


class Changes(NamedTuple):
    """How a document differs from the report that the records give."""

    numbers: list[str]
    """Where a number has changed, as "found ... for ..."."""
    words: list[str]
    """Paragraphs in which words only have changed."""
    added: list[str]
    gone: list[str]
    displaced: list[str]
    """Those of `gone` that hold numbers and are rows of tables, or are added elsewhere."""
    foreign: list[str]
    """Weighty numbers of added paragraphs that the records do not give."""
    equations: list[str]
    """Equations of which something else than numbers has changed, or that are added or gone."""


def numbers_in(text: str) -> list[str]:
    """Returns the numbers of a text as they are printed."""
    return NUMBER.findall(text)


def compare_texts(document: list[str], report: list[str]) -> Changes:
    """Compares the paragraphs of a document with those of the report that the records give."""
    changes = Changes([], [], [], [], [], [], [])
    matcher = SequenceMatcher(None, document, report, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind != "equal":
            _compare_parts(document[a:b], report[c:d], changes)
    added = [numbers_in(text) for text in changes.added]
    for text in changes.gone:
        numbers = numbers_in(text)
        moved = any(map(WEIGHTY.search, numbers)) and numbers in added
        if moved or (numbers and "\t" in text):
            changes.displaced.append(text)
    known = set(numbers_in("\n".join(report)))
    for text in changes.added:
        changes.foreign.extend(
            n for n in numbers_in(text) if WEIGHTY.search(n) and n not in known
        )
    return changes


def compare_equations(document: list[str], report: list[str], changes: Changes) -> None:
    """Compares equations, as of `normal_form`, with those of the report, into `changes`.

    A number that stands in an equation of the document and in none of those of the report that
    it takes the place of has changed. A number that is gone may be another program's doing: some
    drop equations.
    """
    matcher = SequenceMatcher(None, document, report, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            continue
        found, wanted = document[a:b], report[c:d]
        new = numbers_of(" ".join(found)) - numbers_of(" ".join(wanted))
        if new:
            changes.numbers.append(_where(" ".join(found), " ".join(wanted)))
        else:
            changes.equations.extend(found or wanted)


def _compare_parts(ours: list[str], theirs: list[str], changes: Changes) -> None:
    """Pairs paragraphs that are alike, in order; what stays alone was added or left out."""
    rest = list(ours)
    same = len(ours) == len(theirs)  # some are too short to be told by their letters
    for index, wanted in enumerate(theirs):
        found = ours[index] if same else _most_alike(wanted, rest)
        if found is None:
            changes.gone.append(wanted)
            continue
        rest.remove(found)
        if numbers_in(found) != numbers_in(wanted):
            changes.numbers.append(_where(found, wanted))
        else:
            changes.words.append(found)
    changes.added.extend(rest)


def _most_alike(wanted: str, texts: list[str]) -> str | None:
    best, ratio = None, ALIKE
    for text in texts[:200]:
        matcher = SequenceMatcher(None, text[:2000], wanted[:2000], autojunk=False)
        if matcher.quick_ratio() > ratio and (now := matcher.ratio()) > ratio:
            best, ratio = text, now
    return best


def _where(found: str, wanted: str) -> str:
    """Returns the first place where two paragraphs differ, with a few letters around it."""
    at = next((i for i, (a, b) in enumerate(zip(found, wanted)) if a != b), 0)
    start = max(0, at - 12)
    return f"{_quoted(found[start : at + 24])} ≠ {_quoted(wanted[start : at + 24])}"


def _quoted(text: str) -> str:
    return "“" + text.replace("\t", " | ") + "”"


def check_consistency(unpacked: Unpacked) -> list[Finding]:
    """Compares the document of a submission with its records."""
    try:
        with refusing():
            document = read_docx(unpacked.docx.read(), unpacked.docx.name)
        lang = _language(document)
        name, number = _author(unpacked, document)
        rebuilt = rebuild(unpacked.run, lang, name, number, unpacked.submission.naming.template)
    except Refused as error:
        return [_row("text", Verdict.TAMPERED, Words(str(error), str(error)))]
    except (KeyError, TypeError, IndexError, AttributeError, ValueError, ArithmeticError) as error:
        why = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        if unpacked.sources.same:  # genlab submit wrote a report of the records with this source
            return [_row("text", Verdict.TAMPERED, Words(
                f"由这些记录写不出报告（{why}）：记录在提交文件生成之后被改动",
                f"no report can be made of these records ({why}): they were changed after the "
                "files were made"))]
        return [_row("text", Verdict.CANNOT, Words(
            f"此版genlab无法由这些记录写出报告（{why}）",
            f"this genlab can make no report of these records ({why}): another version made them"))]
    findings = [_author_row(unpacked, document, name)]
    further = [text for text in document.margins if text not in rebuilt.margins]
    changes = compare_texts([*document.paragraphs, *further], rebuilt.paragraphs)
    compare_equations(document.equations, rebuilt.equations, changes)
    findings.append(_text_row(changes, rebuilt, unpacked))
    findings.append(_beside_row(document))
    findings.append(_pictures_row(document, rebuilt, unpacked))
    return findings


def _row(kind: str, verdict: Verdict, found: Words) -> Finding:
    names = {
        "author": Words("作者", "the author"),
        "text": Words("报告的数字与文字", "numbers and words of the report"),
        "beside": Words("文字之外的内容", "what is hidden or no text"),
        "pictures": Words("报告的图", "pictures of the report"),
    }
    return Finding("consistency", names[kind], verdict, found)


def _language(document: Document) -> str:
    """Returns "zh" if a tenth of the letters is Chinese; what a program says of it may be lost."""
    letters = [letter for text in document.paragraphs for letter in text if letter.isalpha()]
    chinese = sum("\u2e80" <= letter <= "\uffef" for letter in letters)
    return "zh" if 10 * chinese > len(letters) else "en"


def _author(unpacked: Unpacked, document: Document) -> tuple[str | None, str | None]:
    """Returns name and number: as the report has them if these are the files' names', else theirs.

    Platforms change names of files; the report is as it was written.
    """
    lines = map(DECLARED.fullmatch, document.paragraphs)
    for line in filter(None, lines):
        if unpacked.submission.is_of(line[1], line[2]):
            return line[1], line[2]
    read = [
        tuple(None if part == nobody else part for part, nobody in zip(pair, PLACEHOLDERS))
        for pair in unpacked.submission.authors()
    ]
    pairs = [(name, number) for name, number in read]
    own = person(document.author)
    return next((pair for pair in pairs if pair[0] and person(pair[0]) == own), pairs[0])


def _author_row(unpacked: Unpacked, document: Document, name: str | None) -> Finding:
    author, config = document.author, Run(unpacked.run).config
    if name is None:
        return _row("author", Verdict.FAIL, Words(
            "文件名中没有姓名", "the files' names give no name"))
    if person(author) != person(name):
        return _row("author", Verdict.FAIL, Words(
            f"文件属性中的作者是“{author}”，文件名中是“{name}”",
            f"the document's author is “{author}”, the files' names say “{name}”"))
    declared = config.get("name")
    if declared is not None and person(declared) != person(name):
        return _row("author", Verdict.LOOK, Words(
            f"{name}；但该次运行开始时登记的姓名是“{declared}”",
            f"{name}; but the run was begun in the name of “{declared}”"))
    return _row("author", Verdict.PASS, Words(name, name))


def _text_row(changes: Changes, rebuilt: Rebuilt, unpacked: Unpacked) -> Finding:
    numbers = [Words(text, text) for text in (*changes.numbers, *changes.foreign)]
    wrong = numbers + [
        Words(f"{text}不在原处", f"{text} is not in its place")
        for text in (_quoted(text[:36]) for text in changes.displaced)
    ]
    count = len(rebuilt.paragraphs)
    if wrong:
        more = f" (+{len(wrong) - SHOWN})" if len(wrong) > SHOWN else ""
        zh, en = ("; ".join(texts) + more for texts in zip(*wrong[:SHOWN]))
        if not unpacked.sources.same:
            return _row("text", Verdict.CANNOT, Words(
                f"有{len(wrong)}处数字与此版genlab由记录写出的报告不同，但代码的版本也不同：{zh}",
                f"{len(wrong)} numbers are not those of the report that this genlab makes of the "
                f"records, but the source is another too: {en}"))
        return _row("text", Verdict.FAIL, Words(
            f"有{len(wrong)}处数字不是由记录得到的：{zh}",
            f"{len(wrong)} numbers do not come from the records: {en}"))
    edits = (*changes.words, *changes.added, *changes.gone, *changes.equations)
    if edits:
        first = _quoted(edits[0][:60])
        return _row("text", Verdict.LOOK, Words(
            f"数字一致；文字有改动：{len(changes.words)}段改写，{len(changes.added)}段增加，"
            f"{len(changes.gone)}段删去，{len(changes.equations)}个公式写法不同或缺少（{first}…）",
            f"the numbers agree; paragraphs reworded: {len(changes.words)}, added: "
            f"{len(changes.added)}, left out: {len(changes.gone)}; equations written otherwise or "
            f"missing: {len(changes.equations)} ({first}…)"))
    total = sum(len(numbers_in(text)) for text in rebuilt.paragraphs)
    return _row("text", Verdict.PASS, Words(
        f"{count}段与由记录重写的报告逐字相同（{total}个数字）",
        f"all {count} paragraphs are those that the records give ({total} numbers)"))


def _beside_row(document: Document) -> Finding:
    if not document.beside:
        return _row("beside", Verdict.PASS, Words("没有", "nothing"))
    shown = ", ".join(document.beside)
    return _row("beside", Verdict.LOOK, Words(
        f"Word显示的与所比较的文字可能不同，请打开报告查看：{shown}",
        f"Word may show other than the text that was compared, open the report: {shown}"))


def _pictures_row(document: Document, rebuilt: Rebuilt, unpacked: Unpacked) -> Finding:
    """Goes through the document's pictures, which must be the run's in their order."""
    wrong, added, made = list[str](), 0, 0
    own = list(rebuilt.pictures)
    for place, data in enumerate(document.pictures):
        alike = _alike(data, unpacked.run / own[0]) if own else None
        if alike is None and len(document.pictures) - place > len(own):
            added += 1
            continue
        path = own.pop(0)
        made += alike == "converted"
        wrong += [path] if alike is None else []
    if wrong or own:
        return _row("pictures", Verdict.FAIL, Words(
            f"不是该次运行的图，或缺少：{', '.join((*wrong, *own)[:SHOWN])}",
            f"not the run's, or missing: {', '.join((*wrong, *own)[:SHOWN])}"))
    count = len(rebuilt.pictures)
    if added or made:
        return _row("pictures", Verdict.LOOK, Words(
            f"该次运行的{count}幅都在；另有{added}幅，{made}幅被缩小或转为JPEG",
            f"the run's {count} are there; further pictures: {added}; made smaller or JPEG: {made}"))
    return _row("pictures", Verdict.PASS, Words(
        f"{count}幅都是压缩包中该次运行的图", f"all {count} are the run's, as the archives have them"))


def _alike(data: bytes, path: Path) -> str | None:
    """Returns "same" if a picture of the document is this one, at its size or smaller.

    As another program's resizing or compressing leaves it, it is "converted"; else None.
    """
    kept = path.read_bytes()
    if data == kept:
        return "same"
    try:
        if data[: len(PNG)] == PNG:
            size = size_of(data, path.name)
            shown, own = read_picture(data, path.name), read_picture(kept, path.name, size)
            if difference(shown, own) <= LEVELS_OFF:
                return "same"
            if size == size_of(kept, path.name):
                return None  # nothing but a person changes single pixels
        return "converted" if converted(data, read_picture(kept, path.name)) else None
    except InputError:  # a replaced picture may be of another kind, or damaged
        return None
