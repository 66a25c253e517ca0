"""The lab sheet: its run, its report, what is handed in, and the verifier."""
