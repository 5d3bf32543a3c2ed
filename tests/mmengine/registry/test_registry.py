"""Names become objects, in an order written on one page; errors say where the name stood and what is near."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mmengine.config import Config
from mmengine.registry import (
    DefaultScope,
    Registry,
    build_from_cfg,
    build_model_from_cfg,
    build_runner_from_cfg,
    build_scheduler_from_cfg,
    init_default_scope,
    traverse_registry_tree,
)
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


def test_a_default_scope_below_does_not_hide_what_a_registry_has_itself(tree: dict) -> None:
    @tree['child'].register_module(name='Cat')
    class FarmCat:
        pass

    with DefaultScope.overwrite_default_scope('zoo'):
        assert type(tree['child'].build({'type': 'Cat'})) is FarmCat
        assert type(tree['child'].build({'type': 'zoo.Cat'})) is not FarmCat


def test_registering_twice_needs_force(tree: dict) -> None:
    with pytest.raises(KeyError, match='Cat is registered in the animal registry of zoo already') as info:
        tree['root'].register_module(name='Cat', module=Path)
    assert 'test_registry.py:' in str(info.value) and 'pathlib.Path (' in str(info.value)
    with pytest.raises(KeyError, match='builtins.dict'):
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


def test_the_default_scope_goes_before_the_registry_that_is_asked(tree: dict) -> None:
    # A model of one package builds its parts by that package's registry; the parts of the project that runs come first.
    @tree['other'].register_module(name='Cow')
    class WildCow:
        pass

    with DefaultScope.overwrite_default_scope('wild'):
        assert type(tree['child'].build({'type': 'Cow'})) is WildCow
        assert type(tree['child'].build({'type': 'Wolf'})).__name__ == 'Wolf'
        assert tree['child'].build({'type': 'Calf', 'weight': 1}).weight == 1  # else the one that is asked
        with tree['child'].switch_scope_and_registry(None) as current:
            assert current is tree['other']
        with tree['child'].switch_scope_and_registry('farm') as current:
            assert current is tree['child'] and DefaultScope.get_current_instance().scope_name == 'farm'
    assert tree['child'].build({'type': 'Cow', 'weight': 1}).weight == 1


def test_the_scope_of_a_config_holds_for_what_is_built_inside(tree: dict) -> None:
    @tree['root'].register_module()
    class Stable:
        def __init__(self, tenant: dict) -> None:
            self.tenant = tree['root'].build(tenant)

    built = tree['root'].build({'type': 'Stable', '_scope_': 'farm', 'tenant': {'type': 'Cow', 'weight': 3}})
    assert built.tenant.weight == 3


def test_a_full_path_finds_what_is_registered_only(tree: dict) -> None:
    import collections

    tree['root'].register_module(module=collections.Counter)
    assert tree['child'].get('collections.Counter') is collections.Counter
    assert tree['child'].get('collections.OrderedDict') is None
    with pytest.raises(UnknownTypeError, match='collections.OrderedDict exists but is not registered'):
        tree['child'].build({'type': 'collections.OrderedDict'})


def test_a_name_of_another_scope_is_pointed_at(tree: dict) -> None:
    with pytest.raises(UnknownTypeError, match="Wolf is registered elsewhere: write 'wild.Wolf'"):
        tree['child'].build({'type': 'Wolf'})
    with pytest.raises(UnknownTypeError, match="no package 'no_such_package' is installed"):
        tree['child'].build({'type': 'no_such_package.Wolf'})


@pytest.mark.parametrize(('line', 'cause'), [('1 / 0', ZeroDivisionError), ('import nothing_like_it', ImportError)])
def test_a_location_that_fails_is_the_cause_of_a_failed_look_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, cause: type
) -> None:
    name = f'broken_location_{cause.__name__}'
    (tmp_path / f'{name}.py').write_text(f'{line}\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = Registry('thing', locations=[name])
    for _ in range(2):
        with pytest.raises(UnknownTypeError, match=f'could not import {name}: ') as info:
            registry.build({'type': 'Thing'})
        assert isinstance(info.value.__cause__, cause)


def test_forms_of_registering() -> None:
    registry = Registry('thing', scope='s')

    @registry.register_module()
    @registry.register_module(name='other')
    class Thing:
        pass

    @registry.register_module('given')
    def function(a: int = 1) -> int:
        return a

    assert registry.register_module(name=['x', 'y'], module=Thing) is Thing
    assert list(registry.module_dict) == ['other', 'Thing', 'given', 'x', 'y'] and len(registry) == 5
    assert registry.build({'type': 'given', 'a': 2}) == 2 and 'x' in registry and 'z' not in registry
    with pytest.raises(KeyError, match='already'):
        registry.register_module(module=Thing)
    with pytest.raises(TypeError, match='with parentheses'):
        registry.register_module(Thing)
    with pytest.raises(TypeError, match='should be a class or a function'):
        registry.register_module(module=3)
    with pytest.raises(TypeError, match='name should be'):
        registry.register_module(name=3)
    with pytest.raises(TypeError, match='force should be a bool'):
        registry.register_module(force=1)
    with pytest.raises(KeyError, match="child of scope 't' already"):
        [Registry('thing', parent=registry, scope='t') for _ in range(2)]
    assert registry.root is registry and list(registry.children) == ['t']


def test_a_build_function_belongs_to_the_registry_and_its_children() -> None:
    root = Registry('thing', scope='a', build_func=lambda cfg, registry, extra=1: (cfg, registry.scope, extra))
    child = Registry('thing', parent=root, scope='b')
    assert root.build(7) == (7, 'a', 1) and child.build({}, extra=2) == ({}, 'b', 2)


def test_each_level_of_a_build_adds_a_note(tree: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @tree['root'].register_module()
    class Herd:
        def __init__(self, leader: dict) -> None:
            tree['root'].build(leader)

    @tree['root'].register_module()
    class Broken:
        def __init__(self) -> None:
            raise LookupError('inside')

    (tmp_path / 'a.py').write_text("herd = dict(type='Herd',\n    leader=dict(type='Broken'))\n")
    monkeypatch.chdir(tmp_path)
    cfg = Config.fromfile('a.py')
    with pytest.raises(LookupError) as info:
        tree['root'].build(cfg.herd)
    assert info.value.__notes__ == [
        'while building leader `Broken` at herd.leader (a.py:2)',
        'while building herd `Herd` at herd (a.py:1)',
    ]
    cfg.herd.leader.type = 'Brokn'
    with pytest.raises(UnknownTypeError, match=r'at herd.leader.type \(set in code\)(.|\n)*Broken') as unknown:
        tree['root'].build(cfg.herd)
    assert unknown.value.__notes__ == ['while building herd `Herd` at herd (a.py:1)']
    cfg.herd.leader = {'type': 'Cat', 'agge': 3}
    with pytest.raises(ArgumentError, match='did you mean: age') as wrong:
        tree['root'].build(cfg.herd)
    assert wrong.value.__notes__ == ['while building herd `Herd` at herd (a.py:1)']


def test_an_argument_that_a_class_takes_is_not_blamed_for_a_call_inside(tree: dict) -> None:
    @tree['root'].register_module()
    class Passing:
        def __init__(self, depth: int, **kwargs: Any) -> None:
            tree['root'].get('Cat')(depth=depth)

    with pytest.raises(TypeError, match='depth') as info:
        tree['root'].build({'type': 'Passing', 'depth': 1})
    assert not isinstance(info.value, ArgumentError)


def test_a_class_without_arguments(tree: dict) -> None:
    with pytest.raises(ArgumentError, match='Wolf takes no argument age=3'):
        tree['other'].build({'type': 'Wolf', 'age': 3})


@pytest.fixture
def schedulers() -> Registry:
    registry = Registry('scheduler', scope='s', build_func=build_scheduler_from_cfg)

    @registry.register_module()
    class Step:
        def __init__(self, size: int, by_epoch: bool = True) -> None:
            self.size, self.by_epoch = size, by_epoch

        @classmethod
        def build_iter_from_epoch(cls, size: int, epoch_length: int, by_epoch: bool = True) -> Any:
            return cls(size * epoch_length, by_epoch=False)

    return registry


def test_schedulers_by_epoch_become_schedulers_by_iteration(schedulers: Registry) -> None:
    cfg = {'type': 'Step', 'size': 2, 'convert_to_iter_based': True}
    assert schedulers.build(cfg, default_args={'epoch_length': 10}).size == 20
    assert schedulers.build({'type': 'Step', 'size': 2}, default_args={'epoch_length': 10}).by_epoch
    assert cfg == {'type': 'Step', 'size': 2, 'convert_to_iter_based': True}
    with pytest.raises(ConfigError, match='needs an epoch length'):
        schedulers.build(cfg)
    with pytest.raises(ConfigError, match='needs by_epoch=True'):
        schedulers.build({**cfg, 'by_epoch': False}, default_args={'epoch_length': 10})


def test_a_list_of_modules_is_built_as_a_sequence() -> None:
    from torch import nn

    registry = Registry('model', scope='s', build_func=build_model_from_cfg)
    registry.register_module(module=nn.Identity)
    assert [type(m) for m in registry.build([{'type': 'Identity'}, {'type': nn.ReLU}])] == [nn.Identity, nn.ReLU]


def test_runners_are_built_from_the_whole_config() -> None:
    registry = Registry('runner', scope='s', build_func=build_runner_from_cfg)

    @registry.register_module()
    class Mine:
        @classmethod
        def from_cfg(cls, cfg: Any) -> Any:
            return dict(cfg.items())

    assert registry.build(Config({'runner_type': 'Mine', 'x': 1})) == {'runner_type': 'Mine', 'x': 1}
    with pytest.raises(UnknownTypeError, match="'Runner' is not in the runner registry"):
        registry.build({'x': 1})


def test_default_scopes() -> None:
    before = DefaultScope.get_current_instance()
    with pytest.raises(RuntimeError), DefaultScope.overwrite_default_scope('inner'):
        assert DefaultScope.get_current_instance().scope_name == 'inner'
        with DefaultScope.overwrite_default_scope(None):
            assert DefaultScope.get_current_instance().scope_name == 'inner'
        raise RuntimeError
    assert DefaultScope.get_current_instance() is before
    with pytest.raises(TypeError, match='scope_name should be a str'):
        DefaultScope('x', scope_name=3)  # type: ignore[arg-type]


def test_init_default_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    from collections import OrderedDict

    monkeypatch.setattr(DefaultScope, '_instance_dict', OrderedDict())
    assert DefaultScope.get_current_instance() is None
    for scope in ('first', 'second', 'first'):
        init_default_scope(scope)
        assert DefaultScope.get_current_instance().scope_name == scope == Registry.infer_scope()
    assert DefaultScope.check_instance_created('first')


def test_what_registries_hold_is_counted(tree: dict) -> None:
    found = traverse_registry_tree(tree['child'], verbose=False)
    assert [(e['scope'], e['num_modules']) for e in found] == [('zoo', 1), ('farm', 2), ('wild', 2)]
    assert any(names == ['Cow', 'Calf'] for names in found[1].values())


def test_mmseg_has_a_child_of_each_registry() -> None:
    import mmengine.registry as roots
    import mmseg.registry as children

    found = {name: registry for name, registry in vars(roots.root).items() if isinstance(registry, Registry)}
    assert len(found) == 24
    for name, root in found.items():
        child = getattr(children, name)
        assert child.parent is root and child.scope == 'mmseg' and root.children['mmseg'] is child


def test_importing_the_registries_imports_no_package_above() -> None:
    code = "import sys, mmengine.registry; print([m for m in sys.modules if m.split('.')[0] in ('mmcv', 'mmseg')])"
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == '[]'
