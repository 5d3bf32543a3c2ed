"""What holds for every registered hook. A hook that needs arguments has its minimal ones in `ARGUMENTS`."""

from __future__ import annotations

import inspect
import pickle
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.toy import ToyDataset, ToyMetric, ToyModel, assert_same, final_state, toy_runner

import mmengine.hooks
import mmseg.engine.hooks
from mmengine.checkpoint import _load_checkpoint, save_checkpoint
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import get_priority
from mmengine.runner.hook_config import build_hook, with_defaults
from mmengine.runner.hook_order import order_hooks
from mmengine.runner.hook_table import check_signatures

ARGUMENTS: dict[str, dict[str, Any]] = {
    'EarlyStoppingHook': {'monitor': 'mean', 'rule': 'less'},
    'FreezeHook': {'params': r'net\.0', 'begin': 2, 'end': 6, 'by_epoch': False},
    'PrepareTTAHook': {'tta_cfg': {'type': 'BaseTTAModel'}},
}
# Hooks that act on what the toy run has not; they have tests of their own.
NEEDS_MORE = {
    'NaiveVisualizationHook': 'images',
    'PredictionSheetHook': 'images and a segmentation model',
    'PrepareTTAHook': 'a model for test-time augmentation',
}
NO_DEFAULTS = dict.fromkeys(('runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler', 'checkpoint'))
TEST = {
    'test_dataloader': {
        'batch_size': 2,
        'dataset': ToyDataset(4),
        'sampler': {'type': 'DefaultSampler', 'shuffle': False},
    },
    'test_cfg': {},
}


def registered() -> list[type[Hook]]:
    """The hooks of the packages, and not those of other tests."""
    HOOKS.import_from_location()
    found = {
        cls
        for registry in (HOOKS, *HOOKS.children.values())
        for cls in registry.module_dict.values()
        if cls.__module__.split('.')[0] in ('mmengine', 'mmcv', 'mmseg')
    }
    return sorted(found, key=lambda cls: cls.__name__)


ALL = registered()
RUNNABLE = [cls for cls in ALL if cls.__name__ not in NEEDS_MORE]
STATEFUL = [cls for cls in ALL if hasattr(cls, 'state_dict')]


def build(cls: type[Hook]) -> Hook:
    return cls(**ARGUMENTS.get(cls.__name__, {}))


class Kill(Hook):
    priority = 'LOWEST'

    def __init__(self, at: int) -> None:
        self.at = at

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        if runner.iter + 1 == self.at:
            raise ZeroDivisionError('killed')


def test_the_public_hooks_are_registered() -> None:
    for package in (mmengine.hooks, mmseg.engine.hooks):
        public = {getattr(package, name) for name in package.__all__}
        assert {c for c in public if isinstance(c, type) and issubclass(c, Hook) and c is not Hook} <= set(ALL)


@pytest.mark.parametrize('cls', ALL)
def test_it_is_a_hook_with_a_docstring_a_priority_and_known_stages(cls: type[Hook]) -> None:
    assert issubclass(cls, Hook)
    assert cls.__doc__ and len(cls.__doc__.splitlines()) < 40
    hook = build(cls)
    get_priority(hook.priority)
    check_signatures(hook)
    stages = hook.get_triggered_stages()
    assert stages and set(stages) <= set(Hook.stages)
    assert stages == sorted(stages, key=Hook.stages.index)


@pytest.mark.parametrize('cls', ALL)
def test_its_stages_have_the_parameters_of_the_base(cls: type[Hook]) -> None:
    """Projects call them on one another by keyword."""
    for stage in build(cls).get_triggered_stages():
        own = [p for p in inspect.signature(getattr(cls, stage)).parameters if p != 'kwargs']
        assert own == list(inspect.signature(getattr(Hook, stage)).parameters), stage


@pytest.mark.parametrize('cls', ALL)
def test_it_can_be_pickled(cls: type[Hook]) -> None:
    assert type(pickle.loads(pickle.dumps(build(cls)))) is cls


@pytest.mark.parametrize('by_epoch', [False, True], ids=['by iteration', 'by epoch'])
@pytest.mark.parametrize('cls', RUNNABLE)
def test_a_run_with_it_alone(cls: type[Hook], by_epoch: bool, tmp_path: Path) -> None:
    hook = build(cls)
    runner = toy_runner(
        tmp_path,
        by_epoch=by_epoch,
        iters=10,
        default_hooks=NO_DEFAULTS,
        custom_hooks=[hook],
        test_evaluator=ToyMetric(),
        **TEST,
    )
    runner.train()
    assert runner.iter == 10
    assert 'mean' in runner.test()
    pickle.dumps(getattr(hook, 'state_dict', dict)())


@pytest.mark.parametrize('cls', RUNNABLE)
def test_it_does_not_change_what_a_test_gives(cls: type[Hook], tmp_path: Path) -> None:
    model = ToyModel()
    hooks: tuple[list, list] = ([], [build(cls)])
    plain, own = (
        toy_runner(tmp_path / str(len(h)), model=model, custom_hooks=h, test_evaluator=ToyMetric(), **TEST)
        for h in hooks
    )
    assert own.test() == plain.test()


@pytest.mark.parametrize('cls', RUNNABLE)
def test_a_run_with_it_resumes_exactly(cls: type[Hook], tmp_path: Path) -> None:
    def run(work_dir: Path, *more: Hook, resume: bool = False) -> Any:
        runner = toy_runner(work_dir, custom_hooks=[build(cls), *more], iters=9, resume=resume)
        runner.train()
        return runner

    whole = run(tmp_path / 'whole')
    with pytest.raises(ZeroDivisionError):
        run(tmp_path / 'b', Kill(5))
    resumed = run(tmp_path / 'b', resume=True)
    expected, state = final_state(whole), final_state(resumed)
    assert_same(state, expected)


@pytest.mark.parametrize('cls', STATEFUL)
def test_its_state_goes_through_a_checkpoint(cls: type[Any], tmp_path: Path) -> None:
    hook = build(cls)
    if cls in RUNNABLE:
        toy_runner(tmp_path, custom_hooks=[hook], default_hooks={'checkpoint': None}).train()
    path = tmp_path / 'state.pth'
    save_checkpoint({'state': hook.state_dict()}, path)  # type: ignore[attr-defined]
    state = _load_checkpoint(path)['state']  # runs no code
    fresh: Any = build(cls)
    fresh.load_state_dict(state)
    assert_same(fresh.state_dict(), state)
    assert all(not torch.is_tensor(v) or v.device.type == 'cpu' for v in state.values())


# ------------------------------------------------------------------ docs/hooks.md

PAGE = (Path(__file__).resolve().parents[2] / 'docs' / 'hooks.md').read_text(encoding='utf-8')


def test_the_page_lists_every_hook_with_its_priority_and_options() -> None:
    rows = {
        cells[1].split('`')[1]: cells for cells in (r.split('|') for r in re.findall(r'^\| `.*$', PAGE, re.MULTILINE))
    }
    own = {cls.__name__: cls for cls in ALL if cls.__module__.startswith('mmengine.')}
    assert rows.keys() == own.keys()
    former = {'file_client_args', 'kwargs'}
    for name, cells in rows.items():
        cls = own[name]
        assert cells[2].strip() == cls.priority
        assert ('state' in cells[1]) == hasattr(cls, 'state_dict'), name
        named = re.findall(r'`(\w+)`', cells[4].split(', and those')[0])
        assert set(named) == {p for p in inspect.signature(cls).parameters if p not in former}, name


def test_the_configs_of_the_page_can_be_built() -> None:
    blocks = [b for b in re.findall(r'```python\n(.*?)```', PAGE, re.DOTALL) if '_hooks =' in b]
    assert len(blocks) >= 8
    for block in blocks:
        cfg: dict[str, Any] = {}
        exec(block, cfg)
        hooks = [*with_defaults(cfg.get('default_hooks')), *cfg.get('custom_hooks', [])]
        order_hooks([build_hook(hook)[0] for hook in hooks])
