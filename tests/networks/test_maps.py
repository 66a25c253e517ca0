"""Networks of maps keep the shapes of images and latents, and treat each image by itself."""

import pytest
import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.networks.maps import MapDecoder, MapEncoder, map_sides

IMAGES = [
    (1, 28, 28), (3, 64, 64), (3, 33, 47), (1, 16, 20), (3, 128, 128), (1, 17, 65), (3, 33, 48),
    (1, 48, 33),
]  # fmt: skip


def pair(
    image: tuple[int, int, int], latent: int | tuple[int, int, int], *, residual: bool,
    outputs: int | None = None, depth: int = 1, halve: bool = False,
) -> tuple[MapEncoder, MapDecoder]:
    torch.manual_seed(0)
    options = {"depth": depth, "residual": residual, "halve": halve}
    encoder = MapEncoder(image, latent, 8, **options)
    decoder = MapDecoder(latent, image, outputs or image[0], 8, **options)
    return encoder.eval(), decoder.eval()


@pytest.mark.parametrize("halve", [False, True])
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("image", IMAGES)
def test_rows_of_every_image_are_encoded_and_decoded(
    image: tuple[int, int, int], residual: bool, halve: bool
) -> None:
    encoder, decoder = pair(image, 5, residual=residual, outputs=2 * image[0], halve=halve)
    x = torch.rand(3, encoder.pixels)
    mean, log_std = encoder(x)
    assert mean.shape == log_std.shape == (3, 5)
    assert decoder(torch.randn(4, 3, 5)).shape == (4, 3, 2 * encoder.pixels)
    assert decoder(torch.randn(5)).shape == (2 * encoder.pixels,)


def test_a_latent_map_keeps_its_place_in_the_picture() -> None:
    """A change in one corner of the image does not reach the codes of the other corner."""
    encoder, decoder = pair((3, 64, 64), (4, 8, 8), residual=True)
    assert encoder.latent == 4 * 64
    assert encoder.latent_map == (4, 8, 8)
    x = torch.rand(1, 3, 64, 64)
    other = x.clone()
    other[..., :8, :8] = 0
    moved = reach(encoder(x.flatten(1))[0] - encoder(other.flatten(1))[0], (4, 8, 8))
    assert moved[:2, :2].mean() > 5 * moved[4:, 4:].mean()  # only by the norms' averages
    z = torch.randn(1, 4, 8, 8)
    changed = z.clone()
    changed[..., 0, 0] += 1
    moved = reach(decoder(z.flatten(1)) - decoder(changed.flatten(1)), (3, 64, 64))
    assert moved[:8, :8].mean() > 10 * moved[-8:, -8:].mean()


def reach(difference: Tensor, shape: tuple[int, int, int]) -> Tensor:
    return difference.detach().abs().view(shape).amax(0)


@pytest.mark.parametrize("residual", [False, True])
def test_what_is_said_of_an_image_does_not_depend_on_those_beside_it(residual: bool) -> None:
    encoder, decoder = pair((3, 32, 32), (2, 8, 8), residual=residual)
    encoder.train()
    decoder.train()
    x = torch.rand(5, encoder.pixels)
    z, alone = encoder(x)[0], encoder(x[2:3])[0]
    torch.testing.assert_close(z[2:3], alone, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(decoder(z)[2:3], decoder(alone), rtol=1e-4, atol=1e-5)


def test_residual_blocks_begin_as_the_identity() -> None:
    encoder, _ = pair((1, 28, 28), 3, residual=True, depth=2)
    x = torch.randn(2, 8, 28, 28)
    assert torch.equal(encoder.blocks[0](x), x)


def test_maps_halve_until_a_vector_or_the_latent_is_made_of_them() -> None:
    assert map_sides((28, 28)) == [(28, 28), (14, 14), (7, 7)]
    assert map_sides((64, 64)) == [(32, 32), (16, 16), (8, 8)]
    assert map_sides((64, 64), (16, 16)) == [(32, 32), (16, 16)]
    assert map_sides((33, 47)) == [(17, 24), (9, 12), (5, 6)]
    assert map_sides((28, 28), halve=True) == [(14, 14), (7, 7)]
    assert map_sides((64, 64), halve=True) == map_sides((64, 64))
    for last in ((5, 5), (8, 4), (64, 64)):
        with pytest.raises(InputError, match=r"`latent`: .* images of 64x64 pixels have maps of"):
            map_sides((64, 64), last)


def test_gradients_reach_every_weight() -> None:
    encoder, decoder = pair((3, 32, 32), 6, residual=True)
    for _ in range(2):  # a residual block's inner convolution moves once the outer one has
        mean, log_std = encoder(torch.rand(4, encoder.pixels))
        loss = decoder(mean + log_std.exp() * torch.randn_like(mean)).square().sum()
        parameters = [*encoder.parameters(), *decoder.parameters()]
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients):
                parameter -= 1e-6 * gradient
    assert all(gradient.any() for gradient in gradients)
