"""Near duplicates: sketches, alignment and correlation against SciPy, and what is found."""

from pathlib import Path

import numpy as np
import pytest
import torch

from PIL import Image, ImageEnhance, ImageOps
from scipy.fft import dctn
from scipy.ndimage import uniform_filter
from sklearn.datasets import load_sample_images

from genlab.data import near_duplicates as near
from genlab.data.alignment import aligned, seen_through
from genlab.data.near_duplicates import (
    connected_groups,
    correlation,
    near_duplicates,
    sketches,
    thumbnails,
)
from genlab.data.toydogs.draw import draw_dog


def dog(index: int, size: int = 96) -> Image.Image:
    return Image.fromarray(draw_dog(index, size))


def thumbs(*images: Image.Image) -> torch.Tensor:
    return torch.cat([
        thumbnails(torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]) for image in images
    ])


def test_a_sketch_is_scipys_cosine_transform_times_the_frequency() -> None:
    pictures = thumbs(*(dog(i) for i in range(6)))
    k = np.arange(8)
    for part, cut in ((near.PARTS[0], pictures), (torch.tensor([0.25, 0.5, 0.5, 0.5]), None)):
        inner = pictures[:, 32:, 16:48] if cut is None else cut
        low = dctn(inner.double().numpy(), axes=(1, 2))[:, :8, :8]
        wanted = (low * np.sqrt(k[:, None] ** 2 + k**2)).reshape(6, -1)[:, 1:]
        wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
        np.testing.assert_allclose(sketches(pictures, part).numpy(), wanted, atol=1e-5)


def test_the_sketch_of_a_mirrored_picture_is_that_of_its_mirror_image() -> None:
    pictures = thumbs(*(dog(i) for i in range(6)))
    mirrored = sketches(pictures.flip(2), near.PARTS[0])
    torch.testing.assert_close(sketches(pictures, near.PARTS[0]) * near.MIRROR, mirrored)


def test_alignment_finds_the_part_that_was_cut_out() -> None:
    """Of a smooth picture, from a start that is off; the truth is known."""
    y, x = torch.meshgrid(*(2 * [(torch.arange(64) + 0.5) / 64]), indexing="ij")

    def scene(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return 90 + 40 * (9 * x + 4 * y).sin() + 30 * (11 * y - 5 * x).cos() + 20 * (17 * x).sin()

    left, width, top, height = truth = (0.07, 0.85, 0.04, 0.9)
    whole = scene(x, y)[None]
    part = 0.6 * scene(left + width * x, top + height * y)[None] + 30  # darker, of less contrast
    found = aligned(whole, part, torch.tensor([[0.1, 0.9, 0.0, 0.88]]), steps=8)
    assert found[0].tolist() == pytest.approx(truth, abs=2e-3)
    seen = seen_through(whole, torch.tensor([truth]))
    assert float(correlation(seen, part)) > 0.99


def test_the_correlation_is_of_clamped_details() -> None:
    a, b = thumbs(dog(2), dog(9)).float()[:, None]
    details = []
    for image in (a[0].numpy(), b[0].numpy()):
        rest = (image - uniform_filter(image, 5, mode="nearest")).ravel()
        most = np.sqrt((rest**2).mean())
        details.append(rest.clip(-most, most))
    u, v = details
    wanted = u @ v / np.linalg.norm(u) / np.linalg.norm(v)
    assert float(correlation(a, b)) == pytest.approx(wanted, abs=1e-4)
    assert float(correlation(a, 255 - a)) == pytest.approx(-1, abs=1e-5)
    assert float(correlation(torch.zeros_like(a), b)) == 0


CHANGES = {
    "grey": lambda i: ImageOps.grayscale(i).convert("RGB"),
    "darker": lambda i: ImageEnhance.Brightness(i).enhance(0.7),
    "half the size": lambda i: i.resize((i.width // 2, i.height // 2)),
    "3 % cut off": lambda i: i.crop((2, 2, i.width - 2, i.height - 2)),
    "posterised": lambda i: ImageOps.posterize(i, 4),
    "mirrored": ImageOps.mirror,
    "10 % cut off": lambda i: i.crop((0, i.height // 20, i.width * 9 // 10, i.height)),
    "another hue": lambda i: Image.merge("RGB", i.split()[::-1]),
    "mirrored, cut and grey": lambda i: ImageOps.grayscale(
        ImageOps.mirror(i.crop((3, 2, i.width - 4, i.height - 5)))
    ).convert("RGB"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_pictures_are_near_duplicates(change: str) -> None:
    """Two photographs (scikit-learn's) and sixteen drawn dogs; each finds its own copy only."""
    photos = [Image.fromarray(image) for image in load_sample_images().images]
    originals = [*(p.resize((240, 160)) for p in photos), *(dog(i, 128) for i in range(16))]
    everything = thumbs(*originals, *(CHANGES[change](image) for image in originals))
    pairs = near_duplicates(everything).pairs.tolist()
    n = len(originals)
    right = [[i, i + n] for i in range(n)]
    assert [p for p in pairs if p not in right] == []
    assert len(pairs) >= n - 1  # one in eighteen may be missed


def test_different_pictures_are_no_duplicates(real_data: Path) -> None:
    """Drawn dogs, which are all alike, and the first photographs of dogs."""
    assert len(near_duplicates(thumbs(*(dog(i, 48) for i in range(300)))).pairs) == 0
    paths = sorted((real_data / "dogs" / "photos").glob("*.jpg"))[:300]
    assert len(near_duplicates(thumbs(*(Image.open(p).convert("RGB") for p in paths))).pairs) == 0


def test_copies_among_real_faces_are_found_and_no_others(real_data: Path) -> None:
    """Sixteen of the first 400 are the same photograph in grey, of another crop, or mirrored."""
    paths = sorted((real_data / "dogs" / "faces").iterdir())[:400]
    found = near_duplicates(thumbs(*(Image.open(p).convert("RGB") for p in paths)))
    assert found.correlation.min() > 0.85, "none is doubtful"


def test_blocks_do_not_change_the_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = thumbs(*(dog(i, 48) for i in range(20)), *(dog(i, 64) for i in range(20)))
    whole = near_duplicates(pictures)
    monkeypatch.setattr(near, "BLOCK", 7)
    monkeypatch.setattr(near, "TOGETHER", 14)
    monkeypatch.setattr(near, "PAIRS", 3)
    parts = near_duplicates(pictures)
    assert torch.equal(whole.pairs, parts.pairs)
    assert len(whole.pairs) >= 19
    # alignment is in float32, and rounds by how many pairs are aligned together
    torch.testing.assert_close(whole.correlation, parts.correlation, rtol=1e-6, atol=0)


def test_of_very_many_pairs_those_that_join_groups_are_listed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Thirty frames of one film and thirty of another: 870 pairs, of which 58 join them."""
    frames = [torch.clamp(thumbs(dog(i)).int() + k, 0, 255) for i in (2, 9) for k in range(30)]
    pictures = torch.cat(frames).to(torch.uint8)
    everything = near_duplicates(pictures)
    assert len(everything.pairs) == 2 * 30 * 29 // 2
    monkeypatch.setattr(near, "MOST", 40)
    monkeypatch.setattr(near, "PAIRS", 10)
    some = near_duplicates(pictures)
    assert len(some.pairs) < 2 * 58
    groups = [connected_groups(60, found.pairs.tolist()) for found in (everything, some)]
    assert groups[0] == groups[1] == [list(range(30)), list(range(30, 60))]


def test_empty_and_flat_sets() -> None:
    assert near_duplicates(torch.zeros(0, 64, 64, dtype=torch.uint8)).pairs.shape == (0, 2)
    assert near_duplicates(torch.full((5, 64, 64), 9, dtype=torch.uint8)).pairs.shape == (0, 2)


def test_groups_join_what_hangs_together() -> None:
    assert connected_groups(7, [(5, 1), (1, 3), (0, 6)]) == [[0, 6], [1, 3, 5]]
    assert connected_groups(3, []) == []
