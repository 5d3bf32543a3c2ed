from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import distributed as dist
from torch import nn

from mmengine.model import (
    BaseModel,
    MMDistributedDataParallel,
    MMFullyShardedDataParallel,
    MMSeparateDistributedDataParallel,
    convert_sync_batchnorm,
    detect_anomalous_params,
    is_model_wrapper,
    merge_dict,
    revert_sync_batchnorm,
    utils,
)
from mmengine.model.amp import autocast
from mmengine.model.efficient_conv_bn_eval import efficient_conv_bn_eval_forward
from mmengine.model.utils import _BatchNormXd
from mmengine.registry import MODEL_WRAPPERS, Registry


def test_revert_sync_batchnorm_keeps_parameters_and_statistics() -> None:
    sync = nn.SyncBatchNorm(3, eps=0.1, momentum=0.3)
    sync.running_mean.fill_(2.0)
    model = nn.Sequential(sync, nn.Sequential(nn.SyncBatchNorm(2, affine=False)), nn.Conv2d(3, 3, 1)).eval()
    params = list(model.parameters())
    keys = list(model.state_dict())
    reverted = revert_sync_batchnorm(model)
    assert reverted is model and type(model[0]) is type(model[1][0]) is _BatchNormXd
    assert all(a is b for a, b in zip(params, model.parameters(), strict=True))
    assert list(model.state_dict()) == keys
    assert not model[0].training and (model[0].eps, model[0].momentum) == (0.1, 0.3)
    assert model[0].running_mean is sync.running_mean
    model.train()
    for shape in ((4, 3), (4, 3, 5), (4, 3, 2, 2), (4, 3, 2, 2, 2)):
        assert abs(float(model[0](torch.randn(shape) * 5).detach().mean())) < 1e-5
    assert type(revert_sync_batchnorm(nn.SyncBatchNorm(2))) is _BatchNormXd


def test_convert_sync_batchnorm_goes_back() -> None:
    model = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 3, 1))
    for implementation in ('torch', 'mmcv'):
        converted = convert_sync_batchnorm(model, implementation)
        assert type(converted[0]) is nn.SyncBatchNorm
    with pytest.raises(ValueError, match='apex'):
        convert_sync_batchnorm(model, 'apex')


def test_merge_dict() -> None:
    assert merge_dict({'a': 1, 'b': 2}, {'b': 3}, {}) == {'a': 1, 'b': 3}


def test_unused_parameters_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(utils, 'print_log', lambda msg, **kwargs: said.append(str(msg)))
    model = nn.ModuleDict({'used': nn.Linear(2, 2), 'idle': nn.Linear(3, 1, bias=False), 'fixed': nn.Linear(1, 1)})
    model['fixed'].requires_grad_(False)
    loss = model['used'](torch.ones(1, 2)).sum()
    detect_anomalous_params(loss, model)
    assert len(said) == 1 and 'idle.weight' in said[0] and '(1, 3)' in said[0]


def test_autocast() -> None:
    a = torch.ones(2, 2)
    with autocast(device_type='cpu'):
        assert (a @ a).dtype == torch.bfloat16
        with autocast(device_type='cpu', enabled=False):
            assert (a @ a).dtype == torch.float32
    assert (a @ a).dtype == torch.float32
    with autocast(device_type='cpu', dtype=torch.bfloat16):
        assert torch.get_autocast_dtype('cpu') == torch.bfloat16

    @autocast(device_type='cpu')
    def multiply(x: torch.Tensor) -> torch.Tensor:
        return x @ x

    assert multiply(a).dtype == torch.bfloat16


@pytest.mark.parametrize('bias', [True, False])
def test_folded_convolution(bias: bool) -> None:
    conv, bn = nn.Conv1d(2, 4, 3, groups=2, bias=bias), nn.BatchNorm1d(4).eval()
    bn.running_mean.normal_()
    bn.running_var.uniform_(0.5, 2)
    x = torch.randn(2, 2, 9)
    torch.testing.assert_close(efficient_conv_bn_eval_forward(bn, conv, x), bn(conv(x)))


def test_is_model_wrapper_knows_classes_of_child_registries() -> None:
    class Wrapper(nn.Module):
        pass

    assert is_model_wrapper(nn.DataParallel(nn.Linear(1, 1)))
    assert not is_model_wrapper(nn.Linear(1, 1)) and not is_model_wrapper(Wrapper())
    child = Registry('model wrapper', parent=MODEL_WRAPPERS, scope='wrappers_test')
    child.register_module(module=Wrapper)
    try:
        assert is_model_wrapper(Wrapper())
        assert not is_model_wrapper(nn.DataParallel(nn.Linear(1, 1)), registry=child)
    finally:
        MODEL_WRAPPERS.children.pop('wrappers_test')


@pytest.fixture
def process_group() -> Iterator[None]:
    """One process, so that DDP can be built."""
    dist.init_process_group('gloo', store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


class Toy(BaseModel):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 1)

    def forward(self, inputs: Any, data_samples: Any = None, mode: str = 'tensor') -> Any:
        return {'loss': self.fc(inputs).mean()} if mode == 'loss' else [mode]


class Wrapper:
    def __init__(self, model: nn.Module) -> None:
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        self.models: list[nn.Module] = []

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        self.models.append(model)
        yield

    def update_params(self, loss: torch.Tensor) -> None:
        loss.backward()
        self.optimizer.step()


def test_ddp_steps(process_group: None) -> None:
    model = Toy()
    before = model.fc.weight.detach().clone()
    wrapped = MMDistributedDataParallel(model)
    optim = Wrapper(wrapped)
    forwards = []
    wrapped.register_forward_hook(lambda *_: forwards.append(1))
    log_vars = wrapped.train_step({'inputs': torch.ones(1, 2)}, optim)  # type: ignore[arg-type]
    assert forwards and optim.models == [wrapped] and list(log_vars) == ['loss']
    torch.testing.assert_close(model.fc.weight.detach(), before - 0.1)
    assert wrapped.val_step((torch.ones(1, 2),)) == wrapped.test_step({'inputs': 1}) == ['predict']
    assert wrapped.module is model and is_model_wrapper(wrapped)
    with pytest.raises(TypeError, match='int'):
        wrapped._run_forward(3, 'loss')


def test_ddp_detects_unused_parameters(process_group: None, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(utils, 'print_log', lambda msg, **kwargs: said.append(str(msg)))
    model = Toy()
    model.idle = nn.Linear(1, 1)
    wrapped = MMDistributedDataParallel(model, detect_anomalous_params=True, find_unused_parameters=True)
    wrapped.train_step({'inputs': torch.ones(1, 2)}, Wrapper(wrapped))  # type: ignore[arg-type]
    assert ['module.idle.weight' in text or 'module.idle.bias' in text for text in said] == [True, True]


def test_separate_ddp_wraps_children(process_group: None) -> None:
    class Gan(BaseModel):
        def __init__(self) -> None:
            super().__init__()
            self.generator, self.critic = Toy(), Toy()
            self.frozen = nn.Linear(1, 1).requires_grad_(False)

        def train_step(self, data: Any, optim_wrapper: Any) -> Any:
            return {'data': data}

        def forward(self, inputs: Any, data_samples: Any = None, mode: str = 'tensor') -> Any:
            return [mode]

    wrapped = MMSeparateDistributedDataParallel(Gan())
    gan = wrapped.module
    assert type(gan.generator) is type(gan.critic) is MMDistributedDataParallel and type(gan.frozen) is nn.Linear
    assert wrapped.train_step(3, None) == {'data': 3}  # type: ignore[arg-type, comparison-overlap]
    assert wrapped.val_step({'inputs': 1}) == wrapped.test_step({'inputs': 1}) == ['predict']
    with wrapped.no_sync():
        assert not gan.generator.require_backward_grad_sync and not gan.critic.require_backward_grad_sync
    assert gan.generator.require_backward_grad_sync
    assert wrapped.eval() is wrapped and not gan.generator.training and wrapped.train().training
    assert is_model_wrapper(wrapped)


def test_fully_sharded_says_what_to_do() -> None:
    with pytest.raises(NotImplementedError, match='fully_shard'):
        MMFullyShardedDataParallel(nn.Linear(1, 1))
