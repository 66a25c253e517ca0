"""Dogs: the photographs that the user keeps in the data folder."""

__all__ = ["Dogs"]

from pathlib import Path

from genlab.common.errors import InputError
from genlab.common.paths import data_folder
from genlab.data.sources.base import FolderSource


class Dogs(FolderSource):
    """The folder `dogs/faces` of the data folder, or else `dogs`."""

    name = "dogs"
    zh, en = "狗图像数据集", "the data set of dogs"
    contents = "as you have them"
    licence = "as given by its owner"
    how = "put images into DIR/dogs and set GENLAB_DATA=DIR"
    fallback = "imagewoof-160"

    def folder(self) -> Path | None:
        """Returns the folder, if it is there."""
        data = data_folder()
        if data is None:
            return None
        places = (data / "dogs" / "faces", data / "dogs")
        return next((p for p in places if p.is_dir()), None)

    def fetch(self) -> Path:
        """Returns the folder; nothing is fetched."""
        folder = self.folder()
        if folder is None:
            raise InputError(
                f"{self.name}: {self.how} (or give a folder, or one of: toydogs, imagewoof-160)"
            )
        return folder

    def title(self, folder: Path) -> str:
        """Returns "dogs (faces)" or "dogs (dogs)"."""
        return f"dogs ({folder.name})"
