"""The level of the `mmseg` interface that this package provides; mmnext's own version is in its metadata."""

__version__ = '1.2.2'
