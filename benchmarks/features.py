"""How fast FID Inception extracts features, beside the network as pytorch-fid runs it, in one run.

    GENLAB_DATA=... python benchmarks/features.py [--images 64] [--rounds 5] [--threads 2]

Both sides: the same weights, the same resize (pytorch-fid's), batch 32, float32, the same
threads, in turn, several rounds; the ratio is the median over the rounds. pytorch-fid's network is
restated from its published description, for its package needs torchvision: each unit an eager
convolution without bias, batch-norm (eps 1e-3) and ReLU, channels first, the pools torch's own
and before the convolutions that follow them. If the trial of
`genlab.compute.precision` finds bfloat16 worth it on this machine, that is a second case. With
`--device auto` or `cuda` a GPU, if there is one, is given the network in float32, bf16 and fp16:
more rows, each with its distance's difference to that of float32 on the processor.

The images are photographs of the data folder's dogs and as many drawn ones, at 64 px; the Fréchet
distance between them by either side's features shows whether they are the same features. With
weights that lack `Mixed_7b..c` the features are 768, else 2048 (or what --dims says).
"""

import argparse
import statistics
import time

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F

from kept import keep
from torch import Tensor, nn

from genlab.compute.device import DEVICES, device_for
from genlab.compute.precision import CPU, pays, speedup
from genlab.data.image_set import load_images
from genlab.features.registry import NETWORKS, load_extractor
from genlab.metrics.frechet_distance import frechet_distance
from genlab.networks.pretrained.inception import load_inception
from genlab.networks.pretrained.inception_net import Inception, MaxPool, Unit, average_pool, stages

BATCH = 32
LAST = {64: "max_pool_1", 192: "max_pool_2", 768: "Mixed_6e", 2048: "Mixed_7c"}

Features = Callable[[Tensor], Tensor]


class EagerUnit(nn.Module):
    """Average pool (where there is one), convolution, batch-norm, ReLU, one after the other."""

    def __init__(self, unit: Unit, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        out, inputs, *kernel = weight.shape
        self.averages = unit.averages
        self.conv = nn.Conv2d(
            inputs, out, tuple(kernel), unit.stride, unit.padding, bias=False
        )
        self.bn = nn.BatchNorm2d(out, eps=0.001)
        with torch.no_grad():
            self.conv.weight.copy_(weight.contiguous())  # channels first
            self.bn.bias.copy_(bias)
            self.bn.running_var.fill_(1 - 0.001)

    def forward(self, x: Tensor) -> Tensor:
        x = average_pool(x) if self.averages else x
        return F.relu(self.bn(self.conv(x)), inplace=True)


def eager(network: Inception, dims: int) -> nn.Sequential:
    """The network up to `dims` features, its batch-norm beside its convolutions again."""
    weights, path = network.path.state_dict(), nn.Sequential()
    for stage, module in stages():
        for name, unit in list(module.named_modules()):
            if isinstance(unit, Unit):
                key = f"{stage}.{name}".rstrip(".")
                made = EagerUnit(unit, weights[f"{key}.weight"], weights[f"{key}.bias"])
            elif isinstance(unit, MaxPool):
                made = nn.MaxPool2d(3, stride=2)
            else:
                continue
            if name:
                setattr(module, name, made)
            else:
                module = made
        path.add_module(stage, module)
        if stage == LAST[dims]:
            break
    return path.requires_grad_(False).eval()


def theirs(network: nn.Sequential) -> Features:
    @torch.no_grad()
    def features(images: Tensor) -> Tensor:
        x = F.interpolate(images / 255, size=(299, 299), mode="bilinear", align_corners=False)
        return F.adaptive_avg_pool2d(network(2 * x - 1), (1, 1)).flatten(1)

    return features


def ours(
    key: str, inception: str | None, precision: str, device: torch.device = CPU
) -> Features:
    return load_extractor(key, inception=inception, precision=precision, device=device)


def rate(features: Features, images: Tensor) -> tuple[float, Tensor]:
    """Returns images a second, and the features."""
    began = time.perf_counter()
    found = torch.cat([features(batch) for batch in images.split(BATCH)])
    return len(images) / (time.perf_counter() - began), found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=64, help="of each of the two sets")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dims", type=int, choices=sorted(LAST))
    parser.add_argument("--inception", type=Path)
    parser.add_argument("--device", choices=DEVICES, default="auto")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/features.json"))
    options = parser.parse_args()
    device = device_for(options.device)
    torch.set_num_threads(options.threads)
    inception = load_inception(options.inception)
    dims = options.dims or (2048 if inception.complete else 768)
    key = "inception" if dims == 2048 else f"inception-{dims}"
    given = str(options.inception) if options.inception else None
    sets = [load_images("dogs", 64, options.images).images,
            load_images(f"toydogs:{options.images}", 64).images]  # fmt: skip
    images, count = torch.cat(sets), len(sets[0])
    peer = theirs(eager(inception, dims))
    precisions = ["float32", *(["bf16"] if pays() else [])]
    cases = {p: ours(key, given, p) for p in precisions}
    if device.type == "cuda":
        for p in ("float32", "bf16", "fp16"):
            cases[f"{p} (cuda)"] = ours(key, given, p, device)
    else:
        print("no rows of a GPU: " + ("not asked for" if options.device == "cpu" else "none here"))
    for features in (peer, *cases.values()):  # the first pass allocates
        features(images[:BATCH])
    speeds: dict[str, list[float]] = {name: [] for name in ("pytorch-fid", *cases)}
    seen: dict[str, Tensor] = {}
    for _ in range(options.rounds):
        for name, features in {"pytorch-fid": peer, **cases}.items():
            speed, seen[name] = rate(features, images)
            speeds[name].append(speed)
    distance = {
        name: frechet_distance(found[:count], found[count:]) for name, found in seen.items()
    }
    results = {
        "batch": BATCH, "images": len(images), "dims": dims,
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "bf16_speedup_of_the_trial": speedup(), "cases": {},
    }  # fmt: skip
    for name in cases:
        ratio = statistics.median(a / b for a, b in zip(speeds[name], speeds["pytorch-fid"]))
        results["cases"][name] = {
            "genlab": statistics.median(speeds[name]),
            "pytorch-fid": statistics.median(speeds["pytorch-fid"]),
            "ratio": ratio,
            "distance_genlab": distance[name],
            "distance_pytorch-fid": distance["pytorch-fid"],
            "difference": abs(distance[name] - distance["pytorch-fid"]),
            "difference_to_float32": abs(distance[name] - distance["float32"]),
        }
        case = results["cases"][name]
        print(
            f"{name}  genlab {case['genlab']:7.1f}  pytorch-fid {case['pytorch-fid']:7.1f} "
            f"images/s  x{ratio:.2f}  {NETWORKS[key].label} {distance[name]:.6f}, "
            f"difference {case['difference']:.1e}, to float32 {case['difference_to_float32']:.1e}"
        )
    keep(options.out, results)


if __name__ == "__main__":
    main()
