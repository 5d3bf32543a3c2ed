"""`check(static=True)`: nothing of a config is run, and nothing is said of what is not known for that."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmengine.config import Config
from mmengine.config.checking import check


@pytest.fixture
def write(tmp_path: Path):  # type: ignore[no-untyped-def]
    def to(text: str) -> str:
        path = tmp_path / 'a.py'
        path.write_text(text)
        return str(path)

    return to


def test_nothing_is_run_and_the_places_are_named(write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    config = write(
        f"open({str(tmp_path / 'ran')!r}, 'w')\nlr = float(input())\noptim_wrapper = dict(optimizer=dict(type='SGD', lr=lr))\n"
    )
    findings = check(config, ignore=['no-model'], static=True)
    assert not (tmp_path / 'ran').exists()
    assert {f.severity for f in findings} == {'note'} and {f.rule for f in findings} == {'not-evaluated'}
    assert any(f.line == 2 and 'float(input())' in f.message for f in findings)


def test_what_is_known_is_checked(write) -> None:  # type: ignore[no-untyped-def]
    config = write("import os\nx = os.getcwd()\noptim_wrapper = dict(optimizer=dict(type='SDG', lr=0.1))\n")
    errors = [f for f in check(config, ignore=['no-model'], static=True) if f.severity == 'error']
    assert len(errors) == 1 and errors[0].line == 3 and 'SGD' in str(errors[0])


def test_types_that_a_custom_import_may_bring_are_not_unknown(write) -> None:  # type: ignore[no-untyped-def]
    config = write(
        "custom_imports = dict(imports=['nowhere.at_all'])\noptim_wrapper = dict(optimizer=dict(type='Mine'))\n"
    )
    assert not [f for f in check(config, ignore=['no-model'], static=True) if f.severity == 'error']


def test_a_loaded_config_was_run_already() -> None:
    with pytest.raises(TypeError, match='static'):
        check(Config({}), static=True)
