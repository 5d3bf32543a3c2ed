"""State dicts and models: taking, loading, and saying what did not fit."""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from mmengine.dist import get_dist_info
from mmengine.logging import print_log
from mmengine.registry import MODEL_WRAPPERS
from mmengine.utils.errors import CheckpointError

from .input_channels import fit_stem

_SIZE = re.compile(r'size mismatch for (\S+): .*?torch\.Size\((.*?)\).*?torch\.Size\((.*?)\)', re.DOTALL)
_SHOWN = 20
# Below this share of a model's entries a checkpoint is taken for one of another model.
_LEAST_SHARE = 0.1


def _is_wrapper(module: nn.Module) -> bool:
    return isinstance(module, DataParallel | DistributedDataParallel) or any(
        isinstance(cls, type) and isinstance(module, cls) for cls in _wrappers(MODEL_WRAPPERS)
    )


def _wrappers(registry: Any) -> list[type]:
    return [*registry.module_dict.values(), *(c for child in registry.children.values() for c in _wrappers(child))]


def _unwrap(module: nn.Module) -> nn.Module:
    while _is_wrapper(module) and isinstance(getattr(module, 'module', None), nn.Module):
        module = module.module  # type: ignore[assignment]
    return module


def weights_to_cpu(state_dict: Mapping[str, Any]) -> OrderedDict[str, Any]:
    """A copy with all tensors, also in nested dicts and lists, on the CPU."""
    result = OrderedDict((key, _to_cpu(value)) for key, value in state_dict.items())
    result._metadata = getattr(state_dict, '_metadata', OrderedDict())  # type: ignore[attr-defined]
    return result


def _to_cpu(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.cpu()
    if isinstance(value, OrderedDict):
        return weights_to_cpu(value)
    if isinstance(value, dict):
        return {key: _to_cpu(each) for key, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_to_cpu(each) for each in value)
    return value


def get_state_dict(
    module: nn.Module, destination: OrderedDict | None = None, prefix: str = '', keep_vars: bool = False
) -> OrderedDict[str, Any]:
    """The state dict of a model, with the names that it has without wrappers such as DDP, also inside of it."""
    module = _unwrap(module)
    state = module.state_dict(keep_vars=keep_vars)
    metadata = getattr(state, '_metadata', OrderedDict())
    wrapped = [name for name, child in module.named_modules() if _is_wrapper(child)]
    for name in sorted(wrapped, key=len, reverse=True):  # inner ones first
        inner = f'{name}.module'
        state = OrderedDict((_cut(key, inner, name), value) for key, value in state.items())
        metadata = OrderedDict((_cut(key, inner, name), value) for key, value in metadata.items())
    if destination is None:
        destination = OrderedDict()
        destination._metadata = OrderedDict()  # type: ignore[attr-defined]
    destination.update((prefix + key, value) for key, value in state.items())
    if hasattr(destination, '_metadata'):
        destination._metadata.update(((prefix + key).rstrip('.'), value) for key, value in metadata.items())
    return destination


def _cut(key: str, inner: str, outer: str) -> str:
    return outer + key[len(inner) :] if key == inner or key.startswith(inner + '.') else key


@dataclass
class _Mismatch:
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    shapes: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    def add_errors(self, messages: Sequence[str]) -> None:
        for message in messages:
            found = _SIZE.search(message)
            if found is None:
                self.others.append(message)
            else:
                saved, own = found[2].strip('[]'), found[3].strip('[]')
                self.shapes.append(f'{found[1]}: ({saved}) in the checkpoint, ({own}) in the model')

    def __str__(self) -> str:
        parts = ((self.missing, 'missing in the checkpoint'), (self.unexpected, 'unexpected, not in the model'))
        lines = [_listing(title, names) for names, title in parts if names]
        lines += [_listing('of another shape', self.shapes)] if self.shapes else []
        lines += [_listing('not loaded', self.others)] if self.others else []
        return '\n'.join(lines)


def _listing(title: str, items: Sequence[str]) -> str:
    lines = [f'  {title} ({len(items)}):', *(f'    {item}' for item in items[:_SHOWN])]
    if len(items) > _SHOWN:
        lines.append(f'    ... and {len(items) - _SHOWN} more')
    return '\n'.join(lines)


def load_state_dict(
    module: nn.Module,
    state_dict: Mapping[str, Any],
    strict: bool = False,
    logger: logging.Logger | str | None = None,
) -> None:
    """Load what fits, and report the names that are missing, unexpected or of another shape.

    Unless `strict`, a convolution that was made for colour images is inflated where the model has another number of
    input channels (`inflate_channels`).

    Raises:
        CheckpointError: something does not fit and `strict`; or next to nothing of a state dict fits.
    """
    module = _unwrap(module)
    metadata = getattr(state_dict, '_metadata', None) or {}
    state: OrderedDict[str, Any] = OrderedDict(state_dict)
    missing: list[str] = []
    unexpected: list[str] = []
    errors: list[str] = []
    inflated: list[str] = []

    def load(part: nn.Module, values: OrderedDict[str, Any], prefix: str) -> None:
        part = _unwrap(part)
        local = metadata.get(prefix[:-1], {})
        # Here, since parents may have renamed entries on the way down.
        if not strict and (change := fit_stem(part, values, prefix)):
            inflated.append(change)
        part._load_from_state_dict(values, prefix, local, True, missing, unexpected, errors)
        for name, child in part._modules.items():
            if child is not None:
                inner = f'{prefix}{name}.'
                load(child, OrderedDict((k, v) for k, v in values.items() if k.startswith(inner)), inner)
        keys = torch.nn.modules.module._IncompatibleKeys(missing, unexpected)
        for hook in part._load_state_dict_post_hooks.values():
            hook(part, keys)

    load(module, state, '')
    if inflated and get_dist_info()[0] == 0:
        print_log('\n'.join(inflated), logger=logger)
    mismatch = _Mismatch([key for key in missing if 'num_batches_tracked' not in key], unexpected)
    mismatch.add_errors(errors)
    own = sum('num_batches_tracked' not in key for key in get_state_dict(module))
    if not str(mismatch):
        return
    if strict:
        raise CheckpointError(f'the model and the checkpoint do not match exactly (strict)\n{mismatch}')
    fitting = own - len(mismatch.missing) - len(mismatch.shapes)
    if own and state_dict and fitting < _LEAST_SHARE * own:
        raise CheckpointError(
            f'{fitting} of {own} entries of the {type(module).__name__} are in the checkpoint: it is of another model, '
            f'or its names have another prefix (see revise_keys, or prefix of init_cfg)\n{mismatch}'
        )
    if get_dist_info()[0] == 0:
        print_log(
            f'the model and the checkpoint do not match exactly\n{mismatch}', logger=logger, level=logging.WARNING
        )


def state_dict_of(checkpoint: Mapping[str, Any]) -> Mapping[str, Any]:
    """The state dict in a checkpoint: `state_dict`, `model` (other projects) or the checkpoint itself."""
    for key in ('state_dict', 'model'):
        if isinstance(checkpoint.get(key), Mapping):
            return checkpoint[key]
    return checkpoint


def _load_checkpoint_to_model(
    model: nn.Module,
    checkpoint: Mapping[str, Any],
    strict: bool = False,
    logger: logging.Logger | str | None = None,
    revise_keys: Sequence[tuple[str, str]] = [(r'^module\.', '')],
) -> Any:
    """Load a checkpoint's state dict into a model, with each pattern in its names replaced; returns the checkpoint."""
    state = state_dict_of(checkpoint)
    metadata = getattr(state, '_metadata', OrderedDict())
    for pattern, replacement in revise_keys:
        state = OrderedDict((re.sub(pattern, replacement, key), value) for key, value in state.items())
    state = OrderedDict(state)
    state._metadata = metadata  # type: ignore[attr-defined]
    load_state_dict(model, state, strict, logger)
    return checkpoint
