"""Features of pictures: one row an image, whatever order, batch and number of processes."""

import json
import threading
import time
import warnings
import weakref

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from cases.features import Small, noise, write
from torch import Tensor

import genlab.data

from genlab.common.cache import Parts
from genlab.common.errors import InputError
from genlab.data.arrays.pictures import ArrayPictures
from genlab.data.identity import Origin
from genlab.features.extraction import extract
from genlab.features.prefetch import in_background

ORIGIN = Origin("set", "set")


@pytest.mark.parametrize("batch", [1, 7, 32, 64, 301, 1000])
def test_301_images_give_301_rows_each_its_own(batch: int) -> None:
    images, network = noise(301), Small()
    features = extract(genlab.data.images(images), network.extractor(), batch=batch)
    assert features.shape == (301, 6)
    torch.testing.assert_close(features, network.one_by_one(list(images)), rtol=0, atol=1e-6)
    assert sum(shape[0] for shape in network.batches) == 301
    assert max(shape[0] for shape in network.batches) == min(batch, 301)
    assert len(network.batches) == -(-301 // batch)


def test_mixed_sizes_share_batches_and_keep_their_rows(tmp_path: Path) -> None:
    sizes = [(8, 9), (12, 7), (8, 9), (20, 20)]
    images = [noise(1, *sizes[i % 4], seed=i)[0] for i in range(40)]
    pictures = genlab.data.images(str(write(tmp_path / "mixed", images)))
    network = Small()
    features = extract(pictures, network.extractor(), batch=5)
    torch.testing.assert_close(features, network.one_by_one(images), rtol=0, atol=1e-6)
    assert len(network.batches) == 8  # 20, 10 and 10 of a size, by fives


def test_many_sizes_do_not_pile_up_in_memory() -> None:
    """Forty images of forty sizes: read ahead and held are a few batches, not all of them."""
    read: list[int] = []

    class Growing(ArrayPictures):
        def read(self, index: int) -> Tensor:
            read.append(index)
            return torch.zeros(3, 8, 8 + index, dtype=torch.uint8)

    class Watch(Small):
        most = 0

        def __call__(self, images: Tensor) -> Tensor:
            done = sum(shape[0] for shape in self.batches)
            self.most = max(self.most, len(read) - done)
            return super().__call__(images)

    network = Watch()
    assert extract(Growing.open(noise(40), ORIGIN), network.extractor(), batch=4).shape == (40, 6)
    # 4 batches + 1 held, 4 in the queue, 1 being handed over, 1 being put
    assert network.most <= 4 * 4 + 1 + 4 + 2


def test_renamed_zipped_shuffled_sets_have_the_same_features(tmp_path: Path) -> None:
    import zipfile

    images = list(noise(30))
    plain = genlab.data.images(str(write(tmp_path / "a", images)))
    names = [f"{(7 * i) % 30:02d}.PNG" for i in range(30)]
    renamed = genlab.data.images(str(write(tmp_path / "b" / "c", images, names)))
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        for path in sorted((tmp_path / "a").iterdir(), reverse=True):
            archive.write(path, f"deep/{path.name}")
    zipped = genlab.data.images(str(tmp_path / "z.zip"))
    features = extract(plain, Small().extractor(), batch=7)
    assert torch.equal(extract(zipped, Small().extractor(), batch=7), features)
    order = [int(Path(name).stem) for name in names]
    assert torch.equal(extract(renamed, Small().extractor(), batch=7)[order], features)
    shuffled = genlab.data.images(torch.stack(images).flip(0))
    for batch in (1, 7, 64):
        again = extract(shuffled, Small().extractor(), batch=batch).flip(0)
        torch.testing.assert_close(again, features, rtol=0, atol=1e-6)


def test_features_are_cached_by_content_and_provenance(tmp_path: Path) -> None:
    images = noise(9, seed=5)
    first = Small()
    features = extract(genlab.data.images(images), first.extractor(), batch=4, cache=True)
    second = Small()
    turned = genlab.data.images(images.flip(0))  # the same set in another order
    turned = extract(turned, second.extractor(), batch=4, cache=True)
    assert (len(first.batches), len(second.batches)) == (3, 0)
    assert torch.equal(turned.flip(0), features)
    changed = images.clone()
    changed[4, 1, 2, 3] ^= 1
    others: list[tuple[Tensor, dict[str, str]]] = [
        (changed, {}),
        *((images, {field: "other"})
          for field in ("name", "sha256", "layer", "preprocessing", "precision")),
    ]
    for content, key in others:
        network = Small()
        extract(genlab.data.images(content), network.extractor(**key), batch=4, cache=True)
        assert len(network.batches) == 3, key
    network = Small()
    write(tmp_path / "f", list(images))
    extract(genlab.data.images(str(tmp_path / "f")), network.extractor(), batch=4, cache=True)
    assert len(network.batches) == 3  # files: their bytes count, not their pixels


def test_an_extraction_that_is_stopped_goes_on_after_its_last_block(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Parts, "BLOCK", 8)
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path))
    images = noise(30, seed=7)
    expected = extract(genlab.data.images(images), Small().extractor(), batch=4, cache=False)

    class Stopping(Small):
        def __call__(self, batch: Tensor) -> Tensor:
            if len(self.batches) == 5:  # in the third block
                raise KeyboardInterrupt
            return super().__call__(batch)

    with pytest.raises(KeyboardInterrupt):
        extract(genlab.data.images(images), Stopping().extractor(), batch=4, cache=True)
    again = Small()
    found = extract(genlab.data.images(images), again.extractor(), batch=4, cache=True)
    assert len(again.batches) == 8 - 4
    assert torch.equal(found, expected)
    assert not list(tmp_path.glob("features/*-parts*"))


def test_no_more_decoded_images_are_alive_for_more_images(tmp_path: Path) -> None:
    alive: list[int] = []
    most: list[int] = []

    class Counted(ArrayPictures):
        def read(self, index: int) -> Tensor:
            image = super().read(index)
            alive.append(1)
            weakref.finalize(image, alive.pop)
            most[-1] = max(most[-1], len(alive))
            return image

    for n in (60, 240):
        most.append(0)
        extract(Counted.open(noise(n, seed=9), Origin("x", "x")), Small().extractor(), batch=4,
                cache=False)  # fmt: skip
        assert not alive
    assert max(most) <= 4 * 4


def test_all_unreadable_images_are_named_in_one_error(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", list(noise(40, 40, 40)))
    bad = [f"{i:03d}.png" for i in range(3, 40, 3)]
    for name in bad:
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: len(data) // 2])
    network = Small()
    with pytest.raises(InputError, match="13 of 40 images cannot be used") as caught:
        extract(genlab.data.images(str(folder)), network.extractor(), batch=4)
    text = str(caught.value)
    assert [name in text for name in bad] == [True] * 10 + [False] * 3
    assert "and 3 more" in text
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "b.png").write_bytes(b"noise")
    with pytest.raises(InputError, match=r"^\S*b\.png: not a readable image "):
        extract(genlab.data.images(str(tmp_path / "one")), network.extractor(), batch=4)


def test_features_that_are_not_finite_are_refused_by_name() -> None:
    images = noise(20)
    images[[3, 17]] = 255

    class Bursts(Small):
        def __call__(self, images: Tensor) -> Tensor:
            rows = super().__call__(images)
            rows[images.flatten(1).amin(1) == 255, 2] = float("nan")
            return rows

    with pytest.raises(InputError, match="2 of 20 images") as caught:
        extract(genlab.data.images(images, name="fakes"), Bursts().extractor(), batch=4)
    assert "fakes[3]: its features by Small are not finite" in str(caught.value)
    assert "fakes[17]: its features by Small are not finite" in str(caught.value)


@pytest.mark.parametrize("shape", [(6,), (4, 6, 1), (3, 6)])
def test_features_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    class Wrong(Small):
        def __call__(self, images: Tensor) -> Tensor:
            return torch.zeros(shape)

    with pytest.raises(InputError, match=r"Small: gives shape \(.* for 4 images"):
        extract(genlab.data.images(noise(8)), Wrong().extractor(), batch=4)


@pytest.mark.parametrize(
    ("given", "kept"),
    [(torch.float16, torch.float32), (torch.bfloat16, torch.float32),
     (torch.float32, torch.float32), (torch.float64, torch.float64)],
)
def test_features_are_kept_in_at_least_single_precision(
    given: torch.dtype, kept: torch.dtype
) -> None:
    class Typed(Small):
        def __call__(self, images: Tensor) -> Tensor:
            return super().__call__(images).to(given)

    assert extract(genlab.data.images(noise(3)), Typed().extractor(), batch=2).dtype == kept


def test_an_error_of_the_thread_arrives_with_the_name() -> None:
    class Slips(ArrayPictures):
        def read(self, index: int) -> Tensor:
            if index == 11:
                raise ZeroDivisionError("a slip")
            return super().read(index)

    with pytest.raises(ZeroDivisionError, match="a slip") as caught:
        extract(Slips.open(noise(30), ORIGIN), Small().extractor(), batch=4)
    assert caught.value.__notes__ == ["while reading set[11]"]
    assert no_thread_is_left()


def no_thread_is_left() -> bool:
    return all(thread.name != "reading ahead" for thread in threading.enumerate())


@pytest.mark.parametrize("stopped_by", [KeyboardInterrupt, RuntimeError])
def test_the_thread_stops_when_the_caller_does(stopped_by: type[BaseException]) -> None:
    read = []

    class Watched(ArrayPictures):
        def read(self, index: int) -> Tensor:
            read.append(index)
            return super().read(index)

    class Stops(Small):
        def __call__(self, images: Tensor) -> Tensor:
            raise stopped_by

    with pytest.raises(stopped_by):
        extract(Watched.open(noise(1000), ORIGIN), Stops().extractor(), batch=4)
    assert no_thread_is_left()
    assert len(read) <= 4 + 4 + 2


def test_work_ahead_is_bounded_and_in_order() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for index in range(100):
            made.append(index)
            yield index

    taken = []
    for index in in_background(items(), 3):
        assert len(made) - len(taken) <= 3 + 2
        taken.append(index)
    assert taken == list(range(100))
    assert list(in_background([], 3)) == []
    assert no_thread_is_left()


def test_decoding_overlaps_the_network() -> None:
    """40 images: 0.8 s of decoding and 0.8 s of network take far less than 1.6 s together."""
    pause = 0.02

    class Sluggish(ArrayPictures):
        def read(self, index: int) -> Tensor:
            time.sleep(pause)
            return super().read(index)

    class Slow(Small):
        def __call__(self, images: Tensor) -> Tensor:
            time.sleep(pause * len(images))
            return super().__call__(images)

    pictures = Sluggish.open(noise(40), ORIGIN)

    def seconds() -> float:
        began = time.monotonic()
        extract(pictures, Slow().extractor(), batch=4)
        return time.monotonic() - began

    alone = 40 * pause
    # on a busy machine a try may be late: the best of three counts
    assert alone < min(seconds() for _ in range(3)) < 1.5 * alone


def test_images_of_a_run_are_pictures(tmp_path: Path) -> None:
    from safetensors.torch import save

    from genlab.configs.gan import scratch
    from genlab.fid.generated import of_run
    from genlab.gan.build import build_design, build_generator
    from genlab.gan.sampling import sample
    from genlab.runs.seal import write_kept

    config = replace(scratch("dogs"), design_options={"width": 1}, latent=8)
    (tmp_path / "run").mkdir()
    record = {"kind": "gan", "config": asdict(config)}
    (tmp_path / "run" / "config.json").write_text(json.dumps(record))
    weights = build_generator(config, build_design(config)).state_dict()
    write_kept(tmp_path / "run", {"generator.safetensors": save(weights)})
    pictures = of_run(tmp_path / "run", 3, seed=5)
    drawn = sample(tmp_path / "run", 3, seed=5)
    assert torch.equal(torch.stack([pictures.read(i) for i in range(3)]), drawn)
    assert pictures.identity.name == "generated by run, the end"
    assert pictures.names[2].endswith("run, the end, seed 5[2]")
    assert of_run(tmp_path / "run", 3, seed=6).identity.sha256 != pictures.identity.sha256
    with pytest.raises(InputError, match="`n` must be at least 1"):
        of_run(tmp_path / "run", 0, seed=5)


def test_decoding_leaves_the_warning_filters_as_they_were(tmp_path: Path) -> None:
    before = list(warnings.filters)
    extract(write(tmp_path / "set", list(noise(9))), Small().extractor(), batch=4)
    assert warnings.filters == before
