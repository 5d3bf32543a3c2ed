"""Layer-wise learning rates: ids of layers by name, and the groups made of them."""

import pytest
import torch
from torch import nn

from mmengine.optim import build_optim_wrapper
from mmengine.utils.errors import ConfigError
from mmseg.engine.optimizers import ForceDefaultOptimWrapperConstructor, LearningRateDecayOptimizerConstructor
from mmseg.engine.optimizers.layer_decay_optimizer_constructor import (
    get_layer_id_for_convnext,
    get_layer_id_for_vit,
    get_stage_id_for_convnext,
)
from mmseg.registry import OPTIM_WRAPPER_CONSTRUCTORS

CONVNEXT = {
    'backbone.downsample_layers.0.0.weight': (2, 2),
    'backbone.downsample_layers.0.0.bias': (2,),
    'backbone.downsample_layers.1.0.weight': (2, 2),
    'backbone.stages.0.0.gamma': (2,),
    'backbone.stages.0.0.weight': (2, 2),
    'backbone.stages.2.7.weight': (2, 2),
    'backbone.stages.3.1.weight': (2, 2),
    'backbone.norm1.weight': (2,),
    'decode_head.conv.weight': (2, 2),
    'decode_head.conv.bias': (2,),
}
VIT = {
    'backbone.cls_token': (1, 1, 2),
    'backbone.pos_embed': (1, 1, 2),
    'backbone.patch_embed.proj.weight': (2, 2),
    'backbone.layers.0.attn.weight': (2, 2),
    'backbone.layers.0.attn.bias': (2,),
    'backbone.layers.11.gamma_1': (2,),
    'backbone.norm.weight': (2,),
    'backbone.fpn1.0.weight': (2, 2),
    'decode_head.scale': (2, 1),
}


def make_model(backbone, shapes):
    model = nn.Module()
    for name, shape in shapes.items():
        *path, leaf = name.split('.')
        part = model
        for step in path:
            if not hasattr(part, step):
                part.add_module(step, nn.Module())
            part = getattr(part, step)
        part.register_parameter(leaf, nn.Parameter(torch.zeros(shape)))
    model.backbone.__class__ = type(backbone, (nn.Module,), {})
    return model


def groups_of(model, constructor='LearningRateDecayOptimizerConstructor', **paramwise_cfg):
    cfg = {
        'optimizer': {'type': 'AdamW', 'lr': 1.0, 'weight_decay': 0.05},
        'constructor': f'mmseg.{constructor}',
        'paramwise_cfg': paramwise_cfg,
    }
    groups = build_optim_wrapper(model, cfg).optimizer.param_groups
    for group in groups:
        assert group['lr'] == group['lr_scale']
        assert len(group['params']) == len(group['param_names'])
        assert group['weight_decay'] == (0.0 if group['group_name'].endswith('no_decay') else 0.05)
    return [(group['group_name'], round(group['lr'], 6), group['param_names']) for group in groups]


def test_ids():
    convnext = [get_layer_id_for_convnext(f'backbone.stages.{s}.{b}.w', 12) for s in range(4) for b in (0, 2, 3, 8, 26)]
    assert convnext == [1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 4, 5, 11, 12, 12, 12, 12, 12]
    assert [get_layer_id_for_convnext(f'backbone.downsample_layers.{i}.0.w', 12) for i in range(4)] == [0, 2, 3, 12]
    assert [get_stage_id_for_convnext(f'backbone.downsample_layers.{i}.0.w', 9) for i in range(4)] == [0, 0, 0, 0]
    names = ('backbone.mask_token', 'backbone.stages.3.0.w', 'backbone.norm3.w', 'decode_head.w')
    assert [get_stage_id_for_convnext(name, 9) for name in names] == [0, 4, 8, 8]
    assert [get_layer_id_for_convnext(name, 6) for name in names] == [0, 6, 7, 7]
    names = ('backbone.pos_embed', 'backbone.layers.11.w', 'backbone.norm.w', 'decode_head.w', 'cls_token')
    assert [get_layer_id_for_vit(name, 14) for name in names] == [0, 12, 13, 13, 13]


def test_convnext_by_layer_and_by_stage():
    assert groups_of(make_model('ConvNeXt', CONVNEXT), decay_rate=0.9, decay_type='layer_wise', num_layers=6) == [
        ('layer_0_decay', 0.478297, ['backbone.downsample_layers.0.0.weight']),
        ('layer_0_no_decay', 0.478297, ['backbone.downsample_layers.0.0.bias']),
        ('layer_2_decay', 0.59049, ['backbone.downsample_layers.1.0.weight']),
        ('layer_1_no_decay', 0.531441, ['backbone.stages.0.0.gamma']),
        ('layer_1_decay', 0.531441, ['backbone.stages.0.0.weight']),
        ('layer_5_decay', 0.81, ['backbone.stages.2.7.weight']),
        ('layer_6_decay', 0.9, ['backbone.stages.3.1.weight']),
        ('layer_7_no_decay', 1.0, ['backbone.norm1.weight', 'decode_head.conv.bias']),
        ('layer_7_decay', 1.0, ['decode_head.conv.weight']),
    ]
    by_stage = groups_of(make_model('ConvNeXt', CONVNEXT), decay_rate=0.9, decay_type='stage_wise', num_layers=12)
    assert {name: lr for name, lr, _ in by_stage} == {
        'layer_0_decay': 0.254187,
        'layer_0_no_decay': 0.254187,
        'layer_1_no_decay': 0.28243,
        'layer_1_decay': 0.28243,
        'layer_3_decay': 0.348678,
        'layer_4_decay': 0.38742,
        'layer_13_no_decay': 1.0,
        'layer_13_decay': 1.0,
    }


@pytest.mark.parametrize('backbone', ['BEiT', 'MAE', 'MyVisionTransformer'])
def test_vit(backbone):
    expected = [
        ('layer_0_decay', 0.254187, ['backbone.cls_token', 'backbone.pos_embed', 'backbone.patch_embed.proj.weight']),
        ('layer_1_decay', 0.28243, ['backbone.layers.0.attn.weight']),
        ('layer_1_no_decay', 0.28243, ['backbone.layers.0.attn.bias']),
        ('layer_12_no_decay', 0.9, ['backbone.layers.11.gamma_1']),
        ('layer_13_no_decay', 1.0, ['backbone.norm.weight']),
        ('layer_13_decay', 1.0, ['backbone.fpn1.0.weight', 'decode_head.scale']),
    ]
    model = make_model(backbone, VIT)
    assert groups_of(model, decay_rate=0.9, num_layers=12) == expected
    assert groups_of(model, 'LayerDecayOptimizerConstructor', layer_decay_rate=0.9, num_layers=12) == expected


def test_custom_keys_multiply_what_the_layer_has():
    model = make_model('BEiT', VIT)
    cfg = {
        'optimizer': {'type': 'SGD', 'lr': 1.0, 'weight_decay': 0.05},
        'constructor': 'mmseg.LearningRateDecayOptimizerConstructor',
        'paramwise_cfg': {
            'decay_rate': 0.9,
            'num_layers': 12,
            'custom_keys': {'attn': {'lr_mult': 0.5, 'decay_mult': 0.1}},
        },
    }
    groups = {group['group_name']: group for group in build_optim_wrapper(model, cfg).optimizer.param_groups}
    assert groups['layer_1_decay_attn']['param_names'] == ['backbone.layers.0.attn.weight']
    assert groups['layer_1_decay_attn']['lr'] == pytest.approx(0.28243 * 0.5, rel=1e-4)
    assert groups['layer_1_decay_attn']['weight_decay'] == pytest.approx(0.005)
    assert groups['layer_1_no_decay_attn']['weight_decay'] == 0
    assert groups['layer_12_no_decay']['lr'] == pytest.approx(0.9)


def test_frozen_parameters_are_left_out_and_explained():
    model = make_model('BEiT', VIT)
    model.backbone.patch_embed.requires_grad_(False)
    constructor = LearningRateDecayOptimizerConstructor(
        {'optimizer': {'type': 'AdamW', 'lr': 1.0, 'weight_decay': 0.05}}, {'decay_rate': 0.5, 'num_layers': 12}
    )
    rows = {row.name: row for row in constructor.explain(model)}
    assert (rows['backbone.patch_embed.proj.weight'].group, rows['backbone.patch_embed.proj.weight'].rule) == (
        None,
        'frozen',
    )
    assert rows['backbone.layers.11.gamma_1'].rule == 'layer_12_no_decay'
    assert rows['backbone.layers.11.gamma_1'].lr == 0.5


@pytest.mark.parametrize(
    ('backbone', 'cfg', 'message'),
    [
        ('BEiT', {'decay_rate': 0.9}, 'needs num_layers'),
        ('BEiT', {'num_layers': 12}, 'needs decay_rate'),
        ('BEiT', {'decay_rate': 0.9, 'num_layers': 12, 'decay_type': 'stage_wise'}, 'backbone BEiT'),
        ('ResNet', {'decay_rate': 0.9, 'num_layers': 12}, 'backbone ResNet'),
        ('ConvNeXt', {'decay_rate': 0.9, 'num_layers': 12, 'decay_type': 'foo'}, "decay_type='foo'"),
    ],
)
def test_wrong_configs(backbone, cfg, message):
    with pytest.raises(ConfigError, match=message):
        groups_of(make_model(backbone, VIT), **cfg)


def test_force_default():
    assert OPTIM_WRAPPER_CONSTRUCTORS.get('ForceDefaultOptimWrapperConstructor') is ForceDefaultOptimWrapperConstructor
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Conv2d(2, 2, 1, groups=2))
    model[2].weight.requires_grad_(False)
    rules = {
        'bias_lr_mult': 2.0,
        'bias_decay_mult': 0.25,
        'norm_decay_mult': 0.5,
        'custom_keys': {'1': {'lr_mult': 3.0, 'decay_mult': 0.75}, '2': {'lr_mult': 4.0}, '0.b': {'decay_mult': 0.0}},
    }

    def values(**extra):
        cfg = {'optimizer': {'type': 'SGD', 'lr': 1.0, 'weight_decay': 1.0}}
        groups = ForceDefaultOptimWrapperConstructor(cfg, {**rules, **extra})(model).optimizer.param_groups
        return [(group['lr'], group['weight_decay']) for group in groups]

    assert values() == [(1, 1), (1, 0), (3, 0.75), (3, 0.75), (1, 1), (4, 1)]
    assert values(force_default_settings=True) == [(1, 1), (2, 0.25), (3, 0.5), (3, 0.5), (1, 1), (2, 0.25)]
