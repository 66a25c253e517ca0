"""Run directories to look at, in Python and in notebooks; `genlab.Run` is the way in."""
