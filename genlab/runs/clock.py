"""Time spent on a run."""

__all__ = ["Stopwatch"]

import time


class Stopwatch:
    """Seconds of work, counted on over the sessions of a run."""

    def __init__(self, before: float = 0.0) -> None:
        self.before, self.began = before, time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds so far, those of earlier sessions included."""
        return self.before + time.monotonic() - self.began
