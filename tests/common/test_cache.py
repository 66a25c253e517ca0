"""What is kept from one run to the next is what was made, or it is made again."""

from pathlib import Path

import pytest
import torch

from torch import Tensor

from genlab.common.cache import cached, read_cached


def test_cache_is_used_mended_and_done_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path))
    made = []

    def make() -> dict[str, Tensor]:
        made.append(1)
        return {"a": torch.arange(3.0)}

    for _ in range(2):
        assert cached("weights/x", make)["a"].tolist() == [0, 1, 2]
    assert len(made) == 1
    file = tmp_path / "weights" / "x.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    assert read_cached("weights/x") is None
    assert cached("weights/x", make)["a"].tolist() == [0, 1, 2]
    assert len(made) == 2
    monkeypatch.setenv("GENLAB_CACHE", str(file))  # a file is in the way: nothing can be kept
    assert cached("weights/x", make)["a"].tolist() == [0, 1, 2]
    assert len(made) == 3
    assert "nothing is kept" in capsys.readouterr().err
