"""Loading, merging, variables, writing back."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest

from mmengine.config import Config, ConfigDict, where
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
    assert str(cfg.origin('steps.0.b')) == 'base.py:1' and str(cfg.origin('lr.z')) == 'child.py:6'


def test_a_value_taken_from_a_base_is_one_of_its_own_afterwards(files: Any) -> None:
    folder = files(base_py='steps = [dict(a=1)]\n', child_py="_base_ = 'base.py'\nmine = _base_.steps\n")
    cfg = Config.fromfile(folder / 'child.py')
    cfg.mine[0].a = 2
    assert cfg.steps[0].a == 1


def test_base_variables_compute_and_stand_in_strings(files: Any) -> None:
    folder = files(
        base_py="n = 3\npath = '/data'\n",
        a_py="_base_ = 'base.py'\nm = {{_base_.n}} * 2\nword = 'x{{ _base_.n }}y'\nroot = '{{_base_.path}}/z'\n",
        b_json='{"_base_": "base.py", "m": "{{_base_.n}}", "root": "{{_base_.path}}/z"}',
    )
    assert load(folder / 'a.py') == {'n': 3, 'path': '/data', 'm': 6, 'word': 'x3y', 'root': '/data/z'}
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
        ('_base_ = []\nimport nothing_of_this_name\n', r'a\.py:2: ModuleNotFoundError'),
        ('with read_base():\n    from .b import *\n', r'b\.py(.|\n)*from .b import .* at .*a\.py:2'),
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


def test_an_environment_variable_without_a_value(files: Any) -> None:
    folder = files(a_py="x = 1\ny = '{{$SURELY_NOT_SET:}}'\n")
    with pytest.raises(ConfigError, match=r'SURELY_NOT_SET is not set, and .*a\.py:2 gives it no default'):
        load(folder / 'a.py')


def test_a_base_that_is_set_in_a_branch_is_refused(files: Any) -> None:
    folder = files(base_py='x = 1\n', a_py="if True:\n    _base_ = 'base.py'\n")
    with pytest.raises(ConfigError, match='_base_ should be assigned once, at the top level'):
        load(folder / 'a.py')


def test_a_base_variable_that_no_base_sets(files: Any) -> None:
    folder = files(base_py='x = 1\n', a_py="_base_ = 'base.py'\ny = {{_base_.z.w}}\n")
    with pytest.raises(ConfigError, match=r'_base_\.z\.w.* is not set by any base'):
        load(folder / 'a.py')


@pytest.mark.parametrize(('suffix', 'text'), [('json', '{"a": 1,\n "b": }'), ('yaml', 'a: 1\nb: [\n')])
def test_broken_data_is_named_by_line(tmp_path: Path, suffix: str, text: str) -> None:
    path = tmp_path / f'a.{suffix}'
    path.write_text(text)
    with pytest.raises(ConfigError, match=rf'a\.{suffix}:[23] cannot be read'):
        load(path)


@pytest.mark.parametrize('key', ['filename', 'text', 'pretty_text', 'env_variables'])
def test_reserved_keys(files: Any, key: str) -> None:
    folder = files(a_py=f'x = 1\n{key} = 2\n')
    with pytest.raises(KeyError, match=rf'{key} is an attribute of every config.*a\.py:2'):
        load(folder / 'a.py')


# ---------------------------------------------------------------------------------------------- packages and strings


@pytest.mark.parametrize('place', ['inside/.mim/configs', 'inside/.mim', 'inside/configs', 'checkout'])
def test_bases_of_other_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    name = f'package_with_configs_{place.replace("/", "_").replace(".", "_")}'
    package = tmp_path / 'src' / name
    package.mkdir(parents=True)
    (package / '__init__.py').touch()
    folder = tmp_path / 'configs' if place == 'checkout' else package / place.removeprefix('inside/')
    (folder / 'sub').mkdir(parents=True)
    (folder / 'sub/base.py').write_text('x = 1\n')
    (tmp_path / 'a.py').write_text(f"_base_ = '{name}::sub/base.py'\n")
    monkeypatch.syspath_prepend(str(tmp_path / 'src'))
    assert load(tmp_path / 'a.py') == {'x': 1}
    (tmp_path / 'a.py').write_text(f"_base_ = ['{name}::sub/bace.py']\n")
    with pytest.raises(ConfigError, match=r'near it there are base\.py'):
        load(tmp_path / 'a.py')
    (tmp_path / 'a.py').write_text("_base_ = 'no_such_package_here::base.py'\n")
    with pytest.raises(ConfigError, match='is not installed'):
        load(tmp_path / 'a.py')


def test_bases_of_a_linked_config_lie_beside_the_link(tmp_path: Path) -> None:
    (tmp_path / 'there').mkdir()
    (tmp_path / 'there/a.py').write_text("_base_ = 'base.py'\nfolder = '{{fileDirname}}'\n")
    (tmp_path / 'base.py').write_text('x = 1\n')
    (tmp_path / 'a.py').symlink_to(tmp_path / 'there/a.py')
    assert load(tmp_path / 'a.py') == {'x': 1, 'folder': tmp_path.as_posix()}


def test_strings_are_loaded_without_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'base.py').write_text('x = 1\n')
    cfg = Config.fromstring("_base_ = 'base.py'\ny = _base_.x + 1\n", '.py')
    assert cfg.to_dict() == {'x': 1, 'y': 2} and cfg.filename is None
    assert Config.fromstring('{"a": [1]}', '.json').a == [1]
    with pytest.raises(OSError, match='file_format'):
        Config.fromstring('a', '.xyz')
    with pytest.raises(ConfigError, match=r'<string>\.py:1: '):
        Config.fromstring('a = (', '.py')


def test_loading_leaves_no_trace(files: Any) -> None:
    import sys

    folder = files(base_py='x = 1\n', a_py="_base_ = 'base.py'\ny = 2\n")
    modules, path, listing = set(sys.modules), list(sys.path), sorted(folder.iterdir())
    load(folder / 'a.py')
    assert (set(sys.modules), sys.path, sorted(folder.iterdir())) == (modules, path, listing)


# ---------------------------------------------------------------------------------------------------------- as a dict


def test_config_dict_is_a_dict() -> None:
    cfg = ConfigDict({'a': {'b': 1}, 'c': [{'d': 2}]}, e=({'f': 3},))
    assert (cfg.a.b, cfg.c[0].d, cfg.e[0].f) == (1, 2, 3)
    cfg.new = {'x': {'y': 1}}
    assert isinstance(cfg.new.x, ConfigDict) and type(cfg.to_dict()['new']['x']) is dict
    assert cfg == cfg.to_dict() and isinstance(cfg, dict)
    assert cfg.pop('nothing') is None and cfg.pop('nothing', 5) == 5 and cfg.pop('new') == {'x': {'y': 1}}
    assert cfg.setdefault('s', {'t': 1}).t == 1 and isinstance(cfg | {'u': {}}, ConfigDict)
    cfg.merge({'a': {'c': 2}, 'v': 1})
    assert cfg.a == {'b': 1, 'c': 2} and cfg.v == 1
    with pytest.raises(AttributeError):
        _ = ConfigDict().anything.below
    assert not hasattr(cfg, 'nothing')


def test_copies() -> None:
    cfg = Config({'a': {'b': [1]}, 'c': [1]})
    shallow, deep = cfg.copy(), copy.deepcopy(cfg)
    cfg.a.b.append(2)
    cfg.c.append(2)
    assert shallow.a.b == [1, 2] and deep.a.b == [1]  # dicts are shared by a shallow copy,
    assert shallow.c == [1]  # lists beside them are not


def test_what_is_set_after_loading_says_so(files: Any) -> None:
    cfg = Config.fromfile(files(a_py='optimizer = dict(\n    lr=1)\n') / 'a.py')
    cfg.optimizer.lr = 2
    origin = cfg.origin('optimizer.lr')
    assert origin is not None and str(origin) == 'set in code' and origin.overrides is not None
    assert origin.overrides.line == 2 and where(cfg.optimizer, 'lr') == 'optimizer.lr (set in code)'


def test_entries_of_lists_that_options_change(files: Any) -> None:
    cfg = Config.fromfile(files(a_py='steps = [1,\n    dict(a=1, b=1)]\n') / 'a.py')
    cfg.merge_from_dict({'steps.0': 5, 'steps.1.a': 6, 'new': {'deep': {'x': 1}}})
    assert cfg.to_dict() == {'steps': [5, {'a': 6, 'b': 1}], 'new': {'deep': {'x': 1}}}
    assert [str(cfg.origin(k)) for k in ('steps.0', 'steps.1.a', 'new.deep.x')] == ['--cfg-options'] * 3
    assert str(cfg.origin('steps.1.b')).endswith('a.py:2')
    with pytest.raises(ConfigError, match=r'at steps\.7 \(--cfg-options\)'):
        cfg.merge_from_dict({'steps.7': 5})


def test_keys_that_hold_dots_have_origins(files: Any) -> None:
    cfg = Config.fromfile(files(a_py="keys = {\n'a': dict(x=1),\n'a.b': dict(\nx=2)}\n") / 'a.py')
    assert [cfg.origin(k).line for k in ('keys.a.x', 'keys.a.b', 'keys.a.b.x')] == [2, 3, 4]


def test_lines_of_data_files(files: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = files(
        a_yaml='model:\n  head:\n    type: A\n  tail:\n    type: B\nsteps:\n  - type: C\n',
        b_json='{"model": {\n  "head": {"type": "A"},\n  "tail": {\n    "type": "B"}}}',
        c_toml='[model]\nx = 1\n[model.head]\ny = 2\n',
    )
    monkeypatch.chdir(folder)
    cfg = Config.fromfile('a.yaml')
    assert [cfg.origin(k).line for k in ('model.head.type', 'model.tail.type', 'steps.0.type')] == [3, 5, 7]
    cfg = Config.fromfile('b.json')
    assert [cfg.origin(k).line for k in ('model.head.type', 'model.tail', 'model.tail.type')] == [2, 3, 4]
    assert Config.fromfile('c.toml').origin('model.head.y').line == 4
    with pytest.raises(KeyError):
        cfg.origin('model.nothing')


def test_auto_argparser(files: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = files(a_py="lr = 0.1\nopt = dict(name='x', steps=[1, 2])\nflag = False\nd = [dict(a=1)]\n")
    line = ['prog', str(folder / 'a.py'), '--lr', '0.5', '--opt.steps', '3', '4']
    monkeypatch.setattr('sys.argv', line)
    parser, cfg = Config.auto_argparser()
    args = parser.parse_args()
    assert args.lr == 0.5 and getattr(args, 'opt.steps') == [3, 4] and cfg.lr == 0.1


def test_diff(files: Any) -> None:
    folder = files(a_py='x = 1\ny = 2\n', b_py='x = 1\ny = 3\n')
    lines = Config.diff(str(folder / 'a.py'), Config.fromfile(folder / 'b.py')).splitlines()
    assert '-y = 2' in lines and '+y = 3' in lines and '-x = 1' not in lines
    assert Config.diff(folder / 'a.py', folder / 'a.py') == ''


def test_base_variables_in_comments_are_not_asked_for(files: Any) -> None:
    folder = files(a_py='# x = {{_base_.nothing}}\ny = 1\n', b_yaml='# x: {{_base_.nothing}}\ny: 1\n')
    assert load(folder / 'a.py') == load(folder / 'b.yaml') == {'y': 1}
