"""Heads of dogs: the probe's arithmetic, the search, the cache, and sets of photographs."""

import itertools

from pathlib import Path

import numpy as np
import pytest
import torch

from PIL import Image

import genlab.data

from genlab.common.errors import InputError
from genlab.data.crops import found_heads, heads, kept
from genlab.data.crops.crop import box_chooser
from genlab.data.crops.heads import CELLS, SIDES, HeadFinder, best_squares, neighbours
from genlab.data.crops.squares import Box, inside
from genlab.data.toydogs.draw import draw_dog
from genlab.networks.pretrained import heads as pretrained
from genlab.networks.pretrained.heads import HeadProbe, load_head_probe


@pytest.fixture(scope="module")
def finder() -> HeadFinder:
    return HeadFinder()


def noise(width: int, height: int, seed: int = 1) -> Image.Image:
    random = np.random.default_rng(seed)
    return Image.fromarray(random.integers(90, 130, (height, width, 3)).astype(np.uint8))


# the probe


def test_the_map_averages_to_the_log_odds_of_the_square() -> None:
    probe = load_head_probe()
    maps = torch.rand(2, 1280, 3, 5)
    found = probe.map(maps).mean((1, 2))
    torch.testing.assert_close(found, probe.log_odds(maps.mean((2, 3))), rtol=1e-4, atol=1e-4)
    # sigmoid(log-odds) is the logistic regression's probability
    w, f = probe.weight.double(), maps.mean((2, 3)).double()
    p = 1 / (1 + torch.exp(-(f * w).sum(1) - probe.bias.double()))
    torch.testing.assert_close(found.sigmoid().double(), p, rtol=1e-3, atol=1e-5)


def test_a_damaged_probe_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "SHA256", "0" * 64)
    with pytest.raises(InputError, match=r"heads\.safetensors: damaged"):
        load_head_probe()


def test_the_crop_face_of_one_image_is_its_best_square(finder: HeadFinder) -> None:
    image = Image.fromarray(draw_dog(5, 120))
    assert box_chooser("face")(image) == finder.find(image).box


# squares


@pytest.mark.parametrize("size", [(96, 64), (64, 64), (50, 130)])
def test_proposals_have_the_largest_mean_of_each_size(size: tuple[int, int]) -> None:
    """Against the means of all squares of the lattice, one by one."""
    width, height = size
    short = min(size)
    rows, columns = round(CELLS * height / short), round(CELLS * width / short)
    scores = torch.rand(rows, columns).double()  # a map as fine as the lattice stays as it is
    for share, box in zip(SIDES, best_squares(scores, width, height), strict=True):
        k = round(share * CELLS)
        places = itertools.product(range(rows - k + 1), range(columns - k + 1))
        row, column = max(
            places, key=lambda p: scores[p[0] : p[0] + k, p[1] : p[1] + k].mean().item()
        )
        middle = (column + k / 2) * short / CELLS, (row + k / 2) * short / CELLS
        assert box == inside(*middle, share * short, width, height)


@pytest.mark.parametrize("box", [Box(0, 0, 40), Box(30, 24, 40), Box(10, 7, 3), Box(0, 0, 64)])
def test_neighbours_lie_inside_and_near(box: Box) -> None:
    found = neighbours(box, 70, 64)
    assert len(found) == 6
    for left, top, side in found:
        assert 0 <= left <= 70 - side
        assert 0 <= top <= 64 - side
        assert 1 <= side <= 64
        assert abs(side - box.side) <= 0.25 * box.side + 1
        assert abs(left + side / 2 - box.left - box.side / 2) <= 0.25 * box.side + 1


def test_the_best_of_all_squares_looked_at_is_taken(
    finder: HeadFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[tuple[Box, float]] = []
    judged = HeadFinder.judged

    def recorded(self: HeadFinder, image: Image.Image, boxes: list[Box]) -> list[heads.Head]:
        found = judged(self, image, boxes)
        looked.extend(found)
        return found

    monkeypatch.setattr(HeadFinder, "judged", recorded)
    image = Image.fromarray(draw_dog(3, 160))
    head = finder.find(image)
    assert len(looked) == len(SIDES) + 6
    assert head == max(looked, key=lambda one: one[1])
    # what is judged is that square alone
    left, top, side = head.box
    alone = image.crop((left, top, left + side, top + side))
    again = finder.judged(alone, [Box(0, 0, side)])[0].log_odds
    assert again == pytest.approx(head.log_odds, abs=0.15)


@pytest.mark.parametrize("size", [(16, 16), (17, 400), (2000, 31)])
def test_images_of_any_shape_have_a_best_square(
    finder: HeadFinder, size: tuple[int, int]
) -> None:
    left, top, side = finder.find(noise(*size)).box
    assert left >= 0
    assert top >= 0
    assert left + side <= size[0]
    assert top + side <= size[1]


# sets of photographs


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five images of which the finder takes two, the second and the fourth, for dogs."""
    path = tmp_path / "photos"
    path.mkdir()
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path / "cache"))
    for index in range(5):
        noise(60 + index, 50, index).save(path / f"{index}.png")

    def find(_: HeadFinder, image: Image.Image) -> heads.Head:
        index = image.width - 60
        return heads.Head(Box(index, 1, 20), 1.0 if index in (1, 3) else -1.0)

    monkeypatch.setattr(HeadFinder, "find", find)
    return path


def test_images_without_a_head_are_left_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = genlab.data.images(folder, 20, "face")
    assert "2 of 5 images have a dog's head that was found" in capsys.readouterr().err
    assert list(found.paths) == ["1.png", "3.png"]
    assert found.identity.count == 2
    assert found.identity.crop == "face"
    for index, name in enumerate(("1.png", "3.png")):
        left = int(name[0])
        square = Image.open(folder / name).crop((left, 1, left + 20, 21))
        np.testing.assert_array_equal(
            found.read(index).permute(1, 2, 0).numpy(), np.asarray(square)
        )
    centre = genlab.data.images(folder, 20)
    assert centre.identity.sha256 != found.identity.sha256


def test_none_with_a_head_is_an_error(folder: Path) -> None:
    (folder / "1.png").unlink()
    (folder / "3.png").unlink()
    with pytest.raises(InputError, match="no dog's head was found in 3 images; take another"):
        genlab.data.images(folder, 20, "face")


def test_what_was_found_is_not_looked_for_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks of two: a process that stops in the third has two."""
    monkeypatch.setattr(kept, "BLOCK", 2)
    looked: list[int] = []
    find = HeadFinder.find

    def counted(self: HeadFinder, image: Image.Image) -> heads.Head:
        if image.width == 64 and len(looked) == 4:
            raise KeyboardInterrupt
        looked.append(image.width - 60)
        return find(self, image)

    monkeypatch.setattr(HeadFinder, "find", counted)
    with pytest.raises(KeyboardInterrupt):
        genlab.data.images(folder, 20, "face")
    looked.append(-1)
    first = genlab.data.images(folder, 20, "face")
    assert looked == [0, 1, 2, 3, -1, 4]
    assert genlab.data.images(folder, 20, "face").identity == first.identity
    assert looked == [0, 1, 2, 3, -1, 4]


def test_unreadable_images_are_named_together(folder: Path) -> None:
    for name in ("0.png", "4.png"):
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError) as caught:
        genlab.data.images(folder, 20, "face")
    assert "2 of 5 images cannot be used" in str(caught.value)


# photographs


def test_most_photographs_have_a_head_and_faces_are_heads(
    finder: HeadFinder, real_data: Path
) -> None:
    """The probe has learned from images like these: a test that it is the one that was trained."""
    data = real_data / "dogs"
    photos = sorted((data / "photos").glob("*.jpg"))[::200]
    odds = [finder.find(Image.open(path).convert("RGB")).log_odds for path in photos]
    assert np.mean(np.array(odds) > 0) > 0.5
    faces = [Image.open(path).convert("RGB") for path in sorted((data / "faces").iterdir())[::50]]
    seen = [finder.judged(face, [Box(0, 0, face.width)])[0].log_odds for face in faces]
    assert np.mean(np.array(seen) > 0) > 0.8
    blank = HeadFinder(finder.network, HeadProbe(torch.zeros(1280), torch.tensor(-1.0)))
    assert blank.find(faces[0]).log_odds == -1


def test_several_threads_find_the_same_heads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same numbers to the last bit; each image is looked at with one of torch's threads."""
    images = [Image.fromarray(draw_dog(seed, 100 + 10 * seed)) for seed in range(8)]
    threads, before = set[int](), torch.get_num_threads()
    found = []

    def decode(index: int) -> Image.Image:
        threads.add(torch.get_num_threads())
        return images[index]

    try:
        for count in (1, 3):
            monkeypatch.setenv("GENLAB_CACHE", str(tmp_path / str(count)))
            torch.set_num_threads(count)
            found.append(found_heads.heads_of([str(n) for n in range(8)], decode, "drawn dogs"))
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1]
    assert threads == {1}
