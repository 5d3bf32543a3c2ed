"""What is known of one sample: facts about it (metainfo) and its data."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, Literal, Self

import numpy as np
import torch

_OWN = ('_metainfo_fields', '_data_fields')


class BaseDataElement:
    """A container with attributes of two kinds.

    Metainfo describes the sample (`img_path`, `ori_shape`), is given to the constructor or `set_metainfo` and cannot
    be overwritten by assignment. Data (labels, masks, boxes, nested elements) is assigned: `sample.boxes = tensor`.

    A subclass restricts a field by a property that stores its value under the name with an underscore:

        @property
        def gt_label(self) -> LabelData:
            return self._gt_label

        @gt_label.setter
        def gt_label(self, value: LabelData) -> None:
            self.set_field(value, '_gt_label', dtype=LabelData)

    Listings then show `gt_label` only.
    """

    _metainfo_fields: set[str]
    _data_fields: set[str]

    def __init__(self, *, metainfo: dict | None = None, **kwargs: Any) -> None:
        self._metainfo_fields = set()
        self._data_fields = set()
        if metainfo is not None:
            self.set_metainfo(metainfo)
        if kwargs:
            self.set_data(kwargs)

    # ------------------------------------------------------------------ setting

    def set_metainfo(self, metainfo: dict) -> None:
        """Add or overwrite metainfo with a copy of `metainfo`."""
        if not isinstance(metainfo, dict):
            raise TypeError(f'metainfo should be a dict, but got {type(metainfo).__name__}')
        for name, value in copy.deepcopy(metainfo).items():
            self.set_field(value, name, field_type='metainfo')

    def set_data(self, data: dict) -> None:
        """Assign every item of `data`; properties of a subclass apply."""
        if not isinstance(data, dict):
            raise TypeError(f'data should be a dict, but got {type(data).__name__}')
        for name, value in data.items():
            setattr(self, name, value)

    def set_field(
        self,
        value: Any,
        name: str,
        dtype: type | tuple[type, ...] | None = None,
        field_type: Literal['metainfo', 'data'] = 'data',
    ) -> None:
        """Store `value` as attribute `name`.

        Args:
            dtype: what `value` must be an instance of.
            field_type: `'data'` or `'metainfo'`.

        Raises:
            AttributeError: `name` is a field of the other kind.
            TypeError: `value` is not of `dtype`.
        """
        if field_type not in ('metainfo', 'data'):
            raise ValueError(f"field_type should be 'metainfo' or 'data', but got {field_type!r}")
        if dtype is not None and not isinstance(value, dtype):
            names = ' or '.join(t.__name__ for t in (dtype if isinstance(dtype, tuple) else (dtype,)))
            raise TypeError(f'{name.lstrip("_")} should be a {names}, but got {type(value).__name__}: {value!r}')
        own, other, kind = (
            (self._data_fields, self._metainfo_fields, 'metainfo')
            if field_type == 'data'
            else (self._metainfo_fields, self._data_fields, 'data')
        )
        if name in other:
            raise AttributeError(f'{name} of {type(self).__name__} is {kind} already and cannot become {field_type}')
        super().__setattr__(name, value)
        own.add(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in _OWN:
            self.set_field(value, name)
        elif name in self.__dict__:
            raise AttributeError(f'{name} of {type(self).__name__} is private and cannot be replaced')
        else:
            super().__setattr__(name, value)

    def update(self, instance: BaseDataElement) -> None:
        """Take over all fields of another element."""
        if not isinstance(instance, BaseDataElement):
            raise TypeError(f'instance should be a BaseDataElement, but got {type(instance).__name__}')
        self.set_metainfo(dict(instance.metainfo_items()))
        self.set_data(dict(instance.items()))

    # ------------------------------------------------------------------ removing

    def __delattr__(self, name: str) -> None:
        if name in _OWN:
            raise AttributeError(f'{name} of {type(self).__name__} is private and cannot be deleted')
        super().__delattr__(name)
        self._metainfo_fields.discard(name)
        self._data_fields.discard(name)
        if self._is_property(name):
            self._data_fields.discard(f'_{name}')

    def pop(self, *args: Any) -> Any:
        """`pop(name[, default])`: remove a field and return its value.

        Raises:
            KeyError: there is no such field, and no default.
        """
        if not 1 <= len(args) <= 2:
            raise TypeError(f'pop takes a name and at most a default, but got {len(args)} arguments')
        name = args[0]
        if name in self:
            value = getattr(self, name)
            delattr(self, name)
            return value
        if len(args) == 2:
            return args[1]
        raise KeyError(f'{type(self).__name__} has no {name!r}; it has {", ".join(self.all_keys()) or "no fields"}')

    # ------------------------------------------------------------------ reading

    def _is_property(self, name: str) -> bool:
        return isinstance(getattr(type(self), name, None), property)

    def keys(self) -> list[str]:
        """Names of the data fields in the order in which they were set."""
        names = []
        for name in self.__dict__:
            if name in self._data_fields:
                public = name.removeprefix('_')
                names.append(public if public in self._data_fields and self._is_property(public) else name)
        # Properties that keep their value elsewhere than under their name with an underscore.
        return names + sorted(n for n in self._data_fields if n not in self.__dict__ and n not in names)

    def metainfo_keys(self) -> list[str]:
        return [name for name in self.__dict__ if name in self._metainfo_fields]

    def all_keys(self) -> list[str]:
        """Names of metainfo, then of data."""
        return self.metainfo_keys() + self.keys()

    def values(self) -> list:
        return [getattr(self, name) for name in self.keys()]

    def metainfo_values(self) -> list:
        return [getattr(self, name) for name in self.metainfo_keys()]

    def all_values(self) -> list:
        return self.metainfo_values() + self.values()

    def items(self) -> Iterator[tuple[str, Any]]:
        for name in self.keys():
            yield name, getattr(self, name)

    def metainfo_items(self) -> Iterator[tuple[str, Any]]:
        for name in self.metainfo_keys():
            yield name, getattr(self, name)

    def all_items(self) -> Iterator[tuple[str, Any]]:
        yield from self.metainfo_items()
        yield from self.items()

    @property
    def metainfo(self) -> dict:
        """The metainfo as a new dict."""
        return dict(self.metainfo_items())

    def get(self, key: str, default: Any = None) -> Any:
        return getattr(self, key, default)

    def __contains__(self, item: str) -> bool:
        return item in self._data_fields or item in self._metainfo_fields

    def to_dict(self) -> dict:
        """All fields; nested elements become dicts, too."""
        return {k: v.to_dict() if isinstance(v, BaseDataElement) else v for k, v in self.all_items()}

    # ------------------------------------------------------------------ copies

    def new(self, *, metainfo: dict | None = None, **kwargs: Any) -> Self:
        """An element of the same class with the metainfo and data given, or with its own where none is given."""
        element = type(self)()
        element.set_metainfo(dict(self.metainfo_items()) if metainfo is None else metainfo)
        element.set_data(kwargs or dict(self.items()))
        return element

    def clone(self) -> Self:
        """A deep copy."""
        return copy.deepcopy(self)

    def _mapped(self, change: Callable[[Any], Any]) -> Self:
        element = type(self)()
        element.set_metainfo(dict(self.metainfo_items()))
        element.set_data({name: change(value) for name, value in self.items()})
        return element

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """A copy on whose tensors and nested elements `.to(...)` was called."""
        return self._mapped(lambda v: v.to(*args, **kwargs) if hasattr(v, 'to') else v)

    def cpu(self) -> Self:
        return self._mapped(lambda v: v.cpu() if isinstance(v, (torch.Tensor, BaseDataElement)) else v)

    def cuda(self) -> Self:
        return self._mapped(lambda v: v.cuda() if isinstance(v, (torch.Tensor, BaseDataElement)) else v)

    def detach(self) -> Self:
        return self._mapped(lambda v: v.detach() if isinstance(v, (torch.Tensor, BaseDataElement)) else v)

    def numpy(self) -> Self:
        """A copy with arrays in place of tensors."""

        def change(value: Any) -> Any:
            if isinstance(value, torch.Tensor):
                return value.detach().cpu().numpy()
            return value.numpy() if isinstance(value, BaseDataElement) else value

        return self._mapped(change)

    def to_tensor(self) -> Self:
        """A copy with tensors in place of arrays."""

        def change(value: Any) -> Any:
            if isinstance(value, np.ndarray):
                return torch.from_numpy(value)
            return value.to_tensor() if isinstance(value, BaseDataElement) else value

        return self._mapped(change)

    def __repr__(self) -> str:
        def listing(title: str, items: Iterator[tuple[str, Any]]) -> list[str]:
            lines = [f'  {title}:']
            for name, value in items:
                first, *rest = f'{name}: {value!r}'.splitlines()
                lines += [f'    {first}', *(f'    {line}' for line in rest)]
            return lines

        lines = [*listing('metainfo', self.metainfo_items()), *listing('data', self.items())]
        return '\n'.join([f'<{type(self).__name__}', *lines]) + '>'


__all__ = ['BaseDataElement']
