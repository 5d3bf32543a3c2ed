"""Tables and annotated model descriptions of what an analysis found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from rich import box
from rich.table import Table
from torch import nn

from mmengine.utils import is_tuple_of

from .complexity_analysis import ActivationAnalyzer, FlopAnalyzer, as_text, parameter_count

_UNITS = ((1e15, 'P'), (1e12, 'T'), (1e9, 'G'), (1e6, 'M'), (1e3, 'K'))


def _format_size(x: int, sig_figs: int = 3, hide_zero: bool = False) -> str:
    """A number with a unit and at most `sig_figs` decimals: 1234567 → `1.235M`. From 100 on in thousands, and so on."""
    if hide_zero and x == 0:
        return ''
    for unit, letter in _UNITS:
        if x > unit / 10:
            number = f'{x / unit:.{sig_figs}f}'
            return (number.rstrip('0').rstrip('.') if '.' in number else number) + letter
    return str(x)


class _Numbers:
    """The strings that describe a module."""

    def __init__(self, flops: FlopAnalyzer, activations: ActivationAnalyzer | None) -> None:
        self.model = flops._model
        self.flops = flops
        self.counts = {'#flops': flops.by_module()}
        self.uncalled = {'#flops': flops.uncalled_modules()}
        if activations is not None:
            self.counts['#acts'] = activations.by_module()
            self.uncalled['#acts'] = activations.uncalled_modules()
        self.parameters = parameter_count(self.model)

    def empty(self, name: str) -> bool:
        """Without parameters and costs."""
        return not self.parameters.get(name) and not any(counts[name] for counts in self.counts.values())


def complexity_stats_str(flops: FlopAnalyzer, activations: ActivationAnalyzer | None = None) -> str:
    """The description of the model (`repr`) with parameters, flops and activations of each module."""
    numbers = _Numbers(flops, activations)
    names = flops._names
    text = _described(numbers.model, '', numbers, names)
    if any('N/A' in line for line in text.splitlines()):
        text = (
            'N/A: the module was not called as such; what it costs is counted in the module that contains it.\n' + text
        )
    return text


def _described(module: nn.Module, name: str, numbers: _Numbers, names: dict[nn.Module, str]) -> str:
    lines = [line for line in module.extra_repr().split('\n') if line]
    alias = names[module] != name
    if not alias and not numbers.empty(name):
        stats = [f'#params: {_format_size(numbers.parameters.get(name, 0), 2)}']
        for label, counts in numbers.counts.items():
            missing = not counts[name] and name in numbers.uncalled[label]
            stats.append(f'{label}: {"N/A" if missing else _format_size(counts[name], 2)}')
        lines.append(', '.join(stats))
    for child, submodule in module._modules.items():  # named_children() leaves out those that appear twice
        if submodule is None:
            continue
        path = f'{name}.{child}' if name else child
        lines.append(f'({child}): {_described(submodule, path, numbers, names)}')
    title = module._get_name()
    if not lines:
        return f'{title}()'
    if len(lines) == 1 and lines[0] == module.extra_repr():
        return f'{title}({lines[0]})'
    body = '\n'.join(lines).replace('\n', '\n  ')
    return f'{title}(\n  {body}\n)'


def complexity_stats_table(
    flops: FlopAnalyzer,
    max_depth: int = 3,
    activations: ActivationAnalyzer | None = None,
    show_param_shapes: bool = True,
) -> str:
    """A table of the modules down to `max_depth`; chains of containers with a single child stand in one row.

    Args:
        show_param_shapes: with rows for the parameters of the modules shown.
    """
    numbers = _Numbers(flops, activations)
    table = Table(box=box.ASCII2)
    columns: dict[str, Callable[[str], str]] = {
        'module': lambda name: name or 'model',
        '#parameters or shape': lambda name: _format_size(numbers.parameters.get(name, 0)),
    }
    for label, counts in numbers.counts.items():
        title = {'#acts': '#activations'}.get(label, label)
        missing = numbers.uncalled[label]
        columns[title] = lambda n, c=counts, m=missing: _format_size(c[n], hide_zero=n in m)  # type: ignore[misc]
    for column in columns:
        table.add_column(column)

    def add(module: nn.Module, name: str, depth: int) -> None:
        indent = ' ' * depth
        table.add_row(*(indent + text if (text := show(name)) else '' for show in columns.values()))
        if depth == max_depth:
            return
        if show_param_shapes:
            for child, parameter in module.named_parameters(recurse=False):
                path = f'{name}.{child}' if name else child
                row = [f'{indent} {path}', f'{indent}  {tuple(parameter.shape)}', *[''] * (len(columns) - 2)]
                table.add_row(*row)
        for path, submodule in _shown_children(module, name, numbers):
            add(submodule, path, depth + 1)

    add(numbers.model, '', 0)
    return as_text(table)


def _shown_children(module: nn.Module, name: str, numbers: _Numbers) -> list[tuple[str, nn.Module]]:
    """Children that cost something, under the name that they have first; a container of one of these is skipped."""
    found = []
    for child, submodule in module.named_children():
        path = f'{name}.{child}' if name else child
        if numbers.flops._names[submodule] != path or numbers.empty(path):
            continue
        while not submodule._parameters:
            inner = _shown_children(submodule, path, numbers)
            if len(inner) != 1:
                break
            # Only where the container itself adds nothing.
            if any(counts[path] != counts[inner[0][0]] for counts in numbers.counts.values()):
                break
            path, submodule = inner[0]
        found.append((path, submodule))
    return found


def get_model_complexity_info(
    model: nn.Module,
    input_shape: tuple[int, ...] | tuple[tuple[int, ...], ...] | None = None,
    inputs: torch.Tensor | tuple[torch.Tensor, ...] | tuple[Any, ...] | None = None,
    show_table: bool = True,
    show_arch: bool = True,
) -> dict[str, Any]:
    """Multiply-adds, activations and parameters of a model.

    Args:
        input_shape: `(C, H, W)`, or a tuple of such for a model with several arguments; a batch of one is made.
        inputs: arguments of `forward` instead.
        show_table, show_arch: give `out_table` and `out_arch` as well, else ''.

    Returns:
        `flops`, `activations`, `params` as numbers and, with `_str` behind the name, as text; `out_table`, `out_arch`.

    Raises:
        ValueError: both `input_shape` and `inputs`, or none.
    """
    if (input_shape is None) == (inputs is None):
        raise ValueError(
            f'give one of input_shape and inputs, but got {"none" if inputs is None else f"both ({input_shape=})"}'
        )
    if inputs is None:
        inputs = _random_inputs(model, input_shape)
    flops = FlopAnalyzer(model, inputs)
    activations = ActivationAnalyzer(model, inputs).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    params = parameter_count(model)['']
    table = complexity_stats_table(flops, activations=activations, show_param_shapes=True) if show_table else ''
    return {
        'flops': flops.total(),
        'flops_str': _format_size(flops.total()),
        'activations': activations.total(),
        'activations_str': _format_size(activations.total()),
        'params': params,
        'params_str': _format_size(params),
        'out_table': f'\n{table}\n' if table else '',
        'out_arch': f'\n{complexity_stats_str(flops, activations)}' if show_arch else '',
    }


def _random_inputs(model: nn.Module, input_shape: Any) -> tuple[torch.Tensor, ...]:
    if is_tuple_of(input_shape, int):
        shapes = (input_shape,)
    elif is_tuple_of(input_shape, tuple) and all(is_tuple_of(shape, int) for shape in input_shape):
        shapes = input_shape
    else:
        raise ValueError(f'input_shape should be a tuple of int, or a tuple of such tuples, but got {input_shape!r}')
    like = next((p for p in model.parameters() if p.is_floating_point()), torch.empty(0))
    return tuple(torch.randn(1, *shape, dtype=like.dtype, device=like.device) for shape in shapes)
