from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mmengine.model import BaseDataPreprocessor, BaseModel, BaseTTAModel, ImgDataPreprocessor, stack_batch
from mmengine.registry import MODELS


class StubOptimWrapper:
    """What `train_step` needs of an optimizer wrapper."""

    def __init__(self, model: nn.Module) -> None:
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        self.inside = False
        self.order: list[str] = []

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        self.inside = True
        yield
        self.inside = False

    def update_params(self, loss: torch.Tensor) -> None:
        assert not self.inside
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()


class Toy(BaseModel):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fc = nn.Linear(3, 1)
        self.wrapper: StubOptimWrapper | None = None

    def forward(self, inputs: Any, data_samples: Any = None, mode: str = 'tensor') -> Any:
        if mode == 'loss':
            assert self.wrapper is None or self.wrapper.inside
            return {'loss': self.fc(inputs).square()}
        return self.fc(inputs) if mode == 'tensor' else [inputs, data_samples, mode]


def test_train_step_is_forward_backward_update() -> None:
    torch.manual_seed(0)
    model, x = Toy(), torch.randn(5, 3)
    model.wrapper = StubOptimWrapper(model)
    loss = model.fc(x).square().mean()
    gradient = torch.autograd.grad(loss, model.fc.weight)[0]
    before = model.fc.weight.detach().clone()
    log_vars = model.train_step({'inputs': x}, model.wrapper)  # type: ignore[arg-type]
    torch.testing.assert_close(model.fc.weight.detach(), before - 0.1 * gradient)
    assert list(log_vars) == ['loss'] and not log_vars['loss'].requires_grad
    torch.testing.assert_close(log_vars['loss'], loss.detach())


def test_val_and_test_step_predict() -> None:
    model, x = Toy(), torch.ones(1, 3)
    for step in (model.val_step, model.test_step):
        for data in ({'inputs': x, 'data_samples': ['a']}, (x, ['a']), [x, ['a']]):
            assert step(data)[1:] == [['a'], 'predict']
        with pytest.raises(TypeError, match='Tensor'):
            step(x)  # type: ignore[arg-type]


def test_training_flag_reaches_the_preprocessor() -> None:
    seen = []

    class Spy(BaseDataPreprocessor):
        def forward(self, data: Any, training: bool = False) -> Any:
            seen.append(training)
            return super().forward(data, training)

    model = Toy(data_preprocessor=Spy())
    model.train_step({'inputs': torch.ones(1, 3)}, StubOptimWrapper(model))  # type: ignore[arg-type]
    model.val_step({'inputs': torch.ones(1, 3)})
    model.test_step({'inputs': torch.ones(1, 3)})
    assert seen == [True, False, False]
    assert type(Toy(data_preprocessor={'type': 'ImgDataPreprocessor'}).data_preprocessor) is ImgDataPreprocessor
    with pytest.raises(TypeError, match='data_preprocessor'):
        Toy(data_preprocessor=3)


def test_parse_losses() -> None:
    model = Toy()
    a, b, c = torch.tensor([1.0, 3.0], requires_grad=True), torch.tensor(5.0), torch.tensor([[7.0]])
    total, log_vars = model.parse_losses({'loss_a': a, 'aux.loss': [b, c], 'acc': torch.tensor([2.0, 4.0])})
    assert total.requires_grad and total.item() == 14
    assert isinstance(log_vars, OrderedDict)
    assert {k: float(v) for k, v in log_vars.items()} == {'loss': 14, 'loss_a': 2, 'aux.loss': 12, 'acc': 3}
    assert list(log_vars) == ['loss', 'loss_a', 'aux.loss', 'acc']
    assert not any(v.requires_grad for v in log_vars.values())


def test_logged_loss_is_what_is_optimised() -> None:
    total, log_vars = Toy().parse_losses({'loss': torch.tensor(1.0), 'loss_aux': torch.tensor(2.0)})
    assert float(total) == float(log_vars['loss']) == 3


def test_parse_losses_does_no_more_than_it_must() -> None:
    class Count(torch.utils._python_dispatch.TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()
            self.names: list[str] = []

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            self.names.append(func.__name__.split('.')[0])
            return func(*args, **(kwargs or {}))

    scalar, model = torch.tensor(1.0), Toy()
    for losses, expected in (
        ({'loss': scalar}, []),
        ({'loss_ce': scalar}, []),
        ({'loss_ce': torch.ones(3)}, ['mean']),
        ({'a.loss': scalar, 'b.loss': scalar, 'acc': scalar}, ['add']),
    ):
        with Count() as count:
            model.parse_losses(losses)
        assert [name for name in count.names if name != 'detach'] == expected


def test_parse_losses_mistakes() -> None:
    with pytest.raises(TypeError, match='loss_a.*0.5'):
        Toy().parse_losses({'loss_a': 0.5})
    with pytest.raises(TypeError, match='loss_a'):
        Toy().parse_losses({'loss_a': []})
    with pytest.raises(ValueError, match='acc_seg'):
        Toy().parse_losses({'acc_seg': torch.tensor(1.0)})


def test_device_is_told_to_all_preprocessors() -> None:
    model, outer = Toy(), Toy()
    outer.inner = model
    assert outer.to('meta') is outer
    for module in (model, outer):
        assert module.data_preprocessor.device == torch.device('meta')
    out = outer.data_preprocessor({'inputs': torch.ones(1)})
    assert out['inputs'].is_meta
    model = Toy()
    model.to(torch.float64)
    assert model.data_preprocessor.device == torch.device('cpu') and model.fc.weight.dtype == torch.float64
    model.data_preprocessor.to('meta')
    model.cpu()
    assert model.data_preprocessor.device == torch.device('cpu')
    model._set_device(torch.device('meta'))
    assert model.data_preprocessor.cpu().device == torch.device('cpu')


def test_cast_data_keeps_the_structure() -> None:
    Pair = namedtuple('Pair', 'a b')
    one = torch.ones(1)
    data = {'a': [one, 'text', None, b'bytes', 3], 'b': (one,), 'c': Pair(one, {'d': one})}
    out = BaseDataPreprocessor().to('meta')(data)
    assert out['a'][0].is_meta and out['a'][1:] == ['text', None, b'bytes', 3]
    assert isinstance(out['b'], tuple) and out['b'][0].is_meta
    assert type(out['c']) is Pair and out['c'].b['d'].is_meta
    assert data['a'][0] is one


def images() -> list[torch.Tensor]:
    return [torch.arange(3 * h * w, dtype=torch.uint8).view(3, h, w) for h, w in ((2, 3), (4, 2))]


def test_image_preprocessor() -> None:
    mean, std = [1.0, 2.0, 3.0], [2.0, 4.0, 8.0]
    layer = ImgDataPreprocessor(mean, std, pad_size_divisor=4, pad_value=-5, bgr_to_rgb=True)
    out = layer({'inputs': images(), 'data_samples': ['a', 'b']})
    batch = out['inputs']
    assert batch.shape == (2, 3, 4, 4) and batch.dtype == torch.float32 and out['data_samples'] == ['a', 'b']
    expected = (images()[0].flip(0).float() - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    torch.testing.assert_close(batch[0, :, :2, :3], expected)
    assert (batch[0, :, 2:] == -5).all() and (batch[0, :, :, 3:] == -5).all()
    assert not layer.state_dict()
    stacked = layer({'inputs': torch.stack([images()[0]] * 2)})
    assert torch.equal(stacked['inputs'][0], layer({'inputs': images()[:1]})['inputs'][0])
    assert stacked['data_samples'] is None


def test_image_preprocessor_with_other_numbers_of_channels() -> None:
    six = torch.ones(6, 2, 2)
    assert torch.equal(ImgDataPreprocessor([1] * 6, [2] * 6)({'inputs': [six]})['inputs'], torch.zeros(1, 6, 2, 2))
    assert torch.equal(ImgDataPreprocessor([0.5], [0.5])({'inputs': [six]})['inputs'], torch.ones(1, 6, 2, 2))
    with pytest.raises(ValueError, match='3 values'):
        ImgDataPreprocessor([1] * 3, [1] * 3)({'inputs': [six]})
    with pytest.raises(ValueError, match='3 channels'):
        ImgDataPreprocessor(bgr_to_rgb=True)({'inputs': [six]})


@pytest.mark.parametrize(
    'bad', [{'mean': [1.0]}, {'bgr_to_rgb': True, 'rgb_to_bgr': True}, {'mean': [1, 2], 'std': [1, 2, 3]}]
)
def test_image_preprocessor_mistakes(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match='mean|bgr_to_rgb'):
        ImgDataPreprocessor(**bad)


def test_image_preprocessor_refuses_other_inputs() -> None:
    with pytest.raises(TypeError, match='int'):
        ImgDataPreprocessor()({'inputs': 3})
    with pytest.raises(ValueError, match=r'\(3, 4, 4\)'):
        ImgDataPreprocessor()({'inputs': torch.ones(3, 4, 4)})


@settings(deadline=None, max_examples=40)
@given(
    sizes=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=4),
    divisor=st.integers(1, 5),
)
def test_stack_batch(sizes: list[tuple[int, int]], divisor: int) -> None:
    tensors = [torch.full((2, *size), float(i + 1)) for i, size in enumerate(sizes)]
    batch = stack_batch(tensors, divisor, pad_value=-1)
    for axis in (0, 1):
        side = batch.shape[2 + axis]
        largest = max(size[axis] for size in sizes)
        assert side % divisor == 0 and largest <= side < largest + divisor
    for i, (h, w) in enumerate(sizes):
        assert (batch[i, :, :h, :w] == i + 1).all()
        assert (batch[i, :, h:] == -1).all() and (batch[i, :, :, w:] == -1).all()


def test_stack_batch_mistakes() -> None:
    with pytest.raises(TypeError, match='Tensor'):
        stack_batch(torch.ones(2, 3, 4, 4))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='empty'):
        stack_batch([])
    with pytest.raises(ValueError, match=r'\(1, 2, 2\), \(3, 2, 2\)'):
        stack_batch([torch.ones(1, 2, 2), torch.ones(3, 2, 2)])


class Views(BaseModel):
    def forward(self, inputs: Any, data_samples: Any = None, mode: str = 'tensor') -> Any:
        return [f'{image}-{mode}' for image in inputs]


class Joined(BaseTTAModel):
    def merge_preds(self, data_samples_list: list[list[Any]]) -> list[Any]:
        return ['+'.join(views) for views in data_samples_list]


def test_test_time_augmentation_merges_views_of_a_sample() -> None:
    model = Joined(Views())
    expected = ['a1-predict+a2-predict+a3-predict', 'b1-predict+b2-predict+b3-predict']
    inputs = [['a1', 'b1'], ['a2', 'b2'], ['a3', 'b3']]
    assert model.test_step({'inputs': inputs, 'data_samples': [[0, 0]] * 3}) == expected
    assert model.test_step((inputs,)) == model.test_step([inputs]) == expected
    with pytest.raises(NotImplementedError):
        model(torch.ones(1))
    with pytest.raises(NotImplementedError, match='merge_preds'):
        BaseTTAModel(Views()).test_step((inputs,))
    with pytest.raises(TypeError, match='test_step'):
        Joined(nn.Linear(1, 1))


def test_test_time_augmentation_builds_its_model() -> None:
    MODELS.register_module('ViewsForTest', module=Views)
    try:
        model = Joined({'type': 'ViewsForTest'}, data_preprocessor={'type': 'ImgDataPreprocessor'})
        assert isinstance(model.module.data_preprocessor, ImgDataPreprocessor)
    finally:
        MODELS.module_dict.pop('ViewsForTest')
