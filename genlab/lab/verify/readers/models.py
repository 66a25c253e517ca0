"""The models of a submission, rebuilt from safetensors and JSON; nothing is trusted on the way."""

__all__ = ["compare_shapes", "generator_of", "untrained", "vae_at"]

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from torch import nn

from genlab.common.errors import InputError
from genlab.common.formats.tensors import Shapes
from genlab.configs.gan import GanConfig
from genlab.configs.vae import VaeConfig
from genlab.gan.build import build_design, build_generator
from genlab.lab.verify.readers.configs import gan_of, shapes_of, vae_of
from genlab.lab.verify.readers.tensors import read_shapes, read_weights
from genlab.lab.verify.results.findings import Refused
from genlab.runs.records import read_json
from genlab.vae.load import build_vae, first_vae
from genlab.vae.model import VAE
from genlab.vae.splits import Splits

Model = TypeVar("Model", bound=nn.Module)


def vae_at(folder: Path, shape: Sequence[int]) -> tuple[VAE, VaeConfig]:
    """Rebuilds a VAE.

    Arguments:
        folder: The VAE's run, unpacked.
        shape: The shape of a digit.

    Raises:
        Refused: If configuration and weights do not belong together, or either is not right.
        InputError: If this genlab cannot build it.
    """
    config = vae_of(read_json(folder / "config.json"))
    data = (folder / "model.safetensors").read_bytes()
    name = f"{folder.name}/model.safetensors"
    return _filled(lambda: build_vae(config, shape), data, name), config


def untrained(config: VaeConfig, splits: Splits) -> VAE:
    """Builds a VAE as its training began.

    Raises:
        Refused: If it cannot have been trained on these digits.
    """
    try:
        return first_vae(config, splits)
    except InputError as error:
        raise Refused(f"config.json: {error}") from None


def generator_of(folder: Path) -> tuple[nn.Module, GanConfig]:
    """Rebuilds the averaged generator of a GAN, as `vae_at` does."""
    config = gan_of(read_json(folder / "config.json"))
    if config.classes != "none":
        raise InputError("config.json: a GAN with classes is not judged; the lab's has none")
    data = (folder / "generator.safetensors").read_bytes()
    return _filled(lambda: build_generator(config, build_design(config)), data, "generator.safetensors"), config


def _filled(build: Callable[[], Model], data: bytes, name: str) -> Model:
    """Builds a network and loads its weights, whose shapes are compared before it takes memory."""
    try:
        wanted = shapes_of(build)
    except (NotImplementedError, RuntimeError) as error:
        first = str(error).splitlines()[0][:100]
        raise InputError(f"{name}: its shapes are not known before it is built ({first})") from None
    compare_shapes(read_shapes(data, name), wanted, name)
    network = build()
    network.load_state_dict(read_weights(data, name))
    return network.eval().requires_grad_(False)


def compare_shapes(found: Shapes, wanted: Shapes, name: str) -> None:
    """Raises `Refused` if a file's tensors are not, by name, dtype and shape, those wanted."""
    differ = sorted(key for key in {*found, *wanted} if found.get(key) != wanted.get(key))
    if differ:
        key = differ[0]
        raise Refused(
            f"{name}: {key[:60]} is {found.get(key)}, the configuration says {wanted.get(key)}"
        )
