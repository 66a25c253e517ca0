"""Feature networks: frozen, written out in plain torch, each with its weights' checksum."""

from genlab.numerics.mkl_warmup import settle

settle()
