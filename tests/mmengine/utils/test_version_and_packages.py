import importlib.metadata
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from mmengine.utils import (
    call_command,
    digit_version,
    get_git_hash,
    get_installed_path,
    install_package,
    is_installed,
    package2module,
)
from mmengine.utils.errors import MissingDependencyError

versions = st.builds(
    lambda release, suffix: '.'.join(map(str, release)) + suffix,
    st.lists(st.integers(0, 30), min_size=1, max_size=4),
    st.one_of(st.just(''), st.builds('{}{}'.format, st.sampled_from(['a', 'b', 'rc', '.post']), st.integers(0, 9))),
)


@settings(deadline=None)
@given(versions, versions)
def test_digit_version_orders_like_pep440(first: str, second: str) -> None:
    assert (digit_version(first) < digit_version(second)) == (Version(first) < Version(second))
    assert (digit_version(first) == digit_version(second)) == (Version(first) == Version(second))


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('1.3', (1, 3, 0, 0, 0, 0)),
        ('2.0.1rc1', (2, 0, 1, 0, -1, 1)),
        ('2.0.0b3', (2, 0, 0, 0, -2, 3)),
        ('1.10.0a0+git3f3', (1, 10, 0, 0, -3, 0)),
        ('1.0.dev1', (1, 0, 0, 0, -4, 0)),
        ('1.0.post2', (1, 0, 0, 0, 1, 2)),
        ('2.1.0+cu118', (2, 1, 0, 0, 0, 0)),
        ('1.2.3.4.5', (1, 2, 3, 4, 0, 0)),
    ],
)
def test_digit_version(text: str, expected: tuple[int, ...]) -> None:
    assert digit_version(text) == expected


def test_digit_version_of_nonsense() -> None:
    assert digit_version('1.2.3', length=3) == (1, 2, 3, 0, 0)
    with pytest.raises(ValueError):
        digit_version('parrots')


def test_git_hash(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('GIT_CEILING_DIRECTORIES', str(tmp_path.parent))
    assert get_git_hash(fallback='none') == 'none'
    subprocess.run(['git', 'init', '-q'], check=True)
    assert get_git_hash() == 'unknown'  # no commit yet
    identity = ['-c', 'user.name=a', '-c', 'user.email=a@b']
    subprocess.run(['git', *identity, 'commit', '-q', '--allow-empty', '-m', 'x'], check=True)
    assert len(get_git_hash()) == 40 and get_git_hash(digits=7) == get_git_hash()[:7]
    with pytest.raises(TypeError):
        get_git_hash(digits='7')


def test_installed_packages() -> None:
    import numpy

    import mmcv

    assert is_installed('numpy') and is_installed('pyyaml') and not is_installed('no-such-package')
    assert get_installed_path('numpy') == numpy.__path__[0]
    assert get_installed_path('mmcv-full') == mmcv.__path__[0]
    assert package2module('pyyaml') == 'yaml'
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        get_installed_path('no-such-package')
    with pytest.raises(ValueError, match='not clear'):
        package2module('no-such-package')


def test_nothing_is_installed_behind_the_back() -> None:
    install_package('numpy')
    with pytest.raises(MissingDependencyError, match='pip install no-such-package'):
        install_package('no-such-package')
    with pytest.raises(subprocess.CalledProcessError):
        call_command(['false'])
