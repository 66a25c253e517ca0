"""FID Inception against an unfolded forward pass written here, and against recorded features."""

import hashlib
import json
import os
import shutil
import tempfile

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pooch
import pytest
import torch
import torch.nn.functional as F

from PIL import Image
from torch import Tensor

from genlab.cli.doctor import check_machine
from genlab.common.errors import InputError
from genlab.common.rng import generator
from genlab.networks.pretrained import inception
from genlab.networks.pretrained.inception_net import Inception, average_pool, stages, to_input

DATA = os.environ.get("GENLAB_DATA")
needs_data = pytest.mark.skipif(
    DATA is None or not (Path(DATA) / "inception").is_dir(),
    reason="GENLAB_DATA is not set or has no inception/: no published weights",
)
LACKING = ("Mixed_7b.branch3x3dbl_2.weight", "Mixed_7c.branch3x3dbl_2.weight")


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """A state dict as pytorch-fid's file has it, with random values of a sensible scale."""
    random = generator(0, "state")

    def uniform(n: int, low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, generator=random)

    tensors = {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}
    for stage, module in stages():
        for key, weight in module.named_parameters():
            if weight.ndim == 4:
                name = f"{stage}.{key.removesuffix('weight')}".rstrip(".")
                scale = (2 / weight[0].numel()) ** 0.5
                tensors[f"{name}.conv.weight"] = scale * torch.randn(
                    weight.shape, generator=random
                )
                n = len(weight)
                tensors[f"{name}.bn.weight"] = uniform(n, 0.5, 1.5)
                tensors[f"{name}.bn.bias"] = uniform(n, -0.3, 0.3)
                tensors[f"{name}.bn.running_mean"] = uniform(n, -0.3, 0.3)
                tensors[f"{name}.bn.running_var"] = uniform(n, 0.5, 1.5)
                tensors[f"{name}.bn.num_batches_tracked"] = torch.tensor(0)
    return tensors


@pytest.fixture(scope="module")
def folder(state: dict[str, Tensor]) -> Iterator[Path]:
    """Files with those weights: the whole as .pth, and folded and partial as .npz."""
    with tempfile.TemporaryDirectory() as name:
        torch.save(state, Path(name) / inception.FILE)
        weights = inception.folded(state)
        partial = {key: value.numpy() for key, value in weights.items() if key not in LACKING}
        np.savez(Path(name) / "partial.npz", **partial)
        yield Path(name)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine with an empty cache and no data folder."""
    with tempfile.TemporaryDirectory() as cache:
        monkeypatch.setenv("GENLAB_CACHE", cache)
        monkeypatch.delenv("GENLAB_DATA", raising=False)
        yield Path(cache)


class Unfolded:
    """The network as pytorch-fid describes it, one line a branch; notes the units it uses."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        self.state, self.used = state, list[str]()

    def unit(
        self, x: Tensor, name: str, stride: int = 1, padding: int | tuple[int, int] = 0
    ) -> Tensor:
        self.used.append(name)
        x = F.conv2d(x, self.state[f"{name}.conv.weight"], None, stride, padding)
        keys = ("running_mean", "running_var", "weight", "bias")
        mean, var, gamma, beta = (self.state[f"{name}.bn.{key}"] for key in keys)
        return F.batch_norm(x, mean, var, gamma, beta, eps=0.001).relu()

    def pool(self, x: Tensor) -> Tensor:
        ones = torch.ones_like(x[:1, :1])
        box = torch.ones(1, 1, 3, 3)
        sums = F.conv2d(x.flatten(0, 1)[:, None], box, padding=1).view_as(x)
        return sums / F.conv2d(ones, box, padding=1)

    def forward(self, x: Tensor) -> dict[int, Tensor]:
        x = self.unit(x, "Conv2d_1a_3x3", 2)
        x = self.unit(self.unit(x, "Conv2d_2a_3x3"), "Conv2d_2b_3x3", 1, 1)
        found = {64: F.max_pool2d(x, 3, 2)}
        x = self.unit(self.unit(found[64], "Conv2d_3b_1x1"), "Conv2d_4a_3x3")
        x = found[192] = F.max_pool2d(x, 3, 2)
        for name in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
            x = self.block_5(x, name)
        x = self.block_6a(x)
        for name in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
            x = self.block_6(x, name)
        found[768] = x
        x = self.block_7(self.block_7a(x), "Mixed_7b", self.pool)
        found[2048] = self.block_7(x, "Mixed_7c", lambda v: F.max_pool2d(v, 3, 1, 1))
        return {dims: value.mean((2, 3)) for dims, value in found.items()}

    def block_5(self, x: Tensor, of: str) -> Tensor:
        one = self.unit(x, f"{of}.branch1x1")
        five = self.unit(self.unit(x, f"{of}.branch5x5_1"), f"{of}.branch5x5_2", 1, 2)
        three = self.unit(self.unit(x, f"{of}.branch3x3dbl_1"), f"{of}.branch3x3dbl_2", 1, 1)
        three = self.unit(three, f"{of}.branch3x3dbl_3", 1, 1)
        return torch.cat([one, five, three, self.unit(self.pool(x), f"{of}.branch_pool")], 1)

    def block_6a(self, x: Tensor) -> Tensor:
        of = "Mixed_6a"
        once = self.unit(x, f"{of}.branch3x3", 2)
        twice = self.unit(self.unit(x, f"{of}.branch3x3dbl_1"), f"{of}.branch3x3dbl_2", 1, 1)
        twice = self.unit(twice, f"{of}.branch3x3dbl_3", 2)
        return torch.cat([once, twice, F.max_pool2d(x, 3, 2)], 1)

    def block_6(self, x: Tensor, of: str) -> Tensor:
        wide, high = (0, 3), (3, 0)
        one = self.unit(x, f"{of}.branch1x1")
        once = self.unit(self.unit(x, f"{of}.branch7x7_1"), f"{of}.branch7x7_2", 1, wide)
        once = self.unit(once, f"{of}.branch7x7_3", 1, high)
        twice = self.unit(x, f"{of}.branch7x7dbl_1")
        for index, padding in enumerate((high, wide, high, wide), start=2):
            twice = self.unit(twice, f"{of}.branch7x7dbl_{index}", 1, padding)
        return torch.cat([one, once, twice, self.unit(self.pool(x), f"{of}.branch_pool")], 1)

    def block_7a(self, x: Tensor) -> Tensor:
        of = "Mixed_7a"
        three = self.unit(self.unit(x, f"{of}.branch3x3_1"), f"{of}.branch3x3_2", 2)
        seven = self.unit(self.unit(x, f"{of}.branch7x7x3_1"), f"{of}.branch7x7x3_2", 1, (0, 3))
        seven = self.unit(seven, f"{of}.branch7x7x3_3", 1, (3, 0))
        seven = self.unit(seven, f"{of}.branch7x7x3_4", 2)
        return torch.cat([three, seven, F.max_pool2d(x, 3, 2)], 1)

    def block_7(self, x: Tensor, of: str, pool: Callable[[Tensor], Tensor]) -> Tensor:
        one = self.unit(x, f"{of}.branch1x1")
        three = self.unit(x, f"{of}.branch3x3_1")
        double = self.unit(self.unit(x, f"{of}.branch3x3dbl_1"), f"{of}.branch3x3dbl_2", 1, 1)
        ends = [
            self.unit(value, f"{of}.{branch}", 1, padding)
            for value, branch, padding in (
                (three, "branch3x3_2a", (0, 1)),
                (three, "branch3x3_2b", (1, 0)),
                (double, "branch3x3dbl_3a", (0, 1)),
                (double, "branch3x3dbl_3b", (1, 0)),
            )
        ]
        return torch.cat([one, *ends, self.unit(pool(x), f"{of}.branch_pool")], 1)


@torch.no_grad()
def test_folded_equals_unfolded_at_every_depth(state: dict[str, Tensor]) -> None:
    other = Unfolded(state)
    x = torch.rand(1, 3, 139, 139, generator=generator(0, "x")) * 2 - 1
    wanted = other.forward(x)
    network = Inception(inception.folded(state), "")
    assert network.complete
    for dims, features in wanted.items():
        mine = network.features(x, dims)
        assert mine.shape == (1, dims)
        torch.testing.assert_close(mine, features, rtol=1e-3, atol=1e-4 * features.max().item())
    in_file = [k.removesuffix(".conv.weight") for k in state if k.endswith(".conv.weight")]
    assert sorted(other.used) == sorted(in_file)  # every unit once, and none is left


@torch.no_grad()
def test_every_block_map_by_map(state: dict[str, Tensor]) -> None:
    """Each block alone, on random maps that are not square: no mean hides a pixel."""
    other, network = Unfolded(state), Inception(inception.folded(state), "")
    blocks: dict[str, Callable[[Tensor, str], Tensor]] = {
        "Mixed_6a": lambda x, _: other.block_6a(x),
        "Mixed_7a": lambda x, _: other.block_7a(x),
        "Mixed_7b": lambda x, of: other.block_7(x, of, other.pool),
        "Mixed_7c": lambda x, of: other.block_7(x, of, lambda v: F.max_pool2d(v, 3, 1, 1)),
    }
    blocks |= {f"Mixed_5{letter}": other.block_5 for letter in "bcd"}
    blocks |= {f"Mixed_6{letter}": other.block_6 for letter in "bcde"}
    children = dict(network.path.named_children())
    assert sorted(blocks) == sorted(name for name in children if name.startswith("Mixed"))
    for name, block in blocks.items():
        inputs = next(children[name].parameters()).shape[1]
        x = torch.rand(2, inputs, 9, 12, generator=generator(0, name))
        mine, wanted = children[name](x), block(x, name)
        assert mine.shape == wanted.shape
        scale = wanted.abs().max().item()
        torch.testing.assert_close(mine, wanted, rtol=1e-4, atol=1e-5 * scale, msg=name)


@needs_data
def test_names_and_shapes_are_the_published_ones(state: dict[str, Tensor]) -> None:
    (file,) = (Path(str(DATA)) / "inception").glob("*.state_dict_keys.txt")
    listed = dict(line.split(" ", 1) for line in file.read_text().splitlines())
    mine = {key: str(tuple(tensor.shape)) for key, tensor in state.items()}
    assert mine == listed


def test_average_pool_leaves_the_padding_out() -> None:
    x = torch.randn(2, 3, 5, 4, generator=generator(0, "x"))
    wanted = torch.empty_like(x)
    for i in range(5):
        for j in range(4):
            near = x[:, :, max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2]
            wanted[:, :, i, j] = near.mean((2, 3))
    torch.testing.assert_close(average_pool(x), wanted)


def test_input_is_half_pixel_bilinear_without_antialiasing() -> None:
    image = torch.rand(1, 3, 640, 20, generator=generator(0, "x"))
    mine = to_input(image)
    assert mine.shape == (1, 3, 299, 299)
    for i, j in ((0, 0), (150, 37), (298, 298)):
        y, x = (max((p + 0.5) * n / 299 - 0.5, 0.0) for p, n in ((i, 640), (j, 20)))
        a, b = int(y), int(x)
        c, d = min(a + 1, 639), min(b + 1, 19)
        v, u = y - a, x - b
        top = (1 - u) * image[0, :, a, b] + u * image[0, :, a, d]
        low = (1 - u) * image[0, :, c, b] + u * image[0, :, c, d]
        wanted = 2 * ((1 - v) * top + v * low) - 1
        torch.testing.assert_close(mine[0, :, i, j], wanted, rtol=1e-4, atol=1e-4)


@needs_data
@torch.no_grad()
def test_recorded_features_of_the_published_weights() -> None:
    folder = Path(str(DATA)) / "inception"
    (file,) = folder.glob("*.npz")
    network = inception.load_inception(file)
    photos = [Path(str(DATA)) / "dogs" / "faces" / f"{i:05d}.jpg" for i in range(4)]
    small = [
        np.asarray(Image.open(p).convert("RGB").resize((64, 64), Image.Resampling.LANCZOS))
        for p in photos
    ]
    x = to_input(torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).float() / 255)
    recorded = json.loads((folder / "reference_768.json").read_text())
    maps = x
    for name, stage in network.path.named_children():
        maps = stage(maps)
        if name in recorded:
            values = maps.mean((2, 3))
            for mine, wanted in zip(values, recorded[name]):
                first = torch.tensor(wanted["first8"])
                torch.testing.assert_close(mine[:8], first, rtol=0, atol=2e-6)
                assert mine.norm().item() == pytest.approx(wanted["norm"], abs=5e-6)
        if name == "Mixed_7a":
            break
    first = torch.tensor([image["first8"] for image in recorded["Mixed_6e"]])
    torch.testing.assert_close(network.features(x, 768)[:, :8], first, rtol=0, atol=2e-6)
    assert network.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


@torch.no_grad()
def test_partial_weights_give_768_and_refuse_2048(
    folder: Path, bare: Path, state: dict[str, Tensor]
) -> None:
    network = inception.load_inception(folder / "partial.npz")
    assert not network.complete
    assert network.missing == LACKING
    x = torch.rand(1, 3, 75, 75, generator=generator(0, "x"))
    whole = Inception(inception.folded(state), "")
    assert torch.equal(network.features(x, 768), whole.features(x, 768))
    with pytest.raises(InputError, match=r"2048.*Mixed_7b\.branch3x3dbl_2.*768"):
        network.features(x, 2048)
    with pytest.raises(ValueError, match="dims=100"):
        network.features(x, 100)


@torch.no_grad()
def test_published_file_is_checked_folded_and_kept(
    folder: Path, bare: Path, state: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / inception.FILE
    with pytest.raises(InputError, match=r"pt_inception.*SHA-256"):
        inception.load_inception(file)  # random weights are not the published ones
    assert not list(bare.rglob("*"))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setattr(inception, "SHA256", digest)
    first = inception.load_inception(file)
    assert inception.at_hand()
    again = inception.load_inception()  # from the cache alone
    whole = Inception(inception.folded(state), "")
    x = torch.rand(1, 3, 75, 75, generator=generator(0, "x"))
    for network in (first, again):
        assert network.sha256 == digest
        assert torch.equal(network.features(x, 2048), whole.features(x, 2048))


def test_download_is_made_only_when_asked_and_checked(
    folder: Path, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def retrieve(url: str, known_hash: str, fname: str, path: str) -> str:
        asked.append((url, known_hash))
        return shutil.copy(folder / inception.FILE, Path(path) / fname)

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    with pytest.raises(InputError, match=r"not on this machine.*fid_weights/pt_inception"):
        inception.load_inception()
    assert asked == []
    with pytest.raises(InputError, match="SHA-256"):  # checked here too, not by pooch alone
        inception.load_inception(download=True)
    assert asked == [
        (
            "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
            "pt_inception-2015-12-05-6726825d.pth",
            "sha256:6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        )
    ]


def test_failed_download_says_what_else_to_do(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def retrieve(*_: str) -> str:
        raise OSError("no route to host")

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    with pytest.raises(InputError, match=r"no route to host.*give the file as `inception`"):
        inception.load_inception(download=True)


def test_data_folder_is_looked_into(
    folder: Path, bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not inception.at_hand()
    monkeypatch.setenv("GENLAB_DATA", str(tmp_path))
    assert not inception.at_hand()
    (tmp_path / "inception").mkdir()
    (tmp_path / "inception" / "part.npz").symlink_to(folder / "partial.npz")
    assert inception.at_hand()
    assert not inception.load_inception().complete
    check = next(c for c in check_machine() if "Inception" in c["what"])
    assert (check["ok"], check["found"]) == (False, "partial: up to 768 features")
    whole = tmp_path / "inception" / inception.FILE
    whole.symlink_to(folder / inception.FILE)
    assert inception.find_inception() == whole


def test_other_files_are_refused(tmp_path: Path, bare: Path) -> None:
    text, other = tmp_path / "text.npz", tmp_path / "weights.bin"
    text.write_text("not an archive")
    other.write_bytes(b"")
    objects, strange = tmp_path / "objects.npz", tmp_path / "strange.npz"
    np.savez(objects, a=np.array([{}], dtype=object))
    np.savez(strange, a=np.zeros(3, np.float32))
    tensors = tmp_path / "bad.safetensors"
    tensors.write_bytes(b"nothing")
    first = np.zeros((32, 3, 3, 3))
    for name, changed in {
        "whole numbers": first.astype(int), "not finite": first * np.nan, "too wide": first + 1e60,
        "other shape": first[:9],
    }.items():
        np.savez(tmp_path / f"{name}.npz", **{"Conv2d_1a_3x3.weight": changed})
    cases = {
        **dict.fromkeys(
            (p for p in tmp_path.iterdir() if " " in p.name),
            r"Conv2d_1a_3x3\.weight is missing, unknown, of a wrong shape or dtype, or not finite",
        ),
        text: "not a readable zip archive",
        other: "give a .pth",
        objects: "not a NumPy file",
        strange: "not FID Inception's",
        tensors: "not safetensors",
        tmp_path / "none.npz": "cannot be read",
    }
    for file, words in cases.items():
        with pytest.raises(InputError, match=words):
            inception.load_inception(file)
