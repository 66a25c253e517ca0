"""Image sets: their content decides identity and cache; bad files are named."""

from pathlib import Path

import numpy as np
import pytest
import torch

from PIL import Image

from genlab.common.errors import InputError
from genlab.data.image_set import load_images


def test_content_decides_identity_and_cache(picture_folder: Path) -> None:
    first = load_images(str(picture_folder), 32)
    again = load_images(str(picture_folder), 32)
    assert torch.equal(first.images, again.images)
    assert first.identity == again.identity
    path = picture_folder / "05.png"
    pixels = np.asarray(Image.open(path)).copy()
    pixels[8:24, 8:24] = 255 - pixels[8:24, 8:24]
    Image.fromarray(pixels).save(path)
    changed = load_images(str(picture_folder), 32)
    assert changed.identity.sha256 != first.identity.sha256
    same = (changed.images == first.images).flatten(1).all(1)
    assert same.tolist() == [i != 5 for i in range(24)]


def test_bad_pictures_are_named(picture_folder: Path) -> None:
    (picture_folder / "notes.jpg").write_text("not a picture")
    with pytest.raises(InputError, match=r"notes\.jpg: not a readable image"):
        load_images(str(picture_folder), 32)
    (picture_folder / "notes.jpg").unlink()
    data = (picture_folder / "00.png").read_bytes()
    (picture_folder / "cut.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"cut\.png: not a readable image"):
        load_images(str(picture_folder), 32)
    (picture_folder / "cut.png").unlink()
    Image.new("RGB", (1, 1)).save(picture_folder / "dot.png")
    with pytest.raises(InputError, match=r"dot\.png: 1x1 pixels"):
        load_images(str(picture_folder), 32)


def test_folder_without_pictures(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("nothing here")
    with pytest.raises(InputError, match="no images in it"):
        load_images(str(tmp_path), 32)


def test_real_dogs(real_data: Path) -> None:
    faces = load_images(str(real_data / "dogs" / "faces"), 64, limit=20)
    assert faces.images.shape == (20, 3, 64, 64)
    assert faces.images.float().std() > 30
