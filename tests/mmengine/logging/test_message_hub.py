import pickle
from collections import OrderedDict

import numpy as np
import pytest
import torch

from mmengine.logging import HistoryBuffer, MessageHub, MMLogger


@pytest.fixture(autouse=True)
def _fresh_instances(monkeypatch):
    monkeypatch.setattr(MessageHub, '_instance_dict', OrderedDict())
    monkeypatch.setattr(MMLogger, '_instance_dict', OrderedDict())


def test_current_instance() -> None:
    assert MessageHub.get_current_instance().instance_name == 'mmengine'
    hub = MessageHub.get_instance('run')
    assert MessageHub.get_current_instance() is hub


def test_scalars() -> None:
    hub = MessageHub.get_instance('run')
    for value in (1, torch.tensor([2.0]), np.array([3.0]), np.int64(4)):
        hub.update_scalar('loss', value)
    hub.update_scalars({'loss': 5, 'acc': {'value': torch.tensor(0.5), 'count': 8}})
    assert hub.get_scalar('loss').data[0].tolist() == [1, 2, 3, 4, 5]
    assert hub.get_scalar('acc').data[1].tolist() == [8]
    assert list(hub.log_scalars) == ['loss', 'acc']
    with pytest.raises(KeyError, match="'lr' is no scalar.*'acc', 'loss'"):
        hub.get_scalar('lr')
    with pytest.raises(TypeError):
        hub.update_scalar('loss', torch.zeros(2))
    with pytest.raises(TypeError):
        hub.update_scalars([1])
    with pytest.raises(ValueError, match="'acc' should have a value"):
        hub.update_scalars({'acc': {'count': 1}})


def test_information() -> None:
    hub = MessageHub.get_instance('run')
    hub.update_info('iter', 3)
    hub.update_info_dict({'epoch': 1, 'best': [1]}, resumed=False)
    assert hub.get_info('iter') == 3 and hub.get_info('none') is None and hub.get_info('none', 7) == 7
    assert hub.pop_info('best') == [1] and hub.pop_info('best', 0) == 0
    assert dict(hub.runtime_info) == {'iter': 3, 'epoch': 1}
    with pytest.raises(TypeError):
        hub.update_info_dict([1])


def test_resumed_cannot_change() -> None:
    hub = MessageHub.get_instance('run')
    hub.update_scalar('a', 1, resumed=False)
    hub.update_info('b', 1)
    with pytest.raises(ValueError, match="'a' was first updated with resumed=False"):
        hub.update_scalar('a', 1)
    with pytest.raises(ValueError, match="'b'"):
        hub.update_info('b', 1, resumed=False)


def _filled() -> MessageHub:
    hub = MessageHub.get_instance('run')
    hub.update_scalar('loss', torch.tensor(1.5))
    hub.update_scalar('time', 1.0, resumed=False)
    hub.update_info('iter', 3)
    hub.update_info('list', [1])
    hub.update_info('module', np, resumed=False)
    return hub


def test_state_has_what_is_to_be_resumed_and_does_not_change_later() -> None:
    hub = _filled()
    state = hub.state_dict()
    hub.update_scalar('loss', 9.0)
    hub.get_info('list').append(2)
    assert list(state) == ['log_scalars', 'runtime_info', 'resumed_keys']
    assert list(state['log_scalars']) == ['loss'] and state['log_scalars']['loss'].data[0].tolist() == [1.5]
    assert state['runtime_info'] == {'iter': 3, 'list': [1]}
    assert state['resumed_keys'] == {'loss': True, 'iter': True, 'list': True}
    assert pickle.loads(pickle.dumps(state))['runtime_info'] == state['runtime_info']


def test_load_merges() -> None:
    state = _filled().state_dict()
    other = MessageHub.get_instance('other')
    other.update_info('kept', 1)
    other.update_info('iter', 0)
    other.load_state_dict(state)
    assert dict(other.runtime_info) == {'kept': 1, 'iter': 3, 'list': [1]}
    other.update_scalar('loss', 2.5)
    assert other.get_scalar('loss').mean() == 2.0
    assert state['log_scalars']['loss'].data[0].tolist() == [1.5]
    third = MessageHub.get_instance('third')
    third.load_state_dict(other)
    assert third.state_dict()['runtime_info'] == other.state_dict()['runtime_info']


def test_load_refuses_other_things(capsys) -> None:
    hub = MessageHub.get_instance('run')
    with pytest.raises(ValueError, match="'resumed_keys'. is missing"):
        hub.load_state_dict({'log_scalars': {}, 'runtime_info': {}})
    with pytest.raises(TypeError):
        hub.load_state_dict(3)
    hub.load_state_dict({'log_scalars': {'a': 3}, 'runtime_info': {}, 'resumed_keys': {'a': True}})
    assert "'a' is no HistoryBuffer" in capsys.readouterr().out and not hub.log_scalars
    with pytest.raises(TypeError):
        MessageHub('direct', log_scalars={'a': 3})
    assert MessageHub('direct', log_scalars={'a': HistoryBuffer()}).log_scalars


def test_what_cannot_be_copied_is_left_out_with_a_word(capsys) -> None:
    hub = MessageHub.get_instance('run')
    hub.update_info('generator', (i for i in range(3)))
    assert not hub.state_dict()['runtime_info']
    assert "'generator'" in capsys.readouterr().out
