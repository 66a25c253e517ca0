"""The engine: what turns a configuration into a run directory."""
