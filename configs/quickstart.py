"""Quickstart: a small SegFormer on the built-in shapes data set, from random weights.

Command:   mmseg train configs/quickstart.py
Data:      written to data/mmseg_shapes at the first run
Duration:  about two minutes on 2 CPU cores
Expected:  MEASURE
"""

default_scope = 'mmseg'
