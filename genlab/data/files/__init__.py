"""Image files of a folder or zip: which files are pictures, and what else lies beside them."""
