"""GANs: trained into a run directory, watched on the way, drawn from."""
