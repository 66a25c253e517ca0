"""The report's text, in Chinese and English."""
