"""Rules, findings and their reports, without any registry."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmengine.config import Config, Finding, check
from mmengine.config.check_report import to_json, to_sarif
from mmengine.config.checking import RULES, CheckContext, load_rules, nearest, rule


@pytest.fixture
def no_odd_numbers() -> Iterator[str]:
    name = 'no-odd-numbers'
    load_rules()

    @rule(name, 'warning')
    def find(ctx: CheckContext) -> Iterator[Finding]:
        """An odd number."""
        for key, value in ctx.root.items():
            if isinstance(value, int) and value % 2:
                yield ctx.at(ctx.root, key, f'{value} is odd', f'{value + 1}')

    yield name
    del RULES[name]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / 'base.py').write_text('a = 1\nb = 2\n')
    file = tmp_path / 'config.py'
    file.write_text("_base_ = 'base.py'\n\nc = 3\n")
    return file


def test_a_rule_of_ones_own(no_odd_numbers: str, file: Path) -> None:
    assert check(file, rules=[no_odd_numbers]) == [
        Finding(no_odd_numbers, 'warning', '1 is odd', str(file.with_name('base.py')), 1, 'a', '1', '2'),
        Finding(no_odd_numbers, 'warning', '3 is odd', str(file), 3, 'c', '3', '4'),
    ]
    assert check(file, rules=[no_odd_numbers], options={'a': 4, 'c': 4}) == []


def test_values_set_in_code(no_odd_numbers: str, file: Path) -> None:
    cfg = Config.fromfile(file)
    cfg.a = 5
    found = {f.key: f for f in check(cfg, rules=[no_odd_numbers])}
    assert found['a'].file == 'set in code' and found['a'].value == '5'
    assert check(Config({'x': 7}), rules=[no_odd_numbers])[0].address == 'x'


def test_facts_are_asked_once(file: Path) -> None:
    asked = []
    ctx = CheckContext(Config.fromfile(file))

    def fact(ctx: CheckContext) -> int:
        asked.append(ctx)
        return len(asked)

    assert (ctx.fact(fact), ctx.fact(fact)) == (1, 1)


def test_two_rules_of_a_name(no_odd_numbers: str) -> None:
    def other(ctx: CheckContext) -> Iterator[Finding]:
        yield from ()

    other.__module__ = 'somewhere.else'
    with pytest.raises(KeyError, match='no-odd-numbers'):
        rule(no_odd_numbers)(other)


def test_reports(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finding = Finding('some-rule', 'error', 'wrong', str(file), 3, 'c', '3', 'right')
    assert pickle.loads(pickle.dumps(finding)) == finding
    assert json.loads(to_json({'config.py': [finding]}))[0]['hint'] == 'right'
    outside = json.loads(to_sarif({'a': [finding], 'b': [finding]}, '1.0'))['runs'][0]['results']
    assert (
        len(outside) == 1 and outside[0]['locations'][0]['physicalLocation']['artifactLocation']['uri'] == file.as_uri()
    )
    monkeypatch.chdir(file.parent)
    assert str(finding) == 'error[some-rule] c (config.py:3)\n  wrong\n  hint: right'
    without = json.loads(to_sarif({'a': [Finding('some-rule', 'warning', 'wrong', '--cfg-options')]}, '1.0'))
    assert 'locations' not in without['runs'][0]['results'][0]


def test_nearest() -> None:
    assert nearest('deepth', ['depth', 'width']) == 'did you mean depth?'
    assert nearest('xyz', ['depth', 'width']) == 'there are depth, width'
    assert nearest('xyz', ['depth', 'width'], fallback=False) == ''
