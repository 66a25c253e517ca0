"""Configurations from strangers' JSON: right fields, right types, and no network too large.

A model is built only after its weights' header has been compared with what the configuration
would build; that is found out on torch's "meta" device, which has shapes and no memory.
"""

__all__ = ["gan_of", "shape_of", "shapes_of", "vae_of"]

from collections.abc import Callable
from dataclasses import fields
from typing import Any, get_type_hints

import torch

from torch import nn

from genlab.common.errors import InputError
from genlab.common.formats.tensors import Shapes
from genlab.common.typed_json import fits
from genlab.configs.design import DESIGN_SIGNATURES
from genlab.configs.gan import GanConfig
from genlab.configs.likelihood import LIKELIHOOD_SIGNATURES
from genlab.configs.prior import PRIOR_SIGNATURES
from genlab.configs.vae import VaeConfig
from genlab.lab.verify.results.findings import Refused

LIMITS = {
    "latent": 4096, "hidden": 8192, "size": 512, "batch": 100_000, "draws": 100_000,
    "samples": 10_000, "epochs": 1_000_000, "seed": (1 << 63) - 1,
}
"""The largest value of a number, or of each in a list. (The options of priors, likelihoods and
designs have their limits in `genlab.configs`.)"""
VAE_LIMITS = LIMITS | {"draws": 256, "samples": 256}
LONGEST_LIST = 32
DTYPES = {torch.float32: "F32", torch.float64: "F64", torch.int64: "I64", torch.bool: "BOOL"}


def vae_of(record: dict[str, Any]) -> VaeConfig:
    """Returns the configuration of a VAE run, of its `config.json`.

    Raises:
        Refused: If a value has the wrong type or is too large.
        InputError: If it is of another version, or this version refuses it.
    """
    config = _config_of(record, "vae")
    values = _checked(config, VaeConfig, VAE_LIMITS)
    try:
        PRIOR_SIGNATURES.complete(values["prior"], values["prior_options"])
        LIKELIHOOD_SIGNATURES.complete(values["likelihood"], values["likelihood_options"])
    except InputError as error:
        raise Refused(f"config.json: {error}") from None
    return VaeConfig(**values)


def gan_of(record: dict[str, Any]) -> GanConfig:
    """Returns the configuration of a GAN run, as `vae_of` does."""
    values = _checked(_config_of(record, "gan"), GanConfig)
    try:
        DESIGN_SIGNATURES.complete(values["design"], values["design_options"])
    except InputError as error:
        raise Refused(f"config.json: {error}") from None
    return GanConfig(**values)


def _config_of(record: dict[str, Any], kind: str) -> dict[str, Any]:
    config = record.get("config")
    if record.get("kind") != kind or not isinstance(config, dict):
        raise Refused(f"config.json: not of a {kind} run")
    return config


def _checked(
    config: dict[str, Any], kind: type, limits: dict[str, int] = LIMITS
) -> dict[str, Any]:
    """Returns the values, lists as tuples, each of the type and size that its field has."""
    wanted = {field.name for field in fields(kind)}
    if set(config) != wanted:
        odd = sorted(set(config) ^ wanted)
        raise InputError(
            f"config.json: made by another version of genlab (it differs in {', '.join(odd[:6])})"
        )
    hints = get_type_hints(kind, include_extras=True)
    values = {
        name: tuple(value) if isinstance(value, list) else value for name, value in config.items()
    }
    for name, value in values.items():
        parts = value if isinstance(value, tuple) else (value,)
        numbers = [n for n in parts if isinstance(n, int | float) and not isinstance(n, bool)]
        if not fits(value, hints[name]) or len(parts) > LONGEST_LIST:
            raise Refused(f"config.json: {name} is {str(value)[:40]!r}")
        if any(abs(n) > limits.get(name, 1 << 53) for n in numbers):
            raise Refused(f"config.json: {name} is {str(value)[:40]}: unreasonably large")
    return values


def shapes_of(build: Callable[[], nn.Module]) -> Shapes:
    """Returns dtype and shape of each tensor of a network, which is not truly built."""
    with torch.device("meta"):
        network = build()
    return {name: shape_of(tensor) for name, tensor in network.state_dict().items()}


def shape_of(tensor: torch.Tensor) -> tuple[str, tuple[int, ...]]:
    """Returns dtype and shape of a tensor, as a file's header has them."""
    return DTYPES.get(tensor.dtype, str(tensor.dtype)), tuple(tensor.shape)
