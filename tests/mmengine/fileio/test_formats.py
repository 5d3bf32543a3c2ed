import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmengine import fileio
from mmengine.fileio.handlers.registry_utils import file_handlers
from mmengine.utils.errors import DataError

plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.floats(-1e9, 1e9), st.text('abc: -#\'"ü\n')),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text('abc', min_size=1), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=30)
@given(plain)
def test_round_trips(obj) -> None:
    for name in ('json', 'yaml', 'pkl'):
        text = fileio.dump(obj, file_format=name)
        file = io.BytesIO(text) if name == 'pkl' else io.StringIO(text)
        assert fileio.load(file, file_format=name) == obj


@pytest.mark.parametrize('suffix', ['json', 'yaml', 'yml', 'pkl', 'pickle'])
def test_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / 'new' / f'a.{suffix}'
    fileio.dump({'a': [1, 'ü']}, path)
    assert fileio.load(path) == fileio.load(str(path), backend_args={'backend': 'local'}) == {'a': [1, 'ü']}
    assert fileio.load(path, file_format=suffix) == {'a': [1, 'ü']}


def test_json_of_numpy_and_sets() -> None:
    obj = {'a': np.float32(1), 'b': np.arange(2), 'c': {1}, 'd': range(2)}
    assert fileio.dump(obj, file_format='json') == '{"a": 1.0, "b": [0, 1], "c": [1], "d": [0, 1]}'
    assert fileio.dump({'a': 1}, file_format='json', indent=1) == '{\n "a": 1\n}'
    with pytest.raises(TypeError, match='object'):
        fileio.dump(object(), file_format='json')


def test_yaml_keeps_tuples_and_runs_no_code() -> None:
    text = fileio.dump({'a': (1, (2,))}, file_format='yaml')
    assert fileio.load(io.StringIO(text), file_format='yaml') == {'a': (1, (2,))}
    with pytest.raises(Exception, match='python/object'):
        fileio.load(io.StringIO('!!python/object/apply:os.getcwd []'), file_format='yaml')


def test_open_files_and_wrong_arguments(tmp_path: Path) -> None:
    file = io.StringIO()
    fileio.dump([1], file, file_format='json')
    assert file.getvalue() == '[1]'
    with pytest.raises(TypeError, match="'txt', only for .'json'"):
        fileio.load(tmp_path / 'a.txt')
    with pytest.raises(ValueError, match='file_format'):
        fileio.dump(1)
    for wrong in (3, None):
        with pytest.raises(TypeError):
            fileio.load(wrong)
    with pytest.raises(FileNotFoundError):
        fileio.load(tmp_path / 'none.json')


def test_a_dump_that_fails_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / 'a.json'
    fileio.dump([1], path)
    with pytest.raises(TypeError):
        fileio.dump([object()], path)
    assert fileio.load(path) == [1]


def test_former_argument_name(tmp_path: Path) -> None:
    path = tmp_path / 'a.json'
    with pytest.warns(DeprecationWarning, match='backend_args'):
        fileio.dump([1], path, file_client_args={'backend': 'disk'})
    with pytest.warns(DeprecationWarning, match='backend_args'):
        assert fileio.load(path, file_client_args={'backend': 'disk'}) == [1]
    with pytest.raises(ValueError, match='only backend_args'):
        fileio.load(path, file_client_args={}, backend_args={})


def test_own_handlers(tmp_path: Path, monkeypatch) -> None:
    for name in ('rows', 'lines'):
        monkeypatch.setitem(file_handlers, name, None)

    @fileio.register_handler(['rows', 'lines'])
    class Rows(fileio.BaseFileHandler):
        def load_from_fileobj(self, file, **kwargs):
            return file.read().split('\n')

        def dump_to_fileobj(self, obj, file, **kwargs):
            file.write('\n'.join(obj))

        def dump_to_str(self, obj, **kwargs):
            return '\n'.join(obj)

    fileio.dump(['a', 'b'], tmp_path / 'x.rows')
    assert fileio.load(tmp_path / 'x.rows') == ['a', 'b'] == fileio.load(tmp_path / 'x.rows', file_format='lines')
    handler = Rows()
    handler.dump_to_path(['c'], tmp_path / 'y')
    assert handler.load_from_path(tmp_path / 'y') == ['c']
    with pytest.raises(TypeError, match='file_formats'):
        fileio.register_handler(3)
    with pytest.raises(TypeError, match='BaseFileHandler'):
        fileio.register_handler('x')(dict)


def test_lists_and_dicts_from_text(tmp_path: Path) -> None:
    path = tmp_path / 'a.txt'
    path.write_bytes(b'a\r\nb \n c\n\nd\x0be')
    assert fileio.list_from_file(path) == ['a', 'b ', ' c', '', 'd\x0be']
    assert fileio.list_from_file(path, prefix='p/', offset=1, max_num=2) == ['p/b ', 'p/ c']
    assert fileio.list_from_file(path, offset=9) == []
    path.write_text('1 cat\n2 dog cow\n')
    assert fileio.dict_from_file(path) == {'1': 'cat', '2': ['dog', 'cow']}
    assert fileio.dict_from_file(path, key_type=int)[2] == ['dog', 'cow']
    path.write_text('1 cat\n2\n')
    with pytest.raises(DataError, match="line 2: .*'2'"):
        fileio.dict_from_file(path)
