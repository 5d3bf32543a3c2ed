"""Accumulation, clipping, states and mixed precision."""

import copy
from contextlib import contextmanager

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mmengine.logging import MessageHub
from mmengine.optim import AmpOptimWrapper, OptimWrapper, OptimWrapperDict
from mmengine.utils.errors import CheckpointError, ConfigError


def make_model(seed=0):
    torch.manual_seed(seed)
    return nn.Linear(3, 2)


def sgd(model, **kwargs):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, **kwargs)


def loss_of(model, i):
    return model(torch.full((4, 3), float(i + 1))).pow(2).mean()


def params_of(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@given(counts=st.integers(1, 5), total=st.integers(1, 13))
@settings(deadline=None, max_examples=30)
def test_accumulation_averages_each_group_also_the_last(counts, total):
    model, twin = make_model(), make_model()
    wrapper, optimizer = OptimWrapper(sgd(model), accumulative_counts=counts), sgd(twin)
    wrapper.initialize_count_status(model, 0, total)
    for i in range(total):
        synced = wrapper.should_sync()
        wrapper.update_params(loss_of(model, i))
        assert wrapper.should_update() == synced
        assert wrapper.inner_count == i + 1
    for start in range(0, total, counts):
        steps = range(start, min(start + counts, total))
        optimizer.zero_grad()
        (sum(loss_of(twin, i) for i in steps) / len(steps)).backward()
        optimizer.step()
    torch.testing.assert_close(params_of(model), params_of(twin), rtol=1e-4, atol=1e-6)
    assert all(p.grad is None for p in model.parameters())


def test_without_a_known_end_there_is_no_remainder():
    wrapper = OptimWrapper(sgd(make_model()), accumulative_counts=4)
    assert wrapper.scale_loss(torch.tensor(1.0)) == 0.25
    wrapper.initialize_count_status(make_model(), 6, 7)
    assert wrapper.scale_loss(torch.tensor(3.0)) == 1  # 4, 5, 6 are the last three of seven


@given(stop=st.integers(0, 9))
@settings(deadline=None, max_examples=10)
def test_a_run_stopped_anywhere_continues_bit_by_bit(stop):
    def start():
        model = make_model()
        wrapper = OptimWrapper(torch.optim.AdamW(model.parameters(), lr=0.1), accumulative_counts=4)
        wrapper.initialize_count_status(model, 0, 10)
        return model, wrapper

    whole, whole_wrapper = start()
    for i in range(10):
        whole_wrapper.update_params(loss_of(whole, i))
    first, first_wrapper = start()
    for i in range(stop):
        first_wrapper.update_params(loss_of(first, i))
    weights, state = copy.deepcopy(first.state_dict()), copy.deepcopy(first_wrapper.state_dict())
    second, second_wrapper = start()
    second.load_state_dict(weights)
    second_wrapper.load_state_dict(state)
    second_wrapper.initialize_count_status(second, stop, 10)
    for i in range(stop, 10):
        second_wrapper.update_params(loss_of(second, i))
    assert torch.equal(params_of(second), params_of(whole))


def test_a_state_without_accumulated_gradients_is_said_to_lack_them(capsys):
    wrapper = OptimWrapper(sgd(make_model()), accumulative_counts=4)
    state = wrapper.state_dict()
    del state['inner_count']  # as published ones are
    wrapper.load_state_dict(state)
    wrapper.initialize_count_status(make_model(), 5, 10)
    captured = capsys.readouterr()
    assert 'lacks those of the iterations before' in captured.out + captured.err


def test_states_without_accumulation_have_the_published_keys_only():
    model = make_model()
    assert set(OptimWrapper(sgd(model)).state_dict()) == {'state', 'param_groups'}
    groups = [{'params': [model.weight]}, {'params': [model.bias], 'lr': 0.2}]
    wrapper = OptimWrapper(torch.optim.SGD(groups, lr=0.1))
    state = wrapper.state_dict()
    assert set(state) == {'state', 'param_groups', 'base_param_settings'}
    assert len(wrapper.param_groups) == 3
    assert wrapper.get_lr() == {'base_lr': [0.1], 'lr': [0.1, 0.2]}
    state['base_param_settings'] = {**state['base_param_settings'], 'lr': 0.7}
    wrapper.load_state_dict(state)
    assert wrapper.get_lr()['base_lr'] == [0.7]
    assert 'base_param_settings' in state, 'the state given is not changed'


def test_momentum_is_found_in_every_optimizer():
    params = list(make_model().parameters())
    assert OptimWrapper(torch.optim.Adam(params)).get_momentum() == {'momentum': [0.9]}
    assert OptimWrapper(torch.optim.SGD(params, momentum=0.5)).get_momentum() == {'momentum': [0.5]}
    assert OptimWrapper(torch.optim.Adagrad(params)).get_momentum() == {'momentum': [0]}


def test_clipping_logs_the_norm_as_a_tensor(monkeypatch):
    model = make_model()
    wrapper = OptimWrapper(sgd(model), clip_grad={'max_norm': 1e-3})
    logged = {}
    monkeypatch.setattr(wrapper.message_hub, 'update_scalar', lambda key, value: logged.update({key: value}))
    wrapper.backward(loss_of(model, 0))
    norm = torch.stack([p.grad.norm() for p in model.parameters()]).norm()
    before = params_of(model)
    wrapper.step()
    assert torch.is_tensor(logged['train/grad_norm'])
    torch.testing.assert_close(logged['train/grad_norm'], norm)
    assert (params_of(model) - before).norm() == pytest.approx(1e-4, rel=1e-3)  # lr times the clipped norm
    assert isinstance(wrapper.message_hub, MessageHub)


def test_clipping_by_value():
    model = make_model()
    wrapper = OptimWrapper(sgd(model), clip_grad={'type': 'value', 'clip_value': 1e-3})
    wrapper.backward(loss_of(model, 0))
    wrapper.step()
    assert max(p.grad.abs().max() for p in model.parameters()) <= 1e-3


@pytest.mark.parametrize(
    'kwargs', [{'accumulative_counts': 0}, {'clip_grad': 3}, {'clip_grad': {}}, {'clip_grad': {'type': 'x', 'a': 1}}]
)
def test_wrong_arguments_are_refused(kwargs):
    with pytest.raises(ConfigError):
        OptimWrapper(sgd(make_model()), **kwargs)


def test_only_an_optimizer_can_be_wrapped():
    with pytest.raises(TypeError, match='int'):
        OptimWrapper(3)


def test_gradients_are_exchanged_in_the_last_iteration_of_an_accumulation_only():
    class Model(nn.Linear):
        quiet = 0

        @contextmanager
        def no_sync(self):
            self.quiet += 1
            yield

    model = Model(3, 2)
    wrapper = OptimWrapper(sgd(model), accumulative_counts=3)
    wrapper.initialize_count_status(model, 0, 4)
    seen = []
    for i in range(4):
        before = model.quiet
        with wrapper.optim_context(model):
            seen.append(model.quiet > before)
            loss = loss_of(model, i)
            wrapper.update_params(loss)
    assert seen == [True, True, False, False]


def test_sharded_models_exchange_gradients_in_every_iteration():
    """What FSDP2 keeps back is in no `param.grad`, so that no checkpoint could hold it."""

    class Model(nn.Linear):
        calls: list = []

        def set_requires_gradient_sync(self, value):
            self.calls.append(value)

    model = Model(3, 2)
    wrapper = OptimWrapper(sgd(model), accumulative_counts=2)
    with wrapper.optim_context(model):
        pass
    assert model.calls == []


def test_bfloat16_is_cast_and_not_scaled():
    model = make_model()
    wrapper = AmpOptimWrapper(optimizer=sgd(model), dtype='bfloat16', loss_scale=512.0)
    with wrapper.optim_context(model):
        out = model(torch.ones(1, 3))
        assert out.dtype == torch.bfloat16
    before = params_of(model)
    wrapper.update_params(out.float().pow(2).mean())
    assert not torch.equal(before, params_of(model))
    assert not wrapper.loss_scaler.is_enabled()
    state = wrapper.state_dict()
    assert state['loss_scaler'] == {}
    # A published state has one of a scaler, which has no use here.
    wrapper.load_state_dict({**state, 'loss_scaler': {'scale': 2.0}})


@pytest.mark.parametrize(('loss_scale', 'scale'), [('dynamic', 65536.0), (8.0, 8.0), ({'init_scale': 4.0}, 4.0)])
def test_float16_scales_the_loss_and_clips_what_is_unscaled(loss_scale, scale):
    model, twin = make_model(), make_model()
    wrapper = AmpOptimWrapper(
        optimizer=sgd(model), dtype=torch.float16, loss_scale=loss_scale, clip_grad={'max_norm': 0.1}
    )
    plain = OptimWrapper(sgd(twin), clip_grad={'max_norm': 0.1})
    assert wrapper.loss_scaler.get_scale() == scale
    for i in range(2):
        wrapper.update_params(loss_of(model, i))
        plain.update_params(loss_of(twin, i))
    torch.testing.assert_close(params_of(model), params_of(twin))


def test_an_overflow_leaves_the_step_out_and_the_scale_is_saved():
    model = make_model()
    wrapper = AmpOptimWrapper(optimizer=sgd(model), dtype='float16')
    before = params_of(model)
    wrapper.update_params(model.weight.sum() * float('inf'))
    assert torch.equal(before, params_of(model))
    assert wrapper.loss_scaler.get_scale() == 32768
    assert wrapper.step_skipped
    wrapper.update_params(model.weight.sum())
    assert not wrapper.step_skipped
    other = AmpOptimWrapper(optimizer=sgd(make_model()), dtype='float16')
    other.load_state_dict(wrapper.state_dict())
    assert other.loss_scaler.get_scale() == 32768


def test_amp_arguments():
    for kwargs in ({'dtype': 'int8'}, {'dtype': 3}, {'loss_scale': 'x'}, {'loss_scale': None}):
        with pytest.raises(ConfigError):
            AmpOptimWrapper(optimizer=sgd(make_model()), **kwargs)


def test_several_optimizers():
    a, b = make_model(), make_model(1)
    several = OptimWrapperDict(a=OptimWrapper(sgd(a)), b=OptimWrapper(torch.optim.Adam(b.parameters(), lr=0.01)))
    assert several.get_lr() == {'a.lr': [0.1], 'b.lr': [0.01]}
    assert several.get_momentum() == {'a.momentum': [0.9], 'b.momentum': [0.9]}
    assert set(several.param_groups) == set(several.keys()) == {'a', 'b'}
    assert len(several) == 2
    assert 'a' in several
    assert dict(several.items())['a'] is several['a'] is next(several.values())
    several['a'].update_params(loss_of(a, 0))
    state = copy.deepcopy(several.state_dict())
    several.load_state_dict(state)
    loss_of(b, 0).backward()
    several.zero_grad()
    assert b.weight.grad is None
    for method in ('update_params', 'backward', 'optim_context'):
        with pytest.raises(NotImplementedError, match=rf"optim_wrapper\['a'\].{method}"):
            getattr(several, method)(torch.tensor(1.0))
    with pytest.raises(NotImplementedError, match='step'):
        several.step()
    with pytest.raises(CheckpointError, match='c'):
        several.load_state_dict({'c': {}})
    with pytest.raises(KeyError, match='there are a, b'):
        several['z']
    with pytest.raises(TypeError, match='a is a int'):
        OptimWrapperDict(a=3)
