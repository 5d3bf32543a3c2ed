"""Which learning rate and weight decay a parameter gets by `paramwise_cfg`, and why. Pure functions over data."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from mmengine.utils.errors import ConfigError

PARAMWISE_KEYS = frozenset(
    {
        'custom_keys',
        'bias_lr_mult',
        'bias_decay_mult',
        'norm_decay_mult',
        'dwconv_decay_mult',
        'dcn_offset_lr_mult',
        'flat_decay_mult',
        'bypass_duplicate',
        'compose',
        'strict',
    }
)
_NORMS = (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm, nn.GroupNorm, nn.LayerNorm)
# By name: the layers themselves are defined in packages above this one, or elsewhere.
_DEFORMABLE = {'DeformConv2d', 'ModulatedDeformConv2d'}


@dataclass(frozen=True, slots=True)
class ParamRule:
    """What was decided for one parameter.

    Args:
        group: index of its group in the optimizer; None if the optimizer does not have it.
        lr, weight_decay: initial values; None where the optimizer has no such setting, or does not have the parameter.
        rule: what decided, e.g. `custom_keys[backbone]`, `bias_lr_mult, norm_decay_mult` or `default`.
    """

    name: str
    group: int | None
    lr: float | None
    weight_decay: float | None
    rule: str


def is_deformable(module: nn.Module) -> bool:
    return any(cls.__name__ in _DEFORMABLE for cls in type(module).__mro__)


def matching_keys(name: str, custom_keys: Mapping[str, Any]) -> list[str]:
    """The keys that a parameter's name contains: the longest first, equally long ones by alphabet."""
    return [key for key in sorted(sorted(custom_keys), key=len, reverse=True) if key in name]


def decide(
    name: str,
    param: nn.Parameter,
    module: nn.Module,
    in_deformable: bool,
    paramwise_cfg: Mapping[str, Any],
    base_lr: float | None,
    base_wd: float | None,
    custom_keys_decide: bool | None = None,
) -> tuple[dict[str, Any], str]:
    """Settings of a parameter's group, and the rule that they come from.

    Args:
        name: full name in the model.
        module: the one that the parameter belongs to.
        in_deformable: whether this module is part of a deformable convolution (and so makes its offsets).
        custom_keys_decide: whether a matching custom key is the only rule; otherwise the others apply after it. None
            goes by `compose` of `paramwise_cfg`.
    """
    compose = paramwise_cfg.get('compose', False)
    if custom_keys_decide is None:
        custom_keys_decide = not compose
    settings: dict[str, Any] = {}
    custom: dict[str, Any] = {}
    rules: list[str] = []

    def lr(mult: float, rule: str) -> None:
        if base_lr is None:
            raise ConfigError(f'paramwise_cfg: {rule} multiplies the learning rate, but the optimizer config has no lr')
        settings['lr'] = (settings.get('lr', base_lr) if compose else base_lr) * mult
        rules.append(rule)

    def decay(mult: float, rule: str) -> None:
        if compose and 'decay_mult' in custom:
            return
        settings['weight_decay'] = (base_wd or 0.0) * mult
        rules.append(rule)

    keys = matching_keys(name, paramwise_cfg.get('custom_keys', {}))
    if not compose:
        keys = keys[:1]
    if keys:
        key = ', '.join(keys)
        for each in reversed(keys):
            custom.update(paramwise_cfg['custom_keys'][each])
        if base_lr is not None or 'lr_mult' in custom:
            lr(custom.get('lr_mult', 1.0), f'custom_keys[{key}]')
        if base_wd is not None:
            settings['weight_decay'] = base_wd * custom.get('decay_mult', 1.0)
        # Anything else is an option of the optimizer for this group. The multipliers stay readable in it, too.
        settings.update(custom)
        if custom_keys_decide:
            return settings, f'custom_keys[{key}]'

    is_bias = name.rpartition('.')[2] == 'bias'
    is_norm = isinstance(module, _NORMS)
    mults = {k: v for k, v in paramwise_cfg.items() if v is not None}
    if 'bias_lr_mult' in mults and is_bias and not is_norm and not in_deformable:
        lr(mults['bias_lr_mult'], 'bias_lr_mult')
    if (
        'dcn_offset_lr_mult' in mults
        and in_deformable
        and 'conv_offset' in name.rpartition('.')[0]
        and isinstance(module, nn.Conv2d)
    ):
        lr(mults['dcn_offset_lr_mult'], 'dcn_offset_lr_mult')
    if base_wd is not None:
        is_dwconv = isinstance(module, nn.Conv2d) and module.in_channels == module.groups
        if is_norm and 'norm_decay_mult' in mults:
            decay(mults['norm_decay_mult'], 'norm_decay_mult')
        elif is_bias and not in_deformable and 'bias_decay_mult' in mults:
            decay(mults['bias_decay_mult'], 'bias_decay_mult')
        elif is_dwconv and 'dwconv_decay_mult' in mults:
            decay(mults['dwconv_decay_mult'], 'dwconv_decay_mult')
        elif param.ndim == 1 and not in_deformable and 'flat_decay_mult' in mults:
            decay(mults['flat_decay_mult'], 'flat_decay_mult')
    return settings, ', '.join(rules) or 'default'


def nearest_name(key: str, names: Iterable[str]) -> str | None:
    """The parameter, or the part of a model, whose name is most like a key."""
    parts = {'.'.join(name.split('.')[:i]) for name in names for i in range(1, name.count('.') + 2)}
    close = difflib.get_close_matches(key, sorted(parts), n=1, cutoff=0.4)
    return close[0] if close else None


def summarize(rows: Sequence[ParamRule]) -> str:
    """In one line, how many parameters each rule decided."""
    counts = Counter(row.rule for row in rows)
    groups = len({row.group for row in rows if row.group is not None})
    return f'{len(rows)} parameters in {groups} groups; ' + ', '.join(f'{n} by {r}' for r, n in counts.most_common())


def format_rules(rows: Sequence[ParamRule]) -> str:
    """A table of parameter, group, learning rate, weight decay and rule."""
    cells = [('parameter', 'group', 'lr', 'weight decay', 'rule')]
    for row in rows:
        numbers = ('-' if value is None else f'{value:.4g}' for value in (row.group, row.lr, row.weight_decay))
        cells.append((row.name, *numbers, row.rule))  # type: ignore[arg-type]
    widths = [max(len(line[i]) for line in cells) for i in range(5)]
    return '\n'.join('  '.join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in cells)
