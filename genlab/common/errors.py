"""The error that a person is meant to read: what is wrong, where, and what to do."""

__all__ = ["InputError"]


class InputError(ValueError):
    """Bad input: a parameter, a file or a folder, with a message that fits on one line.

    The message names parameters as Python does, between backticks: "`epochs` 0: must be at
    least 1". The command line prints it without a traceback, each parameter as its option, and
    exits with 2.
    """
