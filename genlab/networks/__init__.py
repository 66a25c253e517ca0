"""Networks only: no losses, no training."""

from genlab.numerics.mkl_warmup import settle

settle()
