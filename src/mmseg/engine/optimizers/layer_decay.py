"""Learning rates that fall towards the input, so that pretrained lower layers change less (BEiT, arXiv:2106.08254)."""

from __future__ import annotations

from typing import Any

from torch import nn

from mmengine.optim import DefaultOptimWrapperConstructor
from mmengine.optim.optimizer.param_rules import matching_keys
from mmengine.utils.errors import ConfigError
from mmseg.registry import OPTIM_WRAPPER_CONSTRUCTORS

_TOKENS = ('backbone.cls_token', 'backbone.mask_token', 'backbone.pos_embed')
_VITS = ('BEiT', 'MAE', 'VisionTransformer')


def get_layer_id_for_convnext(var_name: str, max_layer_id: int) -> int:
    """Layer of a ConvNeXt parameter by its name: 0 is the stem, `max_layer_id + 1` the heads and norms.

    Each of the stages 0, 1 and 3 is one layer; in stage 2 three blocks are one.
    """
    if var_name in _TOKENS:
        return 0
    parts = var_name.split('.')
    if var_name.startswith('backbone.downsample_layers'):
        return {0: 0, 1: 2, 2: 3, 3: max_layer_id}[int(parts[2])]
    if var_name.startswith('backbone.stages'):
        stage, block = int(parts[2]), int(parts[3])
        return {0: 1, 1: 2, 2: 3 + block // 3, 3: max_layer_id}[stage]
    return max_layer_id + 1


def get_stage_id_for_convnext(var_name: str, max_stage_id: int) -> int:
    """Stage of a ConvNeXt parameter by its name: 0 is the stem and the downsampling, `max_stage_id - 1` the rest."""
    if var_name in _TOKENS or var_name.startswith('backbone.downsample_layers'):
        return 0
    if var_name.startswith('backbone.stages'):
        return int(var_name.split('.')[2]) + 1
    return max_stage_id - 1


def get_layer_id_for_vit(var_name: str, max_layer_id: int) -> int:
    """Layer of a ViT parameter by its name: 0 is the embedding, `max_layer_id - 1` the heads and norms."""
    if var_name in _TOKENS or var_name.startswith('backbone.patch_embed'):
        return 0
    if var_name.startswith('backbone.layers'):
        return int(var_name.split('.')[2]) + 1
    return max_layer_id - 1


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LearningRateDecayOptimizerConstructor(DefaultOptimWrapperConstructor):
    """One group for each layer, with and without weight decay (none for biases, norms and other 1-d parameters).

    `paramwise_cfg`:
        - `num_layers`: of the backbone.
        - `decay_rate`: the learning rate of a layer relative to that of the layer above it.
        - `decay_type`: `'layer_wise'` (ConvNeXt, BEiT, MAE, ViT) or `'stage_wise'` (ConvNeXt).
        - `custom_keys`: part of a name to `dict(lr_mult=, decay_mult=)`, which multiply what the layer has. The longest
          matching key decides.
    """

    extra_keys = frozenset({'num_layers', 'decay_rate', 'decay_type'})

    def add_params(self, params: list[dict], module: nn.Module, **kwargs: Any) -> None:  # type: ignore[override]
        missing = [key for key in ('num_layers', 'decay_rate') if self.paramwise_cfg.get(key) is None]
        if missing:
            raise ConfigError(f'paramwise_cfg of {type(self).__name__} needs {" and ".join(missing)}')
        decay_rate = self.paramwise_cfg['decay_rate']
        # The layers, the embedding below and the head above them.
        num_layers = self.paramwise_cfg['num_layers'] + 2
        groups: dict[str, dict] = {}
        custom_keys = self.paramwise_cfg.get('custom_keys', {})
        for name, param in module.named_parameters():
            if not param.requires_grad:
                self._rules[id(param)] = 'frozen'
                continue
            decays = param.ndim > 1 and not name.endswith('.bias') and name not in ('pos_embed', 'cls_token')
            layer = self._layer_id(name, module, num_layers)
            group_name = f'layer_{layer}_{"decay" if decays else "no_decay"}'
            custom: dict[str, Any] = {}
            for key in matching_keys(name, custom_keys)[:1]:
                custom = custom_keys[key]
                group_name += f'_{key}'
            if group_name not in groups:
                scale = decay_rate ** (num_layers - layer - 1) * custom.get('lr_mult', 1.0)
                groups[group_name] = {
                    'weight_decay': (self.base_wd or 0.0) * custom.get('decay_mult', 1.0) if decays else 0.0,
                    'params': [],
                    'param_names': [],
                    'lr_scale': scale,
                    'group_name': group_name,
                    'lr': scale * self.base_lr,
                }
            groups[group_name]['params'].append(param)
            groups[group_name]['param_names'].append(name)
            self._rules[id(param)] = group_name
        params.extend(groups.values())

    def _layer_id(self, name: str, module: nn.Module, num_layers: int) -> int:
        backbone = getattr(module, 'backbone', None)
        kinds = [cls.__name__ for cls in type(backbone).__mro__]
        convnext = any('ConvNeXt' in kind for kind in kinds)
        vit = any(known in kind for kind in kinds for known in _VITS)
        decay_type = self.paramwise_cfg.get('decay_type', 'layer_wise')
        if decay_type == 'layer_wise' and convnext:
            return get_layer_id_for_convnext(name, self.paramwise_cfg['num_layers'])
        if decay_type == 'stage_wise' and convnext:
            return get_stage_id_for_convnext(name, num_layers)
        if decay_type == 'layer_wise_vit' or (decay_type == 'layer_wise' and vit):
            return get_layer_id_for_vit(name, num_layers)
        raise ConfigError(
            f'decay_type={decay_type!r} is not known for the backbone {kinds[0]}: layer_wise is for ConvNeXt, '
            f'{", ".join(_VITS)}, stage_wise for ConvNeXt'
        )


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayOptimizerConstructor(LearningRateDecayOptimizerConstructor):
    """The former name for ViTs; `layer_decay_rate` stands for `decay_rate`, and any backbone counts as a ViT."""

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict) -> None:
        cfg = dict(paramwise_cfg)
        if 'layer_decay_rate' in cfg:
            cfg['decay_rate'] = cfg.pop('layer_decay_rate')
        super().__init__(optim_wrapper_cfg, {**cfg, 'decay_type': 'layer_wise_vit'})
