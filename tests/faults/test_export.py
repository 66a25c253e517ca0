"""Each call of an export fails in turn: the earlier file stays whole, and no other is left."""

import itertools

from pathlib import Path

import pytest
import torch

from cases.faults import FAULTS, counted

from genlab.configs.vae import VaeConfig
from genlab.export import decoder, to_onnx
from genlab.vae.load import build_vae

pytest.importorskip("onnxscript", reason="the extra 'export' is not installed")


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # torch's exporter, of itself
def test_each_failing_call_of_an_export_leaves_the_earlier_file(tmp_path: Path) -> None:
    network = decoder(build_vae(VaeConfig(latent=2, hidden=(4,)), (3, 3)))
    z, file = torch.zeros(2, 2), tmp_path / "decoder.onnx"
    to_onnx(network, z, tmp_path / "whole.onnx")
    whole = (tmp_path / "whole.onnx").read_bytes()
    (tmp_path / "whole.onnx").unlink()
    for at in itertools.count(1):
        file.write_bytes(b"earlier")
        act, number = FAULTS[at % len(FAULTS)]
        raised = None
        with counted([tmp_path], at, act) as counter:
            try:
                to_onnx(network, z, file)
            except OSError as error:
                raised = error
        if counter.acted is None:
            break
        if raised is not None:
            assert (raised.errno, raised.filename) == (number, str(file)), counter.acted
        assert file.read_bytes() in (b"earlier", whole), counter.acted
        assert [path.name for path in tmp_path.iterdir()] == [file.name], counter.acted
    assert file.read_bytes() == whole
    assert at > 5
