"""The scope in which names without a prefix are looked up while a run is built."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmengine.utils import ManagerMixin


class DefaultScope(ManagerMixin):
    """A named scope; the newest instance is the current one.

    Args:
        name: of the instance, usually that of the experiment.
        scope_name: the scope, e.g. `mmseg`.
    """

    def __init__(self, name: str, scope_name: str) -> None:
        super().__init__(name)
        if not isinstance(scope_name, str):
            raise TypeError(f'scope_name should be a str, but got {scope_name!r}')
        self._scope_name = scope_name

    @property
    def scope_name(self) -> str:
        return self._scope_name

    @classmethod
    def get_current_instance(cls) -> Any:
        """The newest instance, or None before the first."""
        return super().get_current_instance() if cls._instance_dict else None

    @classmethod
    @contextmanager
    def overwrite_default_scope(cls, scope_name: str | None) -> Iterator[None]:
        """Make `scope_name` the current scope while inside; None changes nothing."""
        if scope_name is None:
            yield
            return
        name = f'overwrite-{time.time_ns()}-{len(cls._instance_dict)}'
        cls.get_instance(name, scope_name=scope_name)
        try:
            yield
        finally:
            cls._instance_dict.pop(name, None)
