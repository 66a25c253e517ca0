"""The report on a finished lab run: run directory -> Markdown -> Word, and what is handed in."""
