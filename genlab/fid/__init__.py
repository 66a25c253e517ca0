"""Generated images against real ones: what `genlab fid` computes and says."""
