"""The report as Word, HTML and PDF."""
