"""What commands write: samples, interpolations and found latents, as pictures and records."""
