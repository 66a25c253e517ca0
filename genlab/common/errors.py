"""The error that a person is meant to read: what is wrong, where, and what to do."""

__all__ = ["InputError", "OtherVersion"]


class InputError(ValueError):
    """Bad input: a parameter, a file or a folder, with a message that fits on one line.

    The message names parameters as Python does, between backticks: "`epochs` 0: must be at
    least 1". The command line prints it without a traceback, each parameter as its option, and
    exits with 2.
    """


class OtherVersion(InputError):
    """Raised for a run that another version of genlab made, with fields that this one lacks, or
    without some that it needs.
    """
