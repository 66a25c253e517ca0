"""The errors that a person is meant to read: what is wrong, where, and what to do."""

__all__ = ["InputError", "TrainingError"]

from genlab.common.text import one_line


class InputError(ValueError):
    """Bad input: a parameter, a file or a folder, with a message that fits on one line.

    The message names parameters as Python does, between backticks: "`epochs` 0: must be at
    least 1". The command line prints it without a traceback, each parameter as its option, and
    exits with 2.

    Arguments:
        lines: The message; more than one only where several files are listed. Whatever they
            name, each is one line (`one_line`).
    """

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(map(one_line, lines)))


class TrainingError(FloatingPointError):
    """A training that went wrong, or a model that did: a number that is not finite, a collapse.

    The run is not done, and its last saved state stays. The message fits on one line; the command
    line prints it as it does that of an `InputError`, and exits with 3.

    Arguments:
        message: What happened, and what to try; it becomes one line (`one_line`).
        quantity: What it happened to: "bound", "gradient of encoder.body.0.weight", "variety".
        step: The step at which it was found, counted from 1; None outside training.
    """

    def __init__(self, message: str, quantity: str, step: int | None = None) -> None:
        super().__init__(one_line(message))
        self.quantity, self.step = quantity, step

    def __reduce__(self) -> tuple[type, tuple[str, str, int | None]]:
        """Returns what pickle, and thus a pool of processes, makes the error of again."""
        return type(self), (str(self), self.quantity, self.step)
