"""Forms that configs take: lists of bases, chains, tables of data formats, options into lists."""

from __future__ import annotations

import argparse
import copy
import pickle
from pathlib import Path
from typing import Any

import pytest

from mmengine.config import Config, ConfigDict, DictAction
from mmengine.utils.errors import ConfigError


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def test_a_chain_of_lists_of_bases(tmp_path: Path) -> None:
    write(tmp_path, '_base_/deep/root.py', 'a = dict(x=1, y=dict(z=1))\n')
    write(tmp_path, '_base_/one.py', "_base_ = ['deep/root.py']\na = dict(x=2)\n")
    write(tmp_path, '_base_/two.json', '{"b": {"x": 1}}')
    path = write(tmp_path, 'sub/c.py', "_base_ = ('../_base_/one.py', '../_base_/two.json')\na = dict(y=dict(w=3))\n")
    cfg = Config.fromfile(path)
    assert cfg.to_dict() == {'a': {'x': 2, 'y': {'z': 1, 'w': 3}}, 'b': {'x': 1}}
    assert [o.file.rpartition('/')[2] for o in (cfg.origin('a.x'), cfg.origin('a.x').overrides)] == [
        'one.py',
        'root.py',
    ]


def test_delete_in_every_format_and_in_depth(tmp_path: Path) -> None:
    write(tmp_path, 'base.py', 'm = dict(a=dict(x=1, y=2), b=dict(x=1), keep=1)\n')
    children = {
        'c.py': "_base_ = 'base.py'\nm = dict(a=dict(_delete_=True, z=3), b=dict(y=2))\n",
        'c.json': '{"_base_": "base.py", "m": {"a": {"_delete_": true, "z": 3}, "b": {"y": 2}}}',
        'c.yml': '_base_: base.py\nm: {a: {_delete_: true, z: 3}, b: {y: 2}}\n',
        'c.toml': '_base_ = "base.py"\n[m.a]\n_delete_ = true\nz = 3\n[m.b]\ny = 2\n',
    }
    for name, text in children.items():
        cfg = Config.fromfile(write(tmp_path, name, text))
        assert cfg.to_dict() == {'m': {'a': {'z': 3}, 'b': {'x': 1, 'y': 2}, 'keep': 1}}, name
        overridden = cfg.origin('m.a').overrides
        assert overridden is not None and overridden.file.endswith('base.py'), name


def test_options_reach_into_lists_and_delete(tmp_path: Path) -> None:
    cfg = Config.fromfile(
        write(tmp_path, 'a.py', 'p = [dict(type="A", k=(1, 2)), [dict(q=1)]]\nm = dict(x=dict(y=1))\n')
    )
    cfg.merge_from_dict({'p.0.k': [3], 'p.1.0.q': 2, 'm.x': {'_delete_': True, 'w': 0}})
    assert cfg.to_dict() == {'p': [{'type': 'A', 'k': [3]}, [{'q': 2}]], 'm': {'x': {'w': 0}}}
    with pytest.raises(ConfigError, match='indexed by numbers'):
        cfg.merge_from_dict({'p.first.k': 1})
    with pytest.raises(ConfigError):
        cfg.merge_from_dict({'p.0.k': 1}, allow_list_keys=False)
    assert cfg.p[0].k == [3]


@pytest.mark.parametrize(
    ('text', 'suffix'),
    [("a = dict(b=(1, 'x'))", '.py'), ('{"a": {"b": [1, "x"]}}', '.json'), ('a:\n  b: [1, x]', '.yaml'), ('[a]\nb = [1, "x"]', '.toml')],
)  # fmt: skip
def test_strings_of_every_format(text: str, suffix: str) -> None:
    cfg = Config.fromstring(text, suffix)
    assert list(cfg.a.b) == [1, 'x'] and cfg.text == text and cfg.filename is None


def test_an_environment_variable_is_code_or_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('BATCH', '4')
    path = write(tmp_path, 'a.py', "n = {{$BATCH:2}} * 2\nt = {{'$BATCH:2'}}\nd = {{$ABSENT:7}}\n")
    cfg = Config.fromfile(path)
    assert (cfg.n, cfg.t, cfg.d) == (8, '4', 7) and cfg.env_variables == {'BATCH': '4', 'ABSENT': '7'}
    with pytest.raises(ConfigError):
        Config.fromfile(path, use_environment_variables=False)
    with pytest.raises(ConfigError, match='fileDirname|NameError|Syntax'):
        Config.fromfile(write(tmp_path, 'b.py', 'd = {{ fileDirname }}\n'), use_predefined_variables=False)


def test_values_keep_their_types_through_pickle_and_deep_copies(tmp_path: Path) -> None:
    path = write(
        tmp_path, 'a.py', 'from collections import Counter\nm = dict(t=Counter, k=[(1, dict(z=(2,)))])\ndel Counter\n'
    )
    cfg = Config.fromfile(path)
    for other in (pickle.loads(pickle.dumps(cfg)), copy.deepcopy(cfg)):
        assert other.to_dict() == cfg.to_dict() and isinstance(other.m.k[0][1], ConfigDict)
        assert (other.filename, other.text, other.origin('m.t')) == (cfg.filename, cfg.text, cfg.origin('m.t'))
        other.m.k[0][1].z = 5
        assert cfg.m.k[0][1].z == (2,)


def test_nested_lists_and_tuples_of_the_command_line() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    line = ['--cfg-options', 'a=[(1,[2,(3,)]),x]', 'b.0.c=((1,2),)', 'd=[[1,2],[3]]', 'e=(a,[b,1.5],None,true)']
    options: dict[str, Any] = parser.parse_args(line).cfg_options
    assert options == {
        'a': [(1, [2, (3,)]), 'x'],
        'b.0.c': ((1, 2),),
        'd': [[1, 2], [3]],
        'e': ('a', ['b', 1.5], None, True),
    }


def test_auto_argparser_of_nested_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, 'a.py', 'm = dict(x=dict(y=0.5), flag=False, s="a", none=None)\n')
    monkeypatch.setattr('sys.argv', ['prog', str(path), '--m.x.y', '1.5', '--m.flag'])
    parser, cfg = Config.auto_argparser('text')
    args = parser.parse_args()
    assert getattr(args, 'm.x.y') == 1.5 and getattr(args, 'm.flag') is True and getattr(args, 'm.s') is None
    cfg.merge_from_dict({k: v for k, v in vars(args).items() if k != 'config' and v is not None})
    assert cfg.m.x.y == 1.5 and cfg.m.flag is True


def test_imports_that_may_fail_are_said(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    text = "custom_imports = dict(imports=['surely_not_there', 'os'], allow_failed_imports=True)\n"
    Config.fromfile(write(tmp_path, 'a.py', text))
    assert "ModuleNotFoundError: No module named 'surely_not_there'" in capsys.readouterr().out
    with pytest.raises(ConfigError, match='custom_imports should be dict'):
        Config.fromfile(write(tmp_path, 'b.py', "custom_imports = ['os']\n"))
    assert Config.fromfile(write(tmp_path, 'c.py', text), import_custom_modules=False).custom_imports.imports[1] == 'os'
