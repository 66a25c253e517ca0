"""The command line's entry: it listens for signals before anything else is imported."""

__all__ = ["main"]

from genlab.cli.console import prepare_console
from genlab.cli.errors import ended_by_errors
from genlab.common.interrupt import listen


def main() -> None:
    """Runs the command line; a signal ends it with one line, while torch is imported too."""
    listen()
    prepare_console()
    with ended_by_errors():
        from genlab.cli.commands import run

        run()
