"""The level of the `mmcv` interface that this package provides; mmnext's own version is in its metadata."""

__version__ = '2.0.1'
