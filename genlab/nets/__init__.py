"""Networks only: no losses, no training."""

from genlab.vml import settle

settle()
