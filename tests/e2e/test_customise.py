"""The three customisations, as the pages say and as the mission document shows them.

Each page's files are written to a folder and its commands are run; the same classes, put into a copy of mmseg itself and
imported by its `__init__.py`, are found without `custom_imports`.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.pages import ROOT, commands_of, files_of, write_files
from helpers.shapes import small_options

PAGES = ['docs/tutorials/customize_runtime.md', 'docs/zh-CN/customize_runtime.md']
CODE = files_of(PAGES[0])


def mmseg(arguments: list[str], cwd: Path, **env: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, '-W', 'error::DeprecationWarning:mmseg', '-m', 'mmseg.cli', *arguments],
        cwd=cwd,
        env={**os.environ, 'OMP_NUM_THREADS': '1', **env},
        capture_output=True,
        text=True,
        timeout=240,
    )


def test_both_pages_hold_the_same_code() -> None:
    english, chinese = (files_of(p) for p in PAGES)
    assert english.keys() == chinese.keys()
    for name in english:
        assert _without_text(english[name]) == _without_text(chinese[name]), name
    assert commands_of(PAGES[0]) == commands_of(PAGES[1])


def _without_text(code: str) -> str:
    tree = ast.parse(code)
    for node in ast.walk(tree):
        body = getattr(node, 'body', None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            body[0].value.value = ''
    return ast.dump(tree)


@pytest.mark.slow
@pytest.mark.parametrize('command', commands_of(PAGES[0]))
def test_a_reader_who_follows_the_page_ends_with_a_run_that_trains(command: str, tmp_path: Path, shapes: Path) -> None:
    write_files(PAGES[0], tmp_path)
    program, *arguments = command.split()
    assert program == 'mmseg'
    done = mmseg([*arguments, '--cfg-options', *small_options(shapes)], cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    work_dir = tmp_path / 'work_dirs' / Path(arguments[1]).stem
    assert (work_dir / 'iter_4.pth').is_file()


@pytest.mark.slow
@pytest.mark.parametrize('page', ['README.md', 'README.zh-CN.md'])
def test_the_tour_of_the_readme(page: str, tmp_path: Path, shapes: Path) -> None:
    write_files(page, tmp_path)
    options = ['--cfg-options', *small_options(shapes)]
    for command in (
        'train my_config.py',
        'train my_config.py --resume',
        'test my_config.py work_dirs/my_config/iter_4.pth',
    ):
        done = mmseg([*command.split(), *options], cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    predict = (
        f'predict {shapes}/images/val --config my_config.py --checkpoint work_dirs/my_config/iter_4.pth --out-dir out'
    )
    done = mmseg(predict.split(), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((tmp_path / 'out').glob('*_overlay.jpg'))) == 3


# What each customisation must have done, asked of the checkpoint and the log of a run.


def check(code: str, work_dir: Path) -> None:
    """Run `code` with `runner` (trained) at hand, in a process of its own."""
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, cwd=work_dir, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr


PROBE = """
import sys
sys.path[:0] = {path!r}
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
import mmseg

class Probe(Hook):
    priority = 'LOW'
    seen = []
    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        model = getattr(runner.model, 'module', runner.model)
        self.seen.append((runner.iter, getattr(model, 'hyper_parameter', None)))

def train(text, options):
    open('config.py', 'w').write(text)
    cfg = Config.fromfile('config.py')
    cfg.merge_from_dict(options)
    cfg.work_dir = 'work'
    cfg.launcher = {launcher!r}
    runner = Runner.from_cfg(cfg)
    runner.register_hook(Probe())
    runner.train()
    return runner
"""


def copy_of_mmseg(folder: Path, edits: dict[str, str], files: dict[str, str]) -> Path:
    """A copy of the package with lines added to some `__init__.py` and new files, as the mission document says."""
    shutil.copytree(ROOT / 'src' / 'mmseg', folder / 'mmseg', ignore=shutil.ignore_patterns('__pycache__'))
    shutil.copytree(ROOT / 'configs', folder / 'mmseg' / 'configs')
    for name, line in edits.items():
        path = folder / 'mmseg' / name
        path.write_text(path.read_text() + f'\n{line}\n')
    for name, text in files.items():
        (folder / 'mmseg' / name).write_text(text)
    return folder


CASES = {
    'hook': (
        'engine/hooks/new_hook.py',
        'my_project/new_hook.py',
        ('engine/hooks/__init__.py', 'from .new_hook import NewHook'),
        "custom_hooks = [dict(type='NewHook', a=2, b=3, priority='ABOVE_NORMAL')]",
        'assert Probe.seen == [(i, 2 * i + 3) for i in range(4)], Probe.seen\n'
        "hook = next(h for h in runner.hooks if type(h).__name__ == 'NewHook')\n"
        "assert hook.priority == 'ABOVE_NORMAL'",
    ),
    'optimizer': (
        'engine/optimizers/my_optimizer.py',
        'my_project/my_optimizer.py',
        ('engine/optimizers/__init__.py', 'from .my_optimizer import MyOptimizer'),
        "optim_wrapper = dict(_delete_=True, type='OptimWrapper', "
        "optimizer=dict(type='MyOptimizer', a=0.001, b=0.9, c=0.01), clip_grad=None)",
        "assert type(runner.optim_wrapper.optimizer).__name__ == 'MyOptimizer'\n"
        "assert runner.optim_wrapper.optimizer.defaults['momentum'] == 0.9\n"
        "assert all('momentum' in s for s in runner.optim_wrapper.optimizer.state.values())",
    ),
    'constructor': (
        'engine/optimizers/my_optimizer_constructor.py',
        'my_project/my_optimizer_constructor.py',
        ('engine/optimizers/__init__.py', 'from .my_optimizer_constructor import MyOptimizerConstructor'),
        "optim_wrapper = dict(_delete_=True, type='OptimWrapper', constructor='MyOptimizerConstructor', clip_grad=None, "
        "paramwise_cfg=dict(decay_rate=0.5, num_stages=4), optimizer=dict(type='SGD', lr=0.1))",
        "lrs = {round(g['initial_lr'], 6) for g in runner.optim_wrapper.optimizer.param_groups}\n"
        'assert 0.1 in lrs and min(lrs) <= 0.1 * 0.5 and len(lrs) >= 3, lrs',
    ),
    'from nothing': (
        'engine/optimizers/my_optimizer_constructor.py',
        'my_project/from_nothing.py',
        ('engine/optimizers/__init__.py', 'from .my_optimizer_constructor import FromNothingConstructor'),
        "optim_wrapper = dict(_delete_=True, type='OptimWrapper', constructor='FromNothingConstructor', clip_grad=None)",
        "decays = [g['weight_decay'] for g in runner.optim_wrapper.optimizer.param_groups]\n"
        'assert decays == [0.01, 0.0], decays',
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize('how', ['custom_imports', 'edited __init__'])
@pytest.mark.parametrize('case', list(CASES))
def test_found_by_custom_imports_and_by_editing_mmseg(case: str, how: str, tmp_path: Path, shapes: Path) -> None:
    target, source, edit, config, assertions = CASES[case]
    base = "_base_ = 'mmseg::quickstart.py'\n"
    if how == 'custom_imports':
        (tmp_path / 'own').mkdir()
        (tmp_path / 'own' / '__init__.py').touch()
        (tmp_path / 'own' / 'part.py').write_text(CODE[source])
        config += "\ncustom_imports = dict(imports=['own.part'], allow_failed_imports=False)\n"
        path = []
    else:
        copy_of_mmseg(tmp_path, dict([edit]), {target: CODE[source]})
        path = [str(tmp_path)]
    options = dict(o.split('=', 1) for o in small_options(shapes))
    lines = [
        PROBE.format(path=path, launcher='none'),
        f'from mmengine.config import DictAction\noptions = {{k: DictAction._parse_iterable(v) for k, v in {options!r}.items()}}',
        f'assert mmseg.__file__.startswith({str(tmp_path)!r}), mmseg.__file__' if path else '',
        f'runner = train({base + config!r}, options)',
        assertions,
    ]
    check('\n'.join(lines), tmp_path)


@pytest.mark.slow
@pytest.mark.dist
def test_the_hook_reaches_the_model_inside_ddp(tmp_path: Path, shapes: Path) -> None:
    (tmp_path / 'own').mkdir()
    (tmp_path / 'own' / '__init__.py').touch()
    (tmp_path / 'own' / 'part.py').write_text(CODE['my_project/new_hook.py'])
    config = CASES['hook'][3] + "\ncustom_imports = dict(imports=['own.part'], allow_failed_imports=False)\n"
    options = dict(o.split('=', 1) for o in small_options(shapes))
    script = '\n'.join(
        [
            PROBE.format(path=[], launcher='pytorch').replace(
                "'config.py'", "'config%s.py' % __import__('os').environ['RANK']"
            ),
            f'from mmengine.config import DictAction\noptions = {{k: DictAction._parse_iterable(v) for k, v in {options!r}.items()}}',
            f'runner = train({"_base_ = " + repr("mmseg::quickstart.py") + chr(10) + config!r}, options)',
            'from mmengine.model import is_model_wrapper\nassert is_model_wrapper(runner.model)',
            CASES['hook'][4],
        ]
    )
    (tmp_path / 'script.py').write_text(script)
    done = subprocess.run(
        [sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node=2', '--master_port=29611', 'script.py'],
        cwd=tmp_path,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
