"""What a folder or zip holds beside its pictures, counted and named once."""

__all__ = ["LeftOut"]

from collections import Counter
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from genlab.common.text import many, one_line
from genlab.data.files.hidden import hidden_part
from genlab.data.files.kinds import remedy

SPECIAL = "pipes, devices or links to nothing"
NAMED = 12
"""Kinds of files, and hidden folders, that are named; of more the number is given."""


@dataclass
class LeftOut:
    """Files that are no pictures of a set."""

    suffixes: Counter[str] = field(default_factory=Counter)
    """Other files by suffix, "" among them."""
    hidden_folders: Counter[str] = field(default_factory=Counter)
    """Files in hidden and system folders, by the folder's name."""
    hidden_paths: dict[str, set[tuple[str, ...]]] = field(default_factory=dict)
    """The paths of these folders, by the same name."""
    hidden_files: int = 0
    again: int = 0
    """Names of pictures that are counted already: links, or members of one name."""
    special: int = 0
    """Pipes, devices and links to nothing."""
    linked_folders: list[str] = field(default_factory=list)
    """Links to folders, which are not followed."""

    def add(self, name: str) -> None:
        """Adds a file that is no picture."""
        self.suffixes[PurePosixPath(name).suffix.lower()] += 1

    def take_back(self, name: str) -> None:
        """Takes back a file that was added, for it is of use."""
        self.suffixes -= Counter([PurePosixPath(name).suffix.lower()])

    def add_hidden(self, parts: tuple[str, ...]) -> bool:
        """Adds a file if it, or a folder on its path, is hidden; returns whether it is."""
        place = hidden_part(parts)
        if place is None:
            return False
        if place == len(parts) - 1:
            self.hidden_files += 1
        else:
            self.hidden_folders[parts[place]] += 1
            self.hidden_paths.setdefault(parts[place], set()).add(parts[: place + 1])
        return True

    def words(self) -> list[str]:
        """Returns what is left out, a phrase a kind."""
        kinds = self.suffixes.most_common()
        found = [
            f"{count:,} {one_line(kind) or 'without a suffix'}"
            + (f" ({remedy(kind)})" if remedy(kind) else "")
            for kind, count in kinds[:NAMED]
        ]
        if rest := kinds[NAMED:]:
            found.append(f"{many(sum(n for _, n in rest), 'file')} of {len(rest)} other kinds")
        folders = self.hidden_folders.most_common()
        found += [
            f"{many(len(self.hidden_paths[name]), 'hidden folder')} {one_line(name)} with "
            f"{many(count, 'file')}"
            for name, count in folders[:NAMED]
        ]
        if rest := folders[NAMED:]:
            found.append(f"hidden folders of {len(rest)} other names")
        if self.hidden_files:
            found.append(many(self.hidden_files, "hidden or system file"))
        if self.again:
            found.append(
                f"{many(self.again, 'name')} of pictures that are counted already (links, or "
                "members of one name)"
            )
        if self.special:
            found.append(many(self.special, "pipe, device or link to nothing", SPECIAL))
        if self.linked_folders:
            found.append(
                f"{many(len(self.linked_folders), 'link')} to folders, as "
                f"{one_line(self.linked_folders[0])} (not followed: copy those folders here)"
            )
        return found
