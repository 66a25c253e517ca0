"""The published sets beside MNIST: downloads as their servers give them, and a package's files."""

import gzip
import hashlib
import importlib.util
import zipfile

from pathlib import Path

import numpy as np
import pytest

from cases.small_data import idx_bytes

import genlab.data

from genlab.common.errors import InputError
from genlab.data.files.idx import FILES
from genlab.data.sources import SOURCES, animal_silhouettes
from genlab.data.sources.emnist import ARCHIVE, Emnist
from genlab.data.sources.idx_source import IdxSource

RANDOM = np.random.default_rng(0)
ARRAYS = {
    "train images": RANDOM.integers(0, 256, (30, 28, 28)).astype(np.uint8),
    "train labels": (1 + np.arange(30) % 3).astype(np.uint8),
    "test images": RANDOM.integers(0, 256, (10, 28, 28)).astype(np.uint8),
    "test labels": (1 + np.arange(10) % 3).astype(np.uint8),
}
EMNIST = [name for name, one in SOURCES.items() if isinstance(one, Emnist)]
MIRRORED = [
    name for name, one in SOURCES.items() if isinstance(one, IdxSource) and name not in EMNIST
]


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No data folder, and an empty cache."""
    monkeypatch.delenv("GENLAB_DATA", raising=False)
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("name", MIRRORED)
def test_a_set_is_fetched_once_from_the_first_server_that_has_it(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the checksum of each file; the last server is the only one that answers."""
    source, asked = SOURCES[name], []
    assert isinstance(source, IdxSource)

    def retrieve(url: str, known: str, file: str, folder: Path) -> str:
        asked.append(url)
        if not url.startswith(source.mirrors[-1]):
            raise OSError("no route")
        (part,) = [part for part, stem in FILES.items() if file == f"{stem}.gz"]
        assert known == f"md5:{source.md5[part]}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(gzip.compress(idx_bytes(ARRAYS[part])))
        return str(folder / file)

    monkeypatch.setattr("pooch.retrieve", retrieve)
    assert source.locate() is None
    digits = genlab.data.splits(name)
    np.testing.assert_array_equal(digits.train.numpy(), ARRAYS["train images"])
    np.testing.assert_array_equal(digits.test.numpy(), ARRAYS["test images"])
    assert len(asked) == 4 * len(source.mirrors)
    assert f"fetching {source.en} ({source.megabytes} MB)" in capsys.readouterr().err
    assert digits.identity.licence == source.licence
    assert not digits.identity.stand_in
    assert digits.class_name(1) == (source.classes[1] if source.classes else "1")
    genlab.data.splits(name)
    assert len(asked) == 4 * len(source.mirrors), "nothing is fetched twice"


@pytest.mark.parametrize("name", EMNIST)
def test_a_division_of_emnist_comes_out_of_its_archive(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    archive = tmp_path / "emnist.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for division in (*EMNIST, "emnist-byclass"):
            for part, stem in FILES.items():
                array = ARRAYS[part] if division == name else 255 - ARRAYS[part]
                member = f"gzip/{division}-{stem.replace('t10k', 'test')}.gz"
                file.writestr(member, gzip.compress(idx_bytes(array)))

    def retrieve(url: str, known: str, file: str, folder: Path) -> str:
        assert known == f"md5:{Emnist.md5[ARCHIVE]}"
        return str(archive)

    monkeypatch.setattr("pooch.retrieve", retrieve)
    digits = genlab.data.splits(name)
    np.testing.assert_array_equal(digits.train.numpy(), ARRAYS["train images"].transpose(0, 2, 1))
    assert digits.test_labels is not None
    assert digits.test_labels.tolist() == ARRAYS["test labels"].tolist()
    assert digits.class_name(1) == {"emnist-letters": "a", "emnist-balanced": "1"}[name]
    archive.unlink()
    assert len(genlab.data.splits(name).train) == 30


@pytest.mark.parametrize("name", [*MIRRORED, *EMNIST])
def test_a_set_that_cannot_be_fetched_is_named_with_what_to_do(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("pooch.retrieve", offline)
    with pytest.raises(InputError, match=f"^{name}: .*no network.*DIR/{name} and set GENLAB_DATA"):
        genlab.data.splits(name)


def test_the_names_of_classes_are_as_many_as_published() -> None:
    counts = {
        "fashion-mnist": 10, "kmnist": 10, "emnist-letters": 27, "emnist-balanced": 47,
        "animal-silhouettes": 10,
    }  # fmt: skip
    for name, count in counts.items():
        classes = SOURCES[name].classes
        assert len(set(classes)) == len(classes) == count, name
    balanced = SOURCES["emnist-balanced"].classes
    assert "".join(balanced) == "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"


needs_animals = pytest.mark.skipif(
    importlib.util.find_spec("animal_mnist") is None, reason="animal-mnist is not installed"
)


@needs_animals
def test_animal_silhouettes_are_those_that_the_package_loads() -> None:
    """The digest of all labels and pictures, sorted, as the package's own code unpickles them."""
    digits = genlab.data.splits("animal-silhouettes")
    assert digits.train_labels is not None
    assert digits.test_labels is not None
    pictures = [*digits.train.numpy(), *digits.test.numpy()]
    labels = [*digits.train_labels.tolist(), *digits.test_labels.tolist()]
    ours = sorted((label, picture.tobytes()) for label, picture in zip(labels, pictures))
    joined = b"".join(bytes([label]) + picture for label, picture in ours)
    wanted = "4c569f8dc631d837873a2029b5adfc6255ec08fdffef3df052e118c97a491eca"
    assert hashlib.sha256(joined).hexdigest() == wanted


@needs_animals
def test_no_copy_of_a_silhouette_lies_in_the_other_split() -> None:
    digits = genlab.data.splits("animal-silhouettes")
    counts = digits.counts()
    assert counts.test_in_train == 0
    assert counts.train_different + counts.test_different == 9716
    assert digits.test_labels is not None
    shares = digits.test_labels.bincount().double() / 1000
    assert shares.min() > 0.15
    assert shares.max() < 0.25
    assert digits.class_name(4) == "dog"


def test_another_file_of_the_package_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in animal_silhouettes.SHA256:
        (tmp_path / name).write_bytes(gzip.compress(b"cos\nsystem\n(S'true'\ntR."))
    monkeypatch.setattr(animal_silhouettes, "_folder", lambda: tmp_path)
    with pytest.raises(InputError, match="not the file of animal-mnist 0.4"):
        genlab.data.splits("animal-silhouettes")
    monkeypatch.setattr(animal_silhouettes, "_folder", lambda: None)
    with pytest.raises(InputError, match="pip install --no-deps animal-mnist"):
        genlab.data.splits("animal-silhouettes")

