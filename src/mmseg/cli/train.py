"""Train a model from a config."""

from __future__ import annotations

import argparse

from mmengine.config import Config
from mmengine.hooks import ProgressBarHook
from mmengine.registry import RUNNERS
from mmengine.runner import Runner
from mmengine.utils.errors import ConfigError
from mmseg.engine.hooks import DataCheckHook

from .check import stop_at_errors
from .run import add_config_arguments, exit_code, load_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `mmseg train` and `tools/train.py`."""
    parser.add_argument('config', help='config file')
    add_config_arguments(parser)
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='PATH',
        help='go on with this checkpoint, or without a path with the newest of the work dir',
    )
    parser.add_argument('--amp', action='store_true', help='train with automatic mixed precision')
    parser.add_argument('--profile-hooks', action='store_true', help='end with the time that each hook took')
    parser.add_argument('--no-check', action='store_true', help='do not look for mistakes in config and data first')
    parser.add_argument('--no-progress', action='store_true', help='no progress bar on a terminal')


def run(args: argparse.Namespace) -> None:
    """Train as the arguments say."""
    cfg = load_config(args)
    if args.amp:
        use_amp(cfg)
    if args.profile_hooks:
        cfg.profile_hooks = True
    if args.resume is not None:
        cfg.resume = True
        cfg.load_from = None if args.resume == 'auto' else args.resume
    if not args.no_check:
        stop_at_errors(cfg)
    runner = Runner.from_cfg(cfg) if 'runner_type' not in cfg else RUNNERS.build(cfg)
    if not args.no_check:
        runner.register_hook(DataCheckHook())
    bar = ProgressBarHook(enabled=False if args.no_progress else None)
    runner.register_hook(bar)
    try:
        runner.train()
    finally:
        bar.close()
    if runner.rank == 0:
        print(next_steps(runner, args.config))


def use_amp(cfg: Config) -> None:
    """Make `optim_wrapper` an `AmpOptimWrapper`.

    Raises:
        ConfigError: it is another wrapper already.
    """
    kind = cfg.optim_wrapper.get('type', 'OptimWrapper')
    if kind == 'AmpOptimWrapper':
        return
    if kind != 'OptimWrapper':
        raise ConfigError(f'--amp replaces OptimWrapper by AmpOptimWrapper, but optim_wrapper.type is {kind!r}')
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')


def next_steps(runner: Runner, config: str) -> str:
    """The commands that make sense after a training."""
    checkpoint = next(filter(None, (getattr(hook, 'last_ckpt', None) for hook in runner.hooks)), None)
    lines = [f'\nDone. Logs and checkpoints are in {runner.work_dir}']
    if checkpoint:
        lines += [
            'Next:',
            f'  mmseg test {config} {checkpoint}',
            f'  mmseg predict IMAGE... --config {config} --checkpoint {checkpoint} --out-dir predictions',
            f'  mmseg train {config} --work-dir {runner.work_dir} --resume --cfg-options train_cfg.max_iters=N',
        ]
    return '\n'.join(lines)


def main(argv: list[str] | None = None) -> None:
    """`tools/train.py`."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    args = parser.parse_args(argv)
    raise SystemExit(exit_code(lambda: run(args)))
