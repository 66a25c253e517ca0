"""Errors as the command line prints them: one line, and an exit code.

The rest of genlab names parameters, between backticks; here they become options.
"""

__all__ = ["ended_by_errors", "every_error_is_3", "with_options"]

import io
import re
import sys

from collections.abc import Iterator
from contextlib import contextmanager

from genlab.common.errors import InputError, TrainingError
from genlab.common.extras import EXTRAS, how_to_install
from genlab.common.interrupt import Stopped, asked
from genlab.common.system_errors import told
from genlab.common.text import one_line
from genlab.compute.memory import is_lack_of_memory

PARAMETER = re.compile(r"(?<![^\s(])`([A-Za-z]\w*(?:\.\w+)*)`(?![\w/])")
NO_MEMORY = (
    "there is not enough memory; end other programs, lift the limit (ulimit -v), or take fewer "
    "pictures or a smaller batch; what was finished before is kept"
)


def with_options(message: str) -> str:
    """Returns a message with its parameters written as options: `prior.bins` as --prior.bins."""
    return PARAMETER.sub(lambda found: "--" + found[1].replace("_", "-"), message)


@contextmanager
def ended_by_errors() -> Iterator[None]:
    """Ends the process with one line where the block raises an error that a person can correct.

    Exit codes: 2 for bad input, a missing optional package or a want of memory, 3 for a training
    that went wrong, 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP.
    """
    try:
        with _written():
            yield
    except BrokenPipeError:  # whoever read the output has gone
        _drop_output()
        sys.exit(1)
    except InputError as error:
        _end(f"error: {with_options(str(error))}", 2)
    except OSError as error:
        _end(f"error: {one_line(told(error))}", 2)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        _end(f"error: this needs a package more: {how_to_install(package)}", 2)
    except TrainingError as error:
        _end(f"error: {with_options(str(error))}", 3)
    except Stopped as stopped:
        _end(one_line(str(stopped)), stopped.exit_code)
    except KeyboardInterrupt:
        _end("stopped; give the same command again to go on", 130)
    except MemoryError:
        _end(f"error: {NO_MEMORY}", 2)
    except RuntimeError as error:
        if number := asked():  # the processes that shared the work have ended before this one
            _end(str(Stopped(number)), Stopped(number).exit_code)
        if is_lack_of_memory(error):
            _end(f"error: {NO_MEMORY}", 2)
        torch = sys.modules.get("torch")  # not loaded only to know its errors
        if torch is None or not isinstance(error, torch.OutOfMemoryError):
            raise
        first = str(error).split(".")[0]
        _end(f"error: {first}: give the same command with --device cpu, or another --out and a "
             "smaller --batch", 2)  # fmt: skip


@contextmanager
def every_error_is_3() -> Iterator[None]:
    """Ends the process with one line and exit code 3 where the block raises any other error.

    It is for commands whose other exit codes say what was found. Bad input and Ctrl-C pass.
    """
    try:
        with _written():
            yield
    except InputError:
        raise
    except BrokenPipeError:
        _drop_output()
        sys.exit(3)
    except OSError as error:
        _end(f"error: {one_line(told(error))}", 3)
    except Exception as error:
        if is_lack_of_memory(error):
            _end(f"error: {NO_MEMORY}", 3)
        text = " ".join(f"{type(error).__name__}: {error}".split())
        _end(f"error: cannot go on ({one_line(text)[:300]})", 3)


@contextmanager
def _written() -> Iterator[None]:
    """Writes the output out at the end of the block, where an error of it can still be caught."""
    try:
        yield
    finally:
        sys.stdout.flush()


def _drop_output() -> None:
    """Drops what is left of the output: at the end Python would try to write it again."""
    sys.stdout = io.StringIO()


def _end(line: str, code: int) -> None:
    try:
        sys.stdout.flush()
    except OSError:
        _drop_output()
    print(f"genlab: {line}", file=sys.stderr)
    sys.exit(code)
