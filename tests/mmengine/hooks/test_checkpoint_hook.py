"""Which checkpoints are written, kept, called the best and published, and where."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.toy import ToyMetric, toy_runner

from mmengine.fileio import exists, get_file_backend, get_text
from mmengine.hooks import CheckpointHook, Hook
from mmengine.utils.errors import ConfigError


class Scores(ToyMetric):
    """Gives the scores of a list, one a validation."""

    def __init__(self, **scores: list[float]) -> None:
        super().__init__()
        self.scores = {k: list(v) for k, v in scores.items()}

    def compute_metrics(self, results: list) -> dict[str, float]:
        return {k: v.pop(0) for k, v in self.scores.items()}


class StopAt(Hook):
    priority = 'LOWEST'

    def __init__(self, at: int) -> None:
        self.at = at

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        if runner.iter + 1 == self.at:
            runner.train_loop.stop_training = True


def run(work_dir: Path, hook: CheckpointHook | dict, **options: Any) -> Any:
    if isinstance(hook, dict):
        hook = CheckpointHook(**{'by_epoch': options.get('by_epoch', False), **hook})
    runner = toy_runner(work_dir, default_hooks={'checkpoint': hook, 'logger': None}, **options)
    runner.train()
    return hook


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.glob('*.pth'))


@pytest.mark.parametrize(
    ('options', 'steps'),
    [
        ({'interval': 5}, [5, 10, 12]),
        ({'interval': 5, 'save_last': False}, [5, 10]),
        ({'interval': -1}, [12]),
        ({'interval': -1, 'save_last': False}, []),
        ({'interval': 2, 'save_begin': 7}, [7, 9, 11, 12]),
        ({'interval': 3, 'max_keep_ckpts': 2}, [9, 12]),
        ({'interval': 4, 'max_keep_ckpts': 1}, [12]),
    ],
    ids=str,
)
def test_which_iterations_are_kept(tmp_path: Path, options: dict, steps: list[int]) -> None:
    run(tmp_path, options)
    assert names(tmp_path) == sorted(f'iter_{s}.pth' for s in steps)
    last = tmp_path / 'last_checkpoint'
    assert last.read_text() == str(tmp_path / f'iter_{steps[-1]}.pth') if steps else not last.exists()


def test_which_epochs_are_kept(tmp_path: Path) -> None:
    run(tmp_path, {'interval': 2, 'save_begin': 1, 'filename_tmpl': 'e{}.pth'}, by_epoch=True, iters=20)
    assert names(tmp_path) == ['e1.pth', 'e3.pth', 'e4.pth']
    saved = torch.load(tmp_path / 'e3.pth', weights_only=False)
    assert (saved['meta']['epoch'], saved['meta']['iter']) == (3, 15)


def test_what_is_not_saved(tmp_path: Path) -> None:
    run(tmp_path, {'interval': 12, 'save_optimizer': False, 'save_param_scheduler': False})
    saved = torch.load(tmp_path / 'iter_12.pth', weights_only=False)
    assert 'optimizer' not in saved and 'param_schedulers' not in saved


def test_a_training_that_was_stopped_early_saves_its_last_state(tmp_path: Path) -> None:
    run(tmp_path, {'interval': 5}, custom_hooks=[StopAt(7)])
    assert names(tmp_path) == ['iter_5.pth', 'iter_7.pth']
    run(tmp_path / 'b', {'interval': 2}, by_epoch=True, iters=20, custom_hooks=[StopAt(15)])
    assert names(tmp_path / 'b') == ['epoch_2.pth', 'epoch_3.pth']
    assert torch.load(tmp_path / 'b' / 'epoch_3.pth', weights_only=False)['meta']['iter'] == 15


def test_retention_goes_on_after_a_resume(tmp_path: Path) -> None:
    run(tmp_path, {'interval': 2, 'max_keep_ckpts': 2}, custom_hooks=[StopAt(6)], iters=12)
    run(tmp_path, {'interval': 2, 'max_keep_ckpts': 2}, iters=12, resume=True)
    assert names(tmp_path) == ['iter_10.pth', 'iter_12.pth']


@pytest.mark.parametrize(
    ('save_best', 'options', 'best'),
    [
        ('acc', {}, {'acc': 8}),
        ('auto', {}, {'acc': 8}),
        ('auto', {'rule': 'less'}, {'acc': 4}),
        (['acc', 'val_loss'], {}, {'acc': 8, 'val_loss': 12}),
        (['acc', 'val_loss'], {'rule': ['less', 'greater']}, {'acc': 4, 'val_loss': 4}),
        (['acc', 'val_loss'], {'rule': 'greater'}, {'acc': 8, 'val_loss': 4}),
        ('score', {'greater_keys': ['score']}, {'score': 8}),
        ('score', {'less_keys': ['score']}, {'score': 12}),
    ],
    ids=str,
)
def test_the_best_by_each_metric(tmp_path: Path, save_best: Any, options: dict, best: dict) -> None:
    metric = Scores(acc=[0.1, 0.5, 0.3], val_loss=[3.0, 2.0, 1.0], score=[0.2, 0.5, 0.1])
    hook = run(tmp_path, {'interval': 20, 'save_best': save_best, **options}, val_evaluator=metric)
    assert names(tmp_path) == sorted(['iter_12.pth', *(f'best_{k}_iter_{i}.pth' for k, i in best.items())])
    assert {k: str(tmp_path / f'best_{k}_iter_{i}.pth') for k, i in best.items()} == hook.best_ckpt_path_dict
    info = torch.load(tmp_path / 'iter_12.pth', weights_only=False)['message_hub']['runtime_info']
    known = {k for k in info if k.startswith('best_')}
    assert known == (
        {'best_score', 'best_ckpt'} if len(best) == 1 else {f'best_{w}_{k}' for w in ('score', 'ckpt') for k in best}
    )


def test_nan_is_never_the_best_and_equal_is_not_better(tmp_path: Path) -> None:
    nan = float('nan')
    run(tmp_path, {'interval': 20, 'save_best': 'acc'}, val_evaluator=Scores(acc=[nan, 0.5, 0.5]))
    assert 'best_acc_iter_8.pth' in names(tmp_path)


@pytest.mark.parametrize('own_state', [True, False])
def test_the_best_score_is_known_after_a_resume(tmp_path: Path, own_state: bool) -> None:
    """Also from the message hub alone, which is what checkpoints of the ecosystem have."""
    options = {'interval': 2, 'save_best': 'acc', 'max_keep_ckpts': 3}
    run(tmp_path, options, val_evaluator=Scores(acc=[0.9, 0.1]), custom_hooks=[StopAt(8)])
    path = tmp_path / 'iter_6.pth'
    saved = torch.load(path, weights_only=False)
    assert saved['message_hub']['runtime_info']['best_score'] == 0.9
    if not own_state:
        del saved['mmnext']
        torch.save(saved, path)
    hook = CheckpointHook(**options, by_epoch=False)
    run(tmp_path, hook, val_evaluator=Scores(acc=[0.5, 0.95]), resume=True, load_from=str(path))
    assert hook.best_scores == {'acc': 0.95}
    # The best one of before was removed when a better one came, the score of 0.5 was none.
    assert names(tmp_path) == ['best_acc_iter_12.pth', 'iter_10.pth', 'iter_12.pth', 'iter_8.pth']


def test_published_copies_are_named_by_their_hash(tmp_path: Path) -> None:
    run(
        tmp_path,
        {'interval': 20, 'save_best': 'acc', 'published_keys': ['meta', 'state_dict']},
        val_evaluator=Scores(acc=[0.1, 0.5, 0.3]),
    )
    published = sorted(tmp_path.glob('*-*.pth'))
    assert [p.name.split('-')[0] for p in published] == ['best_acc_iter_8', 'iter_12']
    for path in published:
        assert hashlib.sha256(path.read_bytes()).hexdigest()[:8] == path.stem.split('-')[1]
        assert set(torch.load(path, weights_only=False)) == {'meta', 'state_dict'}


def test_a_folder_elsewhere_is_named_as_the_work_dir_and_resumed_from(tmp_path: Path) -> None:
    work, out = tmp_path / 'work', tmp_path / 'out'
    run(work, {'interval': 3, 'out_dir': str(out), 'max_keep_ckpts': 2}, custom_hooks=[StopAt(6)])
    assert names(out / 'work') == ['iter_3.pth', 'iter_6.pth'] and names(work) == []
    assert (work / 'last_checkpoint').read_text() == (out / 'work' / 'last_checkpoint').read_text()
    run(work, {'interval': 3, 'out_dir': str(out), 'max_keep_ckpts': 2}, resume=True)
    assert names(out / 'work') == ['iter_12.pth', 'iter_9.pth']


def test_a_remote_folder(tmp_path: Path) -> None:
    out = f'memory://{tmp_path.name}'
    options = {'interval': 3, 'out_dir': out, 'max_keep_ckpts': 2, 'save_best': 'acc', 'published_keys': 'state_dict'}
    run(tmp_path / 'work', options, val_evaluator=Scores(acc=[0.5, 0.1, 0.9]))
    backend = get_file_backend(out)
    found = sorted(backend.list_dir_or_file(f'{out}/work', list_dir=False))
    assert [f for f in found if '-' not in f] == [
        'best_acc_iter_12.pth',
        'iter_12.pth',
        'iter_9.pth',
        'last_checkpoint',
    ]
    assert len([f for f in found if '-' in f]) == 2
    assert (tmp_path / 'work' / 'last_checkpoint').read_text() == f'{out}/work/iter_12.pth'
    assert get_text(f'{out}/work/last_checkpoint') == f'{out}/work/iter_12.pth'
    assert not exists(f'{out}/work/best_acc_iter_4.pth')


def test_projects_replace_how_the_best_is_saved(tmp_path: Path) -> None:
    """They use the attributes below."""
    seen = []

    class Own(CheckpointHook):
        def _save_best_checkpoint(self, runner: Any, metrics: dict) -> None:
            if 'auto' in self.key_indicators:
                self._init_rule(self.rules, [next(iter(metrics))])
            for key, rule in zip(self.key_indicators, self.rules, strict=True):
                best = runner.message_hub.get_info('best_score', self.init_value_map[rule])
                if self.is_better_than[key](metrics[key], best):
                    runner.message_hub.update_info('best_score', metrics[key])
                    seen.append((runner.iter, self.best_ckpt_path))
                    self.best_ckpt_path = f'{self.out_dir}/{self.filename_tmpl.format(runner.iter)}'

    run(tmp_path, Own(by_epoch=False, save_best='auto'), val_evaluator=Scores(acc=[0.1, 0.5, 0.3]))
    assert seen == [(4, None), (8, f'{tmp_path}/iter_4.pth')]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'save_begin': -1}, 'save_begin'),
        ({'save_best': 'iou'}, "rule='greater'"),
        ({'save_best': ['auto', 'acc']}, 'auto'),
        ({'save_best': 'acc', 'rule': 'more'}, 'greater'),
        ({'save_best': ['acc', 'loss', 'x'], 'rule': ['less', 'less']}, 'one for each'),
        ({'file_client_args': {}, 'backend_args': {}}, 'backend_args'),
    ],
    ids=str,
)
def test_contradicting_options_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CheckpointHook(**options)


@pytest.mark.parametrize(
    ('metric', 'rule'),
    [
        ('acc', 'greater'),
        ('coco/bbox_mAP', 'greater'),
        ('val/loss', 'less'),
        ('Loss', 'less'),
        ('top1', 'greater'),
        ('decode.acc_seg', 'greater'),
        ('acc_set/loss', 'less'),
        ('x/auc_y', 'greater'),
        ('acc/3', 'greater'),
    ],
)
def test_the_rule_follows_from_the_name(metric: str, rule: str) -> None:
    assert CheckpointHook(save_best=metric).rules == [rule]
