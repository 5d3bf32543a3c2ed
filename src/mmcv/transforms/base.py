"""The contract of a transform: a dict of one sample in, the changed dict (or None: drop the sample) out."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from typing import Any


class BaseTransform(metaclass=ABCMeta):
    """Derived classes define `transform`. Randomness is drawn from the global generators, which the loader seeds."""

    def __call__(self, results: dict) -> Any:
        return self.transform(results)

    @abstractmethod
    def transform(self, results: dict) -> Any:
        """Change the sample, in place or not, and return it; `None` drops it."""
