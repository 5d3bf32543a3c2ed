"""What existing projects import: every spelling works, and takes what it took.

The list was measured over public projects (`shared/compat`). Ours may take more than the recorded signature, not less.
"""

from __future__ import annotations

import ast
import csv
import importlib
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

COMPAT = Path(__file__).resolve().parents[2].parent / 'shared' / 'compat'

# What is not there. Nothing else may fail to import.
_POINT_CLOUD = 'sparse convolution of point clouds, in one project'
_TEXT = 'scene text, in one project'
_ROTATED = 'rotation-equivariant detection, in one project'
MISSING: dict[str, str] = {
    'mmcv.ops.active_rotated_filter:active_rotated_filter': _ROTATED,
    'mmcv.ops.contour_expand:contour_expand': _TEXT,
    'mmcv.ops.pixel_group:pixel_group': _TEXT,
    'mmcv.ops.riroi_align_rotated:RiRoIAlignRotated': _ROTATED,
    'mmcv.ops.rotated_feature_align:rotated_feature_align': _ROTATED,
    'mmcv.ops.sparse_conv:SparseConv3d': _POINT_CLOUD,
    'mmcv.ops.sparse_conv:SparseInverseConv3d': _POINT_CLOUD,
    'mmcv.ops.sparse_conv:SubMConv3d': _POINT_CLOUD,
    'mmcv.ops.sparse_modules:SparseModule': _POINT_CLOUD,
    'mmcv.ops.sparse_modules:SparseSequential': _POINT_CLOUD,
    'mmcv.ops.sparse_pool:SparseMaxPool3d': _POINT_CLOUD,
    'mmcv.ops.sparse_structure:SparseConvTensor': _POINT_CLOUD,
}

# What imports and is not as recorded, and why: `module:name`, or `module:name.method` for a part of it.
_VENDOR = 'moves a model to an accelerator of a vendor fork of torch'
_INPUT = 'the forward of torch takes it: its argument is `input`, and modules are called, not their forward by keyword'
_REFUSED = 'can be imported and derived from; making one raises an error that says what to do instead'
EXCEPTIONS: dict[str, str] = {
    'mmcv.cnn.bricks.wrappers:Conv2d.forward': _INPUT,
    'mmcv.cnn.bricks.wrappers:Conv3d.forward': _INPUT,
    'mmcv.cnn.bricks.wrappers:ConvTranspose2d.forward': _INPUT,
    'mmcv.cnn.bricks.wrappers:Linear.forward': _INPUT,
    'mmcv.cnn.bricks.wrappers:MaxPool2d.forward': _INPUT,
    'mmcv.cnn.bricks.wrappers:MaxPool3d.forward': _INPUT,
    'mmcv.ops.multi_scale_deform_attn:MultiScaleDeformableAttnFunction': 'has `apply`, which is what is called of it',
    'mmcv.visualization.image:<module>': '`from mmcv import image` is the module of image operations',
    'mmengine._strategy.deepspeed:DeepSpeedOptimWrapper': _REFUSED,
    'mmengine._strategy.deepspeed:DeepSpeedStrategy': _REFUSED,
    'mmengine._strategy.fsdp:FSDPStrategy': _REFUSED,
    'mmengine.model.base_model.base_model:BaseModel.mlu': _VENDOR,
    'mmengine.model.base_model.base_model:BaseModel.musa': _VENDOR,
    'mmengine.model.base_model.base_model:BaseModel.npu': _VENDOR,
    'mmengine.model.base_model.data_preprocessor:BaseDataPreprocessor.mlu': _VENDOR,
    'mmengine.model.base_model.data_preprocessor:BaseDataPreprocessor.musa': _VENDOR,
    'mmengine.model.base_model.data_preprocessor:BaseDataPreprocessor.npu': _VENDOR,
    'mmengine.model.wrappers.fully_sharded_distributed:MMFullyShardedDataParallel': _REFUSED,
    'mmengine.model.wrappers.utils:is_model_wrapper': 'the recorded default is a printed table, which is no Python',
    'mmengine.runner._flexible_runner:FlexibleRunner': 'a name for the one Runner; strategy and launcher follow from the '
    'processes there are',
    'mmengine.runner.runner:Runner._check_scheduler_cfg': 'schedulers are checked where they are built',
    'mmengine.structures.base_data_element:BaseDataElement.mlu': _VENDOR,
    'mmengine.structures.base_data_element:BaseDataElement.musa': _VENDOR,
    'mmengine.structures.base_data_element:BaseDataElement.npu': _VENDOR,
    'mmseg.apis.inference:init_model': 'the default device is the accelerator that there is, not the first of CUDA',
}


def _entries() -> list[dict[str, str]]:
    path = COMPAT / 'symbols.csv'
    if not path.is_file():
        return []
    with path.open(encoding='utf-8') as file:
        return list(csv.DictReader(file))


ENTRIES = _entries()


@pytest.fixture(scope='session')
def signatures() -> dict[str, Any]:
    return json.loads((COMPAT / 'signatures.json').read_text(encoding='utf-8'))


@pytest.fixture(scope='session')
def relied_on() -> set[tuple[str, str]]:
    """Private methods that derived classes of projects call or override."""
    with (COMPAT / 'inherited_use.csv').open(encoding='utf-8') as file:
        used = {(row['base'], row['attr'].split('.')[-1]) for row in csv.DictReader(file)}
    with (COMPAT / 'subclassed.csv').open(encoding='utf-8') as file:
        for row in csv.DictReader(file):
            used |= {(row['base'], method.split(':')[0]) for method in row['methods_defined'].split()}
    return used


def load(spelling: str) -> Any:
    """The object of `module:name`; `module:<module>` is the module."""
    module, _, name = spelling.partition(':')
    found = importlib.import_module(module)
    if name in ('', '<module>'):
        return found
    if not hasattr(found, name):
        return importlib.import_module(f'{module}.{name}')  # `from package import module`
    return getattr(found, name)


class Recorded:
    """A signature as it is written down."""

    def __init__(self, text: str) -> None:
        text = re.sub(r'^(classmethod|staticmethod)', '', text)
        text = re.sub(r'<[^<>]*>', "'object'", re.sub(r'<[^<>]*>', "'object'", text))
        node = ast.parse(f'def f{text}: ...').body[0]
        assert isinstance(node, ast.FunctionDef)
        arguments = node.args
        positional = [a.arg for a in arguments.posonlyargs + arguments.args]
        defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
        self.defaults = dict(zip(positional, [*defaults, *arguments.defaults], strict=True))
        self.defaults |= dict(zip((a.arg for a in arguments.kwonlyargs), arguments.kw_defaults, strict=True))
        self.positional = [name for name in positional if name not in ('self', 'cls')]
        self.keyword_only = [a.arg for a in arguments.kwonlyargs]
        self.args = arguments.vararg is not None
        self.kwargs = arguments.kwarg is not None

    @property
    def anything(self) -> bool:
        """`(*args, **kwargs)`, as decorators and compiled functions have: it says nothing."""
        return self.args and self.kwargs and not self.positional


def shortfalls(recorded: Recorded, ours: Any) -> Iterator[str]:
    """What a call that fits the recorded signature would miss in ours."""
    try:
        parameters = inspect.signature(ours).parameters
    except ValueError:
        return  # built in
    kinds = {parameter.kind for parameter in parameters.values()}
    args, kwargs = inspect.Parameter.VAR_POSITIONAL in kinds, inspect.Parameter.VAR_KEYWORD in kinds
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    positional = [n for n, p in parameters.items() if p.kind in by_position and n not in ('self', 'cls')]
    count = len(recorded.positional)
    if positional[:count] != recorded.positional and not (args and kwargs):
        yield f'takes {positional}, not {recorded.positional}'
    for name in recorded.keyword_only:
        if name not in parameters and not kwargs:
            yield f'takes no {name}'
    if recorded.args and not args:
        yield 'takes no *args'
    if recorded.kwargs and not kwargs:
        yield 'takes no **kwargs'
    for name, parameter in parameters.items():
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD) or name in (
            'self',
            'cls',
        ):
            continue
        if parameter.default is inspect.Parameter.empty and recorded.defaults.get(name) is None:
            if name not in recorded.defaults:
                yield f'demands {name}'
        elif parameter.default is inspect.Parameter.empty:
            yield f'demands {name}'
        elif name in recorded.defaults and recorded.defaults[name] is not None:
            yield from _other_default(name, recorded.defaults[name], parameter.default)


def _other_default(name: str, recorded: ast.expr | None, ours: Any) -> Iterator[str]:
    assert recorded is not None
    try:
        value = ast.literal_eval(recorded)
    except ValueError:
        return  # an object
    if isinstance(value, (list, tuple)) and isinstance(ours, (list, tuple)):
        value, ours = list(value), list(ours)
    if value != ours and 'object' not in str(value):
        yield f'{name} is {ours!r} by default, not {value!r}'


def set_on_instances(cls: type, name: str) -> bool:
    """Whether the class assigns `self.name`, which is as good as a property."""
    for base in cls.__mro__[:-1]:
        if name in getattr(base, '__annotations__', {}):
            return True
        if base.__module__.startswith(('mmengine', 'mmcv', 'mmseg')) and re.search(
            rf'self\.{name}\b[^=\n]*=[^=]|self\.{name}, ', inspect.getsource(base)
        ):
            return True
    return False


def problems(canonical: str, ours: Any, record: dict[str, Any], relied_on: set[tuple[str, str]]) -> Iterator[str]:
    """Differences of a symbol from its record; those in EXCEPTIONS are left out."""
    for key in ('sig', 'init'):
        if record.get(key):
            recorded = Recorded(record[key])
            target = ours.__init__ if inspect.isclass(ours) else ours
            if not recorded.anything:
                yield from (f'{canonical}: {text}' for text in shortfalls(recorded, target))
    for method, text in (record.get('methods') or {}).items():
        name = f'{canonical}.{method}'
        private = method.startswith('_') and not method.startswith('__')
        if name in EXCEPTIONS or (private and (canonical, method) not in relied_on):
            continue
        if not hasattr(ours, method):
            if not set_on_instances(ours, method):
                yield f'{name} is missing'
            continue
        static = inspect.getattr_static(ours, method)
        if '(' not in text or isinstance(static, property) or not callable(getattr(ours, method)):
            continue
        recorded = Recorded(text)
        if not recorded.anything:
            yield from (f'{name} {text}' for text in shortfalls(recorded, getattr(ours, method)))


@pytest.mark.skipif(not ENTRIES, reason='the folder `shared` with the measured interface is not beside the repository')
@pytest.mark.parametrize('entry', ENTRIES, ids=lambda entry: entry['canonical'])
def test_symbol(entry: dict[str, str], signatures: dict[str, Any], relied_on: set[tuple[str, str]]) -> None:
    canonical = entry['canonical']
    if canonical in MISSING:
        with pytest.raises(ImportError):  # else it is there, and should leave the table
            load(canonical)
        pytest.skip(MISSING[canonical])
    objects = [load(spelling) for spelling in entry['spelled'].split()]
    if canonical in EXCEPTIONS:
        pytest.skip(EXCEPTIONS[canonical])
    wrong = list(problems(canonical, objects[0], signatures.get(canonical, {}), relied_on))
    assert not wrong, '\n'.join(wrong)
    assert all(found == objects[0] for found in objects), 'the spellings mean different things'


@pytest.mark.skipif(not ENTRIES, reason='the folder `shared` with the measured interface is not beside the repository')
def test_the_tables_name_what_was_measured(signatures: dict[str, Any]) -> None:
    known = {entry['canonical'] for entry in ENTRIES}
    for name in {**MISSING, **EXCEPTIONS}:
        module, _, symbol = name.partition(':')
        owner, _, method = symbol.partition('.')
        assert f'{module}:{owner}' in known, name
        assert not method or method in signatures[f'{module}:{owner}']['methods'], name


def test_shortfalls_are_found() -> None:
    def ours(a: int, c: int, b: int = 2, *, d: int, e: int = 4) -> None: ...

    recorded = Recorded('(a: int, b: <class Tensor> = 1, *args, d=3, f=5)')
    assert set(shortfalls(recorded, ours)) == {
        "takes ['a', 'c', 'b'], not ['a', 'b']",
        'takes no *args',
        'takes no f',
        'demands c',
        'demands d',
        'b is 2 by default, not 1',
    }
    assert not list(shortfalls(Recorded('(a, b=1, *, d=3)'), lambda a, b=1, c=2, **kwargs: None))
    assert Recorded('(*args, **kwargs)').anything
