"""The level of the `mmengine` interface that this package provides; mmnext's own version is in its metadata."""

__version__ = '0.10.7'
