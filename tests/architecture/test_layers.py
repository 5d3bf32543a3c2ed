"""The floors of the house: lower ones never import higher ones, at module level or inside functions."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[2] / 'src'

PACKAGES = ['mmengine', 'mmcv', 'mmseg']
# Position in the stack; equal numbers may not import each other either, except within the same name.
FLOORS = {
    'version': 0,
    'utils': 1,
    'device': 2,
    'dist': 3,
    'logging': 4,
    'fileio': 5,
    'config': 6,
    'registry': 7,
    'checkpoint': 8,
    'structures': 9,
    # its module re-exports BaseDataElement, which projects import from there
    'visualization': 10,
    'optim': 9,
    'dataset': 10,
    'evaluator': 11,
    'model': 12,
    'hooks': 13,
    'strategies': 14,
    'runner': 15,
    'hub': 16,
    'infer': 16,
    'testing': 16,
    'analysis': 16,
    'cli': 16,
}


def type_checking_nodes(tree: ast.AST) -> set[int]:
    """The nodes under `if TYPE_CHECKING:`."""
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == 'TYPE_CHECKING':
            inside |= {id(n) for child in node.body for n in ast.walk(child)}
    return inside


def imports_of(path: Path) -> list[tuple[str, int]]:
    """Absolute names of what `path` imports, with lines, at any depth, `TYPE_CHECKING` blocks left out."""
    tree = ast.parse(path.read_text(encoding='utf-8'))
    skip = type_checking_nodes(tree)
    package = list(path.relative_to(SRC).with_suffix('').parts)
    if package[-1] == '__init__':
        package.pop()
        is_package = True
    else:
        is_package = False
    found = []
    for node in ast.walk(tree):
        if id(node) in skip:
            continue
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ''
            if node.level:
                parent = package if is_package else package[:-1]
                parent = parent[: len(parent) - (node.level - 1)]
                base = '.'.join([*parent, *([node.module] if node.module else [])])
            found += [(f'{base}.{alias.name}', node.lineno) for alias in node.names]
    return found


def modules(package: str) -> list[Path]:
    return sorted((SRC / package).rglob('*.py'))


@pytest.mark.parametrize('package', PACKAGES)
def test_packages_import_only_those_below(package: str) -> None:
    above = PACKAGES[PACKAGES.index(package) + 1 :]
    wrong = [
        f'{path.relative_to(SRC)}:{line} imports {name}'
        for path in modules(package)
        for name, line in imports_of(path)
        if name.split('.')[0] in above
    ]
    assert not wrong, '\n'.join(wrong)


def test_every_folder_of_mmengine_is_on_a_floor() -> None:
    names = {p.stem if p.is_file() else p.name for p in (SRC / 'mmengine').iterdir()}
    assert names - {'__init__', '__pycache__', 'py', 'py.typed'} <= {*FLOORS, '_strategy'}


def test_floors_of_mmengine() -> None:
    wrong = []
    for path in modules('mmengine'):
        parts = path.relative_to(SRC / 'mmengine').parts
        floor = parts[0].removesuffix('.py')
        if floor in ('__init__', '_strategy'):
            continue
        for name, line in imports_of(path):
            target = name.split('.')
            if target[0] != 'mmengine' or len(target) < 2 or target[1] == floor or target[1] not in FLOORS:
                continue
            if FLOORS[target[1]] >= FLOORS[floor]:
                wrong.append(f'{path.relative_to(SRC)}:{line} ({floor}) imports {name}')
    assert not wrong, '\n'.join(wrong)


def test_no_module_imports_the_package_root_of_its_own() -> None:
    """`from mmengine import X` inside mmengine would pull in every floor."""
    wrong = [
        f'{path.relative_to(SRC)}:{line}'
        for path in modules('mmengine')
        if path != SRC / 'mmengine' / '__init__.py'
        for name, line in imports_of(path)
        if name == 'mmengine'
        or (name.startswith('mmengine.') and name.split('.')[1] not in FLOORS and 'version' not in name)
    ]
    assert not wrong, '\n'.join(wrong)
