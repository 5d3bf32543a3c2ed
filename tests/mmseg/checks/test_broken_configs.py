"""Each mistake is found, at its line, with the way out; a good config has none."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmengine.config import Config
from mmengine.config.checking import LOADING_RULES, Finding, Rule, check, load_rules

from .cases import CASES, Case

CONFIGS = Path(__file__).with_name('configs')


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    shutil.copytree(CONFIGS, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns('__pycache__'))
    return tmp_path


@pytest.mark.parametrize('name', ['good.py', 'epochs.py'])
def test_good_config(name: str) -> None:
    assert check(CONFIGS / name) == []


@pytest.mark.parametrize('case', CASES, ids=lambda case: case.name)
def test_broken_config(case: Case, configs: Path) -> None:
    file = configs / case.base
    good = file.read_text()
    assert case.old in good
    file.write_text(good.replace(case.old, case.new, 1))
    lines = file.read_text().splitlines()

    found = check(file)

    matching = [f for f in found if f.rule == case.rule and f.key == case.key and case.says in f.message]
    assert matching, '\n'.join(map(str, found)) or 'nothing found'
    finding = matching[0]
    assert finding.severity == case.severity
    assert case.hint in finding.hint
    assert Path(finding.file) == file
    if case.key or case.at:
        assert (case.at or case.new.strip().splitlines()[0]) in lines[finding.line - 1]
    assert not [f for f in found if 'could not be applied' in f.message]


def test_every_rule_has_a_case() -> None:
    # 'not-evaluated' is of `static=True`: tests/mmengine/config/test_check_static.py
    assert {case.rule for case in CASES} | {'missing-package', 'not-evaluated'} == {*load_rules(), *LOADING_RULES}


def test_a_value_of_a_base_has_the_address_of_the_base(configs: Path) -> None:
    file = configs / 'runtime.py'
    file.write_text(file.read_text().replace('SegLocalVisualizer', 'SegVisualizer'))
    (finding,) = check(configs / 'epochs.py')
    assert (finding.rule, finding.key, finding.line) == ('unknown-type', 'visualizer.type', 5)
    assert Path(finding.file) == file and finding.value == "'SegVisualizer'"


def test_a_value_of_the_command_line_says_so() -> None:
    (finding,) = check(CONFIGS / 'good.py', options={'model.decode_head.num_classes': 7})
    assert finding.file == '--cfg-options' and finding.key == 'model.decode_head.num_classes'
    assert 'model.decode_head.num_classes (--cfg-options)' in str(finding)


def test_bases_that_ask_for_each_other(configs: Path) -> None:
    (configs / 'runtime.py').write_text("_base_ = 'epochs.py'\n")
    (finding,) = check(configs / 'epochs.py')
    assert finding.rule == 'base-cycle' and Path(finding.file).name == 'epochs.py'


def test_all_mistakes_are_found_at_once(configs: Path) -> None:
    file = configs / 'good.py'
    text = file.read_text()
    for old, new in (
        ('ResNetV1c', 'ResNetV1z'),
        ("type='SGD'", "type='SDG'"),
        ('val_interval=4000', 'val_intervall=4000'),
        ('RandomFlip', 'RandomFlop'),
        ('dropout_ratio', 'dropout_ration'),
    ):
        text = text.replace(old, new)
    file.write_text(text)
    rules = sorted(f.rule for f in check(file))
    assert rules == ['unknown-argument', 'unknown-argument', 'unknown-type', 'unknown-type', 'unknown-type']


def test_a_mistake_of_a_shared_variable_is_said_once(configs: Path) -> None:
    file = configs / 'good.py'
    extra = '\ntest_dataloader = val_dataloader\ntest_evaluator = val_evaluator\ntest_cfg = dict(type="TestLoop")\n'
    file.write_text(file.read_text().replace("dict(type='Resize', scale", "dict(type='Resize', size") + extra)
    found = check(file)
    assert [f.rule for f in found] == ['unknown-argument']


def test_config_that_is_not_a_run_at_all(tmp_path: Path) -> None:
    file = tmp_path / 'odd.py'
    file.write_text('model = 3\ntrain_cfg = "no"\ncustom_hooks = dict(a=1)\nval_evaluator = [3]\noptim_wrapper = []\n')
    found = check(file)
    assert found and all(isinstance(f, Finding) for f in found)


def test_rules_can_be_left_out(configs: Path) -> None:
    file = configs / 'good.py'
    file.write_text(file.read_text().replace('num_classes=19', 'num_classes=7', 1))
    assert [f.rule for f in check(file)] == ['num-classes']
    assert check(file, ignore=['num-classes']) == []
    assert check(file, rules=['unknown-type']) == []
    file.write_text("check_ignore = ['num-classes']\n" + file.read_text())
    assert check(file) == []


CUSTOM = """
import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from mmcv.transforms import BaseTransform
from mmseg.models.backbones import ResNetV1c
from mmseg.registry import MODELS, TRANSFORMS

@MODELS.register_module(force=True)
class ReadsItsNumbers(ResNetV1c):
    def __init__(self, **kwargs):
        super().__init__(depth=18, **kwargs)
        self.scale = float(torch.ones(3).sum()) + float(self.layer1[0].conv1.weight.sum())

@TRANSFORMS.register_module(force=True)
class MergeClasses(BaseTransform):
    def transform(self, results):
        return results
"""


def test_what_projects_write_is_no_mistake(configs: Path) -> None:
    """A constructor that reads its parameters, and a transform that may change labels."""
    (configs / 'project_of_a_test.py').write_text(CUSTOM)
    file = configs / 'good.py'
    text = file.read_text().replace("type='ResNetV1c',\n        depth=18", "type='ReadsItsNumbers'")
    text = text.replace("dict(type='RandomFlip', prob=0.5)", "dict(type='MergeClasses')")
    file.write_text(text + "custom_imports = dict(imports=['project_of_a_test'])\n")
    assert check(file) == []
    file.write_text(file.read_text().replace('num_classes=19', 'num_classes=7'))
    assert {(f.rule, f.severity) for f in check(file)} == {('num-classes', 'warning')}


def test_a_package_that_is_not_installed_is_no_mistake_of_the_config(configs: Path) -> None:
    raises = "raise MissingDependencyError('no such package')"
    module = CUSTOM.replace(
        'self.scale = float(torch.ones(3).sum()) + float(self.layer1[0].conv1.weight.sum())', raises
    )
    (configs / 'package_of_a_test.py').write_text('from mmengine.utils.errors import MissingDependencyError\n' + module)
    file = configs / 'good.py'
    file.write_text(
        file.read_text().replace("type='ResNetV1c',\n        depth=18", "type='ReadsItsNumbers'")
        + "custom_imports = dict(imports=['package_of_a_test'])\n"
    )
    (finding,) = check(file)
    assert (finding.rule, finding.severity, finding.key) == ('missing-package', 'warning', 'model.backbone')


def test_checking_draws_no_random_numbers() -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    check(CONFIGS / 'good.py')
    assert torch.equal(torch.rand(1), expected)


def test_a_rule_that_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(ctx: object) -> None:
        raise ZeroDivisionError('by zero')

    monkeypatch.setitem(load_rules(), 'fails', Rule('fails', fails, 'error'))  # type: ignore[arg-type]
    (finding,) = check(CONFIGS / 'good.py')
    assert (finding.rule, finding.severity) == ('fails', 'warning') and 'ZeroDivisionError' in finding.message


def test_the_documentation_lists_every_rule() -> None:
    text = (Path(__file__).resolve().parents[3] / 'docs' / 'check.md').read_text()
    described = {**LOADING_RULES, **{name: rule.text for name, rule in load_rules().items()}}
    assert [
        name for name, what in described.items() if f'| `{name}` | ' not in text or ' '.join(what.split()) not in text
    ] == []


def paths(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """The place of each value in nested dicts and lists."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*path, key)
        yield from paths(item, (*path, key))


GOOD = Config.fromfile(CONFIGS / 'good.py').to_dict()
ODD = (
    st.none()
    | st.integers()
    | st.text(max_size=3)
    | st.booleans()
    | st.sampled_from([[], {}, [1], [{}], {'type': 'x'}])
)


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(list(paths(GOOD))), ODD)
def test_every_rule_copes_with_any_value_anywhere(path: tuple, value: Any) -> None:
    config: Any = copy.deepcopy(GOOD)
    node = config
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    found = check(Config(config), slow=False)
    assert not [f for f in found if 'could not be applied' in f.message]
