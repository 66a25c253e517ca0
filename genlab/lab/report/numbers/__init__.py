"""The report's numbers, each bound to the record that it comes from."""
