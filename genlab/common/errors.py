"""The one error a person is meant to read: what is wrong, where, and what to do."""

__all__ = ["InputError", "OtherVersion"]


class InputError(ValueError):
    """Raised for bad input (a file, a folder, an option), with a message fit for one line.

    The command line prints it without a traceback and exits with 2. It is a `ValueError`, so
    library users catch it as one.
    """


class OtherVersion(InputError):
    """Raised for a run that another version of genlab made, with fields that this one lacks, or
    without some that it needs.
    """
