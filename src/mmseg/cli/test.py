"""Test a checkpoint with the test data of a config."""

from __future__ import annotations

import argparse

from mmengine.config import Config
from mmengine.hooks import ProgressBarHook, build_runner_with_tta
from mmengine.runner import Runner
from mmengine.utils.errors import ConfigError

from .run import add_config_arguments, exit_code, load_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `mmseg test` and `tools/test.py`."""
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    add_config_arguments(parser)
    parser.add_argument('--tta', action='store_true', help='predict with test-time augmentation')
    parser.add_argument('--out', metavar='DIR', help='write predicted masks to this folder')
    parser.add_argument('--show-dir', metavar='DIR', help='write pictures of the predictions to this folder')
    parser.add_argument('--show', action='store_true', help='show pictures of the predictions')
    parser.add_argument('--wait-time', type=float, default=2, help='seconds that a shown picture stays')


def run(args: argparse.Namespace) -> None:
    """Test as the arguments say."""
    cfg = load_config(args)
    cfg.load_from, cfg.resume = args.checkpoint, False
    if args.show or args.show_dir:
        draw(cfg, args)
    if args.out is not None:
        evaluators = cfg.test_evaluator if isinstance(cfg.test_evaluator, list) else [cfg.test_evaluator]
        for evaluator in evaluators:
            evaluator['output_dir'] = args.out
    runner = build_runner_with_tta(cfg) if args.tta else Runner.from_cfg(cfg)
    bar = ProgressBarHook()
    runner.register_hook(bar)
    try:
        runner.test()
    finally:
        bar.close()


def draw(cfg: Config, args: argparse.Namespace) -> None:
    """Let the visualisation hook of the config draw every prediction."""
    hook = cfg.get('default_hooks', {}).get('visualization')
    if hook is None:
        raise ConfigError(
            "--show and --show-dir need default_hooks.visualization=dict(type='SegVisualizationHook') in the config"
        )
    hook['draw'], hook['interval'] = True, 1
    if args.show:
        hook['show'], hook['wait_time'] = True, args.wait_time
    if args.show_dir:
        cfg.setdefault('visualizer', {'type': 'SegLocalVisualizer', 'vis_backends': [{'type': 'LocalVisBackend'}]})
        cfg.visualizer['save_dir'] = args.show_dir


def main(argv: list[str] | None = None) -> None:
    """`tools/test.py`."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    args = parser.parse_args(argv)
    raise SystemExit(exit_code(lambda: run(args)))
