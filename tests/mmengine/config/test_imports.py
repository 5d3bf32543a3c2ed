"""What importing the lower floors brings with it, and that names are there all the same."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ('torch', 'numpy', 'rich', 'yaml', 'fsspec', 'cv2', 'multiprocessing', 'urllib.request', 'importlib.metadata')


def run(code: str) -> str:
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return done.stdout.strip()


def test_configs_need_no_torch() -> None:
    run("import mmengine.config, sys; assert 'torch' not in sys.modules")


def test_configs_load_and_print_without_torch() -> None:
    run(
        'import sys\nfrom mmengine import Config, DictAction\n'
        "cfg = Config.fromstring('a = dict(b=1)', '.py')\ncfg.merge_from_dict({'a.b': 2})\n"
        "assert cfg.pretty_text == 'a = dict(b=2)\\n'\nassert 'torch' not in sys.modules"
    )


@pytest.mark.parametrize('module', ['mmengine', 'mmengine.config', 'mmengine.utils'])
def test_nothing_heavy_is_imported(module: str) -> None:
    assert run(f'import sys, {module}; print([m for m in {HEAVY} if m in sys.modules])') == '[]'


def test_all_names_of_the_lower_floors_are_names_of_the_package() -> None:
    run(
        'import mmengine\n'
        'from mmengine import Config, MMLogger, MessageHub, MODELS, Registry, FileClient, ProgressBar, __version__\n'
        "for floor in ('utils', 'logging', 'fileio', 'config', 'registry'):\n"
        '    for name in getattr(mmengine, floor).__all__:\n'
        '        assert getattr(mmengine, name) is getattr(getattr(mmengine, floor), name), name\n'
        '        assert name in dir(mmengine)\n'
        "assert mmengine.runner.Runner and mmengine.dist.get_rank() == 0 and not hasattr(mmengine, 'nothing')\n"
        'del Config\nfrom mmengine import *\nprint(Config, HistoryBuffer, track_progress_rich)'
    )


def test_lazy_packages_offer_their_names_and_modules() -> None:
    run(
        'import importlib\n'
        "for name in ('dist', 'logging', 'fileio', 'config'):\n"
        "    package = importlib.import_module(f'mmengine.{name}')\n"
        '    assert all(getattr(package, n) is not None for n in package.__all__)\n'
        "    assert not hasattr(package, 'nothing_of_this_name')\n"
        'import mmengine.dist\n'
        "assert mmengine.dist.dist.all_reduce.__name__ == 'all_reduce'"
    )


def test_ranks_are_known_once_there_is_a_group() -> None:
    run(
        'from mmengine.dist import get_rank, get_world_size, is_distributed\n'
        'assert not is_distributed() and get_world_size() == 1\n'
        'import tempfile, torch.distributed as dist\n'
        "dist.init_process_group('gloo', init_method='file://' + tempfile.mktemp(), rank=0, world_size=1)\n"
        'assert is_distributed() and get_rank() == 0\n'
        'dist.destroy_process_group()'
    )
