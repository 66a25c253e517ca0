"""The command `genlab data check`: examines a folder of images."""
