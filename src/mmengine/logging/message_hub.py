"""Where the parts of a run leave scalars and information for one another."""

import copy
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from torch import Tensor

from mmengine.logging.history_buffer import HistoryBuffer
from mmengine.logging.logger import print_log
from mmengine.utils import ManagerMixin


class MessageHub(ManagerMixin):
    """Scalars with their history (`log_scalars`) and anything else as it is now (`runtime_info`), by key.

    What was updated with `resumed=True` is part of the `state_dict`, and so of checkpoints.
    """

    def __init__(
        self,
        name: str,
        log_scalars: dict[str, HistoryBuffer] | None = None,
        runtime_info: dict[str, Any] | None = None,
        resumed_keys: dict[str, bool] | None = None,
    ) -> None:
        super().__init__(name)
        for argument in (log_scalars, runtime_info, resumed_keys):
            if argument is not None and not isinstance(argument, dict):
                raise TypeError(f'a MessageHub takes dicts, but got {type(argument).__name__}: {argument!r}')
        self._log_scalars: OrderedDict[str, HistoryBuffer] = OrderedDict(log_scalars or {})
        self._runtime_info: OrderedDict[str, Any] = OrderedDict(runtime_info or {})
        self._resumed_keys: OrderedDict[str, bool] = OrderedDict(resumed_keys or {})
        for key, buffer in self._log_scalars.items():
            if not isinstance(buffer, HistoryBuffer):
                raise TypeError(f'log_scalars[{key!r}] should be a HistoryBuffer, but got {buffer!r}')

    @classmethod
    def get_current_instance(cls) -> Self:
        """The instance made last; the first call makes one named `mmengine`."""
        if not cls._instance_dict:
            cls.get_instance('mmengine')
        return super().get_current_instance()

    @property
    def log_scalars(self) -> OrderedDict[str, HistoryBuffer]:
        return self._log_scalars

    @property
    def runtime_info(self) -> OrderedDict[str, Any]:
        return self._runtime_info

    def update_scalar(self, key: str, value: float | np.ndarray | Tensor, count: int = 1, resumed: bool = True) -> None:
        """Append to the history of a scalar. A tensor stays on its device until the history is read.

        Args:
            value: a number, or an array or tensor of one element.
            count: weight of the value in means.
        """
        if self._resumed_keys.get(key) is not resumed:
            self._set_resumed_keys(key, resumed)
        buffer = self._log_scalars.get(key)
        if buffer is None:
            buffer = self._log_scalars[key] = HistoryBuffer()
        buffer.update(value, count)

    def update_scalars(self, log_dict: dict[str, Any], resumed: bool = True) -> None:
        """`update_scalar` for each item; a value may be `dict(value=..., count=...)`."""
        if not isinstance(log_dict, Mapping):
            raise TypeError(f'log_dict should be a dict, but got {type(log_dict).__name__}')
        for key, value in log_dict.items():
            if not isinstance(value, Mapping):
                self.update_scalar(key, value, resumed=resumed)
            elif 'value' in value:
                self.update_scalar(key, value['value'], value.get('count', 1), resumed)
            else:
                raise ValueError(f'the scalar {key!r} should have a value, but got {value!r}')

    def update_info(self, key: str, value: Any, resumed: bool = True) -> None:
        """Set an information, replacing the one before."""
        if self._resumed_keys.get(key) is not resumed:
            self._set_resumed_keys(key, resumed)
        self._runtime_info[key] = value

    def update_info_dict(self, info_dict: dict[str, Any], resumed: bool = True) -> None:
        if not isinstance(info_dict, Mapping):
            raise TypeError(f'info_dict should be a dict, but got {type(info_dict).__name__}')
        for key, value in info_dict.items():
            self.update_info(key, value, resumed)

    def pop_info(self, key: str, default: Any = None) -> Any:
        return self._runtime_info.pop(key, default)

    def get_info(self, key: str, default: Any = None) -> Any:
        return self._runtime_info.get(key, default)

    def get_scalar(self, key: str) -> HistoryBuffer:
        """History of a scalar.

        Raises:
            KeyError: it was never updated.
        """
        if key not in self._log_scalars:
            known = sorted(self._log_scalars)
            raise KeyError(f'{key!r} is no scalar of the MessageHub {self.instance_name!r}; it has {known}')
        return self._log_scalars[key]

    def _set_resumed_keys(self, key: str, resumed: bool) -> None:
        known = self._resumed_keys.setdefault(key, resumed)
        if known != resumed:
            raise ValueError(f'{key!r} was first updated with resumed={known}; it cannot become resumed={resumed}')

    def state_dict(self) -> dict[str, Any]:
        """What was updated with `resumed=True`. Later updates do not change it."""
        resumed = [key for key, value in self._resumed_keys.items() if value]
        scalars = OrderedDict((key, self._log_scalars[key].snapshot()) for key in resumed if key in self._log_scalars)
        info: OrderedDict[str, Any] = OrderedDict()
        for key in resumed:
            if key in self._runtime_info:
                try:
                    info[key] = copy.deepcopy(self._runtime_info[key])
                except (TypeError, AttributeError, RuntimeError, pickle.PicklingError) as e:
                    print_log(
                        f'the information {key!r} of the MessageHub cannot be copied and is not saved: {e}. '
                        'Update it with resumed=False.',
                        'current',
                        level=30,
                    )
        keys = OrderedDict((key, True) for key in resumed if key in scalars or key in info)
        return {'log_scalars': scalars, 'runtime_info': info, 'resumed_keys': keys}

    def load_state_dict(self, state_dict: 'MessageHub | dict[str, Any]') -> None:
        """Take over scalars and information by key; keys that are only here stay.

        Raises:
            ValueError: one of the three parts of a state is missing.
        """
        if isinstance(state_dict, MessageHub):
            parts = {name: getattr(state_dict, f'_{name}') for name in _PARTS}
        elif isinstance(state_dict, Mapping):
            parts = dict(state_dict)
        else:
            raise TypeError(f'state_dict should be a dict or a MessageHub, but got {type(state_dict).__name__}')
        missing = [name for name in _PARTS if name not in parts]
        if missing:
            raise ValueError(f'the state of a MessageHub should have {list(_PARTS)}, but {missing} is missing')
        for key, buffer in parts['log_scalars'].items():
            if isinstance(buffer, HistoryBuffer):
                self._log_scalars[key] = buffer.snapshot()
            else:
                print_log(f'the scalar {key!r} is no HistoryBuffer and is not resumed', 'current', level=30)
        self._runtime_info.update(copy.deepcopy(dict(parts['runtime_info'])))
        for key, resumed in parts['resumed_keys'].items():
            if key in self._log_scalars or key in self._runtime_info:
                self._resumed_keys[key] = resumed


_PARTS = ('log_scalars', 'runtime_info', 'resumed_keys')
