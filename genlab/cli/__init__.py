"""The command line: functions in, options out. Imports no torch before a command runs."""
