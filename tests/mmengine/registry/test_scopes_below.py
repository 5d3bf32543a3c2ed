"""Names with several scopes, and the kinds of errors that callers of the existing interface catch."""

from __future__ import annotations

from typing import Any

import pytest

from mmengine.registry import Registry


@pytest.fixture
def lines() -> dict[str, Registry]:
    top = Registry('part', scope='top')
    middle = Registry('part', parent=top, scope='middle')
    bottom = Registry('part', parent=middle, scope='bottom')
    for registry, kind in ((top, int), (middle, str), (bottom, list)):
        registry.register_module('Own', module=kind)
    return {'top': top, 'middle': middle, 'bottom': bottom}


@pytest.mark.parametrize(
    ('name', 'kind'),
    [
        ('middle.Own', str), ('middle.bottom.Own', list), ('top.middle.bottom.Own', list), ('bottom.Own', list),
        ('bottom.middle.Own', None), ('middle.nothing.Own', None),
    ],
)  # fmt: skip
def test_several_scopes_go_down_the_tree(lines: dict[str, Registry], name: str, kind: Any) -> None:
    assert all(registry.get(name) is kind for registry in lines.values())


@pytest.mark.parametrize(
    ('cfg', 'error'),
    [({'a': 1}, KeyError), ({'type': 'None'}, KeyError), ({'type': 3}, TypeError), ('Own', TypeError), ({'type': 'Own', 'q': 1}, TypeError)],
)  # fmt: skip
def test_kinds_of_errors(lines: dict[str, Registry], cfg: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        lines['top'].build(cfg)
