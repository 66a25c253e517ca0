"""Near duplicates: the hash and the correlation against SciPy and NumPy, and what is found."""

from pathlib import Path

import numpy as np
import pytest
import torch

from PIL import Image, ImageEnhance, ImageOps
from scipy.fft import dctn
from sklearn.datasets import load_sample_images

from genlab.data import near_duplicates as near
from genlab.data.near_duplicates import (
    connected_groups,
    correlation,
    near_duplicates,
    perceptual_hash,
    thumbnails,
)
from genlab.data.toydogs.draw import draw_dog


def dog(index: int, size: int = 96) -> Image.Image:
    return Image.fromarray(draw_dog(index, size))


def thumbs(*images: Image.Image) -> torch.Tensor:
    return torch.cat([
        thumbnails(torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]) for image in images
    ])


def test_hash_is_scipys_cosine_transform_against_its_median() -> None:
    pictures = thumbs(*(dog(i) for i in range(12)))
    low = dctn(pictures.double().numpy(), axes=(1, 2))[:, :8, :8]
    # unnormalised, as the sum in the docstring: the constant's row and column weigh as the rest
    flat = low.reshape(12, -1)[:, 1:]
    wanted = np.where(flat > np.median(flat, axis=1, keepdims=True), 1, -1)
    np.testing.assert_array_equal(perceptual_hash(pictures).numpy(), wanted)


def test_correlation_is_numpys_at_the_best_shift() -> None:
    a, b = thumbs(dog(2), dog(9))[:, None]
    best = max(
        np.corrcoef(u[4:28, 4:28].ravel(), v[y : y + 24, x : x + 24].ravel())[0, 1]
        for u, v in ((a[0].numpy(), b[0].numpy()), (b[0].numpy(), a[0].numpy()))
        for y in range(9) for x in range(9)
    )
    assert float(correlation(a, b)) == pytest.approx(best, abs=1e-5)
    shifted = torch.roll(a, (3, -2), (1, 2))
    assert float(correlation(a, shifted)) == pytest.approx(1, abs=1e-6)
    assert float(correlation(torch.zeros_like(a), b)) == 0


CHANGES = {
    "grey": lambda i: ImageOps.grayscale(i).convert("RGB"),
    "darker": lambda i: ImageEnhance.Brightness(i).enhance(0.7),
    "half the size": lambda i: i.resize((i.width // 2, i.height // 2)),
    "3 % cut off": lambda i: i.crop((2, 2, i.width - 2, i.height - 2)),
    "posterised": lambda i: ImageOps.posterize(i, 4),
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


def test_blocks_do_not_change_the_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = thumbs(*(dog(i, 48) for i in range(20)), *(dog(i, 64) for i in range(20)))
    whole = near_duplicates(pictures)
    monkeypatch.setattr(near, "BLOCK", 7)
    monkeypatch.setattr(near, "PAIRS", 3)
    parts = near_duplicates(pictures)
    assert torch.equal(whole.pairs, parts.pairs)
    assert len(whole.pairs) >= 19
    torch.testing.assert_close(whole.correlation, parts.correlation)


def test_empty_and_flat_sets() -> None:
    assert near_duplicates(torch.zeros(0, 32, 32)).pairs.shape == (0, 2)
    assert near_duplicates(torch.full((5, 32, 32), 9.0)).pairs.shape == (0, 2)


def test_groups_join_what_hangs_together() -> None:
    assert connected_groups(7, [(5, 1), (1, 3), (0, 6)]) == [[0, 6], [1, 3, 5]]
    assert connected_groups(3, []) == []
