"""Loading, merging, variables, writing back."""

from __future__ import annotations

import argparse
import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmengine.config import Config, ConfigDict, DictAction
from mmengine.config.pretty import format_config
from mmengine.utils.errors import ConfigError


@pytest.fixture
def files(tmp_path: Path):
    def write(**texts: str) -> Path:
        for name, text in texts.items():
            path = tmp_path / name.replace('__', '/').replace('_py', '.py').replace('_json', '.json').replace(
                '_yaml', '.yaml'
            ).replace('_toml', '.toml')
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


def load(path: Path) -> dict:
    return Config.fromfile(path).to_dict()


def test_bases_are_merged_key_by_key(files: Any) -> None:
    folder = files(
        base_py="model = dict(type='A', head=dict(n=1, m=2))\nitems = [1, 2]\n",
        child_py="_base_ = 'base.py'\nmodel = dict(head=dict(n=5))\nitems = [3]\n",
    )
    assert load(folder / 'child.py') == {'model': {'type': 'A', 'head': {'n': 5, 'm': 2}}, 'items': [3]}


def test_delete_drops_what_the_base_had(files: Any) -> None:
    folder = files(
        base_py="opt = dict(type='SGD', momentum=0.9)\n",
        child_py="_base_ = ['base.py']\nopt = dict(_delete_=True, type='Adam')\n",
    )
    assert load(folder / 'child.py') == {'opt': {'type': 'Adam'}}


def test_base_variables_in_both_spellings(files: Any) -> None:
    folder = files(
        base_py='size = (512, 256)\nnested = dict(x=[1, dict(y=2)])\n',
        new_py="_base_ = 'base.py'\na = _base_.size\nb = _base_.nested.x[1].y + 1\n",
        old_py="_base_ = 'base.py'\na = {{_base_.size}}\nb = {{ _base_.nested.x.1.y }}\n",
    )
    assert load(folder / 'new.py') == {'size': (512, 256), 'nested': {'x': [1, {'y': 2}]}, 'a': (512, 256), 'b': 3}
    assert load(folder / 'old.py')['a'] == (512, 256) and load(folder / 'old.py')['b'] == 2


def test_what_is_changed_through_base_changes_the_base(files: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # Configs of the ecosystem write `_base_.optim_wrapper.optimizer.lr = ...`.
    folder = files(
        base_py='steps = [dict(a=1, b=1)]\nlr = dict(x=1)\nold = 1\n',
        child_py="_base_ = 'base.py'\n_base_.steps[0].a = 2\n_base_.steps.append(3)\ndel _base_.old\nlr = dict(y=2)\n"
        '_base_.lr.update(z=3)\n',
    )
    monkeypatch.chdir(folder)
    cfg = Config.fromfile('child.py')
    assert cfg.to_dict() == {'steps': [{'a': 2, 'b': 1}, 3], 'lr': {'x': 1, 'y': 2, 'z': 3}}
    assert str(cfg.origin('steps.0.a')) == 'child.py:2' and str(cfg.origin('steps.0.a').overrides) == 'base.py:1'
    assert str(cfg.origin('steps.0.b')) == 'base.py:1' and str(cfg.origin('lr.z')) == 'child.py'


def test_a_value_taken_from_a_base_is_one_of_its_own_afterwards(files: Any) -> None:
    folder = files(base_py='steps = [dict(a=1)]\n', child_py="_base_ = 'base.py'\nmine = _base_.steps\n")
    cfg = Config.fromfile(folder / 'child.py')
    cfg.mine[0].a = 2
    assert cfg.steps[0].a == 1


def test_base_variables_compute_and_stand_in_strings(files: Any) -> None:
    folder = files(
        base_py="n = 3\npath = '/data'\n",
        a_py="_base_ = 'base.py'\nm = {{_base_.n}} * 2\ntext = 'x{{ _base_.n }}y'\nroot = '{{_base_.path}}/z'\n",
        b_json='{"_base_": "base.py", "m": "{{_base_.n}}", "root": "{{_base_.path}}/z"}',
    )
    assert load(folder / 'a.py') == {'n': 3, 'path': '/data', 'm': 6, 'text': 'x3y', 'root': '/data/z'}
    assert load(folder / 'b.json') == {'n': 3, 'path': '/data', 'm': 3, 'root': '/data/z'}


def test_configs_run_code(files: Any) -> None:
    folder = files(
        a_py=(
            'import os.path as osp\nfrom functools import partial\n\n'
            'def double(x):\n    return 2 * x\n\n'
            'values = [double(i) for i in range(3)]\n'
            "name = osp.join('a', 'b')\n"
            'table = {}\nfor key in "xy":\n    table[key] = dict(k=key)\n'
            'del key\n'
        )
    )
    assert load(folder / 'a.py') == {
        'values': [0, 2, 4],
        'name': 'a/b',
        'table': {'x': {'k': 'x'}, 'y': {'k': 'y'}},
    } | {k: v for k, v in load(folder / 'a.py').items() if k == 'partial'}


def test_predefined_and_environment_variables(files: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('MY_ROOT', '/data')
    folder = files(
        a_py="name = '{{ fileBasenameNoExtension }}{{fileExtname}}'\n"
        "root = '{{$MY_ROOT:none}}/x'\nother = '{{$NOT_SET:5}}'\n"
    )
    cfg = Config.fromfile(folder / 'a.py')
    assert (cfg.name, cfg.root, cfg.other) == ('a.py', '/data/x', '5')
    assert cfg.env_variables == {'MY_ROOT': '/data', 'NOT_SET': '5'}


@pytest.mark.parametrize(
    ('name', 'text'),
    [
        ('a_json', '{"_base_": "base.py", "model": {"n": 2}}'),
        ('a_yaml', '_base_: base.py\nmodel:\n  n: 2\n'),
        ('a_toml', '_base_ = "base.py"\n[model]\nn = 2\n'),
    ],
)
def test_formats_mix_in_a_chain(files: Any, name: str, text: str) -> None:
    folder = files(base_py='model = dict(m=1, n=1)\n', **{name: text})
    assert load(folder / name.replace('_', '.')) == {'model': {'m': 1, 'n': 2}}


def test_merge_from_dict_indexes_lists(files: Any) -> None:
    folder = files(a_py='pipeline = [dict(type="A"), dict(type="B", k=1)]\nlr = dict(x=dict(y=1))\n')
    cfg = Config.fromfile(folder / 'a.py')
    cfg.merge_from_dict({'pipeline.1.k': 5, 'lr.x.z': 2, 'new.key': 'v'})
    assert cfg.pipeline[1].k == 5 and cfg.lr.x == {'y': 1, 'z': 2} and cfg.new.key == 'v'
    with pytest.raises(ConfigError, match='index 7 is beyond the list of 2'):
        cfg.merge_from_dict({'pipeline.7.k': 5})


# ---------------------------------------------------------------------------------------------------------- origins


def test_every_value_knows_file_and_line(files: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = files(
        base_py="norm = dict(\n    type='BN',\n    eps=1e-5)\nmodel = dict(\n    backbone=dict(depth=50, norm=norm))\n",
        child_py="_base_ = 'base.py'\n\nmodel = dict(\n    backbone=dict(\n        depth=18))\nmodel['late'] = 3\n",
    )
    monkeypatch.chdir(folder)
    cfg = Config.fromfile('child.py')
    assert str(cfg.origin('model.backbone.depth')) == 'child.py:5'
    assert str(cfg.origin('model.backbone.depth').overrides) == 'base.py:5'
    assert str(cfg.origin('model.backbone.norm.eps')) == 'base.py:3'
    assert str(cfg.origin('model.late')) == 'child.py:6'
    cfg.merge_from_dict({'model.backbone.depth': 34})
    origin = cfg.origin('model.backbone.depth')
    assert [str(origin), str(origin.overrides), str(origin.overrides.overrides)] == [
        '--cfg-options',
        'child.py:5',
        'base.py:5',
    ]
    for clone in (copy.deepcopy(cfg), pickle.loads(pickle.dumps(cfg)), cfg.copy()):
        assert clone.origin('model.backbone.norm.eps') == cfg.origin('model.backbone.norm.eps')
        assert clone.to_dict() == cfg.to_dict()


# ----------------------------------------------------------------------------------------------------------- errors


def test_a_missing_base_names_file_line_and_what_is_near(files: Any) -> None:
    folder = files(base_py='a = 1\n', child_py="x = 1\n_base_ = [\n    'bace.py']\n")
    with pytest.raises(ConfigError, match=r'bace\.py; near it there are base\.py(.|\n)*child\.py:3'):
        load(folder / 'child.py')
    with pytest.raises(FileNotFoundError):
        load(folder / 'child.py')


def test_bases_in_a_circle(files: Any) -> None:
    folder = files(a_py="_base_ = 'b.py'\n", b_py="_base_ = 'a.py'\n")
    with pytest.raises(ConfigError, match=r'circle: .*a\.py -> .*b\.py -> .*a\.py'):
        load(folder / 'a.py')


def test_a_key_that_two_bases_set(files: Any) -> None:
    folder = files(a_py='x = 1\n', b_py='\nx = 2\n', c_py="_base_ = ['a.py', 'b.py']\n")
    with pytest.raises(ConfigError, match=r"both set 'x': .*a\.py:1 and .*b\.py:2"):
        load(folder / 'c.py')


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('a = 1\nb = (\n', r'a\.py:2: '),
        ('a = 1\nb = a / 0\n', r'a\.py:2: ZeroDivisionError'),
        ('import nothing_of_this_name\n', r'a\.py:1: ModuleNotFoundError'),
        ('with read_base():\n    from .b import *\n', 'read_base'),
    ],
)
def test_what_is_broken_is_named_by_line(files: Any, text: str, message: str) -> None:
    folder = files(a_py=text)
    with pytest.raises(ConfigError, match=message):
        load(folder / 'a.py')


def test_merging_into_what_is_no_dict(files: Any) -> None:
    folder = files(a_py='x = 5\n', b_py="_base_ = 'a.py'\nx = dict(y=1)\n")
    with pytest.raises(ConfigError, match=r'_delete_=True') as info:
        load(folder / 'b.py')
    assert 'b.py:2' in str(info.value) and 'a.py:1' in str(info.value)


@pytest.mark.parametrize(
    ('module', 'message'),
    [
        ('not_there_at_all', r'ModuleNotFoundError: No module named .not_there_at_all'),
        ('broken', r'ZeroDivisionError: division by zero'),
    ],
)
def test_custom_imports_begin_with_the_root_cause(files: Any, module: str, message: str) -> None:
    folder = files(a_py=f"x = 1\ncustom_imports = dict(\n    imports=['{module}'])\n", broken_py='1 / 0\n')
    with pytest.raises(ConfigError, match=message) as info:
        load(folder / 'a.py')
    assert str(info.value).startswith(message.split(':')[0]) and 'a.py:3' in str(info.value)


def test_the_folder_of_the_config_is_importable(files: Any) -> None:
    folder = files(
        a_py="custom_imports = dict(imports=['unique_module_of_this_test'])\n", unique_module_of_this_test_py='x = 1\n'
    )
    load(folder / 'a.py')


def test_missing_attributes_name_what_is_near() -> None:
    cfg = ConfigDict(optimizer=1)
    with pytest.raises(AttributeError, match="did you mean 'optimizer'"):
        _ = cfg.optimzer
    with pytest.raises(KeyError, match='optimizer'):
        _ = cfg['optimzer']
    assert cfg.get('optimzer') is None


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

    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    value = 'word' if value in ('true', 'false', 'none') else value
    assert parser.parse_args(['--cfg-options', f'a.b={text(value)}']).cfg_options == {'a.b': value}
