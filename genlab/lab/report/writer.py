"""A writer of bilingual pandoc Markdown: one paragraph a line, figures and tables numbered.

Each call takes the text in Chinese and in English, and the writer keeps one of them.
Numbers of figures and tables are written out as text, so that they are right in every program;
`fig("key")` and `tab("key")` may refer to what comes later. Equations of the lab sheet keep the
sheet's numbers, as `\\tag{n}`.
"""

__all__ = ["Image", "Writer"]

import os
import re

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from genlab.figures.language import twin
from genlab.lab.report.numbers.bound import Shown, release
from genlab.lab.report.text.references import reference

TEXT_WIDTH_CM = 16.0
REFERENCE = re.compile("\ue003(fig|tab):(\\w+)\ue004")
"""A reference to a figure or table, between private characters of Unicode, as of `bound.MARKED`."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """A picture in a figure, with the words for those who cannot see it."""

    path: str
    """Relative to the folder of the report; in English."""
    zh: str
    en: str


@dataclass
class Writer:
    """Collects the blocks of one document.

    Arguments:
        lang: "zh" or "en".
        folder: The folder of the report, which the paths of pictures are relative to.
    """

    lang: str
    folder: Path = Path()
    blocks: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    cited: list[str] = field(default_factory=list)
    headings: int = 0

    def pick(self, zh: str, en: str) -> str:
        """Returns the text in this document's language."""
        return zh if self.lang == "zh" else en

    def add(self, block: str) -> None:
        """Appends a block of Markdown."""
        self.blocks.append(block)

    def heading(self, level: int, zh: str, en: str) -> None:
        """Appends a heading."""
        self.headings += 1
        self.add(f"{'#' * level} {self.pick(zh, en)} {{#section-{self.headings}}}")

    def para(self, zh: str, en: str) -> None:
        """Appends a paragraph, on one line: a line break between Chinese words is a space."""
        self.add(" ".join(self.pick(zh, en).split("\n")))

    def styled(self, style: str, text: str) -> None:
        """Appends a paragraph in a named Word style."""
        self.add(f'::: {{custom-style="{style}"}}\n{text}\n:::')

    def bullets(self, items: Sequence[tuple[str, str]]) -> None:
        """Appends a list."""
        self.add("\n".join(f"- {self.pick(zh, en)}" for zh, en in items))

    def note(self, zh: str, en: str) -> None:
        """Appends a remark that must not be overlooked."""
        self.styled("Note", self.pick(zh, en))

    def equation(self, tex: str, tag: str | None = None) -> None:
        """Appends a display equation; `tag` is its number on the lab sheet."""
        self.add(f"$$\n{tex}" + (rf" \tag{{{tag}}}" if tag else "") + "\n$$")

    def figure(
        self, key: str, images: Sequence[Image], per_row: int, zh: str, en: str,
        width: float = TEXT_WIDTH_CM,
    ) -> None:
        """Appends a figure with its caption below.

        Arguments:
            key: What `fig` refers to.
            images: Its pictures.
            per_row: How many stand side by side.
            zh: The Chinese caption.
            en: The English caption.
            width: The width of a row in cm.
        """
        each = (width - 0.3 * (per_row - 1)) / per_row
        for start in range(0, len(images), per_row):
            row, last = images[start : start + per_row], start + per_row >= len(images)
            self.styled(  # a page may end between two rows; the last stays with the caption
                "Captioned Figure" if last else "Figure Row",
                " ".join(
                    f"![{self.pick(i.zh, i.en)}]({self._file(i)}){{width={each:.2f}cm}}"
                    for i in row
                ),
            )
        label = self._number("fig", key)
        self.styled("Image Caption", f"{label}{self._gap()}{self.pick(zh, en)}")

    def _file(self, image: Image) -> str:
        """Returns the picture's file in the report's language if it exists, else the English one."""
        path = Path(image.path)
        own = twin(path, self.lang)
        there = os.path.exists(os.path.normpath(self.folder / own))  # the folder need not be
        return (own if there else path).as_posix()

    def table(
        self, key: str, header: Sequence[str], rows: Sequence[Sequence[str]], zh: str, en: str,
        align: str,
    ) -> None:
        """Appends a table with its caption above; `align` has one of "lcr" a column."""
        label = self._number("tab", key)
        self.styled("Table Caption", f"{label}{self._gap()}{self.pick(zh, en)}")
        marks = {"l": ":--", "c": ":-:", "r": "--:"}
        lines = [header, [marks[a] for a in align], *rows]
        self.add("\n".join(f"| {' | '.join(cells)} |" for cells in lines))

    def code(self, source: str) -> None:
        """Appends a block of Python."""
        self.add(f"```python\n{source}\n```")

    def cite(self, *keys: str) -> str:
        """Returns the numbers of works in the list of references, in order of first use."""
        for key in keys:
            if key not in self.cited:
                self.cited.append(key)
        return "".join(rf"\[{self.cited.index(key) + 1}\]" for key in keys)

    def references(self) -> None:
        """Appends the works cited."""
        lines = [f"\\[{i}\\] {reference(key)}" for i, key in enumerate(self.cited, 1)]
        for line in lines:
            self.styled("Reference", line)

    def fig(self, key: str) -> str:
        """Returns a reference to a figure, which may come later."""
        return f"\ue003fig:{key}\ue004"

    def tab(self, key: str) -> str:
        """Returns a reference to a table, which may come later."""
        return f"\ue003tab:{key}\ue004"

    def marked(self) -> str:
        """Returns the whole document, what comes from the records still between marks."""
        text = "\n\n".join(self.blocks) + "\n"
        return REFERENCE.sub(lambda m: self._link(m[1], m[2]), text)

    def text(self) -> str:
        """Returns the whole document."""
        return release(self.marked())[0]

    def shown(self) -> list[Shown]:
        """Returns all that the document shows of the records, in order."""
        return release(self.marked())[1]

    def _number(self, kind: str, key: str) -> str:
        taken = sum(name.startswith(kind) for name in self.numbers)
        self.numbers[f"{kind}:{key}"] = taken + 1
        return f"[{self._label(kind, key)}]{{#{kind}-{key}}}"

    def _link(self, kind: str, key: str) -> str:
        return f"[{self._label(kind, key)}](#{kind}-{key})"

    def _label(self, kind: str, key: str) -> str:
        name = {"fig": ("图", "Figure"), "tab": ("表", "Table")}[kind]
        return f"{self.pick(*name)} {self.numbers[f'{kind}:{key}']}"

    def _gap(self) -> str:
        return self.pick("\N{IDEOGRAPHIC SPACE}", ". ")
