"""Moved to genlab/atomic.py."""
from genlab.atomic import *  # noqa
from genlab.atomic import write_bytes, write_json, write_png, write_tensors  # noqa
