"""The levels of verification, from integrity to training again."""
