"""The LMDB backend, against a stand-in with the interface of the package where that is not installed."""

import contextlib
import importlib.util
import pickle
import sys
import types

import pytest

from mmengine import fileio
from mmengine.utils.errors import MissingDependencyError


@pytest.fixture
def opened(monkeypatch) -> list:
    calls = []

    class Environment:
        @contextlib.contextmanager
        def begin(self, write: bool = False):
            yield {b'a': b'x'}

    def fake_open(path, **options):
        calls.append((path, options))
        return Environment()

    monkeypatch.setitem(sys.modules, 'lmdb', types.SimpleNamespace(open=fake_open))
    return calls


def test_values_by_key(opened: list) -> None:
    args = {'backend': 'lmdb', 'db_path': '/db', 'max_readers': 3}
    assert fileio.get('a', backend_args=args) == b'x' and fileio.get_text('a', backend_args=args) == 'x'
    assert opened == [('/db', {'readonly': True, 'lock': False, 'readahead': False, 'max_readers': 3})]
    with pytest.raises(FileNotFoundError, match='b is no key of /db'):
        fileio.get('b', backend_args=args)


def test_each_process_opens_for_itself(opened: list, monkeypatch) -> None:
    backend = fileio.LmdbBackend('/db')
    assert not opened
    backend.get('a')
    backend.get('a')
    assert len(opened) == 1
    monkeypatch.setattr('os.getpid', lambda: -5)  # as after a fork
    backend.get('a')
    assert len(opened) == 2
    assert pickle.loads(pickle.dumps(backend)).get('a') == b'x'


@pytest.mark.skipif(importlib.util.find_spec('lmdb') is not None, reason='lmdb is installed')
def test_missing_package() -> None:
    with pytest.raises(MissingDependencyError, match='pip install'):
        fileio.LmdbBackend('/db')
