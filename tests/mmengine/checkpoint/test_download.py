"""Weights over the network: mirrors, the Hugging Face hub, several processes at once, and what is said offline."""

from __future__ import annotations

import hashlib
import http.server
import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from mmengine.checkpoint import CheckpointLoader, _load_checkpoint, save_safetensors
from mmengine.checkpoint.download import addresses, download, download_once, huggingface_url
from mmengine.utils.errors import CheckpointError


class Server:
    """A web server in this process: `files` is what it has, `asked` what was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.url = ''


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append((self.path, self.headers.get('Authorization')))
            content = state.files.get(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header('Content-Length', str(len(content or b'') + ('short' in self.path)))
            self.end_headers()
            self.wfile.write(content or b'')

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        state.url = f'http://127.0.0.1:{httpd.server_port}'
        yield state
        httpd.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv('MMENGINE_HOME', str(tmp_path / 'home'))
    for name in ('MMENGINE_MIRRORS', 'HF_ENDPOINT', 'HF_TOKEN'):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / 'home'


def content(obj: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(obj, buffer)
    return buffer.getvalue()


def test_mirrors_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    url = 'https://a.org/x/w.pth'
    assert addresses(url) == [url]
    monkeypatch.setenv(
        'MMENGINE_MIRRORS', 'https://a.org=https://m.org/a, https://b.org=https://n.org\nhttps://a.org/x=file:///y'
    )
    assert addresses(url) == ['https://m.org/a/x/w.pth', 'file:///y/w.pth', url]
    monkeypatch.setenv('MMENGINE_MIRRORS', 'https://a.org')
    with pytest.raises(CheckpointError, match="pairs 'beginning=replacement'"):
        addresses(url)


def test_named_weights_of_a_host_that_is_gone(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('MMENGINE_MIRRORS', f'https://download.openmmlab.com={server.url}/mirror')
    data = content({'state_dict': {'backbone.a': torch.ones(1)}})
    digest = hashlib.sha256(data).hexdigest()[:8]
    monkeypatch.setattr(
        'mmengine.checkpoint.loaders.get_mmcls_models', lambda: {'n': f'https://download.openmmlab.com/n-{digest}.pth'}
    )
    server.files[f'/mirror/n-{digest}.pth'] = data
    assert _load_checkpoint('mmcls://n', logger='silent')['state_dict']['a'] == 1


def test_a_spoilt_mirror_is_passed_over(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    data = content({'a': 1})
    name = f'w-{hashlib.sha256(data).hexdigest()[:12]}.pth'
    server.files |= {f'/bad/{name}': data[:-1], f'/good/{name}': data, f'/short/{name}': data}
    pairs = [f'{server.url}/good={server.url}/{mirror}' for mirror in ('none', 'bad', 'short')]
    monkeypatch.setenv('MMENGINE_MIRRORS', ','.join(pairs))
    download(f'{server.url}/good/{name}', str(tmp_path / name))
    assert (tmp_path / name).read_bytes() == data
    assert [path for path, _ in server.asked] == [f'/{m}/{name}' for m in ('none', 'bad', 'short', 'good')]
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_one_message_names_all_that_was_tried(server: Server, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv('MMENGINE_MIRRORS', f'{server.url}={server.url}/mirror')
    with pytest.raises(CheckpointError) as raised:
        _load_checkpoint(f'{server.url}/w.pth', logger='silent')
    for part in (f'{server.url}/mirror/w.pth: HTTP Error 404', f'{server.url}/w.pth: HTTP Error 404'):
        assert f'could not download {part}' in str(raised.value)
    assert str(home / 'checkpoints' / 'w.pth') in str(raised.value)
    assert 'MMENGINE_MIRRORS' in str(raised.value)


@pytest.mark.parametrize(
    ('address', 'path'),
    [
        ('hf://o/r/m.pth', 'o/r/resolve/main/m.pth'),
        ('hf://o/r@v1.0/a/b c.pth', 'o/r/resolve/v1.0/a/b%20c.pth'),
    ],
)
def test_addresses_of_the_hub(address: str, path: str) -> None:
    assert huggingface_url(address) == f'https://huggingface.co/{path}'
    for wrong in ('hf://o/r', 'hf://o', 'hf://o@v/r/m.pth'):
        with pytest.raises(CheckpointError, match='should read'):
            huggingface_url(wrong)


def test_weights_from_the_hub(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: Path) -> None:
    monkeypatch.setenv('HF_ENDPOINT', server.url)
    monkeypatch.setenv('HF_TOKEN', 'secret')
    save_safetensors({'a': torch.ones(2)}, tmp_path / 'm.safetensors')
    server.files['/o/r/resolve/main/m.safetensors'] = (tmp_path / 'm.safetensors').read_bytes()
    for _ in range(2):
        assert _load_checkpoint('hf://o/r/m.safetensors', logger='silent')['state_dict']['a'].tolist() == [1, 1]
    assert server.asked == [('/o/r/resolve/main/m.safetensors', 'Bearer secret')]
    assert [p.relative_to(home).as_posix() for p in home.rglob('*') if p.is_file()] == [
        'checkpoints/hf/o/r/m.safetensors'
    ]


def test_the_token_goes_to_the_hub_only(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv('HF_TOKEN', 'secret')
    server.files['/w.pth'] = b'x'
    download(f'{server.url}/w.pth', str(tmp_path / 'w.pth'))
    assert server.asked == [('/w.pth', None)]


def test_processes_that_share_a_folder_download_once(server: Server, tmp_path: Path) -> None:
    server.files['/w.pth'] = b'x' * 1000
    path = str(tmp_path / 'new' / 'w.pth')
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: download_once(f'{server.url}/w.pth', path, False), range(8)))
    assert len(server.asked) == 1
    assert [p.name for p in (tmp_path / 'new').iterdir()] == ['w.pth']


def test_unknown_schemes_are_refused() -> None:
    with pytest.raises(CheckpointError, match=r'torchvison://resnet50 cannot be read.*torchvison'):
        CheckpointLoader.load_checkpoint('torchvison://resnet50', logger='silent')
