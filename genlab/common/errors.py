"""The error that a person is meant to read: what is wrong, where, and what to do."""

__all__ = ["InputError"]

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
