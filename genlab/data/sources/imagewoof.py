"""Imagewoof: photographs of ten breeds of dogs out of ImageNet, by fast.ai."""

__all__ = ["Imagewoof"]

import shutil
import tempfile

from pathlib import Path

from genlab.common.errors import InputError
from genlab.common.paths import cache_folder
from genlab.common.progress import say
from genlab.data.sources.base import FolderSource

URL = "https://s3.amazonaws.com/fast-ai-imageclas/imagewoof2-160.tgz"
MD5 = "3d200a7be99704a0d7509be2a9fbfe15"
PHOTOGRAPHS = 12_954


class Imagewoof(FolderSource):
    """The 12,954 photographs with a shorter side of 160 pixels."""

    name = "imagewoof-160"
    zh, en = "狗照片数据集Imagewoof", "Imagewoof, photographs of dogs"
    contents = "12,954 photos of ten breeds, 88 MB"
    licence = "Apache-2.0"
    how = "genlab data --get imagewoof-160"
    fallback = "toydogs:1500"

    def folder(self) -> Path | None:
        """Returns the folder in the cache, if it is there and whole."""
        folder = self._place()
        return folder if folder.is_dir() and _photographs(folder) >= PHOTOGRAPHS else None

    def fetch(self) -> Path:
        """Returns the folder in the cache, downloaded first if need be.

        A folder that is not whole, as an interrupted copy leaves it, is replaced.
        """
        if (there := self.folder()) is not None:
            return there
        import pooch

        folder, words = self._place(), ""
        if folder.is_dir():
            words = f"; {folder} has {_photographs(folder):,} of {PHOTOGRAPHS:,} photographs"
        say(f"fetching Imagewoof (88 MB) into {folder.parent}{words}")
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            # Unpacked beside, then renamed: a folder of that name is never half full.
            with tempfile.TemporaryDirectory(prefix=".imagewoof-", dir=folder.parent) as beside:
                unpacked = Path(beside).resolve() / "images"
                pooch.retrieve(
                    URL, f"md5:{MD5}", "imagewoof2-160.tgz", folder.parent,
                    processor=pooch.Untar(extract_dir=str(unpacked)),
                )
                if folder.is_dir():
                    shutil.move(folder, Path(beside).resolve() / "partial")
                unpacked.rename(folder)
        except (OSError, ValueError) as error:
            raise InputError(
                f"{self.name}: cannot be fetched ({error}){words}; give a folder of dog images, "
                "or toydogs"
            ) from None
        return folder

    def _place(self) -> Path:
        return cache_folder() / "imagewoof2-160"

    def title(self, folder: Path) -> str:
        """Returns the same name wherever the folder is."""
        del folder
        return "Imagewoof 160 px"


def _photographs(folder: Path) -> int:
    """Returns the number of photographs in a folder that are not empty."""
    return sum(path.stat().st_size > 0 for path in folder.rglob("*.JPEG") if path.is_file())
