"""Classes whose instances are found again by name."""

import inspect
import threading
import warnings
from collections import OrderedDict
from typing import Any, ClassVar, Self

_lock = threading.RLock()  # reentrant: a constructor may ask for another managed instance


class ManagerMeta(type):
    """Gives each class its own table of instances, and requires `name` among the constructor's arguments."""

    _instance_dict: OrderedDict[str, Any]

    def __init__(cls, *args: Any) -> None:
        cls._instance_dict = OrderedDict()
        if 'name' not in inspect.signature(cls.__init__).parameters:  # type: ignore[misc]
            raise TypeError(f'the constructor of {cls.__name__} should take the argument `name`')
        super().__init__(*args)


class ManagerMixin(metaclass=ManagerMeta):
    """Named instances, shared within the process.

    `get_instance(name)` makes the instance on first use and finds it afterwards; `get_current_instance()` is
    the one made last. Both are safe to call from several threads.
    """

    _instance_dict: ClassVar[OrderedDict[str, Any]]

    def __init__(self, name: str = '', **kwargs: Any) -> None:
        if not isinstance(name, str) or not name:
            raise ValueError(f'name of a {type(self).__name__} should be a non-empty str, but got {name!r}')
        self._instance_name = name
        super().__init__(**kwargs)

    @classmethod
    def get_instance(cls, name: str, **kwargs: Any) -> Self:
        """The instance of that name; `kwargs` go to the constructor when it does not exist yet."""
        if not isinstance(name, str):
            raise TypeError(f'name of a {cls.__name__} should be a str, but got {name!r}')
        with _lock:
            if name not in cls._instance_dict:
                cls._instance_dict[name] = cls(name=name, **kwargs)
            elif kwargs:
                warnings.warn(
                    f'{cls.__name__} {name!r} exists already; no effect of the arguments {sorted(kwargs)}',
                    stacklevel=2,
                )
            return cls._instance_dict[name]

    @classmethod
    def get_current_instance(cls) -> Self:
        """The instance that was created last.

        Raises:
            RuntimeError: there is none yet.
        """
        with _lock:
            if not cls._instance_dict:
                raise RuntimeError(f'there is no {cls.__name__} yet; call {cls.__name__}.get_instance(name) first')
            return cls._instance_dict[next(reversed(cls._instance_dict))]

    @classmethod
    def check_instance_created(cls, name: str) -> bool:
        return name in cls._instance_dict

    @property
    def instance_name(self) -> str:
        return self._instance_name
