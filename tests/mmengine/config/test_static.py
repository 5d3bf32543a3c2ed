"""Reading a config without running it."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmengine.config import Config
from mmengine.config.static import load_static
from mmengine.config.static_values import NotEvaluated
from mmengine.utils.errors import ConfigError


def write(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f'{name}.py').write_text(text)
    return folder / 'a.py'


def test_what_is_written_down_is_read_as_it_would_be_run(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        base="n = 3\nmodel = dict(type='A', head=dict(k=1, m=2))\npath = '/data'\nold = 1\n",
        a="""
_base_ = ['./base.py']
size = (2 * 128, -256 + 1)
name, other = f'{_base_.n:>3}|{size[0]!r}', 'x%d-%s' % (3, 'y')
word = '{}-{b}'.format(1, b=name)
pipeline = [dict(type='B', size=size), *[dict(type='C')], {'type': 'D', **dict(p=0.5)}]
pipeline[0]['late'] = size[::-1]
model = dict(head=dict(_delete_=True, k={{_base_.n}}), root='{{_base_.path}}/x')
total: int = 2**10 // 3
total += 1
del _base_.old
""",
    )
    values, stops = load_static(path)
    assert stops == [] and values.to_dict() == Config.fromfile(path).to_dict()
    assert str(Config(values).origin('model.head.k')).endswith('a.py:8')


def test_what_would_have_to_run_is_marked_and_not_run(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        a="""
import os
open('touched', 'w')
home = os.getcwd()
model = dict(a=1, b=len('x'), c=[1, os.sep])
for i in range(3):
    late = i
use = late
def f(): return 1
if home:
    model['d'] = 1
n = f()
""",
    )
    values, stops = load_static(path)
    assert not Path('touched').exists() and not (tmp_path / 'touched').exists()
    assert repr(values.home) == '<not evaluated: os.getcwd()>'
    assert values.model.a == 1 and values.model.c[0] == 1
    assert repr(values.model.b) == "<not evaluated: len('x')>" and repr(values.model.c[1]) == '<not evaluated: os.sep>'
    assert all(isinstance(values[k], NotEvaluated) for k in ('late', 'i', 'use', 'n'))
    assert 'os' not in values and 'f' not in values
    assert [line for _, line, _ in stops] == [3, 4, 5, 5, 6, 8, 10, 12]
    assert all(file == str(path) for file, _, _ in stops) and any('os.getcwd()' in what for _, _, what in stops)
    assert pickle.loads(pickle.dumps(values)).model.b == values.model.b


def test_unknown_values_go_through_bases(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        base='import os\nmodel = os.environ\nsize = len("x")\n',
        a="_base_ = 'base.py'\nmodel = dict(x=1)\ny = {{_base_.size.deep}}\nz = _base_.size\n",
    )
    values, stops = load_static(path)
    assert values.model == {'x': 1} and isinstance(values.y, NotEvaluated) and isinstance(values.z, NotEvaluated)
    assert any('model is merged into os.environ' in what for _, _, what in stops)


def test_bases_that_are_computed_are_not_followed(tmp_path: Path) -> None:
    values, stops = load_static(write(tmp_path, a='import os\n_base_ = os.sep\nx = 1\n'))
    assert values.to_dict() == {'x': 1} and '_base_' in stops[0][2]


def test_bases_by_read_base(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        base='model = dict(n=1)\nother = 2\n',
        a='from mmengine.config import read_base\nwith read_base():\n    from .base import *\nx = other\n',
    )
    values, stops = load_static(path)
    assert values.to_dict() == {'model': {'n': 1}, 'other': 2, 'x': 2} and stops == []


@pytest.mark.parametrize(
    'line',
    ["'a' * 10**9", '10**10**10', "'%1000000000d' % 1", "f'{1:1000000000}'", "'{:999999999}'.format(1)",
     "'{0.__class__}'.format(1)", '(1).__class__', '[0] * 10**9', '1 << 10**9', "__import__('os')", 'lambda: 1'],
)  # fmt: skip
def test_nothing_huge_or_hidden_is_computed(tmp_path: Path, line: str) -> None:
    values, stops = load_static(write(tmp_path, a=f'x = {line}\n'))
    assert isinstance(values.x, NotEvaluated) and len(stops) == 1


@pytest.mark.parametrize('text', ['x = (', "_base_ = 'absent.py'", "_base_ = 'a.py'", 'x = ' + '(' * 5000])
def test_broken_files_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError):
        load_static(write(tmp_path, a=text))


def test_data_files(tmp_path: Path) -> None:
    (tmp_path / 'base.yaml').write_text('model:\n  n: 1\n')
    (tmp_path / 'a.json').write_text('{"_base_": "base.yaml", "x": "{{_base_.model.n}}"}')
    assert load_static(tmp_path / 'a.json')[0].to_dict() == {'model': {'n': 1}, 'x': 1}


@settings(deadline=None, max_examples=150)
@given(st.text(st.sampled_from('ab=()[]{}.,:\'" \n0123*%+-_f'), max_size=60))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.getbasetemp()
    try:
        load_static(write(folder, a=text))
    except ConfigError:
        pass


def test_base_variables_in_comments_are_not_asked_for(tmp_path: Path) -> None:
    (tmp_path / 'a.py').write_text('# x = {{_base_.nothing}}\ny = 1\n')
    assert load_static(tmp_path / 'a.py') == ({'y': 1}, [])


def test_names_of_the_lazy_style_are_shown_by_their_path(tmp_path: Path) -> None:
    write(
        tmp_path,
        base='from static_trap.models import Net\nimport static_trap.ops as ops\nimport math\nmodel = dict(type=Net, act=ops.Relu)\nlr = 1\n',
        a='from mmengine.config import read_base\nwith read_base():\n    from .base import *\n    from .base import lr as rate\n'
        'model.norm = dict(type=Net)\nkind = model.type\nx = dict(**model)\nz = math.pi\n',
    )
    values, stops = load_static(tmp_path / 'a.py')
    net = 'static_trap.models.Net'
    assert values.to_dict() | {'z': 0} == {
        'model': {'type': net, 'act': 'static_trap.ops.Relu', 'norm': {'type': net}}, 'lr': 1, 'rate': 1, 'kind': net,
        'x': {'type': net, 'act': 'static_trap.ops.Relu', 'norm': {'type': net}}, 'z': 0,
    }  # fmt: skip
    assert [(Path(file).name, line) for file, line, _ in stops] == [('a.py', 8)]


@pytest.mark.parametrize(
    'use',
    ['5 % N', 'N + 1', '1 + N', '-N', '[1][N]', '[1, 2][N:]', 'dict(N)', 'dict(**N)', '{**N}', '[*N]', '"%s" % N', '"%s" % (N,)',
     'f"{N}"', '"{}".format(N)', 'N[0]', 'N()', 'N.a.b()', '[1] * N', '{N: 1, "a": 2}["a"]', '(1, 2)[N.a]', '"{x}".format(**N)',
     '"{x}".format(x=N.y)', '"%(type)s" % m', '"{type}".format(**m)', 'dict(m)', 'dict(**m)', '[*m]', 'm["type"]', 'm.type',
     '_base_.b', '_base_["b"]', '{**_base_}', '"%(b)s" % _base_', 'sorted(m)', 'not N', 'N == 1', 'N if N else 1', '3 ** N', 'N ** 3'],
)  # fmt: skip
def test_nothing_is_imported_whatever_is_done_with_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: str
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    write(
        tmp_path,
        trap_of_static='raise SystemExit("imported")\n',
        old='_base_ = "a.py"\nz = _base_.m\n',
        top='import trap_of_static as t\nb = t.B\n',
    )
    for base in ('', '_base_ = "top.py"\nwith read_base():\n    from .top import *\n'):
        (tmp_path / 'a.py').write_text(
            f'{base}from trap_of_static import N\nm = dict(type=N)\nl = [1, 2]\nv = {use}\nl[N] = 3\ndel l[N]\nl += N\nm.update(N)\n'
        )
        for name in ('a.py', 'old.py'):
            load_static(tmp_path / name)
