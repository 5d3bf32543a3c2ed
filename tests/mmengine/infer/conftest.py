"""The package that models are taken from."""

from helpers.hub_package import hub_package

__all__ = ['hub_package']
