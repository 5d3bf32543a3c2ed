"""The byte pair encoding of CLIP, with a small vocabulary of the same format."""

import gzip
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from mmengine.utils.errors import CheckpointError, ConfigError, DataError, MissingDependencyError
from mmseg.utils import tokenizer as module
from mmseg.utils.get_templates import PREDEFINED_TEMPLATES, get_predefined_templates
from mmseg.utils.tokenizer import SimpleTokenizer, vocabulary_file

MERGES = ['d o', 'do g</w>', 'c a', 'a t</w>', 'c at</w>']


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    path = tmp_path / 'merges.txt.gz'
    path.write_bytes(gzip.compress('\n'.join(['"version', *MERGES, '']).encode()))
    return path


def test_pairs_are_merged_in_the_order_in_which_they_were_learned(vocabulary: Path) -> None:
    tokenizer = SimpleTokenizer(vocabulary)
    assert tokenizer.vocab_size == 512 + len(MERGES) + 2
    names = [tokenizer.decoder[token] for token in tokenizer.encode("Dog cat do, 12 it's &amp; scène_")]
    # "c a" was learned before "a t": cat is ca + t.
    pieces = ['dog</w>', 'ca', 't</w>', 'd', 'o</w>', ',</w>', '1</w>', '2</w>', 'i', 't</w>', "'", 's</w>', '&</w>']
    assert names == [*pieces, 's', 'c', 'Ã', '¨', 'n', 'e</w>', '_</w>']
    assert tokenizer.decode(tokenizer.encode('Dog, scène')) == 'dog , scène '


def test_rows_of_tokens(vocabulary: Path) -> None:
    tokenizer = SimpleTokenizer(vocabulary)
    start, end = tokenizer.vocab_size - 2, tokenizer.vocab_size - 1
    dog = tokenizer.encoder['dog</w>']
    rows = tokenizer(['dog', 'dog dog dog dog'], context_length=5)
    assert rows.dtype == torch.int64
    assert rows.tolist() == [[start, dog, end, 0, 0], [start, dog, dog, dog, end]]
    assert tokenizer('<|startoftext|>dog')[0, :4].tolist() == [start, start, dog, end]


def test_where_the_vocabulary_is_looked_for(vocabulary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(module.ENV_VOCABULARY, str(tmp_path / 'none'))
    with pytest.raises(MissingDependencyError, match='which is no file'):
        vocabulary_file()
    monkeypatch.setenv(module.ENV_VOCABULARY, str(vocabulary))
    assert vocabulary_file() == vocabulary
    with pytest.raises(DataError, match='sha256'):
        SimpleTokenizer()
    monkeypatch.delenv(module.ENV_VOCABULARY)
    monkeypatch.setattr(module, '__file__', str(tmp_path / 'tokenizer.py'))
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))

    def offline(*args: object) -> None:
        raise CheckpointError('no network')

    monkeypatch.setattr(module, 'download_once', offline)
    package = tmp_path / 'open_clip'
    package.mkdir()
    monkeypatch.setattr(module.importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(MissingDependencyError, match=f'{module.ENV_VOCABULARY}'):
        vocabulary_file()
    spec = SimpleNamespace(origin=str(package / '__init__.py'))
    monkeypatch.setattr(module.importlib.util, 'find_spec', lambda name: spec if name == 'open_clip' else None)
    (package / module.VOCABULARY_NAME).touch()
    assert vocabulary_file() == package / module.VOCABULARY_NAME
    (tmp_path / module.VOCABULARY_NAME).touch()
    assert vocabulary_file() == tmp_path / module.VOCABULARY_NAME


def test_templates_have_a_place_for_the_class() -> None:
    assert {name: len(templates) for name, templates in PREDEFINED_TEMPLATES.items()} == {'imagenet': 80, 'vild': 14}
    for templates in PREDEFINED_TEMPLATES.values():
        assert all(template.count('{}') == 1 for template in templates)
    with pytest.raises(ConfigError, match='vild'):
        get_predefined_templates('other')
