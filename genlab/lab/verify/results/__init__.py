"""The verifier's findings, and how they are shown."""
