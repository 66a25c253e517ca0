"""Configurations: frozen dataclasses that say how a run is made. Nothing here imports torch.

    from genlab.configs.vae import RECIPES
    config = genlab.configs.TrainingConfig(epochs=20, batch=64)

Recipes, sets of defaults, stand in `genlab.configs.vae` and `genlab.configs.gan`.
"""

__all__ = [
    "CompareConfig", "GanConfig", "HardwareConfig", "LabConfig", "TrainingConfig", "VaeConfig",
]  # fmt: skip

from typing import TYPE_CHECKING

from genlab.common.lazy import lazy_names

if TYPE_CHECKING:
    from genlab.configs.compare import CompareConfig
    from genlab.configs.gan import GanConfig
    from genlab.configs.hardware import HardwareConfig
    from genlab.configs.lab import LabConfig
    from genlab.configs.vae import TrainingConfig, VaeConfig

__getattr__, __dir__ = lazy_names(__name__, {
    "CompareConfig": "compare",
    "GanConfig": "gan",
    "HardwareConfig": "hardware",
    "LabConfig": "lab",
    "TrainingConfig": "vae",
    "VaeConfig": "vae",
})  # fmt: skip
