"""Configs with `read_base()` and with names that are imported when they are needed."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mmengine.config import Config, ConfigDict, where
from mmengine.config.lazy import LazyObject, read_base
from mmengine.utils.errors import ConfigError

READ = 'from mmengine.config import read_base\nwith read_base():\n'


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'path', list(sys.path))

    def write(texts: dict[str, str]) -> Path:
        for name, text in texts.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return tmp_path

    return write


def load(text: str, **others: str) -> Config:
    """The config of `text`, in the working directory, with other files beside it."""
    for name, other in {'a': text, **others}.items():
        Path(f'{name}.py').write_text(other)
    return Config.fromfile('a.py')


# ------------------------------------------------------------------------------------------------ imported when needed


def test_loading_needs_nothing_that_is_imported(files: Any) -> None:
    cfg = load(
        'import absent_one.sub as one\nimport absent_two.deep.er\nfrom absent_three import Model, Norm as N\n'
        'model = dict(type=Model, norm=dict(type=N), act=one.GELU, lst=[one.a.b, (absent_two.deep.er.X,)])\n'
        'Alias = one.Conv\n'
    )
    assert list(cfg) == ['model', 'Alias']
    assert cfg.to_dict() == {
        'model': {
            'type': 'absent_three.Model',
            'norm': {'type': 'absent_three.Norm'},
            'act': 'absent_one.sub.GELU',
            'lst': ['absent_one.sub.a.b', ('absent_two.deep.er.X',)],
        },
        'Alias': 'absent_one.sub.Conv',
    }
    with pytest.raises(
        ConfigError, match=r"absent_three.*cannot be imported.*No module named 'absent_three'(.|\n)*a\.py:3"
    ):
        _ = cfg.model.type
    with pytest.raises(ImportError):
        _ = cfg.Alias


def test_torch_is_not_imported_by_loading(files: Any) -> None:
    folder = files({'a.py': 'import torch.nn as nn\nfrom torch.optim import SGD\nx = dict(type=nn.ReLU, opt=SGD)\n'})
    code = (
        "import sys; from mmengine.config import Config; c = Config.fromfile('a.py'); c.pretty_text; c.to_dict();"
        "assert 'torch' not in sys.modules; import torch; assert c.x.type is torch.nn.ReLU"
    )
    subprocess.run([sys.executable, '-c', code], cwd=folder, check=True)


def test_what_is_taken_out_is_the_class_itself(files: Any) -> None:
    from collections import OrderedDict

    from torch import nn

    cfg = load('import torch.nn as nn\nfrom torch.nn import ReLU as R\nx = dict(type=nn.GELU, a=[dict(type=R)], b=R)\n')
    assert cfg.x.type is cfg['x']['type'] is cfg.x.get('type') is nn.GELU
    assert cfg.x.a[0].type is cfg.x.copy().pop('b') is cfg.get('x').b is nn.ReLU
    assert isinstance(cfg.x.setdefault('b'), type) and OrderedDict(cfg.x)['a'] == cfg.x.a
    assert cfg.to_dict()['x'] == {'type': 'torch.nn.GELU', 'a': [{'type': 'torch.nn.ReLU'}], 'b': 'torch.nn.ReLU'}


def test_modules_of_the_standard_library_are_run(files: Any) -> None:
    cfg = load(
        'import os.path as osp\nimport math, absent_four\nfrom collections import OrderedDict as O\n'
        "p = osp.join('a', 'b')\nx = math.floor(2.5)\nd = O(a=1)\ntype_ = absent_four.X\n"
    )
    assert cfg.to_dict() == {'p': 'a/b', 'x': 2, 'd': {'a': 1}, 'type_': 'absent_four.X'}
    imported = cfg.to_dict(keep_imported=True)
    assert imported['absent_four'] == 'absent_four' and {'osp', 'math', 'O', 'p'} <= set(imported)


def test_what_is_called_or_counted_with_is_imported_on_the_spot(files: Any) -> None:
    files({'values_of_this_test.py': "N = 19\nNAMES = ('a', 'b')\nMETA = dict(classes=NAMES)\nclass Base: k = 3\n"})
    cfg = load(
        'import values_of_this_test as v\nimport numpy as np\nfrom values_of_this_test import N, Base\n'
        'n = N + 1\nm = 2 * v.N - 1\nnames = [*v.NAMES]\nc = v.META["classes"]\nlength = len(v.NAMES)\n'
        'words = f"{N} classes"\ngrid = np.arange(3).tolist()\nbig = N > 3\nsame = N == 19\n'
        'class Mine(Base):\n    pass\nk = Mine.k\nyes = isinstance(Mine(), Base)\nneg = -N\nhas = "a" in v.NAMES\n'
        'del Mine\n'
    )
    assert cfg.to_dict() == {
        'n': 20, 'm': 37, 'names': ['a', 'b'], 'c': ('a', 'b'), 'length': 2, 'words': '19 classes', 'grid': [0, 1, 2],
        'big': True, 'same': True, 'k': 3, 'yes': True, 'neg': -19, 'has': True,
    }  # fmt: skip


@pytest.mark.parametrize('use', ['absent_five.f(1)', 'absent_five.N + 1', '2 * absent_five.N', '[*absent_five.L]'])
def test_what_cannot_be_imported_on_the_spot_is_an_error_with_its_place(files: Any, use: str) -> None:
    with pytest.raises(ConfigError, match=r"a\.py:3(.|\n)*absent_five(.|\n)*No module named 'absent_five'"):
        load(f'import absent_five\n\nx = {use}\n')


def test_a_name_that_a_module_lacks(files: Any) -> None:
    cfg = load('from torch.nn import ReLUU\nx = dict(type=ReLUU)\n')
    with pytest.raises(ConfigError, match=r'ReLUU(.|\n)*a\.py:1'):
        _ = cfg.x.type


def test_functions_import_for_themselves(files: Any) -> None:
    cfg = load('import absent_six\ndef f():\n    import math\n    return math.pi\nx = f()\ny = absent_six.X\n')
    assert set(cfg) == {'x', 'y'} and cfg.x > 3


def test_a_missing_package_can_be_tried_for(files: Any) -> None:
    cfg = load(
        'import absent_eight\ntry:\n    import absent_seven\n    x = 1\nexcept ImportError:\n    x = 2\ny = absent_eight.Z\n'
    )
    assert cfg.x == 2


def test_the_style_is_told_by_the_file_and_can_be_overridden(files: Any) -> None:
    with pytest.raises(ConfigError, match=r"a\.py:2: ModuleNotFoundError: No module named 'absent_nine'"):
        load('_base_ = []\nimport absent_nine\n')
    Path('a.py').write_text('_base_ = []\nimport absent_nine\nx = absent_nine.y\n')
    assert Config.fromfile('a.py', lazy_import=True).to_dict() == {'x': 'absent_nine.y'}
    Path('a.py').write_text('import absent_nine\nx = absent_nine.y\n')
    with pytest.raises(ConfigError, match='absent_nine'):
        Config.fromfile('a.py', lazy_import=False)
    Path('a.py').write_text('import math\nfrom collections import Counter\nx = Counter\n')  # nothing to be lazy about
    from collections import Counter

    assert Config.fromfile('a.py').x is Counter


def test_relative_imports_are_bases(files: Any) -> None:
    with pytest.raises(ConfigError, match=r'a\.py:1: .*relative'):
        load('from .b import x\ny = x\n', b='x = 1\n')
    with pytest.raises(ConfigError, match=r'a\.py:1: '):
        load('from torch import *\n')


def test_the_folder_of_the_config_is_importable(files: Any) -> None:
    folder = files({'beside_of_this_test.py': 'class Thing: pass\n', 'sub/a.py': 'import os\n'})
    cfg = load('from beside_of_this_test import Thing\nx = dict(type=Thing)\n')
    sys.path[:] = [p for p in sys.path if p not in ('', str(folder))]
    assert cfg.x.type.__name__ == 'Thing'


def test_custom_imports_of_lazy_configs(files: Any) -> None:
    files({'custom_of_this_test.py': 'x = 1\n'})
    load("import torch\nx = torch.nn.ReLU\ncustom_imports = dict(imports=['custom_of_this_test'])\n")
    assert 'custom_of_this_test' in sys.modules


# ------------------------------------------------------------------------------------------------------------- bases

BASE = """\
from absent_ten import Norm
import absent_ten.nn as nn
import math
norm_cfg = dict(type=Norm, eps=1e-3)
model = dict(
    type=nn.Net,
    norm=norm_cfg,
    heads=[dict(n=1)],
    n=3)
train_pipeline = [dict(type='Load'), dict(type='Flip', p=0.5)]
lr = 0.1
def double(x): return 2 * x
"""


def test_star_brings_values_and_names_to_use(files: Any) -> None:
    cfg = load(READ + '    from .b import *\nlr2 = double(lr)\nact = nn.GELU\nz = math.floor(2.5)\n', b=BASE)
    assert cfg.lr2 == 0.2 and cfg.z == 2 and cfg.to_dict()['act'] == 'absent_ten.nn.GELU'
    assert set(cfg) == {'norm_cfg', 'model', 'train_pipeline', 'lr', 'lr2', 'act', 'z'}


def test_names_are_taken_one_by_one(files: Any) -> None:
    cfg = load(READ + '    from .b import model, lr as rate, nn\nx = nn.X\n', b=BASE)
    assert list(cfg) == ['model', 'rate', 'x'] and cfg.rate == 0.1 and cfg.model.n == 3
    with pytest.raises(ConfigError, match=r"a\.py:3: .*'modle'"):
        load(READ + '    from .b import modle\n', b=BASE)


def test_relative_imports_over_several_levels(files: Any) -> None:
    folder = files(
        {
            'configs/_base_/models/fcn.py': 'model = dict(n=1)\n',
            'configs/_base_/both.py': READ + '    from .models.fcn import *\n    from ..extra import *\n',
            'configs/extra.py': 'extra = 1\n',
            'configs/fcn/deep/a.py': READ + '    from ..._base_.both import *\nmodel.n = 2\n',
        }
    )
    cfg = Config.fromfile(folder / 'configs/fcn/deep/a.py')
    assert cfg.to_dict() == {'model': {'n': 2}, 'extra': 1}
    assert 'models/fcn.py' in cfg.text and cfg.text.index('extra = 1') < cfg.text.index('model.n = 2')


@pytest.mark.parametrize('place', ['.mim/configs/sub', 'configs/sub'])
def test_bases_of_packages(files: Any, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    name = 'package_of_lazy_' + place.strip('.').replace('/', '_')
    files({f'lib/{name}/__init__.py': '', f'lib/{name}/{place}/b.py': 'x = 1\n'})
    monkeypatch.syspath_prepend('lib')
    assert load(READ + f'    from {name}.configs.sub.b import *\n').to_dict() == {'x': 1}
    with pytest.raises(ConfigError, match='is not installed(.|\n)*a.py:3'):
        load(READ + '    from absent_eleven.configs.b import *\n')


def test_statements_after_the_bases_change_copies_of_their_values(files: Any) -> None:
    cfg = load(
        READ
        + '    from .b import *\nmodel.update(n=5)\nmodel.norm.eps = 2\nmodel.merge(dict(heads=[], norm=dict(k=1)))\n'
        "train_pipeline.insert(1, dict(\n    type='Crop'))\nmodel['new'] = dict(a=1)\ndel model.heads\nlr *= 2\n",
        b=BASE,
    )
    assert cfg.to_dict()['model'] == {
        'type': 'absent_ten.nn.Net', 'norm': {'type': 'absent_ten.Norm', 'eps': 2, 'k': 1}, 'n': 5, 'new': {'a': 1}
    }  # fmt: skip
    assert [step['type'] for step in cfg.train_pipeline] == ['Load', 'Crop', 'Flip'] and cfg.lr == 0.2
    assert isinstance(cfg.train_pipeline[1], ConfigDict) and isinstance(cfg.model.new, ConfigDict)


def test_origins_and_what_they_overrode(files: Any) -> None:
    cfg = load(
        READ + '    from .b import *\nmodel.update(n=5)\nmodel.norm.eps = 2\nmodel.norm.merge(dict(\n    k=1))\n'
        "train_pipeline.insert(1, dict(\n    type='Crop'))\nlr = 1\nmodel.heads[0].n = 2\n",
        b=BASE,
    )

    def chain(key: str) -> list[str]:
        origin, found = cfg.origin(key), []
        while origin is not None:
            found.append(str(origin))
            origin = origin.overrides
        return found

    assert chain('model.type') == ['b.py:6'] and chain('model') == ['b.py:5']
    assert chain('model.n') == ['a.py:4', 'b.py:9']
    assert chain('model.norm.eps') == ['a.py:5', 'b.py:4']
    assert chain('model.norm.k')[0] in ('a.py:6', 'a.py:7') and chain('model.norm.type') == ['b.py:4']
    assert chain('lr') == ['a.py:10', 'b.py:11']
    assert chain('model.heads.0.n') == ['a.py:11', 'b.py:8']
    assert chain('train_pipeline.1.type') == ['a.py:9'] and chain('train_pipeline.2.p') == ['b.py:10']
    assert where(cfg.model.norm, 'eps') == 'model.norm.eps (a.py:5)'


def test_a_base_that_is_read_twice_gives_two_values(files: Any) -> None:
    cfg = load(READ + '    from .b import model\n    from .b import model as other\nmodel.n = 7\n', b=BASE)
    assert (cfg.model.n, cfg.other.n) == (7, 3)


@pytest.mark.parametrize('body', ['x = 1', 'import b', 'print(1)', 'from . import b'])
def test_read_base_holds_imports_of_files_only(files: Any, body: str) -> None:
    with pytest.raises(ConfigError, match=r'a\.py:3: '):
        load(READ + f'    {body}\n', b='x = 1\n')


def test_circles_and_absent_bases(files: Any) -> None:
    with pytest.raises(ConfigError, match=r'form a circle: a\.py -> b\.py -> a\.py'):
        load(READ + '    from .b import *\n', b=READ + '    from .a import *\n')
    with pytest.raises(ConfigError, match='circle'):
        load("_base_ = 'b.py'\n", b=READ + '    from .a import *\n')
    with pytest.raises(FileNotFoundError, match=r'near it there are .*b\.py(.|\n)*a\.py:3'):
        load(READ + '    from .bb import *\n', b='')


def test_errors_in_a_base_name_the_base(files: Any) -> None:
    with pytest.raises(ConfigError, match=r'^b\.py:2: ZeroDivisionError'):
        load(READ + '    from .b import *\n', b='x = 1\ny = 1 / 0\n')
    with pytest.raises(ConfigError, match=r'^a\.py:5: NameError'):
        load(READ + '    from .b import *\n\nz = y\n', b='x = 1\n')


def test_the_two_styles_mix_both_ways(files: Any) -> None:
    files({'c.py': 'opt = dict(lr=1, wd=2)\n'})
    old_child = load(
        "_base_ = ['b.py', 'c.py']\nmodel = dict(n=9)\nt = _base_.model.type\n_base_.model.norm.eps = 5\n", b=BASE
    )
    assert old_child.to_dict()['model'] == {
        'type': 'absent_ten.nn.Net', 'norm': {'type': 'absent_ten.Norm', 'eps': 5}, 'heads': [{'n': 1}], 'n': 9
    }  # fmt: skip
    assert old_child.to_dict()['t'] == 'absent_ten.nn.Net' and old_child.opt.lr == 1
    assert str(old_child.origin('model.n')) == 'a.py:2' and str(old_child.origin('model.type')) == 'b.py:6'
    lazy_child = load(READ + '    from .b import *\nopt.lr = 3\n', b="_base_ = 'c.py'\nopt = dict(wd=4)\n")
    assert lazy_child.to_dict() == {'opt': {'lr': 3, 'wd': 4}}
    data_child = Path('d.yaml')
    data_child.write_text('_base_: a.py\nopt:\n  lr: 7\n')
    assert Config.fromfile(data_child).opt.lr == 7
    Path('e.py').write_text(READ + '    from .a import opt\nlr = opt.lr\n')
    assert Config.fromfile('e.py').lr == 3


def test_strings_may_be_lazy(files: Any) -> None:
    files({'b.py': BASE})
    cfg = Config.fromstring(READ + '    from .b import model\nmodel.n = 4\n', '.py')
    assert cfg.model.n == 4


# -------------------------------------------------------------------------------------------- copies, dumps, options


@pytest.mark.parametrize('suffix', ['py', 'json', 'yaml'])
def test_dumps_load_as_the_same(files: Any, suffix: str) -> None:
    cfg = load(READ + '    from .b import *\nAlias = nn.Conv\nx = [Norm, dict(type=nn.A)]\n', b=BASE)
    cfg.dump(f'o.{suffix}')
    again = Config.fromfile(f'o.{suffix}')
    assert again.to_dict() == cfg.to_dict() and again.pretty_text == cfg.pretty_text
    assert "type='absent_ten.Norm'" in cfg.pretty_text


def test_copies_and_pickles(files: Any) -> None:
    cfg = load('import math\nimport torch.nn as nn\nx = dict(type=nn.ReLU, a=[nn.GELU])\n')
    for other in (copy.copy(cfg), copy.deepcopy(cfg), pickle.loads(pickle.dumps(cfg))):
        assert other.to_dict() == cfg.to_dict() and other.pretty_text == cfg.pretty_text
        assert other.to_dict(keep_imported=True) == cfg.to_dict(keep_imported=True)
        assert other.x.type is cfg.x.type and str(other.origin('x.type')) == 'a.py:3'


def test_options_on_top_of_lazy_values(files: Any) -> None:
    cfg = load('import absent_twelve as a\nx = dict(type=a.B, n=1)\nl = [dict(type=a.C)]\n')
    cfg.merge_from_dict({'x.n': 2, 'l.0.type': 'D', 'x.t': a if (a := 3) else 0})
    assert cfg.to_dict() == {'x': {'type': 'absent_twelve.B', 'n': 2, 't': 3}, 'l': [{'type': 'D'}]}


def test_lazy_objects_by_themselves() -> None:
    from torch import nn

    lazy = LazyObject('torch.nn', 'ReLU', 'here:1')
    assert lazy.build() is nn.ReLU and lazy.module == 'torch.nn' and 'torch.nn' in repr(lazy)
    assert LazyObject(['torch', 'torch.nn']).build().__name__ == 'torch'
    again = pickle.loads(pickle.dumps(lazy))
    assert again.build() is nn.ReLU and copy.deepcopy(lazy).build() is nn.ReLU and again == lazy
    assert isinstance(lazy(inplace=True), nn.ReLU)
    with pytest.raises(TypeError, match='module should be'):
        LazyObject(3)  # type: ignore[arg-type]
    with read_base():
        pass


# ------------------------------------------------------------------------------------------------------- what is built


def test_registries_import_what_is_lazy(files: Any) -> None:
    from torch import nn

    from mmengine.registry import Registry

    seen: dict[str, Any] = {}

    def make(**kwargs: Any) -> str:
        seen.update(kwargs)
        return 'made'

    things = Registry('thing', scope='lazy_test')
    things.register_module('Make', module=make)
    cfg = load(
        "import torch.nn as nn\nx = dict(type='Make', a=nn.ReLU, b=[nn.GELU, (nn.ReLU,)], c=dict(d=dict(type=nn.GELU)),\n"
        '    n=1)\ny = dict(type=nn.ReLU, inplace=True)\n'
    )
    assert things.build(cfg.x) == 'made' and things.build(dict(cfg.x)) == 'made'
    assert seen['a'] is nn.ReLU and seen['b'] == [nn.GELU, (nn.ReLU,)] and dict.get(seen['c'].d, 'type') is nn.GELU
    assert where(seen['c'].d, 'type') == 'x.c.d.type (a.py:2)'
    assert things.build(cfg.y).inplace and things.build(cfg.to_dict()['x']) == 'made'
    assert cfg.to_dict()['x']['a'] == 'torch.nn.ReLU'  # the config stays as it is
    cfg = load('import absent_thirteen as t\nx = dict(type=t.X)\n')
    with pytest.raises(ConfigError, match='absent_thirteen'):
        things.build(cfg._cfg_dict.x)


def test_full_paths_of_dumped_configs_are_built(files: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch import nn

    from mmengine.registry import HOOKS, MODELS
    from mmengine.utils.errors import UnknownTypeError

    files(
        {
            'paths_of_this_test.py': 'from mmengine.hooks import Hook\nclass Mine(Hook): pass\nclass Other: pass\n'
            'def function(): pass\n'
        }
    )
    monkeypatch.syspath_prepend('.')
    assert isinstance(MODELS.build({'type': 'torch.nn.GELU'}), nn.GELU)
    assert type(HOOKS.build({'type': 'paths_of_this_test.Mine'})).__name__ == 'Mine'
    for other in ('paths_of_this_test.Other', 'paths_of_this_test.function', 'os.system', 'torch.nn.GELU'):
        with pytest.raises(UnknownTypeError):
            HOOKS.build({'type': other})


def test_a_runner_trains_from_a_lazy_config(files: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from mmengine.runner import Runner

    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2]))
    files(
        {
            'runtime.py': 'from mmengine.hooks import CheckpointHook, LoggerHook\n'
            'from mmengine.visualization import Visualizer\n'
            'default_hooks = dict(logger=dict(type=LoggerHook, interval=3), checkpoint=dict(type=CheckpointHook))\n'
            "visualizer = dict(type=Visualizer, vis_backends=[])\nlog_level = 'WARNING'\n",
            'a.py': READ + '    from .runtime import *\n'
            'from torch.optim import SGD\nfrom helpers.toy import CountingHook, ToyDataset, ToyMetric, ToyModel\n'
            'from mmengine.dataset import DefaultSampler, default_collate\n'
            'from mmengine.optim import LinearLR, OptimWrapper\n'
            'from mmengine.runner import EpochBasedTrainLoop, ValLoop\n'
            "work_dir = 'work'\nmodel = dict(type=ToyModel)\n"
            'train_dataloader = dict(batch_size=2, num_workers=0, dataset=dict(type=ToyDataset, length=6),\n'
            '    sampler=dict(type=DefaultSampler, shuffle=True), collate_fn=dict(type=default_collate))\n'
            'val_dataloader = dict(batch_size=3, num_workers=0, dataset=dict(type=ToyDataset, length=4),\n'
            '    sampler=dict(type=DefaultSampler, shuffle=False))\n'
            'val_evaluator = dict(type=ToyMetric)\nval_cfg = dict(type=ValLoop)\n'
            'train_cfg = dict(type=EpochBasedTrainLoop, max_epochs=2)\n'
            'optim_wrapper = dict(type=OptimWrapper, optimizer=dict(type=SGD, lr=0.01))\n'
            'param_scheduler = [dict(type=LinearLR, start_factor=0.1, by_epoch=False, end=4)]\n'
            'custom_hooks = [dict(type=CountingHook)]\ndefault_hooks.checkpoint.interval = 1\n',
        }
    )
    cfg = Config.fromfile('a.py')
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.iter == 6 and Path('work/epoch_2.pth').is_file()
    dumped = Config.fromfile(next(Path('work').glob('*.py')))
    assert dumped.to_dict() == cfg.to_dict()
    again = Runner.from_cfg(dumped)
    again.train()
    assert again.iter == 6


# ------------------------------------------------------------------------------------------------------------- details


def test_what_the_code_of_configs_takes_out_stays_lazy(files: Any) -> None:
    cfg = load(
        READ
        + '    from .b import *\nkinds = [model.type, model["type"], model.get("type"), train_pipeline[0].get("k", nn)]\n'
        'again = dict(**model)\nkeys_ = [k for k, v in model.items() if v is Norm]\nmodel.norm = model.pop("norm")\n'
        'model.neck = dict(type=Norm)\nneck = model.neck.type\ntrain_pipeline.append(dict(type=Norm))\n'
        'last = train_pipeline[-1]["type"]\n',
        b=BASE,
    )
    values = cfg.to_dict()
    assert values['kinds'] == ['absent_ten.nn.Net'] * 3 + ['absent_ten.nn'] and values['keys_'] == []
    assert values['again']['type'] == 'absent_ten.nn.Net' and values['neck'] == values['last'] == 'absent_ten.Norm'
    assert all(type(node) is ConfigDict for node in (cfg.model, cfg.model.neck, cfg.train_pipeline[-1], cfg.again))


def test_bases_through_old_style_files_bring_their_imports(files: Any) -> None:
    Path('c.py').write_text(BASE)
    cfg = load(
        READ + '    from .b import *\nmodel.head = dict(type=Norm)\nmodel.rate = double(lr)\n',
        b="_base_ = ['c.py']\nmodel = dict(n=18, norm=dict(_delete_=True, type='Old'))\n",
    )
    assert cfg.to_dict()['model'] == {
        'type': 'absent_ten.nn.Net', 'norm': {'type': 'Old'}, 'heads': [{'n': 1}], 'n': 18,
        'head': {'type': 'absent_ten.Norm'}, 'rate': 0.2,
    }  # fmt: skip
    Path('d.py').write_text("_base_ = 'a.py'\ntext_ = 'lr {{_base_.lr}}'\nkind = {{_base_.model.norm}}\n")
    assert Config.fromfile('d.py').to_dict()['text_'] == 'lr 0.1'
    Path('e.py').write_text(
        "_base_ = 'c.py'\nfrom mmengine.config import read_base\n" + READ + '    from .f import n\nm = n\n'
    )
    Path('f.py').write_text('n = 7\n')
    assert Config.fromfile('e.py').m == 7 and Config.fromfile('e.py').model.n == 3


def test_keys_may_be_lazy(files: Any) -> None:
    cfg = load('import absent_fourteen as a\nx = dict(y={a.B: 1, "c": a.C})\n')
    assert cfg.to_dict() == {'x': {'y': {'absent_fourteen.B': 1, 'c': 'absent_fourteen.C'}}}
    cfg.dump('o.py')
    assert Config.fromfile('o.py').to_dict() == cfg.to_dict()
    assert next(iter(Config.fromfile('o.py').x.y)) == next(iter(cfg.x.y)) == LazyObject('absent_fourteen', 'B')


def test_dumped_configs_stay_lazy(files: Any) -> None:
    cfg = load('import torch.nn as nn\nx = dict(type=nn.ReLU, name="torch.nn")\n')
    cfg.dump('o.py')
    again = Config.fromfile('o.py')
    assert again.x.type is cfg.x.type and again.x.name == 'torch.nn' and list(again) == ['x']
    assert Config.fromstring(cfg.pretty_text, '.py').to_dict() == cfg.to_dict()


def test_real_imports_on_request_keep_bases(files: Any) -> None:
    from fractions import Fraction

    from torch import nn

    files(
        {'b.py': 'from torch.nn import ReLU\nx = dict(type=ReLU)\n', 'a.py': READ + '    from .b import *\ny = ReLU\n'}
    )
    cfg = Config.fromfile('a.py', lazy_import=False)
    assert cfg._cfg_dict._to_lazy_dict()['x']['type'] is nn.ReLU and cfg.y is nn.ReLU
    Path('c.py').write_text('from fractions import Fraction\nfrom absent_fifteen import X\nx = Fraction(1, 2)\n')
    assert Config.fromfile('c.py').x == Fraction(1, 2)


def test_errors_name_the_address_in_the_config(files: Any) -> None:
    cfg = load('import absent_sixteen as a\nmodel = dict(\n    head=dict(type=a.B))\n')
    with pytest.raises(ConfigError) as info:
        _ = cfg.model.head.type
    assert info.value.__notes__ == ['at model.head.type (a.py:3)']
    assert isinstance(info.value.__cause__, ModuleNotFoundError)


def test_what_is_near_a_name_that_a_module_lacks(files: Any) -> None:
    with pytest.raises(ImportError, match='did you mean ReLU'):
        _ = load('import torch.nn as nn\nx = nn.ReLUU\n').x


def test_submodules_that_a_package_does_not_import(files: Any) -> None:
    assert load('import xml_like_of_this_test as x\ny = x.dom.Y\n', xml_like_of_this_test='') is not None
    files({'pk_of_this_test/__init__.py': '', 'pk_of_this_test/sub.py': 'Y = 5\n'})
    cfg = load('import pk_of_this_test as p\nimport pk_of_this_test.sub as s\nx = p.sub.Y\ny = s.Y\n')
    assert cfg.x == cfg.y == 5


def test_merging_replaces_the_whole_dict_on_request(files: Any) -> None:
    cfg = load(
        READ + '    from .b import *\nopt.merge(dict(\n    _delete_=True, lr=2, new=dict(a=1)))\n',
        b='opt = dict(\n    lr=1, wd=1)\n',
    )
    assert cfg.to_dict() == {'opt': {'lr': 2, 'new': {'a': 1}}}
    origin = cfg.origin('opt.lr')
    assert origin is not None and str(origin.overrides) == 'b.py:2' and origin.file.endswith('a.py')
