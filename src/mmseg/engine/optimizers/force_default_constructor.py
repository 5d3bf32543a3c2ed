"""A constructor in which the general rules may override the custom ones."""

from __future__ import annotations

from torch import nn

from mmengine.optim import DefaultOptimWrapperConstructor
from mmengine.optim.optimizer.param_rules import decide
from mmseg.registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class ForceDefaultOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """The default constructor, with frozen parameters in groups as well, so that they can be thawed later.

    With `force_default_settings=True` in `paramwise_cfg` a custom key sets what the other rules (for biases, norms,
    ...) do not set, instead of deciding alone.
    """

    extra_keys = frozenset({'force_default_settings'})

    def _add_params(self, params: list[dict], module: nn.Module, prefix: str, in_deformable: bool) -> None:
        force = self.paramwise_cfg.get('force_default_settings', False)
        for name, param in module.named_parameters(prefix=prefix, recurse=False):
            if self._is_in({'params': [param]}, params):
                continue
            if not param.requires_grad:
                params.append({'params': [param]})
                self._rules[id(param)] = 'frozen'
                continue
            settings, rule = decide(
                name, param, module, in_deformable, self.paramwise_cfg, self.base_lr, self.base_wd, not force
            )
            params.append({'params': [param], **settings})
            self._rules[id(param)] = rule
