"""The idx files of MNIST and its kin: their format, and where they lie."""
