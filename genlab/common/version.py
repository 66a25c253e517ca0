"""The version of genlab."""

__all__ = ["__version__"]

__version__ = "0.1.0"
