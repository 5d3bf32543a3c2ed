"""Addresses of checkpoints, and loading them into models."""

import hashlib
import http.server
import io
import json
import threading
from collections import OrderedDict

import pytest
import torch
from torch import nn

import mmengine.checkpoint.loaders as loaders
from mmengine.checkpoint import (
    CheckpointLoader,
    _load_checkpoint,
    _load_checkpoint_to_model,
    _load_checkpoint_with_prefix,
    get_deprecated_model_names,
    get_external_models,
    get_mmcls_models,
    get_state_dict,
    get_torchvision_models,
    load_checkpoint,
    load_from_http,
    load_safetensors,
    load_state_dict,
    save_checkpoint,
    save_safetensors,
    weights_to_cpu,
)
from mmengine.fileio import get
from mmengine.utils.errors import CheckpointError


def make_model():
    return nn.Sequential(OrderedDict(a=nn.Linear(2, 3), b=nn.BatchNorm1d(3)))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / 'a.pth'
    save_checkpoint({'meta': {}, 'state_dict': make_model().state_dict()}, path)
    return path


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv('MMENGINE_HOME', str(tmp_path / 'home'))
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    return tmp_path / 'home'


def test_all_that_fits_is_loaded_and_the_rest_listed(path, capsys):
    model = nn.Sequential(OrderedDict(a=nn.Linear(2, 4), b=nn.BatchNorm1d(3), c=nn.Linear(1, 1)))
    saved = torch.load(path, weights_only=True)
    saved['state_dict'].update({'d.weight': torch.zeros(1), 'b.running_mean': torch.full((3,), 7.0)})
    torch.save(saved, path)
    load_checkpoint(model, path)
    out = capsys.readouterr().out
    assert 'Loads checkpoint by local backend' in out
    report = out[out.index('the model and the checkpoint') :].splitlines()
    assert report[1:] == [
        '  missing in the checkpoint (2):',
        '    c.weight',
        '    c.bias',
        '  unexpected, not in the model (1):',
        '    d.weight',
        '  of another shape (2):',
        '    a.weight: (3, 2) in the checkpoint, (4, 2) in the model',
        '    a.bias: (3) in the checkpoint, (4) in the model',
    ]
    assert torch.equal(model.b.running_mean, torch.full((3,), 7.0))
    with pytest.raises(CheckpointError, match=r'(?s)strict.*c\.weight.*d\.weight.*a\.weight: \(3, 2\)'):
        load_checkpoint(model, path, strict=True, logger='silent')


def test_long_lists_are_cut():
    model = nn.ModuleList([nn.Linear(1, 1) for _ in range(30)])
    with pytest.raises(CheckpointError) as raised:
        load_state_dict(model, {'0.weight': torch.zeros(1, 1)}, strict=True)
    assert 'missing in the checkpoint (59):' in str(raised.value)
    assert '... and 39 more' in str(raised.value)
    assert len(str(raised.value).splitlines()) == 23


def test_a_checkpoint_of_another_model_is_refused(path):
    model = nn.Sequential(OrderedDict(x=nn.Linear(2, 3), a=nn.Linear(3, 4)))
    with pytest.raises(CheckpointError, match=r'(?s)of another model.*x\.weight.*b\.running_var.*a\.weight: \(3, 2\)'):
        load_checkpoint(model, path, logger='silent')
    load_state_dict(model, {}, logger='silent')  # nothing was to be loaded


def test_a_perfect_fit_says_nothing(path, capsys):
    load_checkpoint(make_model(), path, logger='silent')
    older = {k: v for k, v in make_model().state_dict().items() if 'num_batches_tracked' not in k}
    load_state_dict(make_model(), older)
    assert capsys.readouterr().out == ''


def test_names_are_revised_in_turn_and_metadata_stays():
    class Versioned(nn.Linear):
        _version = 3
        seen = None

        def _load_from_state_dict(self, state_dict, prefix, local_metadata, *args):
            Versioned.seen = local_metadata.get('version')
            super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)

    model = nn.Sequential(Versioned(1, 1))
    state = model.state_dict()
    weights = OrderedDict((f'module.x.{k}', v + 1) for k, v in state.items())
    weights._metadata = state._metadata
    target = nn.Sequential(Versioned(1, 1))
    _load_checkpoint_to_model(
        target, {'state_dict': weights}, strict=True, revise_keys=[(r'^module\.', ''), (r'^x\.', '')]
    )
    assert torch.equal(target[0].weight, model[0].weight + 1)
    assert Versioned.seen == 3


@pytest.mark.parametrize('wrap', [lambda s: s, lambda s: {'state_dict': s}, lambda s: {'model': s, 'epoch': 3}])
def test_where_the_weights_are(tmp_path, wrap):
    model = make_model()
    torch.save(wrap(model.state_dict()), tmp_path / 'a.pth')
    loaded = make_model()
    load_checkpoint(loaded, tmp_path / 'a.pth', strict=True, logger='silent')
    assert torch.equal(loaded.a.weight, model.a.weight)


def test_what_is_no_checkpoint(tmp_path):
    torch.save([1], tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='No state_dict found'):
        load_checkpoint(make_model(), tmp_path / 'a.pth', logger='silent')


def test_part_of_a_checkpoint(path):
    for prefix in ('a', 'a.'):
        assert list(_load_checkpoint_with_prefix(prefix, path, logger='silent')) == ['weight', 'bias']
    with pytest.raises(CheckpointError, match=r"begins with 'backbone\.'; they begin with a, b"):
        _load_checkpoint_with_prefix('backbone', path, logger='silent')


def test_wrapped_models_have_the_names_of_the_models_in_them():
    model = nn.Sequential(OrderedDict(part=nn.DataParallel(nn.Linear(1, 1)), other=nn.Linear(1, 1)))
    names = ['part.weight', 'part.bias', 'other.weight', 'other.bias']
    state = get_state_dict(nn.DataParallel(model))
    assert list(state) == names
    assert set(state._metadata) == {'', 'part', 'other'}
    state = OrderedDict((k, v + 1) for k, v in state.items())
    load_state_dict(nn.DataParallel(model), state, strict=True)
    assert torch.equal(model.part.module.weight, state['part.weight'])
    destination = OrderedDict()
    assert list(get_state_dict(nn.Linear(1, 1), destination, 'x.')) == ['x.weight', 'x.bias']


def test_states_are_copied_to_the_cpu():
    state = weights_to_cpu({'a': torch.zeros(1), 'b': {'c': [torch.zeros(1), 3]}, 'd': 'x'})
    assert state._metadata == {}
    assert (list(state), state['b']['c'][1], state['d']) == (['a', 'b', 'd'], 3, 'x')
    assert weights_to_cpu(make_model().state_dict())._metadata['a'] == {'version': 1}


def test_schemes(monkeypatch):
    monkeypatch.setattr(CheckpointLoader, '_schemes', dict(CheckpointLoader._schemes))

    @CheckpointLoader.register_scheme(prefixes=['foo://', 'bar://'])
    def load_from_foo(filename, map_location):
        return {'from': filename, 'map': map_location}

    assert _load_checkpoint('bar://x', 'cpu', logger='silent') == {'from': 'bar://x', 'map': 'cpu'}
    with pytest.raises(KeyError, match='force=True'):
        CheckpointLoader.register_scheme('foo://', load_from_foo)
    CheckpointLoader.register_scheme('foo://', load_from_foo, force=True)
    with pytest.raises(TypeError, match='prefixes'):
        CheckpointLoader.register_scheme(3, load_from_foo)
    loader_of = CheckpointLoader._get_checkpoint_loader
    assert loader_of('C:/a.pth') is loader_of('a/b') is loaders.load_from_local
    assert loader_of('cluster:s3://a') is loader_of('s3://a') is loaders.load_from_ceph
    assert loader_of('open-mmlab://a') is loader_of('openmmlab://a') is loaders.load_from_openmmlab


def test_remote_files(monkeypatch):
    pytest.importorskip('fsspec')
    save_checkpoint({'a': 1}, 'memory://x/a.pth', backend_args={'backend': 'fsspec'})
    monkeypatch.setattr(CheckpointLoader, '_schemes', dict(CheckpointLoader._schemes))
    CheckpointLoader.register_scheme('memory://', loaders.load_from_ceph)
    monkeypatch.setattr(loaders, 'get', lambda name: get(name, {'backend': 'fsspec'}))
    assert _load_checkpoint('memory://x/a.pth', logger='silent') == {'a': 1}


@pytest.fixture
def server():
    """A web server in this process; `files` is what it has."""
    files = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            content = files.get(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header('Content-Length', str(len(content or b'')))
            self.end_headers()
            self.wfile.write(content or b'')

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f'http://127.0.0.1:{httpd.server_port}', files
        httpd.shutdown()
        thread.join()


def _content(obj):
    buffer = io.BytesIO()
    torch.save(obj, buffer)
    return buffer.getvalue()


def test_downloads_are_kept(server, home):
    url, files = server
    files['/a.pth'] = _content({'a': 1})
    assert _load_checkpoint(f'{url}/a.pth', logger='silent') == {'a': 1}
    del files['/a.pth']
    assert load_from_http(f'{url}/a.pth') == {'a': 1}
    assert (home / 'checkpoints' / 'a.pth').is_file()


def test_a_download_in_torch_s_folder_is_used(home, tmp_path):
    folder = tmp_path / 'torch' / 'hub' / 'checkpoints'
    save_checkpoint({'a': 2}, folder / 'b-0123abcd.pth')
    assert load_from_http('https://host.invalid/b-0123abcd.pth') == {'a': 2}


def test_the_hash_in_a_name_is_checked(server, home):
    url, files = server
    content = _content({'a': 1})
    digest = hashlib.sha256(content).hexdigest()[:8]
    files[f'/a-{digest}.pth'] = content
    files['/b-0123abcd.pth'] = content
    files['/c-20210208.pth'] = content  # a date
    if not digest.isdigit():
        assert load_from_http(f'{url}/a-{digest}.pth') == {'a': 1}
    assert load_from_http(f'{url}/c-20210208.pth') == {'a': 1}
    with pytest.raises(CheckpointError, match='invalid hash value'):
        load_from_http(f'{url}/b-0123abcd.pth')
    assert not list((home / 'checkpoints').glob('b-*'))


def test_offline_the_message_says_where_to_put_the_file(server, home):
    url, _ = server
    with pytest.raises(CheckpointError) as raised:
        load_from_http(f'{url}/none-0123abcd.pth')
    message = str(raised.value)
    assert f'could not download {url}/none-0123abcd.pth: HTTP Error 404' in message
    assert str(home / 'checkpoints' / 'none-0123abcd.pth') in message
    assert 'MMENGINE_HOME' in message


def test_named_weights(home, monkeypatch):
    asked = []

    def fake(url, map_location=None):
        asked.append(url)
        return {'state_dict': {'backbone.a': 1, 'head.b': 2}}

    monkeypatch.setattr(loaders, 'load_from_http', fake)
    _load_checkpoint('torchvision://resnet50', logger='silent')
    _load_checkpoint('modelzoo://resnet50', logger='silent')
    assert asked == ['https://download.pytorch.org/models/resnet50-0676ba61.pth'] * 2
    assert _load_checkpoint('mmcls://vgg11', logger='silent') == {'state_dict': {'a': 1}}
    _load_checkpoint('open-mmlab://resnet50_v1c', logger='silent')
    _load_checkpoint('openmmlab://resnet50_caffe', logger='silent')  # a former name
    assert asked[-2:] == [get_external_models()[n] for n in ('resnet50_v1c', 'detectron/resnet50_caffe')]
    with pytest.raises(CheckpointError, match='did you mean resnet50_v1c'):
        _load_checkpoint('open-mmlab://resnet50_v1', logger='silent')


def test_own_names(home):
    save_checkpoint({'a': 3}, home / 'mine.pth')
    (home / 'open_mmlab.json').write_text(json.dumps({'mine': 'mine.pth'}))
    assert _load_checkpoint('open-mmlab://mine', logger='silent') == {'a': 3}


def test_tables_hold_addresses():
    for table in (get_external_models(), get_mmcls_models(), get_torchvision_models()):
        assert len(table) > 20
        assert all(url.startswith('https://') and url.endswith('.pth') for url in table.values())
    assert set(get_deprecated_model_names().values()) <= set(get_external_models())


def test_safetensors(tmp_path):
    model = make_model()
    tied = {**model.state_dict(), 'tied': model.a.weight, 'view': torch.arange(6.0).reshape(2, 3).T}
    save_safetensors(tied, tmp_path / 'x' / 'a.safetensors', {'classes': ['a', 'b'], 'note': 'x'})
    loaded = load_safetensors(tmp_path / 'x' / 'a.safetensors', 'cpu')
    assert loaded['meta'] == {'classes': '["a", "b"]', 'note': 'x'}
    assert torch.equal(loaded['state_dict']['view'], tied['view'])
    other = make_model()
    load_checkpoint(other, tmp_path / 'x' / 'a.safetensors', logger='silent')
    assert torch.equal(other.a.weight, model.a.weight)
    (tmp_path / 'b.safetensors').write_bytes((tmp_path / 'x' / 'a.safetensors').read_bytes()[:50])
    with pytest.raises(CheckpointError, match=r'\(50 bytes\) is no whole safetensors'):
        load_checkpoint(other, tmp_path / 'b.safetensors', logger='silent')
    with pytest.raises(CheckpointError, match='tensors only, but x'):
        save_safetensors({'x': 3}, tmp_path / 'c.safetensors')


def test_the_former_place():
    import mmengine.runner.checkpoint as former

    for name in ('_load_checkpoint', '_load_checkpoint_to_model', '_load_checkpoint_with_prefix', 'load_checkpoint'):
        assert getattr(former, name).__module__.startswith('mmengine.checkpoint')
    assert former.CheckpointLoader is CheckpointLoader
    assert former.DEFAULT_CACHE_DIR == '~/.cache'
