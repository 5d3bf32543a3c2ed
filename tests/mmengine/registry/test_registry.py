"""Names become objects, in an order written on one page; errors say where the name stood and what is near."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from mmengine.config import Config
from mmengine.registry import DefaultScope, Registry, build_from_cfg
from mmengine.utils.errors import ArgumentError, ConfigError, UnknownTypeError


@pytest.fixture
def tree() -> dict[str, Registry]:
    root = Registry('animal', scope='zoo')
    child = Registry('animal', parent=root, scope='farm')
    other = Registry('animal', parent=root, scope='wild')

    @root.register_module()
    class Cat:
        def __init__(self, name: str = 'cat', *, age: int = 1) -> None:
            self.name, self.age = name, age

    @child.register_module()
    class Cow:
        def __init__(self, weight: int) -> None:
            self.weight = weight

    @child.register_module()
    class Calf(Cow):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)

    @other.register_module(name=['Wolf', 'GreyWolf'])
    class Wolf:
        pass

    return {'root': root, 'child': child, 'other': other}


def test_lookup_goes_own_then_parent_then_named_scope(tree: dict) -> None:
    assert type(tree['child'].build({'type': 'Cow', 'weight': 1})).__name__ == 'Cow'
    assert type(tree['child'].build({'type': 'Cat'})).__name__ == 'Cat'
    assert type(tree['child'].build({'type': 'wild.GreyWolf'})).__name__ == 'Wolf'
    assert type(tree['root'].build({'type': 'farm.Cow', 'weight': 1})).__name__ == 'Cow'
    assert tree['child'].get('Wolf') is None and tree['root'].get('Cow') is None


def test_the_default_scope_directs_the_root(tree: dict) -> None:
    with DefaultScope.overwrite_default_scope('farm'):
        assert tree['root'].build({'type': 'Cow', 'weight': 2}).weight == 2
        assert tree['root'].build({'type': 'Cat', '_scope_': 'wild'}).age == 1
    with pytest.raises(UnknownTypeError):
        tree['root'].build({'type': 'Cow', 'weight': 2})


def test_registering_twice_needs_force(tree: dict) -> None:
    with pytest.raises(KeyError, match='is registered in the animal registry of zoo already'):
        tree['root'].register_module(name='Cat', module=dict)
    tree['root'].register_module(name='Cat', module=dict, force=True)
    assert tree['root'].get('Cat') is dict


def test_no_importable_name_resolves_by_accident(tree: dict) -> None:
    with pytest.raises(UnknownTypeError):
        tree['root'].build({'type': 'collections.OrderedDict'})


def test_unknown_names_are_explained(tree: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'a.py').write_text("herd = dict(\n    first=dict(\n        type='Caw'))\n")
    monkeypatch.chdir(tmp_path)
    cfg = Config.fromfile('a.py')
    with pytest.raises(UnknownTypeError) as info:
        tree['child'].build(cfg.herd.first)
    message = str(info.value)
    assert 'herd.first.type (a.py:3)' in message
    assert 'Cow (farm)' in message and 'farm::animal, zoo::animal' in message and 'custom_imports' in message
    assert isinstance(info.value, KeyError)


def test_misspelt_arguments_are_explained_through_kwargs(
    tree: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / 'a.py').write_text("calf = dict(type='Calf',\n            wieght=3)\n")
    monkeypatch.chdir(tmp_path)
    cfg = Config.fromfile('a.py')
    with pytest.raises(ArgumentError) as info:
        tree['child'].build(cfg.calf)
    assert 'Calf takes no argument wieght=3' in str(info.value)
    assert 'calf.wieght (a.py:2)' in str(info.value) and 'did you mean: weight' in str(info.value)
    assert isinstance(info.value, TypeError) and isinstance(info.value.__cause__, TypeError)


def test_missing_arguments_are_explained(tree: dict) -> None:
    with pytest.raises(ArgumentError, match="Cow needs the argument 'weight'"):
        tree['child'].build({'type': 'Cow'})
    with pytest.raises(ArgumentError, match="Calf needs the argument 'weight'"):
        tree['child'].build({'type': 'Calf'})


def test_other_exceptions_keep_type_and_gain_a_note(tree: dict) -> None:
    @tree['root'].register_module()
    class Broken:
        def __init__(self) -> None:
            raise LookupError('inside')

    with pytest.raises(LookupError, match='inside') as info:
        tree['root'].build({'type': 'Broken'})
    assert info.value.__notes__ == ['while building animal `Broken`']


def test_a_type_error_of_the_users_own_is_not_taken_for_a_misspelling(tree: dict) -> None:
    @tree['root'].register_module()
    class Own:
        def __init__(self, a: int) -> None:
            dict(1)  # type: ignore[call-overload]

    with pytest.raises(TypeError) as info:
        tree['root'].build({'type': 'Own', 'a': 1})
    assert not isinstance(info.value, ArgumentError)


def test_classes_and_functions_serve_as_types(tree: dict) -> None:
    assert tree['root'].build({'type': dict, 'a': 1}) == {'a': 1}
    assert build_from_cfg({'type': 'Cat'}, tree['root'], {'age': 4}).age == 4
    with pytest.raises(ConfigError, match='needs `type`'):
        tree['root'].build({'a': 1})
    with pytest.raises(TypeError, match='built from a dict'):
        tree['root'].build('Cat')


def test_locations_are_imported_at_the_first_unknown_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / 'located_package'
    package.mkdir()
    (package / '__init__.py').write_text('')
    (package / 'things.py').write_text(
        'from located_package.reg import THINGS\n@THINGS.register_module()\nclass Thing: pass\n'
    )
    (package / 'reg.py').write_text(
        'from mmengine.registry import Registry\n'
        "THINGS = Registry('thing', locations=['located_package.things', 'located_package.absent'])\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    from located_package.reg import THINGS  # type: ignore[import-not-found]

    assert THINGS.scope == 'located_package'
    assert 'located_package.things' not in sys.modules
    assert type(THINGS.build({'type': 'Thing'})).__name__ == 'Thing'
    with pytest.raises(UnknownTypeError, match='could not import located_package.absent'):
        THINGS.build({'type': 'Other'})


def test_a_registry_without_scope_takes_that_of_its_first_module() -> None:
    root = Registry('thing', scope='base')
    mine = Registry('thing', parent=root)

    @mine.register_module()
    class Thing:
        pass

    assert mine.scope == __name__.split('.')[0]
    assert root.children[mine.scope] is mine
