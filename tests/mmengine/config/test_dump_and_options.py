"""Writing configs back, options of the command line, and what holds for all configs."""

from __future__ import annotations

import argparse
import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmengine.config import Config, ConfigDict, DictAction
from mmengine.config.merge import merge
from mmengine.config.pretty import format_config
from mmengine.utils.errors import ConfigError


def load(path: Path) -> dict:
    return Config.fromfile(path).to_dict()


@pytest.mark.parametrize('suffix', ['py', 'json', 'yaml'])
def test_dumped_files_load_again(tmp_path: Path, suffix: str) -> None:
    values = {'a': {'b': [1, {'c': 1e-5}]}, 'text_': '{{fileBasename}}' if suffix == 'py' else 'x', 'e': None}
    if suffix != 'json':
        values['t'] = ((1, (2,)), {'u': (3,)})
    Config(copy.deepcopy(values)).dump(tmp_path / f'o.{suffix}')
    assert load(tmp_path / f'o.{suffix}') == values


def test_classes_and_functions_are_dumped_as_imports(tmp_path: Path) -> None:
    from collections import Counter

    values = {'x': {'type': Counter, 'f': copy.copy, 'b': int}, 'class': 1, 'a-b': {'c d': 2}}
    Config(values).dump(tmp_path / 'o.py')
    assert load(tmp_path / 'o.py') == values


def test_what_cannot_be_written_as_code_is_written_as_text(tmp_path: Path) -> None:
    Config({'x': lambda: 0, 'y': float('inf')}).dump(tmp_path / 'o.py')
    loaded = load(tmp_path / 'o.py')
    assert loaded['x'].startswith('<function') and loaded['y'] == float('inf')
    with pytest.raises(ConfigError, match='o.txt'):
        Config({'x': 1}).dump(tmp_path / 'o.txt')


@pytest.mark.parametrize(
    ('text', 'value'),
    [
        ('1', 1), ('-1', -1), ('1e-3', 1e-3), ('true', True), ('False', False), ('None', None), ('none', 'none'),
        ('word', 'word'), ('"1"', '1'), ("'a,b'", 'a,b'), ('"[1]"', '[1]'), ('1,2', [1, 2]),
        ('1,', [1]), ('(1,)', (1,)),
        ('[(1,2),[3]]', [(1, 2), [3]]), ('[]', []), ('()', ()), ("['x y',None]", ['x y', None]), ('b=c', 'b=c'),
        ("it's,here", ["it's", 'here']), ('', ''), ('((1,2),(3,4))', ((1, 2), (3, 4))),
    ],
)  # fmt: skip
def test_dict_action_by_example(text: str, value: Any) -> None:
    assert options(f'k={text}') == {'k': value}


def test_dict_action_over_several_options() -> None:
    assert options('a=1', 'b.c=2', 'a=3') == {'a': 3, 'b.c': 2}
    assert options('a=1', '--cfg-options', 'b=2') == {'a': 1, 'b': 2}


@pytest.mark.parametrize(('text', 'message'), [('a', 'KEY=VALUE'), ('a=[1', 'brackets'), ('a=1)', 'brackets')])
def test_dict_action_refuses(text: str, message: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        options(text)
    assert message in capsys.readouterr().err


def options(*texts: str) -> dict:
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    return parser.parse_args(['--cfg-options', *texts]).cfg_options


# -------------------------------------------------------------------------------------------------------- properties

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)
names = st.from_regex(r'[a-z][a-z0-9]{0,4}', fullmatch=True).filter(lambda n: n not in ('as', 'if', 'in', 'is', 'or'))


def same(a: Any, b: Any) -> bool:
    return repr(a) == repr(b)  # NaN is not equal to itself


@settings(deadline=None, max_examples=150)
@given(st.dictionaries(names, trees, max_size=4))
def test_what_is_dumped_loads_as_it_was(values: dict) -> None:
    cfg = Config(copy.deepcopy(values))
    namespace: dict = {}
    exec(format_config(cfg.to_dict()), namespace)
    assert same({k: namespace[k] for k in values}, values)
    assert type(cfg.to_dict()) is dict and same(cfg.to_dict(), values)


@settings(deadline=None, max_examples=100)
@given(
    st.recursive(
        st.integers() | st.booleans() | st.none() | st.from_regex(r'[a-z]{4,6}', fullmatch=True),
        lambda x: st.lists(x, min_size=1, max_size=3) | st.lists(x, min_size=1, max_size=3).map(tuple),
        max_leaves=8,
    )
)
def test_dict_action_reads_what_it_is_given(value: Any) -> None:
    def text(v: Any) -> str:
        if isinstance(v, list):
            return f'[{",".join(map(text, v))}]'
        if isinstance(v, tuple):
            return f'({",".join(map(text, v))}{"," if len(v) == 1 else ""})'
        return str(v)

    value = 'word' if value in ('true', 'false') else value
    assert options(f'a.b={text(value)}') == {'a.b': value}


keys = st.sampled_from(['a', 'b', 'c'])
nested = st.recursive(st.integers(0, 9), lambda x: st.dictionaries(keys, x, max_size=3), max_leaves=8)
dicts = st.dictionaries(keys, nested, max_size=3)


def compatible(child: Any, base: Any) -> bool:
    """Whether no dict is merged into what is none."""
    for key in child.keys() & base.keys():
        if isinstance(child[key], dict) and not (isinstance(base[key], dict) and compatible(child[key], base[key])):
            return False
    return True


def merged_plainly(child: dict, base: dict) -> dict:
    result = dict(base)
    for key, value in child.items():
        result[key] = merged_plainly(value, base[key]) if isinstance(value, dict) and key in base else value
    return result


@settings(deadline=None, max_examples=200)
@given(dicts, dicts)
def test_merging_is_the_plain_recursion(child: dict, base: dict) -> None:
    one, two = Config(copy.deepcopy(child))._cfg_dict, Config(copy.deepcopy(base))._cfg_dict
    if not compatible(child, base):
        with pytest.raises(ConfigError):
            merge(one, two)
        return
    assert merge(one, two) == merged_plainly(child, base)
    assert one == child and two == base  # neither is changed
    deleting = {**copy.deepcopy(child), '_delete_': True}
    assert merge(ConfigDict(x=deleting), ConfigDict(x=base)) == {'x': child}
