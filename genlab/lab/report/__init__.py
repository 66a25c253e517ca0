"""The report on a finished lab run: run directory -> Markdown -> Word, HTML or PDF."""
