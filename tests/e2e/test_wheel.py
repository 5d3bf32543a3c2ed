"""The wheel alone, outside of the tree, trains the quickstart."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from helpers.pages import ROOT
from helpers.shapes import small_options


@pytest.mark.slow
def test_the_wheel_runs_the_quickstart_outside_of_the_tree(tmp_path: Path, shapes: Path) -> None:
    build = [sys.executable, '-m', 'build', '--wheel', '--no-isolation', '--outdir', str(tmp_path / 'dist'), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    wheel = next((tmp_path / 'dist').glob('mmnext-*.whl'))
    site = tmp_path / 'site'
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(site)
    assert 'mmseg/.mim/configs/quickstart.py' in names
    assert not [n for n in names if n.startswith(('tests/', 'docs/')) or n.endswith('.so')]

    work = tmp_path / 'work'
    work.mkdir()
    # What is unpacked comes first on the path: the checkout that is installed for development must not serve.
    env = {**os.environ, 'PYTHONPATH': str(site), 'OMP_NUM_THREADS': '1'}
    where = 'import mmengine, mmcv, mmseg; print(mmengine.__file__, mmcv.__file__, mmseg.__file__)'
    found = subprocess.run([sys.executable, '-c', where], cwd=work, env=env, capture_output=True, text=True, check=True)
    assert all(p.startswith(str(site)) for p in found.stdout.split()), found.stdout
    config = 'from mmengine.config.loading import package_config; print(package_config("mmseg::quickstart.py"))'
    path = subprocess.run([sys.executable, '-c', config], cwd=work, env=env, capture_output=True, text=True, check=True)
    assert path.stdout.startswith(str(site))
    train = [sys.executable, '-m', 'mmseg.cli', 'train', path.stdout.strip(), '--cfg-options', *small_options(shapes)]
    done = subprocess.run(train, cwd=work, env=env, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (work / 'work_dirs' / 'quickstart' / 'predictions.png').is_file()
    assert 'mmseg test' in done.stdout
