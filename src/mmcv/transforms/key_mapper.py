"""Let transforms work on other keys than those they were written for."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

from mmcv.transforms.base import BaseTransform
from mmcv.transforms.builder import TRANSFORMS
from mmcv.transforms.compose import Compose, Transform
from mmcv.transforms.utils import cache_random_params


class _Ignored:
    """Stands where `...` was given for a key, or where an optional key is absent."""


_IGNORED = _Ignored()


@TRANSFORMS.register_module()
class KeyMapper(BaseTransform):
    """Run `transforms` on a renamed view of the sample.

    `mapping` says for each inner key where its value comes from, `remapping` where each inner value goes afterwards;
    other results are dropped. Both may nest lists and dicts of keys; `...` leaves a key out. `auto_remap` takes
    `mapping` for the way back, which is the default without `remapping`. With neither, all keys go in and out as they
    are.

    Raises:
        KeyError: a mapped key is absent and `allow_nonexist_keys` is off.
    """

    def __init__(
        self,
        transforms: Transform | list[Transform] | None = None,
        mapping: dict | None = None,
        remapping: dict | None = None,
        auto_remap: bool | None = None,
        allow_nonexist_keys: bool = False,
    ) -> None:
        if auto_remap and remapping is not None:
            raise ValueError(f'{type(self).__name__}: `remapping` must be None where `auto_remap` is on')
        self.allow_nonexist_keys = allow_nonexist_keys
        self.mapping = mapping
        self.auto_remap = remapping is None if auto_remap is None else auto_remap
        self.remapping = mapping if self.auto_remap else remapping
        self.transforms = Compose([] if transforms is None else transforms)

    def __iter__(self) -> Iterator:
        return iter(self.transforms)

    def _collect(self, data: dict, source: Any) -> Any:
        if isinstance(source, dict):
            return {key: self._collect(data, s) for key, s in source.items()}
        if isinstance(source, tuple | list):
            return [self._collect(data, s) for s in source]
        if source is ...:
            return _IGNORED
        if source not in data:
            if self.allow_nonexist_keys:
                return _IGNORED
            near = difflib.get_close_matches(str(source), [str(key) for key in data], n=1)
            raise KeyError(
                f'{type(self).__name__}: the sample has no key {source!r}'
                + (f', did you mean {near[0]!r}?' if near else f', only {sorted(map(str, data))}')
            )
        return data[source]

    def _map_input(self, data: dict, mapping: dict | None) -> dict[str, Any]:
        """The sample as the inner transforms see it."""
        if mapping is None:
            return data.copy()
        inputs = {**data, **self._collect(data, mapping)}
        return {key: value for key, value in inputs.items() if value is not _IGNORED}

    def _distribute(self, value: Any, target: Any, outputs: dict) -> None:
        if target is ... or value is _IGNORED:
            return
        if isinstance(target, dict):
            if not isinstance(value, dict):
                raise ValueError(f'{type(self).__name__}: cannot spread {type(value)} over the keys {target}')
            for key, inner_target in target.items():
                self._distribute(value[key], inner_target, outputs)
        elif isinstance(target, tuple | list):
            if not isinstance(value, tuple | list) or len(value) != len(target):
                length = len(value) if isinstance(value, tuple | list) else 'no sequence'
                raise ValueError(f'{type(self).__name__}: {len(target)} keys {target} for {length} values')
            for element, inner_target in zip(value, target, strict=True):
                self._distribute(element, inner_target, outputs)
        else:
            outputs[target] = value

    def _map_output(self, data: dict, remapping: dict | None) -> dict[str, Any]:
        """What of the inner results goes back into the sample, under its outer keys."""
        if remapping is None:
            return data.copy()
        outputs: dict[str, Any] = {}
        for key, target in remapping.items():
            if key in data:
                self._distribute(data[key], target, outputs)
            elif not self.allow_nonexist_keys and target is not ...:
                raise KeyError(
                    f'{type(self).__name__}: the transforms gave no key {key!r}, only {sorted(map(str, data))}'
                )
        return outputs

    def _apply_transforms(self, inputs: dict) -> dict:
        outputs = self.transforms(inputs)
        if outputs is None:
            raise ValueError(f'transforms wrapped by {type(self).__name__} should not return None')
        return outputs

    def transform(self, results: dict) -> dict:
        inputs = self._map_input(results, self.mapping)
        results.update(self._map_output(self._apply_transforms(inputs), self.remapping))
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(transforms={self.transforms}, mapping={self.mapping}, '
            f'remapping={self.remapping}, auto_remap={self.auto_remap}, '
            f'allow_nonexist_keys={self.allow_nonexist_keys})'
        )


@TRANSFORMS.register_module()
class TransformBroadcaster(KeyMapper):
    """Run `transforms` once for each element of the sequences that `mapping` names.

    Without `mapping` every value of the sample has to be a sequence. `share_random_params` takes the same random
    decisions for all elements.
    """

    def __init__(
        self,
        transforms: list[Transform],
        mapping: dict | None = None,
        remapping: dict | None = None,
        auto_remap: bool | None = None,
        allow_nonexist_keys: bool = False,
        share_random_params: bool = False,
    ) -> None:
        super().__init__(transforms, mapping, remapping, auto_remap, allow_nonexist_keys)
        self.share_random_params = share_random_params

    def scatter_sequence(self, data: dict) -> list[dict]:
        """One dict an element; all sequences must be of one length."""
        keys = [key for key in (self.mapping or data) if key in data]
        lengths = {}
        for key in keys:
            if not isinstance(data[key], Sequence) or isinstance(data[key], str):
                raise ValueError(f'{type(self).__name__}: {key!r} is no sequence but {type(data[key])}')
            lengths[key] = len(data[key])
        if len(set(lengths.values())) > 1:
            raise ValueError(f'{type(self).__name__}: the sequences are of different lengths: {lengths}')
        scattered = []
        for i in range(next(iter(lengths.values()), 0)):
            element = {**data, **{key: data[key][i] for key in keys}}
            scattered.append({key: value for key, value in element.items() if value is not _IGNORED})
        return scattered

    def _apply_transforms(self, inputs: dict) -> dict:
        elements = self.scatter_sequence(inputs)
        if self.share_random_params:
            with cache_random_params(self.transforms):
                outputs = [super(TransformBroadcaster, self)._apply_transforms(element) for element in elements]
        else:
            outputs = [super(TransformBroadcaster, self)._apply_transforms(element) for element in elements]
        keys = dict.fromkeys(key for output in outputs for key in output)
        return {key: [output.get(key, _IGNORED) for output in outputs] for key in keys}

    def __repr__(self) -> str:
        return f'{super().__repr__()[:-1]}, share_random_params={self.share_random_params})'
