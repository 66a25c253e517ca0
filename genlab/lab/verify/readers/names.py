"""Whose a file is and which of the three, by its name as it arrives.

A student hands in 实验五_张三_2021.docx; what a teacher gets may be 张三_123_assignsubmission_file_
实验五 张三 2021 (1).DOCX. A name is read in four steps:

    decode     names that were read in a wrong encoding, or written with escapes, are put right
    normalise  NFKC: full-width letters, letters taken apart (macOS); invisible letters go
    unmark     a copy's mark at the end goes, repeated suffixes and trailing dots with it
    match      the template's text before the author is looked for, its separators being any
               or none; what stands before it is a platform's

What is left is the author. Two files are one person's if letters and digits of their authors
agree. A time, a counter or a note at the end may be a platform's or a part of the student
number: both ways to read it are kept, and that which agrees with the other files counts.
"""

__all__ = ["Named", "Naming", "Unread", "person", "readings", "system_file", "unflagged"]

import html
import re
import unicodedata

from collections.abc import Iterator
from email.errors import HeaderParseError
from email.header import decode_header
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from genlab.common.errors import InputError
from genlab.lab.handin.template import SHEET, Template

FIELD = r"\{(?:name|id)\}"
WHO = re.compile(rf"{FIELD}.*{FIELD}|{FIELD}")
"""The part of a template's name that says whose a file is."""

ENCODINGS = ("utf-8", "gb18030", "big5", "shift_jis", "euc_kr")
MISREAD = ("cp437", "latin-1", "cp1252", "gb18030", "cp850")
"""Encodings in which programs read names that are in another."""

ANYWHERE = (
    "副本 複本 复本 复件 複件 複製 复制 拷贝 拷貝 コピー 복사본 사본 สำเนา 自动保存的 自动保存 已恢复 已压缩"
).split()
"""Words for a copy that need no space before them."""
WORDS = (
    "copy copie kopie copia cópia còpia kópia kopia kopi kopio kopya kopyası kopija koopia afrit "
    "másolat salinan копия копія копие копија αντίγραφο نسخة نسخه עותק प्रतिलिपि"
).split() + ["bản sao", "autosaved", "autorecovered", "recovered", "compressed"]
BETWEEN = r"(?:(?![)\]}】〕])[\W_])"
NUMBER = r"\s*[\[(【〔]?\s*(\d{1,3})?\s*[\])】〕]?"
MARK = re.compile(
    rf"""(?:
      \s*[\[({{【〔]\s*(\d{{1,3}})\s*[\])}}】〕]
    | {BETWEEN}*(?:第\s*\d+\s*[个個])?\s*[の的의]?\s*(?:{'|'.join(ANYWHERE)}){NUMBER}
    | (?:{BETWEEN}+|(?<=\d))(?:another\s|\d+(?:st|nd|rd|th|\.)\s)?(?:{"|".join(map(re.escape, WORDS))}){NUMBER}
    | ~(\d{{0,3}})
    | \s*\([^()]*(?:conflict|冲突)[^()]*\)
    )[\s._]*$""",
    re.VERBOSE | re.IGNORECASE,
)
"""What a copy's name ends with."""
DAY = (
    r"(?:19|20)\d\d(?:(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
    r"|[-_./年](?:0?[1-9]|1[0-2])[-_./月](?:0?[1-9]|[12]\d|3[01])日?)"
)
CLOCK = r"[T\s_.,-]*[0-2]?\d[-_.:时時]?[0-5]\d(?:[-_.:分]?[0-5]\d)?(?:秒|[._-]?\d{3})?"
TRAILER = re.compile(
    rf"""[\s_(\[-]+(?:
      {DAY}(?:{CLOCK})?
    | 1[5-9]\d{{8}}(?:\d{{3}})?
    | [0-9a-f]{{8}}-?(?:[0-9a-f]{{4}}-?){{3}}[0-9a-f]{{12}} | [0-9a-f]{{16,64}}
    | late | final | new | [vV]\d+(?:\.\d+)* | \d{{1,2}}
    | (?:最终|最後|最后|修改|修订|提交|终|定|新)[版稿]? | 第\d+[版次] | 补交 | 迟交
    )[\s)\]]*$""",
    re.VERBOSE | re.IGNORECASE,
)
"""What platforms and people put behind a name: times, counters, digests, notes."""
SUFFIX = re.compile(r"(?:[._](docx|zip)\s*)+$", re.IGNORECASE)
OTHER_SUFFIX = re.compile(r"(?i:\.tar)?\.[A-Za-z][A-Za-z0-9]{0,7}$|\.7z$")
DOWNLOADED_AGAIN = re.compile(r"(\.(?:docx|zip))\.(\d{1,2})$", re.IGNORECASE)
"""wget's name of a second download."""
ESCAPED = re.compile(r"#U([0-9A-Fa-f]{4})|#L([0-9A-Fa-f]{6})")
"""Info-ZIP's way to write what the encoding of the system lacks."""
BYTES = re.compile("[^\ud800-\udc7f\udd00-\udfff]*")
"""Names that Python made of bytes, without other halves of surrogate pairs."""
VARIANTS = {"实": "實実", "验": "驗験", "码": "碼", "撑": "撐"}
"""Traditional and Japanese forms of letters in the lab sheet's names."""
FOREGOING = re.compile(
    r"[\W_]*((?:[^\W\d_]+[\W_]+[^\W_]*\d[^\W_]*)|(?:[^\W_]*\d[^\W_]*[\W_]+[^\W\d_]+))[\W_]*"
)
"""A name and a number, or a number and a name, and nothing else."""
NUMERALS = dict(zip("0123456789", "〇一二三四五六七八九")) | {"零": "〇"}

SYSTEM = re.compile(
    r"""__MACOSX | \._.* | \.DS_Store | \.git | \.svn | \.Spotlight.* | \.Trash.* | \.fseventsd
    | Thumbs\.db | ehthumbs\.db | desktop\.ini | \$RECYCLE\.BIN | System\ Volume\ Information
    | ~\$.* | ~WRL.* | \.~lock\..*\# | \.~.* | .*\.(?:tmp|part|crdownload|download)""",
    re.VERBOSE | re.IGNORECASE,
)


def system_file(path: str) -> bool:
    """Whether a file, or a folder above it, is one that systems and editors leave behind."""
    return any(SYSTEM.fullmatch(part) for part in re.split(r"[\\/]", path))


def person(who: str) -> str:
    """Returns what two spellings of one author share: letters and digits, normalised."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", who).casefold())
    return "".join(letter for letter in text if letter.isalnum())


def readings(name: str) -> Iterator[str]:
    """Yields what a name may have been, the likeliest first: itself, if it is readable."""
    raw = b""
    try:
        name.encode()
        yield name
    except UnicodeEncodeError:  # bytes that are not UTF-8
        raw = name.encode("utf-8", "surrogateescape" if BYTES.fullmatch(name) else "replace")
    for found in (
        ESCAPED.sub(lambda code: _letter(code[1] or code[2]), name),
        html.unescape(name),
        _mail_words(name),
    ):
        if found != name:
            yield found
    if not raw and re.search(r"(?:%[0-9A-Fa-f]{2}){2}", name):
        raw = unquote_to_bytes(name)
    if raw:
        yield from _decodings(raw)
    elif not name.isascii():
        for wrong in MISREAD:
            try:
                yield from _decodings(name.encode(wrong))
            except UnicodeEncodeError:
                continue


def unflagged(name: str) -> str:
    """Returns what a name in an archive was, of which the archive does not say the encoding.

    The zip format's own is code page 437, as which it comes here. macOS writes UTF-8; Chinese
    Windows, GBK.
    """
    try:
        raw = name.encode("cp437")
    except UnicodeEncodeError:
        return name
    for found in _decodings(raw):
        usual = all(letter.isascii() or "\u2e80" <= letter <= "\uffef" for letter in found)
        if usual or found.encode("utf-8") == raw:
            return found
    return name


def _letter(code: str) -> str:
    value = int(code, 16)
    return chr(value) if value < 0x110000 and not 0xD800 <= value < 0xE000 else "\N{REPLACEMENT CHARACTER}"


def _mail_words(name: str) -> str:
    """Returns a name with the encoded words of mail headers (RFC 2047) decoded."""
    if "=?" not in name:
        return name
    try:
        parts = decode_header(name)
        return "".join(
            part if isinstance(part, str) else part.decode(charset or "ascii")
            for part, charset in parts
        )
    except (HeaderParseError, ValueError, LookupError):
        return name


def _decodings(raw: bytes) -> Iterator[str]:
    for encoding in ENCODINGS:
        try:
            yield raw.decode(encoding)
        except UnicodeDecodeError:
            continue


class Named(NamedTuple):
    """What a name says."""

    kind: str
    """"docx", "code" or "support"."""
    authors: tuple[str, ...]
    """Ways to read whose it is, the likeliest first."""
    literal: str
    """The author with all marks."""
    version: int
    """The number of a download; below 0 of a copy that a person made; 0 without a mark."""
    suffix: str
    """"docx", "zip", or nothing: as the name ends."""


class Unread(NamedTuple):
    """Why a name is none of a submission's."""

    zh: str
    en: str
    author: str = ""
    """Whose it is, if only its suffix is wrong."""


class Naming:
    """How the files of a submission are called.

    Arguments:
        template: The teacher's; the lab sheet's if not given.

    Raises:
        InputError: If the three names do not tell in the same way whose they are.
    """

    def __init__(self, template: Template = SHEET) -> None:
        self.template = template
        found = {kind: WHO.search(pattern) for kind, pattern in template.names.items()}
        parts = {match[0] for match in found.values() if match}
        if len(parts) != 1 or None in found.values():
            raise InputError(
                "`template`: names: docx, code and support must have {name} and {id} in the same "
                "order, with the same text between"
            )
        (self.who,) = parts
        self.ends = {
            kind: tuple(template.names[kind].split(self.who, 1)) for kind in template.names
        }
        """The text before and after that, by kind."""

    def of(self, kind: str, who: str) -> str:
        """Returns the name of a file."""
        return who.join(self.ends[kind])

    def read(self, name: str) -> Named | Unread:
        """Returns what a file's name says, or why it says nothing."""
        first = None
        for text in readings(name):
            found = self._read(text)
            if isinstance(found, Named):
                return found
            first = first or found
        return first or Unread("文件名无法读出", "its name cannot be read")

    def _read(self, text: str) -> Named | Unread:
        stem, suffix, version = _unmarked(_normal(text))
        matches = [
            (match.start(), len(before), kind, match.end())
            for kind, (before, _) in self.ends.items()
            for match in re.finditer(_flexible(before), stem[0], re.IGNORECASE)
        ]
        other: Named | Unread = Unread("文件名不是所要求的", "not named as asked")
        read = set[int]()
        for start, _, kind, end in sorted(matches, reverse=True):
            after = self.ends[kind][1]
            wanted = after.rpartition(".")[2]
            if start in read:  # of beginnings in one place the longest counts
                continue
            whos = [who for one in stem if (who := _before(after, one[end:]))]
            if end == len(stem[0]):  # nothing but marks behind it
                own = FOREGOING.fullmatch(stem[0][:start])  # as a platform puts it there
                whos = [own[1]] if own else []
                read.add(start)
            if not whos:
                continue
            found = Named(
                kind, (whos[0], *_without_trailers(whos[0])), whos[-1], version, suffix
            )
            if suffix in ("", wanted):
                return found
            read.add(start)
            if suffix == "zip":  # some browsers call a Word document so
                other = found
            elif isinstance(other, Unread):
                other = Unread(
                    f"以.{suffix[:20]}结尾，要求的是.{wanted}",
                    f"ends with .{suffix[:20]}, asked for is .{wanted}", whos[0])
        return other

    def authors(self, who: str) -> list[tuple[str | None, str | None]]:
        """Returns every way to read name and number from whose a file is, likeliest first.

        What the template does not ask for is None. Either may itself hold a separator.
        """
        first, second = self.who[1:-1].partition("}")[0], self.who[:-1].rpartition("{")[2]
        if first == second:
            return [(who, None) if first == "name" else (None, who)]
        between = self.who[len(first) + 2 : -len(second) - 2]
        cuts = [match.span() for match in re.finditer(f"(?={re.escape(between)})", who)]
        spans = [(start, start + len(between)) for start, _ in reversed(cuts) if between]
        spans += [match.span() for match in re.finditer(r"[\W_]+", who)]
        spans += [(i, i) for i in range(1, len(who)) if who[i].isdigit() != who[i - 1].isdigit()]
        pairs: list[tuple[str | None, str | None]] = []
        for start, end in dict.fromkeys(spans):
            one, other = who[:start], who[end:]
            if one and other:
                pairs.append((one, other) if first == "name" else (other, one))
        return pairs or [(who, None)]


def _normal(text: str) -> str:
    text = unicodedata.normalize("NFKC", text.replace("%20", " "))
    return "".join(letter for letter in text if unicodedata.category(letter) not in ("Cf", "Cc"))


def _unmarked(text: str) -> tuple[list[str], str, int]:
    """Returns the stem, without marks first and with more and more of them; suffix; version."""
    version, suffix = 0, ""
    if again := DOWNLOADED_AGAIN.search(text):
        text, version = text[: again.end(1)], int(again[2])
    stems: list[str] = []
    while True:
        text = text.rstrip(" ._")
        if found := SUFFIX.search(text):
            suffix, text = suffix or found[1].lower(), text[: found.start()]
        elif not suffix and (found := OTHER_SUFFIX.search(text)):
            suffix, text = found[0][1:].lower(), text[: found.start()]
        else:
            stems.insert(0, text)
            found = MARK.search(text)
            if not found or not text[: found.start()].strip():
                return stems, suffix, version
            number = int(next((one for one in found.groups() if one), "1"))
            # A copy that a person made is rather the older of two; a download's number says later.
            made = any(letter.isalpha() for letter in found[0])
            version, text = version or (-number if made else number), text[: found.start()]


def _without_trailers(who: str) -> Iterator[str]:
    while found := TRAILER.search(who):
        who = _unmarked(who[: found.start()])[0][0]
        if not any(letter.isdigit() for letter in who):
            return
        yield who


def _flexible(text: str) -> str:
    """Returns the pattern of a text with any separators, or none, and either kind of digits."""
    letters = [letter for letter in unicodedata.normalize("NFKC", text) if letter.isalnum()]
    others = VARIANTS | NUMERALS | {chinese: digit for digit, chinese in NUMERALS.items()}
    classes = [
        f"[{letter}{others[letter]}]" if letter in others else re.escape(letter)
        for letter in letters
    ]
    return r"[\W_]*".join(classes) + r"[\W_]*" if classes else "^"


def _before(after: str, text: str) -> str:
    """Returns whose a file is: a text without what the template has behind it, "" if that lacks."""
    behind = after.rpartition(".")[0]
    if not person(behind):
        behind = unicodedata.normalize("NFKC", behind).strip(" _.-")
        return text.removesuffix(behind).strip(" _.-") if text.endswith(behind) else ""
    found = re.search(rf"[\W_]*{_flexible(behind)}$", text, re.IGNORECASE)
    return text[: found.start()].strip(" _.-") if found else ""
