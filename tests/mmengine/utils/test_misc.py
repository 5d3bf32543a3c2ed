import sys
from collections import OrderedDict, namedtuple

import pytest

from mmengine.utils import (
    apply_to,
    concat_list,
    deprecated_api_warning,
    deprecated_function,
    get_object_from_string,
    has_method,
    import_modules_from_strings,
    is_list_of,
    is_method_overridden,
    is_seq_of,
    is_str,
    is_tuple_of,
    iter_cast,
    list_cast,
    requires_executable,
    requires_package,
    slice_list,
    to_2tuple,
    to_ntuple,
    tuple_cast,
)


def test_tuples_of_scalars_and_unchanged_iterables() -> None:
    assert to_2tuple(3) == (3, 3)
    assert to_2tuple([1, 2, 3]) == [1, 2, 3]
    assert to_2tuple('ab') == 'ab'
    assert to_ntuple(5)(0) == (0,) * 5


def test_types_of_sequences() -> None:
    assert is_str('a') and not is_str(b'a')
    assert is_seq_of([1, 'a'], (int, str)) and is_seq_of([], int) and not is_seq_of(1, int)
    assert is_list_of([1.0], float) and not is_list_of((1.0,), float)
    assert is_tuple_of((1,), int) and not is_tuple_of([1], int)


def test_casts() -> None:
    assert list_cast((1, 2), str) == ['1', '2']
    assert tuple_cast(['1'], int) == (1,)
    assert next(iter_cast('12', int)) == 1
    with pytest.raises(TypeError, match='iterable'):
        iter_cast(1, int)
    with pytest.raises(TypeError, match='dst_type'):
        list_cast([1], 'int')


def test_slice_list_is_the_inverse_of_concat_list() -> None:
    parts = [[1], [], [2, 3]]
    assert slice_list(concat_list(parts), [1, 0, 2]) == parts
    assert slice_list([1, 2, 3, 4], 2) == [[1, 2], [3, 4]]
    for lens in (3, [1, 1], 0):
        with pytest.raises(ValueError):
            slice_list([1, 2, 3, 4], lens)
    with pytest.raises(TypeError):
        slice_list([1], 'a')


def test_apply_to_rebuilds_containers() -> None:
    Pair = namedtuple('Pair', 'a b')
    data = OrderedDict(x=[1, (2, 'y')], z=Pair(3, None))
    result = apply_to(data, lambda item: isinstance(item, int), lambda item: item + 1)
    assert result == OrderedDict(x=[2, (3, 'y')], z=Pair(4, None))
    assert type(result) is OrderedDict and type(result['z']) is Pair
    assert data['x'][0] == 1


def test_import_modules() -> None:
    import os.path

    assert import_modules_from_strings('os.path') is os.path
    assert import_modules_from_strings(['os.path', 'sys']) == [os.path, sys]
    assert import_modules_from_strings([]) is None
    with pytest.raises(ImportError, match="no module 'no_such_module' on sys.path"):
        import_modules_from_strings(['no_such_module.sub'])
    with pytest.warns(UserWarning, match='no_such_module'):
        assert import_modules_from_strings(['no_such_module'], allow_failed_imports=True) == [None]
    with pytest.raises(TypeError):
        import_modules_from_strings([3])


def test_import_modules_names_the_root_cause(tmp_path, monkeypatch) -> None:
    (tmp_path / 'mine_that_needs_more.py').write_text('import absent_dependency')
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ImportError, match='mine_that_needs_more: it was found.*absent_dependency'):
        import_modules_from_strings('mine_that_needs_more')


def test_get_object_from_string() -> None:
    import os.path

    assert get_object_from_string('os.path.join') is os.path.join
    assert get_object_from_string('collections.OrderedDict.keys') is OrderedDict.keys
    assert get_object_from_string('os.no_such') is None
    assert get_object_from_string('no_such.os') is None


def test_methods() -> None:
    class Base:
        def run(self) -> None: ...

    class Child(Base):
        def run(self) -> None: ...

    assert is_method_overridden('run', Base, Child) and is_method_overridden('run', Base, Child())
    assert not is_method_overridden('run', Base, Base)
    assert has_method(Child(), 'run') and not has_method(Child(), 'walk')
    with pytest.raises(TypeError, match='class'):
        is_method_overridden('run', Base(), Child)


def test_deprecated_argument_names() -> None:
    @deprecated_api_warning({'old': 'new'}, cls_name='Thing')
    def func(new: int) -> int:
        return new

    assert func(new=1) == 1
    with pytest.warns(DeprecationWarning, match="'old' of Thing.func is now named 'new'"):
        assert func(old=2) == 2
    with pytest.raises(TypeError, match='give only'):
        func(old=1, new=2)


def test_deprecated_function() -> None:
    @deprecated_function('1.0', '2.0', 'use g')
    def func() -> int:
        """Doc."""
        return 3

    with pytest.warns(DeprecationWarning, match='1.0.*2.0.*use g'):
        assert func() == 3
    assert 'deprecated:: 1.0' in func.__doc__ and 'Doc.' in func.__doc__


def test_prerequisites() -> None:
    @requires_package(['os', 'no_such_package'])
    def func() -> None: ...

    @requires_executable('no_such_command')
    def command() -> None: ...

    with pytest.raises(RuntimeError, match='"no_such_package" is required by "func"'):
        func()
    with pytest.raises(RuntimeError, match='no_such_command'):
        command()
    assert requires_package('numpy')(lambda: 1)() == 1
