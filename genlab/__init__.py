"""genlab: a laboratory of small deep generative models whose every number is right."""

__version__ = "0.1.0"
