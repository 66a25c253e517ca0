"""The VAE's configuration, and the recipes that fill it."""

__all__ = ["PRIOR_NAMES", "VaeConfig"]

from dataclasses import dataclass
from typing import Literal, get_args

from genlab.errors import InputError

Prior = Literal["standard", "mixture", "vamp"]
PRIOR_NAMES: tuple[str, ...] = get_args(Prior)


@dataclass(frozen=True, kw_only=True)
class VaeConfig:
    """A VAE on binarised digits."""

    prior: Prior = "standard"
    """The prior over the latent."""
    mnist: str = "mnist"
    """SOURCE of the digits: a name, a file or a folder (see: genlab data)."""
    latent: int = 2
    """Latent dimensions D."""
    components: int = 100
    """Components K of the mixture, or pseudo-inputs of the VampPrior."""
    hidden: tuple[int, ...] = (512, 512)
    """Widths of the encoder's hidden layers; the decoder has them reversed."""
    epochs: int = 100
    """Passes over the training digits."""
    batch: int = 256
    """Digits a step."""
    learning_rate: float = 1e-3
    """Highest learning rate of Adam; it rises over the first 2 % and falls by a cosine."""
    draws: int = 16
    """Draws of z per test digit when the model is measured."""
    seed: int = 0
    """Decides everything random."""

    def __post_init__(self) -> None:
        for name in ("latent", "components", "epochs", "batch", "draws"):
            if getattr(self, name) < 1:
                raise InputError(f"--{name} {getattr(self, name)}: must be at least 1")
        if self.learning_rate <= 0:
            raise InputError(f"--learning-rate {self.learning_rate}: must be above 0")
        if not self.hidden or min(self.hidden) < 1:
            raise InputError(f"--hidden {self.hidden}: give at least one width of at least 1")
