"""Statistics files: what is written is read, plain ones are understood, others are refused."""

import json

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.features.extractor import Provenance
from genlab.fid.statistics_file import (
    FeatureOrigin,
    Framing,
    holds_statistics,
    load_statistics,
    refuse_mismatch,
    save_statistics,
)
from genlab.metrics.frechet_distance import Statistics

LITE = Provenance(network="Lite", sha256="ab" * 32, layer="head, mean", preprocessing="224 px")
FRAMING = Framing(64, "subject")


def features(count: int, dims: int, seed: int = 0) -> np.ndarray:
    """Like a network's: positive, of unlike scales, correlated."""
    random = np.random.default_rng(seed)
    mixed = random.normal(size=(count, dims)) @ random.normal(size=(dims, dims)) / dims
    return np.abs(mixed + 0.3) * random.uniform(0.01, 2, dims)


def plain(path: Path, x: np.ndarray, ddof: int = 1, **more: np.ndarray) -> Path:
    """A file as pytorch-fid writes it: `np.mean`, `np.cov`, `np.savez_compressed`."""
    sigma = np.cov(x, rowvar=False, ddof=ddof)
    np.savez_compressed(path, mu=np.mean(x, axis=0), sigma=sigma, **more)
    return path


def moments(x: np.ndarray) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(x.mean(0)), torch.from_numpy(np.cov(x, rowvar=False))


def test_what_is_written_is_read_and_is_what_pytorch_fid_reads(tmp_path: Path) -> None:
    path, x = tmp_path / "ref.npz", features(30, 12)
    mean, covariance = moments(x)
    save_statistics(path, Statistics(mean, covariance, 30), LITE, "dogs (faces)", FRAMING)
    read = load_statistics(path)
    assert read.framing == FRAMING
    assert torch.equal(read.gaussian.mean, mean)
    assert torch.equal(read.gaussian.covariance, covariance)
    assert (read.gaussian.count, read.provenance, read.note) == (30, LITE, "")
    with np.load(path) as file:  # NumPy's default: no pickle
        np.testing.assert_array_equal(file["mu"], x.mean(0))
        np.testing.assert_array_equal(file["sigma"], np.cov(x, rowvar=False))
        assert int(file["ddof"]) == 1
        assert str(file["source"]) == "dogs (faces)"
        assert json.loads(str(file["versions"]))["torch"] == torch.__version__
    with pytest.raises(InputError, match=r"ref\.npz: says of itself N = 30"):
        load_statistics(path, count=31)
    with pytest.raises(InputError, match=r"ref\.npz: says of itself"):
        load_statistics(path, ddof=0)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "ref.npz"
    mean, covariance = moments(features(30, 12))
    save_statistics(path, Statistics(mean, covariance, 30), LITE, "dogs", FRAMING)
    before = path.read_bytes()
    for wrong in (covariance[:5], covariance.triu(), covariance * float("nan"), -covariance):
        with pytest.raises(InputError, match=r"ref\.npz: "):
            save_statistics(path, Statistics(mean, wrong, 30), LITE, "dogs", FRAMING)
    with pytest.raises(InputError, match="at least 2"):
        save_statistics(path, Statistics(mean, covariance, 1), LITE, "dogs", FRAMING)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_plain_files_are_read_with_a_note(tmp_path: Path) -> None:
    few = load_statistics(plain(tmp_path / "few.npz", features(30, 64)))
    assert (few.gaussian.count, few.provenance) == (30, None)
    assert "rank 29: N = 30" in few.note
    many = load_statistics(plain(tmp_path / "many.npz", features(100, 12)))
    assert many.gaussian.count is None
    assert "does not say which network" in many.note
    told = load_statistics(tmp_path / "many.npz", count=100)
    assert told.gaussian.count == 100
    with pytest.raises(InputError, match="rank 29 or more, which needs at least 30 images"):
        load_statistics(tmp_path / "few.npz", count=20)
    for count in (-5, 0, 1, 12):  # a rank of 12 needs 13
        for ddof in (0, 1):
            with pytest.raises(InputError, match=rf"N = {count} was given.*at least 13 images"):
                load_statistics(tmp_path / "many.npz", count, ddof)
    np.savez(tmp_path / "constant.npz", mu=np.zeros(3), sigma=np.zeros((3, 3)))
    with pytest.raises(InputError, match="N = 1 was given.*at least 2 images"):
        load_statistics(tmp_path / "constant.npz", 1, 0)


def test_size_and_crop_are_kept_and_must_be_known_ones(tmp_path: Path) -> None:
    for framing in (FRAMING, Framing("native", "centre")):
        path = tmp_path / "new.npz"
        save_statistics(path, Statistics(*moments(features(30, 12)), 30), LITE, "dogs", framing)
        assert load_statistics(path).framing == framing
    with np.load(path) as file:
        kept = {name: file[name] for name in file.files if name not in ("size", "crop")}
    np.savez(tmp_path / "damaged.npz", **kept)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"damaged\.npz: not readable as statistics"):
        load_statistics(tmp_path / "damaged.npz")
    assert "size and crop" in load_statistics(plain(tmp_path / "plain.npz", features(9, 4))).note
    np.savez(path, **kept, size=64, crop=np.str_("left"))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"new\.npz: not readable as statistics.*crop 'left'"):
        load_statistics(path)


@pytest.mark.parametrize("dtype", [">f8", "<f8", ">f4", np.longdouble])
def test_numbers_of_any_machine_are_read(tmp_path: Path, dtype: str) -> None:
    x = features(30, 12)
    mu, sigma = x.mean(0).astype(dtype), np.cov(x, rowvar=False).astype(dtype)
    np.savez(tmp_path / "other.npz", mu=mu, sigma=sigma)
    mean, covariance, _ = load_statistics(tmp_path / "other.npz").gaussian
    np.testing.assert_array_equal(mean, mu.astype(np.float64))
    np.testing.assert_array_equal(covariance, sigma.astype(np.float64))


def test_rounding_below_zero_is_no_fault(tmp_path: Path) -> None:
    """Images fewer than features, in float16 and float32: eigenvalues that are 0 go below it."""
    x = features(30, 64)
    for dtype in (np.float16, np.float32):
        sigma = np.cov(x, rowvar=False).astype(dtype)
        assert np.linalg.eigvalsh(sigma.astype(np.float64))[0] < 0
        np.savez(tmp_path / "short.npz", mu=x.mean(0).astype(dtype), sigma=sigma)
        assert len(load_statistics(tmp_path / "short.npz").gaussian.mean) == 64


def test_division_by_n_is_rescaled(tmp_path: Path) -> None:
    x = features(100, 12)
    path = plain(tmp_path / "style.npz", x, ddof=0)
    rescaled = load_statistics(path, count=100, ddof=0)
    np.testing.assert_allclose(rescaled.gaussian.covariance, np.cov(x, rowvar=False), rtol=1e-13)
    assert "rescaled by 100/99" in rescaled.note
    with pytest.raises(InputError, match=r"style\.npz: .*needs N"):
        load_statistics(path, ddof=0)
    few = load_statistics(plain(tmp_path / "few.npz", features(9, 12), ddof=0), ddof=0)
    exact = np.cov(features(9, 12), rowvar=False)
    np.testing.assert_allclose(few.gaussian.covariance, exact, rtol=1e-13)
    with pytest.raises(InputError, match="ddof 2"):
        load_statistics(path, count=100, ddof=2)


def implied_count(folder: Path, covariance: np.ndarray) -> int | None:
    """The N that a plain file's covariance reveals."""
    np.savez(folder / "s.npz", mu=np.zeros(len(covariance), covariance.dtype), sigma=covariance)
    return load_statistics(folder / "s.npz").gaussian.count


@pytest.mark.parametrize("count", [2, 3, 17, 63, 64])
def test_the_rank_reveals_the_number_of_images(tmp_path: Path, count: int) -> None:
    covariance = np.cov(features(count, 64), rowvar=False)
    assert implied_count(tmp_path, covariance) == count
    single = features(count, 64).astype(np.float32).astype(np.float64)  # as networks give them
    assert implied_count(tmp_path, np.cov(single, rowvar=False)) == count
    rounded = implied_count(tmp_path, covariance.astype(np.float32))
    assert rounded in range(2, count + 1)  # not more than N


@pytest.mark.parametrize("count", [65, 66, 300])
def test_a_full_rank_reveals_nothing(tmp_path: Path, count: int) -> None:
    x = features(count, 64)
    assert implied_count(tmp_path, np.cov(x, rowvar=False)) is None
    x[:, ::5] = 0  # features that never fire lower the rank, whatever N is
    assert implied_count(tmp_path, np.cov(x, rowvar=False)) is None


def test_sums_that_were_streamed_reveal_it_too(tmp_path: Path) -> None:
    """E[x x^T] - mu mu^T, as StyleGAN and EDM take it: rounding at the level of mu mu^T."""
    x = features(30, 64)
    mean = x.mean(0)
    sigma = (x.T @ x - 30 * np.outer(mean, mean)) / 29
    assert implied_count(tmp_path, sigma) == 30


def test_images_that_are_there_twice_count_once(tmp_path: Path) -> None:
    x = features(20, 64)
    assert implied_count(tmp_path, np.cov(np.vstack([x, x]), rowvar=False)) == 20


def test_files_that_are_no_statistics_are_refused(tmp_path: Path) -> None:
    x = features(30, 12)
    mu, sigma = x.mean(0), np.cov(x, rowvar=False)
    wrong = {
        "transposed": {"mu": mu[None], "sigma": sigma},
        "short": {"mu": mu, "sigma": sigma[:5, :5]},
        "complex": {"mu": mu, "sigma": sigma.astype(complex)},
        "infinite": {"mu": mu * np.inf, "sigma": sigma},
        "lopsided": {"mu": mu, "sigma": np.triu(sigma)},
        "negative": {"mu": mu, "sigma": -sigma},
        "indefinite": {"mu": mu, "sigma": np.eye(12) + 5 * (np.eye(12)[::-1])},
        "empty": {"mu": mu[:0], "sigma": sigma[:0, :0]},
        "images": {"arr_0": np.zeros((3, 8, 8, 3), np.uint8)},
        "objects": {"mu": np.array([{}] * 12), "sigma": sigma},
    }
    for name, arrays in wrong.items():
        np.savez(tmp_path / f"{name}.npz", **arrays)
        with pytest.raises(InputError, match=rf"{name}\.npz"):
            load_statistics(tmp_path / f"{name}.npz")
    (tmp_path / "noise.npz").write_bytes(b"noise")
    for name in ("noise", "missing"):
        with pytest.raises(InputError, match=rf"{name}\.npz: not readable as statistics"):
            load_statistics(tmp_path / f"{name}.npz")
    assert not holds_statistics(tmp_path / "images.npz")
    assert not holds_statistics(tmp_path / "noise.npz")
    assert not holds_statistics(tmp_path / "missing.npz")
    assert holds_statistics(plain(tmp_path / "good.npz", x))


def test_a_damaged_record_of_the_extractor_is_refused(tmp_path: Path) -> None:
    for index, record in enumerate(["{", "[]", '{"network": "x"}']):
        path = plain(
            tmp_path / f"{index}.npz", features(9, 4), provenance=np.str_(record),
            count=np.int64(9),
        )
        with pytest.raises(InputError, match=rf"{index}\.npz: not readable as statistics"):
            load_statistics(path)


@pytest.mark.parametrize(
    "field", ["network", "sha256", "layer", "preprocessing", "precision", "version"]
)
def test_other_networks_and_preprocessings_are_refused_by_both_names(field: str) -> None:
    ours = FeatureOrigin("ours", 12, LITE)
    refuse_mismatch(ours, FeatureOrigin("theirs", 12, replace(LITE)))
    other = replace(LITE, **{field: 9 if field == "version" else "other"})  # type: ignore[arg-type]
    with pytest.raises(InputError, match=rf"ours and theirs are not comparable: {field} .* and "):
        refuse_mismatch(ours, FeatureOrigin("theirs", 12, other))


def test_other_dimensions_are_refused_even_of_plain_files(tmp_path: Path) -> None:
    read = load_statistics(plain(tmp_path / "plain.npz", features(30, 12))).origin
    refuse_mismatch(FeatureOrigin("ours", 12, LITE), read)
    with pytest.raises(InputError, match=r"ours has 64 features, .*plain\.npz has 12"):
        refuse_mismatch(FeatureOrigin("ours", 64, LITE), read)
