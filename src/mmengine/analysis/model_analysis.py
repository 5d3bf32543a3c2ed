"""Counts something for each operator that a model runs, and adds it up by module and by operator."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from mmengine.logging import print_log

from .handles import Handle

# Free of charge by convention: views, copies, fills, and what is far cheaper than what surrounds it.
_IGNORED_OPS = {
    f'aten::{name}'
    for name in (
        'Int', 'ScalarImplicit', '__and__', '_reshape_alias', '_reshape_copy', '_to_copy', '_unsafe_view',
        'alias', 'arange', 'as_strided', 'bitwise_not', 'cat', 'chunk', 'clamp', 'clamp_', 'clone', 'concat',
        'constant_pad_nd', 'contiguous', 'copy_', 'detach', 'dropout', 'empty', 'eq', 'expand', 'fill_',
        'flatten', 'floor', 'floor_divide', 'full', 'full_like', 'gather', 'ge', 'gt', 'index', 'index_put_',
        'item', 'lift_fresh', 'masked_fill', 'max', 'narrow', 'native_dropout', 'new_empty', 'new_full',
        'new_zeros', 'nonzero', 'ones', 'pad', 'permute', 'relu', 'relu_', 'remainder', 'reshape', 'roll',
        'select', 'size', 'slice', 'split', 'split_with_sizes', 'squeeze', 'stack', 't', 'to', 'transpose',
        'type_as', 'unbind', 'unflatten', 'unsqueeze', 'unsqueeze_', 'view', 'view_as', 'zero_', 'zeros',
        'zeros_like',
    )
}  # fmt: skip
_ALIASES = {'aten::convolution': 'aten::_convolution'}


class _Counting(TorchDispatchMode):
    """Records each operator that is counted or unknown; others are taken apart into those they consist of."""

    def __init__(self, analysis: ModelAnalysis) -> None:
        super().__init__()
        self.analysis = analysis

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = f'{func.namespace}::{func._schema.name.split("::")[-1]}'
        name = _ALIASES.get(name, name)
        if name not in self.analysis._handles and name not in _IGNORED_OPS:
            with self:
                out = func.decompose(*args, **kwargs)
            if out is not NotImplemented:
                return out
        out = func(*args, **kwargs)
        self.analysis._record(name, func._schema.arguments, args, kwargs, out)
        return out


class ModelAnalysis:
    """The model is run once, at the first question, in inference mode; operators are counted as they are called.

    Numbers of a module include those of the modules in it. A module under several names has the first one.

    Args:
        model: what to analyze; its mode (training or not) is kept.
        inputs: a tensor, or the tuple of arguments of the model's `forward`.
    """

    def __init__(self, model: nn.Module, inputs: torch.Tensor | tuple[Any, ...]) -> None:
        self._model = model
        self._inputs = inputs if isinstance(inputs, tuple) else (inputs,)
        self._handles: dict[str, Handle | None] = {}
        self._ancestor_mode = 'owner'
        self._warn_uncalled = True
        self._warn_unsupported = True
        self._names = {module: name for name, module in model.named_modules()}
        self._stats: dict[str, Counter[str]] | None = None
        self._unsupported: dict[str, Counter[str]] = {}
        self._called: set[str] = set()
        self._stack: list[str] = []

    # Questions.

    def total(self, module_name: str = '') -> int:
        """The sum for a module; `''` is the model."""
        return sum(self.by_operator(module_name).values())

    def by_operator(self, module_name: str = '') -> Counter[str]:
        """Sums of a module by operator, such as `conv`."""
        return self._run()[self.canonical_module_name(module_name)]

    def by_module(self) -> Counter[str]:
        """Sums by module."""
        return Counter({name: sum(counts.values()) for name, counts in self._run().items()})

    def by_module_and_operator(self) -> dict[str, Counter[str]]:
        return dict(self._run())

    def unsupported_ops(self, module_name: str = '') -> Counter[str]:
        """How often operators were met that count for nothing because no handle knows them."""
        self._run()
        return self._unsupported[self.canonical_module_name(module_name)]

    def uncalled_modules(self) -> set[str]:
        """Modules that were not called: unused, or used other than by calling them."""
        self._run()
        silent = (nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict)
        return {name for m, name in self._names.items() if name not in self._called and not isinstance(m, silent)}

    def canonical_module_name(self, name: str) -> str:
        """The name of a module in the results.

        Raises:
            KeyError: the model has no such module.
        """
        try:
            return self._names[self._model.get_submodule(name)]
        except AttributeError as e:
            raise KeyError(f'the analyzed model has no module {name!r}') from e

    # Settings; each returns the analysis.

    def set_op_handle(self, *args: Any, **kwargs: Handle | None) -> Self:
        """Count operators by functions: `set_op_handle('aten::gelu', fn, 'aten::mul', None)`; None counts nothing.

        A function takes the arguments of the operator, in the order of its schema, and its outputs as two lists of
        tensors and plain values, and returns a number, or a `Counter` of numbers by name.
        """
        if len(args) % 2:
            raise TypeError(f'set_op_handle takes pairs of a name and a function, but got {len(args)} arguments')
        self._handles.update(zip(args[::2], args[1::2], strict=True))
        self._handles.update(kwargs)
        self._stats = None
        return self

    def clear_op_handles(self) -> Self:
        self._handles = {}
        self._stats = None
        return self

    def ancestor_mode(self, mode: str) -> Self:
        """Which modules contain a call: `owner`, those it is in by name; `caller`, those being called at that time."""
        if mode not in ('owner', 'caller'):
            raise ValueError(f"the ancestor mode should be 'owner' or 'caller', but got {mode!r}")
        self._ancestor_mode = mode
        self._stats = None
        return self

    def uncalled_modules_warnings(self, enabled: bool) -> Self:
        self._warn_uncalled = enabled
        return self

    def unsupported_ops_warnings(self, enabled: bool) -> Self:
        self._warn_unsupported = enabled
        return self

    def tracer_warnings(self, mode: str) -> Self:
        """Taken for the existing interface: nothing is traced."""
        if mode not in ('all', 'no_tracer_warning', 'none'):
            raise ValueError(f"the mode should be 'all', 'no_tracer_warning' or 'none', but got {mode!r}")
        return self

    def copy(self, new_model: nn.Module | None = None, new_inputs: Any = None) -> Self:
        """The same settings for another model or other inputs."""
        other = type(self)(
            self._model if new_model is None else new_model, self._inputs if new_inputs is None else new_inputs
        )
        other._handles = dict(self._handles)
        other._ancestor_mode = self._ancestor_mode
        other._warn_uncalled = self._warn_uncalled
        other._warn_unsupported = self._warn_unsupported
        return other

    # Counting.

    def _run(self) -> dict[str, Counter[str]]:
        if self._stats is not None:
            return self._stats
        names = self._names.values()
        self._stats = {name: Counter() for name in names}
        self._unsupported = {name: Counter() for name in names}
        self._called, self._stack = set(), []
        try:
            with self._following_calls(), without_mha_fastpath(), torch.inference_mode(), _Counting(self):
                self._model(*self._inputs)
        except BaseException:
            self._stats = None
            raise
        self._warn()
        return self._stats

    @contextmanager
    def _following_calls(self) -> Iterator[None]:
        """Keep the names of the modules being called in `self._stack`."""

        def enter(module: nn.Module, *_: Any) -> None:
            self._stack.append(self._names[module])
            self._called.add(self._names[module])

        def leave(module: nn.Module, *_: Any) -> None:
            self._stack.pop()

        handles = []
        for module in self._names:
            handles.append(module.register_forward_pre_hook(enter, prepend=True))
            handles.append(module.register_forward_hook(leave, always_call=True))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _containing(self) -> set[str]:
        """The modules that the present call belongs to."""
        if self._ancestor_mode == 'caller':
            return {'', *self._stack}
        parts = self._stack[-1].split('.') if self._stack[-1] else []
        prefixes = ['.'.join(parts[:i]) for i in range(len(parts) + 1)]
        return {prefix for prefix in prefixes if prefix in self._unsupported}

    def _record(self, name: str, schema: Any, args: tuple, kwargs: dict[str, Any], out: Any) -> None:
        assert self._stats is not None
        if name not in self._handles:
            if name not in _IGNORED_OPS:
                for module in self._containing():
                    self._unsupported[module][name] += 1
            return
        handle = self._handles[name]
        if handle is None:
            return
        rest = schema[len(args) :]
        inputs = [*args, *(kwargs.get(argument.name, argument.default_value) for argument in rest)]
        counts = handle(inputs, list(out) if isinstance(out, (tuple, list)) else [out])
        if not isinstance(counts, Counter):
            short = name.split('::')[-1].removeprefix('_')
            counts = Counter({'conv' if short == 'convolution' else short: counts})
        for module in self._containing():
            self._stats[module] += counts

    def _warn(self) -> None:
        if self._warn_unsupported and self._unsupported['']:
            ops = ', '.join(f'{name} ({times}x)' for name, times in self._unsupported[''].most_common())
            print_log(f'{type(self).__name__} counts nothing for {ops}', 'current', logging.WARNING)
        uncalled = self.uncalled_modules()
        if self._warn_uncalled and uncalled:
            print_log(
                f'{type(self).__name__}: never called, therefore 0 (what they do is counted in what contains them): '
                f'{", ".join(sorted(uncalled))}',
                'current',
                logging.WARNING,
            )


@contextmanager
def without_mha_fastpath() -> Iterator[None]:
    """Attention as the operators it consists of, not as the fused one of inference."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
