"""Files of strangers: each format is read in one place, with limits before anything is allocated.

A reader takes bytes and what an error is to call them, and raises `InputError` only. Nothing that
a file holds is ever unpickled, evaluated or executed.
"""
