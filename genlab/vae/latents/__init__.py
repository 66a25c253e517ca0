"""The latents of a trained VAE: decoded draws of its prior, ways between codes, codes."""
