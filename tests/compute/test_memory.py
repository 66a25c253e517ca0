"""Memory: work that does not fit is refused before it begins; want of it is one line."""

from pathlib import Path

import pytest
import torch

from PIL import Image

import genlab.data

from genlab.cli.errors import ended_by_errors, every_error_is_3
from genlab.common.errors import InputError
from genlab.compute import memory
from genlab.compute.memory import free_memory, is_lack_of_memory, require_memory
from genlab.data.decode import decode
from genlab.data.image_set import in_memory
from genlab.fid.measurement import measure


def test_of_linux_the_free_memory_is_known_and_below_what_the_machine_has() -> None:
    free = free_memory()
    if free is not None:
        total = int(Path("/proc/meminfo").read_text().split()[1]) * 1024
        assert 0 < free < total


def test_work_that_does_not_fit_is_refused_before_it_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 100_000)
    require_memory(100_000, "images", "take fewer")
    with pytest.raises(InputError, match=r"images: 3\.0 GB of memory, and 1 MB are free; take"):
        require_memory(3 << 30, "images", "take fewer")
    few, many = (torch.randint(0, 256, (n, 3, 64, 64), dtype=torch.uint8) for n in (8, 20))
    assert len(in_memory(genlab.data.images(few)).images) == 8
    with pytest.raises(InputError, match="20 images of .* are free; take fewer"):
        in_memory(genlab.data.images(many))
    with pytest.raises(InputError, match="40 images with .* features each: .* are free; measure"):
        measure(many, many)


def unallocated() -> None:
    torch.empty(1 << 60, dtype=torch.uint8)


def no_memory() -> None:
    raise MemoryError


@pytest.mark.parametrize("work", [no_memory, unallocated])
def test_want_of_memory_ends_a_command_with_one_line(
    work: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(work)
    for ended, code in ((ended_by_errors, 2), (every_error_is_3, 3)):
        with pytest.raises(SystemExit) as caught, ended():
            work()
        assert caught.value.code == code
        assert "there is not enough memory; end other programs" in capsys.readouterr().err


def test_other_errors_are_no_want_of_memory() -> None:
    assert not is_lack_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_lack_of_memory(ValueError("not enough memory"))


def test_a_picture_is_not_called_unreadable_for_want_of_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Image.new("RGB", (20, 20)).save(tmp_path / "x.png")

    def convert(*given: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image.Image, "convert", convert)
    with pytest.raises(MemoryError):
        decode((tmp_path / "x.png").read_bytes(), "x.png")
