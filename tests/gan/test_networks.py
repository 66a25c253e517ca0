"""The GAN's networks: folded enlargement, sizes, gradients by name, independence of the batch."""

import json

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from cases.gan import DISCRIMINATORS, GENERATORS, feature_maps, noise, shaken
from torch import nn

from genlab.common.rng import seeded
from genlab.configs.gan import RECIPES, SIZES, projected, scratch
from genlab.gan.build import build_design, build_discriminator, build_generator
from genlab.gan.networks.dcgan import DcganDiscriminator, DcganGenerator
from genlab.gan.networks.fastgan import (
    FastGanGenerator,
    enlarged_by_products,
    enlarging,
    glu,
    to_sphere,
)  # fmt: skip
from genlab.gan.networks.projected import Heads, Projection
from genlab.gan.networks.residual import Block, ResidualDiscriminator, ResidualGenerator
from genlab.networks.pretrained.efficientnet_lite0 import (
    EfficientNetLite0,
    load_efficientnet_lite0,
)


@pytest.fixture(scope="module")
def network() -> EfficientNetLite0:
    return load_efficientnet_lite0()


def test_enlarging_is_nearest_neighbour_then_convolution() -> None:
    x, w = noise(2, 5, 6, 7).double(), noise(4, 5, 3, 3).double()
    plain = F.conv2d(F.interpolate(x, scale_factor=2.0, mode="nearest"), w, padding=1)
    folded = F.conv_transpose2d(x, enlarging(w.transpose(0, 1)), stride=2, padding=1)
    assert torch.allclose(plain, folded, atol=1e-12)
    assert torch.allclose(
        plain, enlarged_by_products(x, w.transpose(0, 1)), atol=1e-12
    )
    maps = noise(2, 8, 6, 7)
    assert torch.allclose(glu(maps), F.glu(maps, dim=1), atol=1e-6)


def test_to_sphere_has_length_root_z() -> None:
    assert torch.allclose(to_sphere(noise(6, 128)).norm(dim=1), torch.tensor(128.0).sqrt())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", GENERATORS)
def test_images_have_their_shape_and_range_and_depend_on_direction_alone(
    name: str, size: int
) -> None:
    network = shaken(GENERATORS[name](16, 2, size))
    z = noise(3, 16)
    for _ in range(20):  # batch-norm's running statistics follow
        network(z)
    images = network.eval()(z)
    assert images.shape == (3, 3, size, size)
    assert images.abs().max() <= 1
    assert not torch.allclose(images[0], images[1])
    assert torch.allclose(images, network(5 * z), atol=1e-5)


@pytest.mark.parametrize("size", [32, 64, 256, 512])
@pytest.mark.parametrize("name", GENERATORS)
def test_every_parameter_of_the_generator_gets_a_gradient(name: str, size: int) -> None:
    network = shaken(GENERATORS[name](16, 2, size))
    (network(noise(4, 16)) * noise(4, 3, size, size)).sum().backward()
    without = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


@pytest.mark.parametrize("name", GENERATORS)
def test_an_image_alone_is_the_image_in_a_batch_and_moves_no_buffer(name: str) -> None:
    network = GENERATORS[name](16, 2, 64)
    network(noise(32, 16))  # moves the running statistics off their start
    network.eval()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    z = noise(16, 16)
    with torch.no_grad():
        together = network(z)
        alone = torch.cat([network(row) for row in z.split(1)])
    assert (together - alone).abs().max() < 1e-5
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())


def test_sizes_of_the_recipes() -> None:
    generators = [
        build_generator(config, build_design(config))
        for config in (projected("dogs"), scratch("dogs"))
    ]
    assert [type(network) for network in generators] == [FastGanGenerator, ResidualGenerator]
    count = sum(p.numel() for p in generators[0].parameters())
    assert count == pytest.approx(2.0e6, rel=0.02)


def test_a_residual_block_begins_as_its_skip() -> None:
    x = noise(2, 6, 8, 8)
    same, other = Block(6, 6), Block(6, 4)
    assert torch.equal(same(x), x)
    assert torch.equal(other(x), other.skip(x))


@pytest.mark.parametrize("size", [32, 64, 256, 512])
@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_every_parameter_of_the_discriminator_gets_a_gradient(name: str, size: int) -> None:
    network = shaken(DISCRIMINATORS[name](2, size))
    scores = network(noise(3, 3, size, size))
    assert scores.shape == (3, 1)
    scores.square().sum().backward()
    without = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_dcgan_is_the_textbooks_in_size_and_first_weights() -> None:
    """Radford et al., figure 1: 1024, 512, 256, 128 channels at width 128; N(0, 0.02^2)."""
    with seeded(0, "generator"):
        generator, discriminator = DcganGenerator(100, 64, 64), DcganDiscriminator(64, 64)
    widths = [norm.num_features for norm in DcganGenerator(100, 128, 64).norms]
    assert widths == [1024, 512, 256, 128]
    # 3,576,704 and 2,765,568 are the sizes of PyTorch's example, whose layers are these
    assert sum(p.numel() for p in generator.parameters()) == 3_576_704
    assert sum(p.numel() for p in discriminator.parameters()) == 2_765_568
    for module in (generator, discriminator):
        for weight in module.parameters():
            if weight.dim() > 1:
                assert weight.std().item() == pytest.approx(0.02, rel=0.05)


def fingerprint(module: nn.Module) -> list[float]:
    """The sum of each weight's square and of its products with a cosine, all tensors in turn."""
    found = []
    for weight in module.parameters():
        flat = weight.detach().double().flatten()
        found += [flat.square().sum(), flat @ torch.arange(len(flat)).double().cos()]
    return torch.stack(found).tolist()


FIRST = json.loads(Path(__file__).with_name("gan_first_weights.json").read_text())


@pytest.mark.parametrize("recipe", FIRST)
def test_first_weights_at_64_pixels_are_what_they_always_were(recipe: str) -> None:
    """Names, order and random numbers: trained runs are rebuilt, and resumed, by them."""
    config = RECIPES[recipe]("dogs")
    design = build_design(config)
    _, trained = build_discriminator(config, design)
    parts = {"generator": build_generator(config, design), "judge": trained}
    for part, module in parts.items():
        kept = FIRST[recipe][part]
        assert list(module.state_dict()) == kept["names"]
        # not to the last bit: other processors draw Gaussians by other instructions
        assert fingerprint(module) == pytest.approx(kept["fingerprint"], rel=1e-4, abs=1e-4)


def test_residual_scores_depend_on_their_own_image() -> None:
    network = shaken(ResidualDiscriminator(2))
    x = noise(4, 3, 64, 64)
    alone = torch.cat([network(row) for row in x.split(1)])
    assert torch.allclose(network(x), alone, rtol=1e-4, atol=1e-4)


def test_projection_is_frozen_seeded_and_lets_gradients_through(
    network: EfficientNetLite0,
) -> None:
    with seeded(0, "projection"):
        projection = Projection(network, 96, 8)
    with seeded(0, "projection"):
        same = Projection(network, 96, 8)
    with seeded(1, "projection"):
        other = Projection(network, 96, 8)
    assert not [n for n, p in projection.named_parameters() if p.requires_grad]
    x = (noise(2, 3, 64, 64) / 3).clamp(-1, 1).requires_grad_()
    features = projection(x)
    assert [f.shape[1:] for f in features] == [(8, 24, 24), (8, 12, 12), (8, 6, 6), (8, 3, 3)]
    assert all(torch.equal(a, b) for a, b in zip(features, same(x)))
    assert not any(torch.equal(a, b) for a, b in zip(features, other(x)))
    for feature in features:
        (gradient,) = torch.autograd.grad(feature.square().sum(), x, retain_graph=True)
        assert gradient.flatten(1).abs().sum(1).min() > 0


def test_projection_mixes_coarse_into_fine_and_not_back(network: EfficientNetLite0) -> None:
    """Each map is the 1x1 mixture of its tap plus the enlarged 3x3 mixture of the coarser map."""
    with seeded(0, "projection"):
        projection = Projection(network, 64, 8)
    seen = [f.clone() for f in projection(torch.zeros(1, 3, 64, 64))]
    with torch.no_grad():
        projection.scale_mixing[1].weight.mul_(2)  # from stride 16 to stride 8
    after = projection(torch.zeros(1, 3, 64, 64))
    assert [torch.equal(a, b) for a, b in zip(seen, after)] == [False, False, True, True]


def test_heads_score_every_scale_and_every_parameter_gets_a_gradient() -> None:
    heads = Heads(8)
    scores = heads(feature_maps(96))
    assert [s.shape for s in scores] == [(3, 9)] * 4
    torch.cat(scores).square().sum().backward()
    without = [n for n, p in heads.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_heads_have_spectral_norm_one() -> None:
    heads = Heads(8)
    maps = feature_maps(32, 1)
    for _ in range(100):  # one power iteration a pass
        heads(maps)
    heads.eval()
    for module in heads.modules():
        if isinstance(module, nn.Conv2d):
            largest = torch.linalg.svdvals(module.weight.detach().flatten(1))[0]
            assert largest.item() == pytest.approx(1.0, abs=1e-2)


def test_scores_depend_on_their_own_image() -> None:
    heads = Heads(8).eval()
    maps = feature_maps(96)
    together = heads(maps)
    alone = heads([m[1:2] for m in maps])
    assert all(torch.allclose(a[1:2], b, atol=1e-5) for a, b in zip(together, alone))
