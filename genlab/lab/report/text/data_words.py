"""The name of a data set in a report, in Chinese and in English."""

__all__ = ["data_name"]

from genlab.common.identity import Identity
from genlab.data.sources import SOURCES
from genlab.lab.report.numbers.bound import plain
from genlab.lab.report.numbers.numbers import count
from genlab.lab.report.writer import Writer


def data_name(w: Writer, identity: Identity) -> str:
    """Returns the data set's name as Markdown."""
    row = SOURCES.get(plain(identity.source).partition(":")[0])
    if row is None:  # a folder or file keeps its own name
        return identity.name
    return w.pick(row.zh, row.en).replace("{count}", count(identity.count))
