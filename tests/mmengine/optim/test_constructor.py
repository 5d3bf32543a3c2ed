"""Parameter groups: what is decided, that it can be seen, and that configs are understood."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mmengine.config import ConfigDict
from mmengine.optim import (
    AmpOptimWrapper,
    DefaultOptimWrapperConstructor,
    OptimWrapper,
    build_optim_wrapper,
    format_rules,
)
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIMIZERS
from mmengine.utils.errors import ConfigError


class ModulatedDeformConv2d(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2, 2))
        self.bias = nn.Parameter(torch.zeros(2))
        self.conv_offset = nn.Conv2d(2, 2, 1)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(3))
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 3), nn.LayerNorm(4))
        self.sub = nn.ModuleDict({'dw': nn.Conv2d(4, 4, 3, groups=4), 'bn': nn.BatchNorm2d(4)})
        self.fc = nn.Linear(4, 2)
        self.frozen = nn.Linear(2, 2).requires_grad_(False)


def build(model, paramwise_cfg, **optimizer):
    cfg = {'optimizer': {'type': 'SGD', 'lr': 1.0, 'weight_decay': 0.1, **optimizer}, 'paramwise_cfg': paramwise_cfg}
    return build_optim_wrapper(model, cfg)


def settings_of(model, paramwise_cfg):
    """(name, lr, weight decay) of the groups in order; each has one parameter."""
    names = {id(param): name for name, param in model.named_parameters()}
    groups = build(model, paramwise_cfg).optimizer.param_groups
    assert all(len(group['params']) == 1 for group in groups)
    return [(names[id(g['params'][0])], round(g['lr'], 6), round(g['weight_decay'], 6)) for g in groups]


ALL = [
    'scale',
    'backbone.0.weight',
    'backbone.0.bias',
    'backbone.1.weight',
    'backbone.1.bias',
    'sub.dw.weight',
    'sub.dw.bias',
    'sub.bn.weight',
    'sub.bn.bias',
    'fc.weight',
    'fc.bias',
]

# As observed of the published implementation.
EXPECTED = [
    (
        {'bias_lr_mult': 2.0, 'bias_decay_mult': 0.5},
        [1, 1, 2, 1, 1, 1, 2, 1, 1, 1, 2],
        [2, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1],
    ),
    ({'norm_decay_mult': 0.0, 'bias_decay_mult': 0.5}, [1] * 11, [2, 2, 1, 0, 0, 2, 1, 0, 0, 2, 1]),
    ({'dwconv_decay_mult': 0.0, 'bias_decay_mult': 0.5}, [1] * 11, [2, 2, 1, 2, 1, 0, 1, 2, 1, 2, 1]),
    ({'flat_decay_mult': 0.0, 'dwconv_decay_mult': 0.5}, [1] * 11, [0, 2, 0, 0, 0, 1, 1, 0, 0, 2, 0]),
    (
        {'flat_decay_mult': 0.0, 'norm_decay_mult': 1.5, 'bias_decay_mult': 0.5},
        [1] * 11,
        [0, 2, 1, 3, 3, 2, 1, 3, 3, 2, 1],
    ),
    (
        {
            'bias_lr_mult': 3.0,
            'norm_decay_mult': 0.5,
            'custom_keys': {
                'sub': {'lr_mult': 5.0, 'decay_mult': 2.0},
                'bn': {'lr_mult': 7.0},
                'sub.bn': {'decay_mult': 0.0},
                'scale': {},
            },
        },
        [1, 1, 3, 1, 1, 5, 5, 1, 1, 1, 3],
        [2, 2, 2, 1, 1, 4, 4, 0, 0, 2, 2],
    ),
]


@pytest.mark.parametrize(('paramwise_cfg', 'lrs', 'half_decays'), EXPECTED)
def test_rules_in_order(paramwise_cfg, lrs, half_decays):
    expected = [(name, lr, round(0.05 * d, 6)) for name, lr, d in zip(ALL, lrs, half_decays, strict=True)]
    assert settings_of(Model(), paramwise_cfg) == expected


def test_equally_long_keys_are_tried_by_alphabet():
    keys = {'su': {'lr_mult': 5.0}, 'bn': {'lr_mult': 4.0}, 'ub': {'lr_mult': 6.0}}
    found = {n: lr for n, lr, _ in settings_of(Model(), {'custom_keys': keys})}
    assert (found['sub.bn.weight'], found['sub.dw.weight']) == (4, 5)


def test_offsets_of_deformable_convolutions():
    found = settings_of(
        nn.ModuleDict({'dcn': ModulatedDeformConv2d()}), {'dcn_offset_lr_mult': 0.1, 'bias_lr_mult': 2.0}
    )
    assert [(name, lr) for name, lr, _ in found] == [
        ('dcn.weight', 1),
        ('dcn.bias', 2),
        ('dcn.conv_offset.weight', 0.1),
        ('dcn.conv_offset.bias', 0.1),
    ]


def test_custom_keys_can_set_options_of_the_optimizer():
    groups = build(Model(), {'custom_keys': {'fc': {'momentum': 0.3, 'weight_decay': 7.0}}}).optimizer.param_groups
    assert [(g['momentum'], g['weight_decay']) for g in groups[-2:]] == [(0.3, 7.0)] * 2


def test_without_rules_all_parameters_are_one_group_and_add_params_is_not_called():
    for paramwise_cfg in (None, {}):
        wrapper = build(Model(), paramwise_cfg)
        assert len(wrapper.param_groups) == 1
        assert len(wrapper.param_groups[0]['params']) == 13


def test_tied_parameters_are_in_one_group():
    model = Model()
    model.sub['head'] = nn.Linear(4, 2)
    model.sub['head'].weight = model.fc.weight
    for bypass in (False, True):
        names = [name for name, _, _ in settings_of(model, {'bias_lr_mult': 2.0, 'bypass_duplicate': bypass})]
        assert names.count('sub.head.weight') == 1
        assert 'fc.weight' not in names


def test_wrapped_models_are_unwrapped():
    wrapped = nn.Module()
    wrapped.module = Model()
    wrapper = build(wrapped, {'custom_keys': {'module': {'lr_mult': 2.0}}})
    assert {group['lr'] for group in wrapper.optimizer.param_groups} == {1.0}


MULTS = st.sampled_from([0.0, 0.5, 2.0])


@given(
    st.fixed_dictionaries(
        {},
        optional={
            'bias_lr_mult': MULTS,
            'bias_decay_mult': MULTS,
            'norm_decay_mult': MULTS,
            'dwconv_decay_mult': MULTS,
            'flat_decay_mult': MULTS,
            'custom_keys': st.dictionaries(
                st.sampled_from(['backbone', 'bias', 'sub.bn', '0', 'nothing', 'fc']),
                st.fixed_dictionaries({}, optional={'lr_mult': MULTS, 'decay_mult': MULTS}),
            ),
        },
    )
)
@settings(deadline=None, max_examples=50)
def test_every_trainable_parameter_is_in_exactly_one_group_and_as_explained(paramwise_cfg):
    model = Model()
    cfg = {'type': 'OptimWrapper', 'optimizer': {'type': 'SGD', 'lr': 1.0, 'weight_decay': 0.1}}
    constructor = DefaultOptimWrapperConstructor(cfg, paramwise_cfg)
    rows = {row.name: row for row in constructor.explain(model)}
    groups = constructor(model).optimizer.param_groups
    assert set(rows) == {name for name, _ in model.named_parameters()}
    for name, param in model.named_parameters():
        inside = [i for i, group in enumerate(groups) if any(p is param for p in group['params'])]
        if param.requires_grad:
            assert inside == [rows[name].group]
            assert (rows[name].lr, rows[name].weight_decay) == (
                groups[inside[0]]['lr'],
                groups[inside[0]]['weight_decay'],
            )
        elif paramwise_cfg:
            assert inside == []
            assert (rows[name].group, rows[name].rule) == (None, 'frozen')


def test_the_table_names_the_rule():
    cfg = {'optimizer': {'type': 'SGD', 'lr': 1.0, 'weight_decay': 0.1}}
    constructor = DefaultOptimWrapperConstructor(
        cfg, {'bias_lr_mult': 2.0, 'bias_decay_mult': 0.0, 'custom_keys': {'fc': {'lr_mult': 10.0}}}
    )
    rows = constructor.explain(Model())
    assert [row.rule for row in rows if row.name in ('backbone.0.bias', 'fc.weight', 'scale', 'frozen.bias')] == [
        'default',
        'bias_lr_mult, bias_decay_mult',
        'custom_keys[fc]',
        'frozen',
    ]
    lines = format_rules(rows).splitlines()
    assert lines[0].split() == ['parameter', 'group', 'lr', 'weight', 'decay', 'rule']
    assert lines[3].split() == ['backbone.0.bias', '2', '2', '0', 'bias_lr_mult,', 'bias_decay_mult']
    assert lines[-1].split() == ['frozen.bias', '-', '-', '-', 'frozen']


@pytest.fixture
def warned(monkeypatch):
    messages = []
    monkeypatch.setattr('mmengine.optim.optimizer.default_constructor._warn', messages.append)
    return messages


def test_a_key_that_matches_nothing_names_the_nearest_and_its_place(warned, tmp_path):
    from mmengine.config import Config

    path = tmp_path / 'a.py'
    path.write_text(
        "optim_wrapper = dict(optimizer=dict(type='SGD', lr=1.),\n"
        '    paramwise_cfg=dict(custom_keys={\n'
        "        'backbon.0': dict(lr_mult=.1), 'fc': dict(lr_mult=10.)}))\n"
    )
    build_optim_wrapper(Model(), Config.fromfile(path).optim_wrapper)
    assert len(warned) == 1
    assert "'backbon.0' matches no parameter of the model; the nearest name is 'backbone.0'" in warned[0]
    assert 'a.py:3' in warned[0]


def test_an_unknown_rule_is_not_passed_over(warned):
    build(Model(), {'norm_decay_mul': 0.0})
    assert len(warned) == 1
    assert "did you mean 'norm_decay_mult'" in warned[0]


def test_a_trainable_parameter_left_out_is_said_to_be(warned):
    class OnlyHead(DefaultOptimWrapperConstructor):
        def add_params(self, params, module, prefix='', is_dcn_module=None):
            params.append({'params': list(module.fc.parameters()), 'lr': 5.0})

    constructor = OnlyHead({'optimizer': {'type': 'SGD', 'lr': 1.0}}, {'mine': True})
    constructor(Model())
    assert len(warned) == 1
    assert '9 trainable parameters are in no group' in warned[0]
    rows = {row.name: row for row in constructor.explain(Model())}
    assert (rows['fc.bias'].lr, rows['fc.bias'].rule) == (5.0, 'OnlyHead.add_params')


def test_add_params_can_be_extended():
    class Doubled(DefaultOptimWrapperConstructor):
        def add_params(self, params, module, prefix='', is_dcn_module=None):
            start = len(params)
            super().add_params(params, module, prefix=prefix, is_dcn_module=is_dcn_module)
            if prefix == '':
                for group in params[start:]:
                    group['lr'] = group.get('lr', self.base_lr) * 2

    wrapper = Doubled({'optimizer': {'type': 'SGD', 'lr': 1.0, 'weight_decay': 0.1}}, {'norm_decay_mult': 0})(Model())
    assert {group['lr'] for group in wrapper.optimizer.param_groups} == {2.0}
    assert {group['weight_decay'] for group in wrapper.optimizer.param_groups} == {0.0, 0.1}


@pytest.mark.parametrize(
    ('cfg', 'paramwise_cfg', 'error', 'message'),
    [
        (3, None, TypeError, 'dict'),
        ({}, None, ConfigError, 'needs `optimizer`'),
        ({'optimizer': {'type': 'SGD'}}, 3, TypeError, 'paramwise_cfg'),
        ({'optimizer': {'type': 'SGD'}}, {'custom_keys': 3}, TypeError, 'custom_keys'),
        ({'optimizer': {'type': 'SGD'}}, {'custom_keys': {'a': 3}}, TypeError, r"custom_keys\['a'\]"),
        ({'optimizer': {'type': 'SGD', 'lr': 1}}, {'norm_decay_mult': 0}, ConfigError, 'base_wd should not be None'),
        ({'optimizer': {'type': 'SGD', 'lr': 1}}, {'custom_keys': {'a': {'decay_mult': 0}}}, ConfigError, 'base_wd'),
    ],
)
def test_wrong_configs_are_refused(cfg, paramwise_cfg, error, message):
    with pytest.raises(error, match=message):
        DefaultOptimWrapperConstructor(cfg, paramwise_cfg)


def test_a_multiplier_needs_a_learning_rate():
    constructor = DefaultOptimWrapperConstructor({'optimizer': {'type': 'Adadelta'}}, {'bias_lr_mult': 2.0})
    with pytest.raises(ConfigError, match='no lr'):
        constructor(Model())


def test_the_config_is_not_changed():
    cfg = ConfigDict(
        type='AmpOptimWrapper',
        dtype='bfloat16',
        optimizer={'type': 'AdamW', 'lr': 0.1, 'betas': (0.9, 0.99)},
        clip_grad={'max_norm': 1.0},
        accumulative_counts=2,
    )
    before = cfg.to_dict()
    wrapper = build_optim_wrapper(Model(), cfg)
    assert isinstance(wrapper, AmpOptimWrapper)
    assert cfg.to_dict() == before


def test_a_constructor_written_from_nothing():
    seen = []

    @OPTIM_WRAPPER_CONSTRUCTORS.register_module(force=True)
    class FromNothing:
        def __init__(self, optim_wrapper_cfg, paramwise_cfg=None):
            seen.append((dict(optim_wrapper_cfg), paramwise_cfg))
            self.plain = paramwise_cfg is not None

        def __call__(self, model):
            optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
            return optimizer if self.plain else OptimWrapper(optimizer)

    cfg = {'type': 'OptimWrapper', 'constructor': 'FromNothing', 'clip_grad': None}
    assert type(build_optim_wrapper(Model(), cfg)) is OptimWrapper
    assert seen == [({'type': 'OptimWrapper', 'clip_grad': None}, None)]
    cfg = {'constructor': FromNothing, 'clip_grad': {'max_norm': 2.0}, 'paramwise_cfg': {'x': 1}}
    wrapper = build_optim_wrapper(Model(), cfg)
    assert wrapper.clip_grad_kwargs == {'max_norm': 2.0}
    assert wrapper.get_lr() == {'lr': [0.5]}


def test_a_constructor_that_returns_something_else():
    @OPTIM_WRAPPER_CONSTRUCTORS.register_module(force=True)
    class Nothing:
        def __init__(self, optim_wrapper_cfg, paramwise_cfg=None):
            pass

        def __call__(self, model):
            return None

    with pytest.raises(ConfigError, match='NoneType'):
        build_optim_wrapper(Model(), {'constructor': 'Nothing'})
    with pytest.raises(TypeError, match='dict'):
        build_optim_wrapper(Model(), 3)


def test_all_optimizers_of_torch_are_registered():
    import torch.optim as optim

    for name in ('SGD', 'AdamW', 'Adam', 'RMSprop', 'LBFGS', 'ASGD'):
        assert OPTIMIZERS.get(name) is getattr(optim, name)
    assert 'Optimizer' not in OPTIMIZERS.module_dict
    if hasattr(optim, 'Muon'):
        assert OPTIMIZERS.get('Muon') is optim.Muon


def test_composed_rules_work_together():
    cfg = {
        'compose': True,
        'norm_decay_mult': 0.0,
        'bias_lr_mult': 2.0,
        'custom_keys': {'backbone': {'lr_mult': 0.1}, 'backbone.0': {'decay_mult': 0.5}, 'fc': {'lr_mult': 10.0}},
    }
    found = {name: values for name, *values in settings_of(Model(), cfg)}
    assert found['backbone.0.weight'] == [0.1, 0.05]  # the lr of one key, the decay of the other
    assert found['backbone.0.bias'] == [0.2, 0.05]  # multipliers of the learning rate multiply
    assert found['backbone.1.weight'] == [0.1, 0.0]  # a custom lr leaves the norm rule in force
    assert found['fc.bias'] == [20.0, 0.1]
    assert found['scale'] == [1.0, 0.1]


def test_strict_custom_keys_must_match():
    with pytest.raises(ConfigError, match=r"'bakbone' matches no parameter.*nearest name is 'backbone'"):
        build(Model(), {'strict': True, 'custom_keys': {'bakbone': {'lr_mult': 0.1}}})
