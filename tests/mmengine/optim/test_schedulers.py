"""Numbers, states and arguments of the schedulers."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.optim.scheduler import (
    ConstantLR,
    ConstantMomentum,
    CosineAnnealingLR,
    CosineRestartLR,
    ExponentialLR,
    LinearLR,
    LinearParamScheduler,
    MultiStepLR,
    OneCycleLR,
    PolyLR,
    ReduceOnPlateauLR,
    StepLR,
    _ParamScheduler,
)
from mmengine.optim.scheduler.param_scheduler import INF
from mmengine.registry import PARAM_SCHEDULERS

RECORDS = Path(__file__).resolve().parents[3].parent / 'shared' / 'parity' / 'schedulers.jsonl'


def make_optimizer(kind='SGD', lrs=(0.1, 0.01), momenta=(0.9, 0.8)):
    groups = [
        {
            'params': [torch.nn.Parameter(torch.zeros(1))],
            'lr': lr,
            **({'momentum': m} if kind == 'SGD' else {'betas': (m, 0.99)}),
        }
        for lr, m in zip(lrs, momenta, strict=True)
    ]
    return getattr(torch.optim, kind)(groups, lr=0.1)


def lrs_of(scheduler, steps):
    values = [scheduler.get_last_value()]
    for _ in range(steps):
        scheduler.step()
        values.append(scheduler.get_last_value())
    return [value[0] for value in values]


@pytest.mark.skipif(not RECORDS.is_file(), reason='the recorded numbers are not on this machine')
def test_equals_the_recorded_numbers():
    records = [json.loads(line) for line in RECORDS.read_text().splitlines()]
    assert len(records) > 40
    for record in records:
        optimizer = make_optimizer(record['optimizer'])
        schedulers = []
        for cfg in record['schedulers']:
            cfg = dict(cfg)
            convert = cfg.pop('convert_to_iter_based', False)
            cls = PARAM_SCHEDULERS.get(cfg.pop('type'))
            build = cls.build_iter_from_epoch if convert else cls
            length = {'epoch_length': record['epoch_length']} if convert else {}
            schedulers.append(build(optimizer, **cfg, **length))
        for step in range(record['steps']):
            for group, expected in zip(optimizer.param_groups, record['values'][step], strict=True):
                momentum = group['betas'][0] if 'betas' in group else group['momentum']
                assert [group['lr'], momentum] == pytest.approx(expected, rel=1e-8, abs=1e-15), (record['name'], step)
            for scheduler in schedulers:
                if not scheduler.by_epoch or (step + 1) % record['epoch_length'] == 0:
                    scheduler.step()


def test_the_value_is_left_alone_outside_begin_and_end():
    assert lrs_of(ConstantLR(make_optimizer(), factor=0.5, begin=2, end=5), 6) == pytest.approx(
        [0.1, 0.1, 0.05, 0.05, 0.1, 0.1, 0.1]
    )
    assert lrs_of(LinearLR(make_optimizer(), start_factor=0.5, begin=1, end=4), 5) == pytest.approx(
        [0.1, 0.05, 0.075, 0.1, 0.1, 0.1]
    )
    assert lrs_of(PolyLR(make_optimizer(), begin=2, end=5), 6) == pytest.approx([0.1, 0.1, 0.1, 0.05, 0, 0, 0])


def test_linear_and_constant_start_from_zero():
    assert lrs_of(LinearLR(make_optimizer(), start_factor=0, end=5), 5) == pytest.approx(
        [0, 0.025, 0.05, 0.075, 0.1, 0.1]
    )
    assert lrs_of(ConstantLR(make_optimizer(), factor=0, end=3), 3) == pytest.approx([0, 0, 0.1, 0.1])


def test_repeated_milestones_multiply_and_cosines_turn():
    assert lrs_of(MultiStepLR(make_optimizer(), milestones=[1, 2, 2]), 3) == pytest.approx([0.1, 0.01, 1e-4, 1e-4])
    assert lrs_of(CosineAnnealingLR(make_optimizer(), T_max=2), 4) == pytest.approx([0.1, 0.05, 0, 0.05, 0.1])
    restarts = CosineRestartLR(make_optimizer(), periods=[2, 2], restart_weights=[1, 0.5], eta_min=0)
    assert lrs_of(restarts, 5) == pytest.approx([0.1, 0.05, 0.05, 0.025, 0.025, 0.025])


def test_one_cycle_does_not_step_beyond_its_end():
    scheduler = OneCycleLR(make_optimizer(), eta_max=1.0, total_steps=4)
    with pytest.raises(ValueError, match='total_steps=4, but was stepped 6 times'):
        lrs_of(scheduler, 5)


@pytest.mark.parametrize(
    ('cls', 'kwargs', 'message'),
    [
        (ConstantLR, {'factor': 2.0}, 'factor should be between 0 and 1, but got 2.0'),
        (LinearLR, {'start_factor': -1.0}, 'start_factor'),
        (PolyLR, {'begin': 3, 'end': 3}, 'end should be larger than begin'),
        (CosineAnnealingLR, {'eta_min': 0.1, 'eta_min_ratio': 0.1}, 'not both'),
        (CosineRestartLR, {'periods': [1], 'restart_weights': [1]}, 'one of eta_min'),
        (CosineRestartLR, {'periods': [1, 2], 'restart_weights': [1], 'eta_min': 0}, 'same length'),
        (OneCycleLR, {'eta_max': 1.0, 'total_steps': -1}, 'total_steps'),
        (OneCycleLR, {'eta_max': 1.0, 'pct_start': 2.0}, 'pct_start'),
        (OneCycleLR, {'eta_max': [1.0], 'total_steps': 4}, 'one value for each of 2 groups'),
        (OneCycleLR, {'eta_max': 1.0, 'anneal_strategy': 'x'}, "'x'"),
        (ReduceOnPlateauLR, {'factor': 2.0}, 'factor'),
        (ReduceOnPlateauLR, {'by_epoch': False}, 'by_epoch'),
        (ReduceOnPlateauLR, {'rule': 'x'}, "'x'"),
        (ReduceOnPlateauLR, {'threshold_rule': 'x'}, "'x'"),
        (ReduceOnPlateauLR, {'min_value': [1, 2, 3]}, 'min_value'),
    ],
)
def test_wrong_arguments_are_refused(cls, kwargs, message):
    with pytest.raises(ValueError, match=message):
        cls(make_optimizer(), **kwargs)


def test_what_is_driven():
    with pytest.raises(TypeError, match='should be an Optimizer'):
        StepLR(object(), step_size=1)
    several = OptimWrapperDict(a=OptimWrapper(make_optimizer()), b=OptimWrapper(make_optimizer()))
    with pytest.raises(TypeError, match='param_scheduler as a dict'):
        StepLR(several, step_size=1)
    with pytest.raises(KeyError, match='initial_lr'):
        StepLR(make_optimizer(), step_size=1, last_step=3)
    with pytest.raises(ValueError, match='momentum or betas'):
        ConstantMomentum(torch.optim.Adagrad([torch.nn.Parameter(torch.zeros(1))]))


def test_a_wrapper_s_base_settings_are_scheduled_too():
    wrapper = OptimWrapper(make_optimizer())
    scheduler = StepLR(wrapper, step_size=1)
    scheduler.step()
    assert wrapper.get_lr() == {'base_lr': [pytest.approx(0.01)], 'lr': pytest.approx([0.01, 0.001])}
    assert len(scheduler.base_values) == 3


def test_momentum_of_adam_is_the_first_beta():
    optimizer = make_optimizer('Adam')
    ConstantMomentum(optimizer, factor=0.5, end=10)
    assert optimizer.param_groups[0]['betas'] == (pytest.approx(0.45), 0.99)
    assert optimizer.param_groups[0]['momentum'] == pytest.approx(0.45)


def test_conversion_to_iterations():
    scheduler = StepLR.build_iter_from_epoch(make_optimizer(), step_size=2, begin=1, epoch_length=3)
    assert (scheduler.step_size, scheduler.begin, scheduler.end, scheduler.by_epoch) == (6, 3, INF, False)
    assert MultiStepLR.build_iter_from_epoch(make_optimizer(), milestones=[1, 2], epoch_length=3).milestones == {
        3: 1,
        6: 1,
    }
    # Without T_max it is the time between begin and end, in iterations as well.
    assert CosineAnnealingLR.build_iter_from_epoch(make_optimizer(), end=4, epoch_length=5).T_max == 20
    with pytest.raises(ValueError, match='by_epoch=True'):
        StepLR.build_iter_from_epoch(make_optimizer(), step_size=2, by_epoch=False, epoch_length=3)
    for length in (None, 0):
        with pytest.raises(ValueError, match='epoch_length'):
            StepLR.build_iter_from_epoch(make_optimizer(), step_size=2, epoch_length=length)


def test_plateau():
    optimizer = make_optimizer()
    scheduler = ReduceOnPlateauLR(OptimWrapper(optimizer), monitor='loss', patience=1, factor=0.5, cooldown=1)
    seen = []
    for loss in (1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.1):
        scheduler.step({'loss': loss})
        seen.append(optimizer.param_groups[0]['lr'])
    assert seen == pytest.approx([0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025, 0.025])
    assert scheduler.best == 0.1
    scheduler.step()
    assert scheduler.last_step == 7
    with pytest.raises(KeyError, match="'loss' is no metric"):
        scheduler.step({'acc': 1})
    with pytest.raises(TypeError, match='dict'):
        scheduler.step(3)


@pytest.mark.parametrize(
    ('rule', 'threshold_rule', 'better', 'worse'),
    [
        ('less', 'rel', 0.8, 0.95),
        ('greater', 'rel', 1.2, 1.05),
        ('less', 'abs', 0.85, 0.95),
        ('greater', 'abs', 1.15, 1.05),
    ],
)
def test_what_is_better(rule, threshold_rule, better, worse):
    scheduler = ReduceOnPlateauLR(
        make_optimizer(), rule=rule, threshold=0.1, threshold_rule=threshold_rule, patience=0, factor=0.5
    )
    scheduler.step({'loss': 1.0})
    scheduler.step({'loss': better})
    assert scheduler.get_last_value()[0] == 0.1
    scheduler.step({'loss': better * worse if threshold_rule == 'rel' else better})
    assert scheduler.get_last_value()[0] == 0.05


CASES = [
    (ConstantLR, {'factor': 0.3}),
    (CosineAnnealingLR, {'T_max': 7, 'eta_min_ratio': 0.1}),
    (CosineRestartLR, {'periods': [3, 9], 'restart_weights': [1, 0.5], 'eta_min': 0.001}),
    (ExponentialLR, {'gamma': 0.9}),
    (LinearLR, {'start_factor': 0.1}),
    (MultiStepLR, {'milestones': [2, 5]}),
    (OneCycleLR, {'eta_max': 0.5, 'total_steps': 60}),
    (PolyLR, {'power': 0.9}),
    (StepLR, {'step_size': 3}),
    (ConstantMomentum, {'factor': 0.5}),
]


@given(case=st.sampled_from(CASES), begin=st.integers(0, 5), length=st.integers(2, 20), at=st.integers(0, 30))
@settings(deadline=None, max_examples=60)
def test_a_state_continues_as_if_it_had_not_been_interrupted(case, begin, length, at):
    cls, kwargs = case
    kwargs = {**kwargs, 'begin': begin, 'end': begin + length, 'by_epoch': False}
    optimizer = make_optimizer()
    scheduler = cls(optimizer, **kwargs)
    for _ in range(at):
        scheduler.step()
    resumed_optimizer = make_optimizer()
    resumed = cls(resumed_optimizer, **kwargs)
    resumed_optimizer.load_state_dict(optimizer.state_dict())
    resumed.load_state_dict(json.loads(json.dumps(scheduler.state_dict())) if cls is PolyLR else scheduler.state_dict())
    for _ in range(5):
        scheduler.step()
        resumed.step()
        assert resumed.get_last_value() == scheduler.get_last_value()
        assert resumed_optimizer.param_groups[0]['lr'] == optimizer.param_groups[0]['lr']


def test_a_state_is_plain_data():
    for cls, kwargs in CASES:
        state = cls(make_optimizer(), **kwargs).state_dict()
        assert 'optimizer' not in state
        assert not any(callable(value) for value in state.values()), cls


def test_subclasses_need_only_the_value():
    class Halve(_ParamScheduler):
        def _get_value(self):
            return [group[self.param_name] * 0.5 for group in self.optimizer.param_groups]

    assert lrs_of(Halve(make_optimizer(), 'lr', begin=1, end=3), 3) == pytest.approx([0.1, 0.05, 0.025, 0.025])
    optimizer = make_optimizer()
    LinearParamScheduler(optimizer, 'weight_decay', start_factor=0.5, end=3)
    assert optimizer.param_groups[0]['weight_decay'] == 0


def test_verbose_prints(capsys):
    from mmengine.logging import MMLogger

    MMLogger.get_instance('test_schedulers_verbose')
    StepLR(make_optimizer(), step_size=1, verbose=True)
    captured = capsys.readouterr()
    assert 'lr of group 1 is set to 1.0000e-02' in captured.out + captured.err
