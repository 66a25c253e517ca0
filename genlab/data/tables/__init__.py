"""Tables of numbers: their splits, and what standardises them."""
