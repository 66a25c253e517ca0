"""Which images are the same: by their pixels at the size compared, whatever their files are."""

import zipfile

from pathlib import Path

import torch

from cases.features import Small, noise
from PIL import Image

import genlab.data

from genlab.features.extraction import extract_with_pixels
from genlab.features.pixels import kinds, pixel_digests
from genlab.features.sample import Sample


def test_one_image_in_many_files_is_one(tmp_path: Path) -> None:
    """Three names, two formats, in a folder, in a zip and in an array: the pixels are equal."""
    images = noise(12, 16, 16)
    folder = tmp_path / "folder"
    folder.mkdir()
    for index, image in enumerate(images):
        picture = Image.fromarray(image.permute(1, 2, 0).numpy())
        for name in (f"{index}.png", f"{index} (1).png", f"{index}.bmp"):
            picture.save(folder / name)
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(folder.glob("*.bmp")):
            archive.write(path, path.name)
    extractor = Small().extractor()
    found = [
        extract_with_pixels(genlab.data.images(source), extractor)
        for source in (str(folder), str(packed), images, images.flip(0))
    ]
    many, zipped, array, turned = Sample.of(*found)
    assert [len(s.first) for s in (many, zipped, array, turned)] == [12, 12, 12, 12]
    assert many.repeated.tolist() == [3] * 12
    assert torch.equal(turned.kind, array.kind.flip(0))
    assert zipped.kind.unique().tolist() == array.kind.unique().tolist()
    assert array.is_in([many]).all()
    assert len(array.apart_from(many)) == 0


def test_images_are_the_same_at_one_size_and_not_at_another() -> None:
    """Two images that differ in a pixel of 32 x 32 only."""
    images = torch.full((2, 3, 32, 32), 100, dtype=torch.uint8)
    images[1, 0, 0, 0] += 1
    pictures, extractor = genlab.data.images(images), Small().extractor()
    for size, different in ((None, 2), (4, 1)):
        (sample,) = Sample.of(extract_with_pixels(pictures, extractor, size=size))
        assert len(sample.first) == different


def test_kinds_are_common_to_all_sets_and_the_first_image_of_each_stands_for_it() -> None:
    a, b = noise(4, 8, 8), noise(3, 8, 8, seed=1)
    one, other = torch.cat([a, a[:2], b[:1]]), torch.cat([b, a[3:], b[2:]])
    numbers = kinds(pixel_digests(one), pixel_digests(other))
    assert [part.tolist() for part in numbers] == [[0, 1, 2, 3, 0, 1, 4], [4, 5, 6, 3, 6]]
    left, right = (Sample(part[:, None].double(), part) for part in numbers)
    assert left.first.tolist() == [0, 1, 2, 3, 6]
    assert left.repeated.tolist() == [2, 2, 1, 1, 1]
    assert left.apart_from(right).kind.tolist() == [0, 1, 2]
    assert right.apart_from(left).kind.tolist() == [5, 6]
    assert right.is_in([left]).tolist() == [True, False, False, True, False]


def test_a_tall_image_is_not_a_wide_one() -> None:
    flat = torch.arange(3 * 24, dtype=torch.uint8)
    digests = [pixel_digests(flat.view(1, 3, *shape)) for shape in ((4, 6), (6, 4))]
    assert not torch.equal(*digests)
