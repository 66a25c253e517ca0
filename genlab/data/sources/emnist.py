"""EMNIST: handwritten letters and digits, in the form of MNIST.

References:
    | EMNIST: an extension of MNIST to handwritten letters (Cohen et al., 2017)
    | https://arxiv.org/abs/1702.05373
"""

__all__ = ["EmnistBalanced", "EmnistLetters"]

import string

from pathlib import Path, PurePosixPath

from genlab.common import atomic
from genlab.common.paths import cache_folder
from genlab.common.progress import say
from genlab.data.files.archive import open_zip
from genlab.data.files.idx import holds_idx, idx_name
from genlab.data.sources.idx_source import IdxSource

ARCHIVE = "gzip.zip"
"""All divisions of EMNIST."""


class Emnist(IdxSource):
    """A division of EMNIST, out of the archive that holds all of them."""

    megabytes = 562
    md5 = {ARCHIVE: "58c8d27c78d21e728a6bc7b3cc06412e"}
    mirrors = (
        "https://biometrics.nist.gov/cs_links/EMNIST/",
        "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/",
    )
    licence = "not stated (NIST Special Database 19; Cohen et al.)"

    def download(self, folder: Path) -> None:
        """Fetches the archive, and takes the division's four files out of it."""
        if holds_idx(folder):
            return
        say(f"fetching all of EMNIST ({self.megabytes} MB) for {self.en}")
        archive = self.fetch(ARCHIVE, ARCHIVE, cache_folder() / "emnist")
        folder.mkdir(parents=True, exist_ok=True)
        with open_zip(archive) as files:
            for member in files.entries:
                name = PurePosixPath(member.filename).name
                if idx_name(name) and name.startswith(f"{self.name}-"):
                    atomic.write_bytes(folder / name, files.read(member))


class EmnistLetters(Emnist):
    """26 letters, large and small ones together."""

    name = "emnist-letters"
    zh, en = "EMNIST字母", "EMNIST letters"
    contents = "124,800 + 20,800 letters, of an archive of 562 MB"
    how = (
        "put the four files emnist-letters-* into DIR/emnist-letters and set GENLAB_DATA=DIR, or: "
        "genlab data --get emnist-letters"
    )
    classes = ("", *string.ascii_lowercase)


class EmnistBalanced(Emnist):
    """Ten digits and 37 letters, as many of each."""

    name = "emnist-balanced"
    zh, en = "EMNIST平衡集", "EMNIST balanced"
    contents = "112,800 + 18,800 digits and letters, of an archive of 562 MB"
    how = (
        "put the four files emnist-balanced-* into DIR/emnist-balanced and set GENLAB_DATA=DIR, "
        "or: genlab data --get emnist-balanced"
    )
    classes = (*string.digits, *string.ascii_uppercase, *"abdefghnqrt")
