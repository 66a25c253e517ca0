"""VAEs: trained into a run directory, measured there, compared."""
