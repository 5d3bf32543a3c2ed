"""Substitution, merging and options: whatever comes, the answer is a config or a ConfigError."""

from __future__ import annotations

import json
import os
from pathlib import Path
from unittest import mock

from helpers.config_texts import BASE, load_data, load_python, override, parse_options
from hypothesis import given, settings
from hypothesis import strategies as st

from mmengine.config import Config
from mmengine.utils.errors import ConfigError

few = settings(deadline=None, max_examples=80)
pieces = st.sampled_from(
    ['{{', '}}', '_base_', '.', 'n', 'size', '0', 'model.steps.0.a', ' ', '$', 'ENV', ':', 'x', "'", '"', 'fileDirname',
     'fileBasename', '{{_base_.n}}', '{{ _base_.model.head }}', '{{$ENV:1}}', '{{$NOT_SET:}}', '{{fileExtname}}', '\\', '\n', '=']
)  # fmt: skip
texts = st.lists(pieces, max_size=12).map(''.join)
keys = st.lists(st.sampled_from(['model', 'steps', '0', '1', '7', '-1', 'a', 'n', 'size', '_delete_', 'x', '', 'text', 'é']), max_size=4).map('.'.join)  # fmt: skip
values = st.text(st.sampled_from('0123456789.e-+,()[]\'" abTrueNone_={}\\é'), max_size=16)


@few
@given(st.lists(values | st.builds('{}={}'.format, keys, values), max_size=4))
def test_options(options: list[str]) -> None:
    override(options)


@few
@given(keys, st.recursive(st.none() | st.integers() | st.text(max_size=3), lambda x: st.dictionaries(keys, x, max_size=3) | st.lists(x, max_size=3), max_leaves=6))  # fmt: skip
def test_merging_any_dict(key: str, value: object) -> None:
    cfg = Config.fromstring(BASE, '.py')
    before = cfg.to_dict()
    try:
        cfg.merge_from_dict({key: value})
    except ConfigError:
        assert cfg.to_dict() == before  # refused as a whole


@few
@given(texts)
def test_variables_in_data_files(text: str) -> None:
    with mock.patch.dict(os.environ, {'ENV': 'a"b'}):
        load_data(f'{{"_base_": "base.py", "x": "{text}"}}', '.json')
        load_data(f'_base_: base.py\nx: {text}\n', '.yaml')
        load_data(f'_base_ = "base.py"\nx = {text}\n', '.toml')


@few
@given(st.text(max_size=40))
def test_data_files_of_any_text(text: str) -> None:
    for suffix in ('.json', '.yaml', '.toml'):
        load_data(text, suffix)


@few
@given(texts)
def test_variables_in_python_files(text: str) -> None:
    load_python(f'x = {text}\ny = "{text}"')


@few
@given(st.text(st.characters(codec='utf-8', exclude_characters='\'"\\{}\n\r$'), max_size=20))
def test_an_environment_variable_comes_as_it_is(value: str) -> None:
    if '\0' in value or not value:
        return
    with mock.patch.dict(os.environ, {'SOME': value}):
        loaded = Config.fromstring(json.dumps({'x': '{{$SOME:other}}'}), '.json') if value.isprintable() else None
    assert loaded is None or loaded.x == value


@few
@given(st.from_regex(r'[a-z][a-z0-9 _-]{0,12}', fullmatch=True))
def test_predefined_variables_name_the_file(stem: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder).resolve() / f'{stem}.py'
        path.write_text(
            "d = '{{ fileDirname }}'\nb = '{{fileBasename}}'\ns = '{{ fileBasenameNoExtension}}'\ne = '{{fileExtname }}'\n"
        )
        cfg = Config.fromfile(path)
    assert (cfg.d, cfg.b, cfg.s, cfg.e) == (path.parent.as_posix(), path.name, stem, '.py')


@few
@given(values)
def test_a_quoted_value_stays_text(text: str) -> None:
    if '"' not in text:
        assert parse_options([f'k="{text}"']) == {'k': text}
