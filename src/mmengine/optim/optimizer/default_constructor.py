"""Builds optimizers whose groups follow `paramwise_cfg`."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.optim import Optimizer

from mmengine.config.origin import where
from mmengine.logging import print_log
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS, OPTIMIZERS
from mmengine.utils.errors import ConfigError

from .optimizer_wrapper import OptimWrapper
from .param_rules import PARAMWISE_KEYS, ParamRule, decide, is_deformable, nearest_name, summarize


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class DefaultOptimWrapperConstructor:
    """One group for each trainable parameter, with the learning rate and weight decay that `paramwise_cfg` gives it.

    Without `paramwise_cfg` all parameters are one group. With it a custom key that is part of a parameter's name
    decides alone; otherwise the rule for the learning rate and the first applicable one for the weight decay do, in
    the order below. A parameter that has several names is in one group, that of its first name.

    Args:
        optim_wrapper_cfg: arguments of the wrapper, with `optimizer`, and `type` unless it is `OptimWrapper`.
        paramwise_cfg:
            - `custom_keys`: part of a name to `dict(lr_mult=, decay_mult=)` and options of the optimizer for this
              group. The longest matching key decides.
            - `bias_lr_mult`: biases, except of normalization and offsets.
            - `dcn_offset_lr_mult`: the convolutions that make the offsets of deformable ones.
            - `norm_decay_mult`: weights and biases of normalization layers.
            - `bias_decay_mult`: biases, of normalization layers as well if these have no rule.
            - `dwconv_decay_mult`: depthwise convolutions.
            - `flat_decay_mult`: parameters with one dimension.
            - `bypass_duplicate`: accepted; parameters of several names are always taken once.
            - `compose`: the rules work together. All matching custom keys apply, each setting from the longest that
              gives it, and the other rules apply as well: multipliers of the learning rate multiply, a custom
              `decay_mult` stands.
            - `strict`: a custom key that matches nothing is an error instead of a warning.
    """

    extra_keys: frozenset[str] = frozenset()  # further keys of paramwise_cfg that a subclass knows

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None) -> None:
        if not isinstance(optim_wrapper_cfg, Mapping):
            raise TypeError(f'optim_wrapper should be a dict, but got {type(optim_wrapper_cfg).__name__}')
        if not isinstance(optim_wrapper_cfg.get('optimizer'), Mapping):
            at = where(optim_wrapper_cfg)
            raise ConfigError(
                f'optim_wrapper needs `optimizer`, a dict such as dict(type="SGD", lr=0.01){f" at {at}" if at else ""}'
            )
        self.optim_wrapper_cfg = optim_wrapper_cfg.copy()
        self.optim_wrapper_cfg.setdefault('type', 'OptimWrapper')
        self.optimizer_cfg = self.optim_wrapper_cfg.pop('optimizer')
        self.paramwise_cfg: dict[str, Any] = {} if paramwise_cfg is None else paramwise_cfg
        self.base_lr = self.optimizer_cfg.get('lr', None)
        self.base_wd = self.optimizer_cfg.get('weight_decay', None)
        self._rules: dict[int, str] = {}
        self._validate_cfg()

    def _validate_cfg(self) -> None:
        """Refuse a `paramwise_cfg` that has the wrong form or changes a weight decay that there is not."""
        cfg = self.paramwise_cfg
        if not isinstance(cfg, Mapping):
            raise TypeError(f'paramwise_cfg should be None or a dict, but got {type(cfg).__name__}')
        custom = cfg.get('custom_keys', {})
        if not isinstance(custom, Mapping):
            raise TypeError(f'custom_keys should be a dict, but got {type(custom).__name__}')
        for key, value in custom.items():
            if not isinstance(value, Mapping):
                raise TypeError(
                    f'custom_keys[{key!r}] should be a dict such as dict(lr_mult=0.1), but got {value!r}'
                    f'{_at(custom, key)}'
                )
        if self.base_wd is None:
            decays: list[str] = [
                k for k in ('norm_decay_mult', 'bias_decay_mult', 'dwconv_decay_mult', 'flat_decay_mult') if k in cfg
            ]
            decays += [f'custom_keys[{k}].decay_mult' for k, v in custom.items() if 'decay_mult' in v]
            if decays:
                raise ConfigError(
                    f'{", ".join(decays)} multiplies the weight decay, but the optimizer config has none: '
                    f'base_wd should not be None; give the optimizer a weight_decay{_at(cfg, decays[0])}'
                )

    def _is_in(self, param_group: dict, param_group_list: list) -> bool:
        """Whether a group shares a parameter with one of the others."""
        ids = {id(param) for param in param_group['params']}
        return any(id(param) in ids for group in param_group_list for param in group['params'])

    def add_params(
        self,
        params: list[dict],
        module: nn.Module,
        prefix: str = '',
        is_dcn_module: int | float | None = None,
    ) -> None:
        """Append the groups of a module and of those in it. Subclasses override it.

        Args:
            params: groups so far.
            prefix: the module's name in the model.
            is_dcn_module: whether the module is part of a deformable convolution.
        """
        self._add_params(params, module, prefix, bool(is_dcn_module))
        for child_name, child in module.named_children():
            self.add_params(
                params,
                child,
                prefix=f'{prefix}.{child_name}' if prefix else child_name,
                is_dcn_module=is_deformable(module),
            )

    def _add_params(self, params: list[dict], module: nn.Module, prefix: str, in_deformable: bool) -> None:
        """Append the groups of a module's own parameters."""
        for name, param in module.named_parameters(prefix=prefix, recurse=False):
            if not param.requires_grad:
                self._rules[id(param)] = 'frozen'
                continue
            if self._is_in({'params': [param]}, params):
                print_log(f'{name} is also the parameter of another name; it is in the group of that.', 'current')
                continue
            settings, rule = decide(name, param, module, in_deformable, self.paramwise_cfg, self.base_lr, self.base_wd)
            params.append({'params': [param], **settings})
            self._rules[id(param)] = rule

    def _groups(self, model: nn.Module) -> list[dict]:
        if not self.paramwise_cfg:
            return [{'params': list(model.parameters())}]
        self._rules = {}
        groups: list[dict] = []
        self.add_params(groups, model)
        return groups

    def _rows(self, model: nn.Module, groups: list[dict]) -> list[ParamRule]:
        group_of = {id(param): i for i, group in enumerate(groups) for param in group['params']}
        fallback = f'{type(self).__name__}.add_params' if self.paramwise_cfg else 'default'
        rows = []
        for name, param in model.named_parameters():
            index = group_of.get(id(param))
            rule = self._rules.get(id(param), fallback if index is not None else 'left out')
            group = {} if index is None else groups[index]
            lr = None if index is None else group.get('lr', self.base_lr)
            decay = None if index is None else group.get('weight_decay', self.base_wd)
            rows.append(ParamRule(name, index, lr, decay, rule))
        return rows

    def explain(self, model: nn.Module) -> list[ParamRule]:
        """What would be decided for each parameter of a model, in the model's order; see `format_rules`."""
        model = getattr(model, 'module', model)
        return self._rows(model, self._groups(model))

    def _report(self, rows: list[ParamRule], model: nn.Module) -> None:
        print_log(f'paramwise_cfg: {summarize(rows)}', logger='current')
        trainable = {name for name, param in model.named_parameters() if param.requires_grad}
        left_out = [row.name for row in rows if row.group is None and row.name in trainable]
        if left_out:
            _warn(f'{len(left_out)} trainable parameters are in no group and will not learn: {", ".join(left_out[:5])}')
        if type(self).add_params is not DefaultOptimWrapperConstructor.add_params and not self.extra_keys:
            return  # what its paramwise_cfg means is its own affair
        for key in self.paramwise_cfg:
            if key not in PARAMWISE_KEYS | self.extra_keys:
                near = difflib.get_close_matches(key, PARAMWISE_KEYS, n=1)
                hint = f'; did you mean {near[0]!r}?' if near else ''
                _warn(
                    f'paramwise_cfg has an unknown key {key!r}, which does nothing{hint}{_at(self.paramwise_cfg, key)}'
                )
        names = [row.name for row in rows]
        custom = self.paramwise_cfg.get('custom_keys', {})
        for key in custom:
            if not any(key in name for name in names):
                near_name = nearest_name(key, names)
                hint = f'; the nearest name is {near_name!r}' if near_name else ''
                message = f'custom_keys: {key!r} matches no parameter of the model{hint}{_at(custom, key)}'
                if self.paramwise_cfg.get('strict', False):
                    raise ConfigError(message)
                _warn(message)

    def __call__(self, model: nn.Module) -> OptimWrapper:
        model = getattr(model, 'module', model)
        if self.paramwise_cfg:
            params: Any = self._groups(model)
            self._report(self._rows(model, params), model)
        else:
            params = model.parameters()
        optimizer: Optimizer = OPTIMIZERS.build(self.optimizer_cfg, default_args={'params': params})
        return OPTIM_WRAPPERS.build(self.optim_wrapper_cfg, default_args={'optimizer': optimizer})


def _at(node: Any, key: str) -> str:
    address = where(node, key) if key in node else where(node)
    return f'\n  at {address}' if address else ''


def _warn(message: str) -> None:
    print_log(message, logger='current', level=logging.WARNING)
