import http.server
import pickle
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import pytest

from mmengine import fileio
from mmengine.fileio.backends.registry_utils import backends, prefix_to_backends
from mmengine.utils.errors import MissingDependencyError


@pytest.fixture(params=['local', 'memory'])
def root(request, tmp_path: Path):
    """A folder on disk, and one in a remote storage: the same contract holds for both."""
    if request.param == 'local':
        yield str(tmp_path / 'root')
    else:
        uri = f'memory://{uuid.uuid4().hex}'
        yield uri
        if fileio.exists(uri):
            fileio.rmtree(uri)


def test_read_write_and_ask(root: str) -> None:
    path = fileio.join_path(root, 'a/b', 'f.txt')
    assert path == f'{root}/a/b/f.txt' and not fileio.exists(path)
    fileio.put_text('ü', path)
    assert fileio.get_text(path) == 'ü' and fileio.get(path) == 'ü'.encode()
    fileio.put(b'1', path)
    assert fileio.get(path) == b'1'
    assert fileio.isfile(path) and not fileio.isdir(path)
    assert fileio.isdir(fileio.join_path(root, 'a')) and fileio.exists(root)
    with fileio.get_local_path(path) as local:
        assert str(local).endswith('.txt') and Path(local).read_bytes() == b'1'
    fileio.dump({'a': 1}, fileio.join_path(root, 'a.json'))
    assert fileio.load(fileio.join_path(root, 'a.json')) == {'a': 1}
    with pytest.raises(FileNotFoundError):
        fileio.get(fileio.join_path(root, 'none'))


def test_list(root: str) -> None:
    for name in ('b.txt', 'a.txt', '.hidden', 'sub/c.py', 'sub/d.txt'):
        fileio.put(b'', fileio.join_path(root, name))
    assert list(fileio.list_dir_or_file(root)) == ['a.txt', 'b.txt', 'sub']
    everything = ['a.txt', 'b.txt', 'sub', 'sub/c.py', 'sub/d.txt']
    assert list(fileio.list_dir_or_file(root, recursive=True)) == everything
    assert list(fileio.list_dir_or_file(root, list_file=False, recursive=True)) == ['sub']
    files = fileio.list_dir_or_file(root, list_dir=False, suffix=('.txt',), recursive=True)
    assert list(files) == ['a.txt', 'b.txt', 'sub/d.txt']
    with pytest.raises(TypeError, match='list_dir=False'):
        fileio.list_dir_or_file(root, suffix='.txt')
    with pytest.raises(TypeError, match='suffix'):
        fileio.list_dir_or_file(root, list_dir=False, suffix=3)


def test_copy_and_remove(root: str) -> None:
    path = fileio.join_path(root, 'd', 'f.txt')
    fileio.put(b'1', path)
    copied = fileio.join_path(root, 'd', 'g.txt')
    assert fileio.copyfile(path, copied) == copied and fileio.get(copied) == b'1'
    fileio.put(b'', fileio.join_path(root, 'into', 'x'))
    into = fileio.copyfile(path, fileio.join_path(root, 'into'))
    assert into == fileio.join_path(root, 'into', 'f.txt') and fileio.get(into) == b'1'
    tree = fileio.join_path(root, 'tree')
    assert fileio.copytree(fileio.join_path(root, 'd'), tree) == tree
    assert list(fileio.list_dir_or_file(tree)) == ['f.txt', 'g.txt']
    with pytest.raises(OSError, match='exists'):
        fileio.copytree(fileio.join_path(root, 'd'), tree)
    with pytest.raises(OSError, match='same'):
        fileio.copyfile(path, path)
    linked = fileio.copy_if_symlink_fails(path, fileio.join_path(root, 'link'))
    assert linked == (not root.startswith('memory')) and fileio.get(fileio.join_path(root, 'link')) == b'1'
    assert fileio.copy_if_symlink_fails(copied, fileio.join_path(root, 'link')) == linked
    fileio.remove(path)
    assert not fileio.exists(path)
    with pytest.raises(FileNotFoundError):
        fileio.remove(path)
    with pytest.raises(OSError):
        fileio.remove(tree)
    fileio.rmtree(tree)
    assert not fileio.exists(tree)


def test_up_and_download(root: str, tmp_path: Path) -> None:
    local = tmp_path / 'local'
    (local / 'sub').mkdir(parents=True)
    (local / 'f.txt').write_bytes(b'1')
    (local / 'sub/g.txt').write_bytes(b'2')
    tree = fileio.join_path(root, 'tree')
    assert fileio.copytree_from_local(local, tree) == tree
    assert fileio.get(fileio.join_path(tree, 'sub/g.txt')) == b'2'
    uploaded = fileio.copyfile_from_local(local / 'f.txt', fileio.join_path(tree, 'sub'))
    assert uploaded == fileio.join_path(tree, 'sub/f.txt') and fileio.get(uploaded) == b'1'
    assert fileio.copytree_to_local(tree, str(tmp_path / 'back')) == str(tmp_path / 'back')
    assert (tmp_path / 'back/sub/f.txt').read_bytes() == b'1'
    assert fileio.copyfile_to_local(uploaded, tmp_path / 'one') == str(tmp_path / 'one')
    assert (tmp_path / 'one').read_bytes() == b'1'
    with pytest.raises(FileExistsError):
        fileio.copytree_to_local(tree, str(tmp_path / 'back'))


def test_choice_of_backends(tmp_path: Path) -> None:
    kind = {uri: type(fileio.get_file_backend(uri)).__name__ for uri in ('a', 's3://b/a', 'x:s3://b/a', 'https://h/a')}
    assert list(kind.values()) == ['LocalBackend', 'FsspecBackend', 'FsspecBackend', 'HTTPBackend']
    assert fileio.join_path('s3://bucket/', 'a', '/b') == 's3://bucket/a/b'  # needs no client
    local = fileio.get_file_backend(tmp_path, enable_singleton=True)
    assert fileio.get_file_backend('b', enable_singleton=True) is local is not fileio.get_file_backend('b')
    assert local.name == 'LocalBackend' and local.allow_symlink
    with pytest.raises(ValueError, match="'lokal'.*did you mean 'local'"):
        fileio.get_file_backend(backend_args={'backend': 'lokal'})
    with pytest.raises(ValueError, match='did you mean'):
        fileio.get('htps://host/a')
    with pytest.raises(ValueError, match='backend'):
        fileio.get_file_backend()
    with pytest.raises(TypeError):
        fileio.get(3)


def test_missing_clients_are_named() -> None:
    pytest.importorskip('fsspec')
    for make in (fileio.PetrelBackend, lambda: fileio.MemcachedBackend('a', 'b'), lambda: fileio.get('petrel://a')):
        with pytest.raises(MissingDependencyError, match='backend_args=None'):
            make()
    try:
        import s3fs  # noqa: F401
    except ImportError:
        with pytest.raises(MissingDependencyError, match='s3fs'):
            fileio.get('s3://bucket/a')


def test_local_paths_do_not_import_fsspec(tmp_path: Path) -> None:
    code = (
        'import sys\n'
        'from mmengine import fileio\n'
        'for name in [name for name in sys.modules if name.split(".")[0] == "fsspec"]: del sys.modules[name]\n'
        f'fileio.dump([1], r"{tmp_path / "a.json"}")\n'
        f'assert fileio.load(r"{tmp_path / "a.json"}") == [1]\n'
        f'assert list(fileio.list_dir_or_file(r"{tmp_path}")) == ["a.json"]\n'
        'assert "fsspec" not in sys.modules\n'
    )
    subprocess.run([sys.executable, '-c', code], check=True)


def test_own_backends(monkeypatch) -> None:
    for table in (backends, prefix_to_backends):
        for name in ('mine', 'm2'):
            monkeypatch.setitem(table, name, None)
            table.pop(name)

    @fileio.register_backend('mine', prefixes='mine')
    class Mine(fileio.BaseStorageBackend):
        def get(self, filepath):
            return str(filepath).encode()

        def get_text(self, filepath, encoding='utf-8'):
            return str(filepath)

    assert fileio.get('mine://x') == b'mine://x' and fileio.list_from_file('mine://x') == ['mine://x']
    assert fileio.get('x', backend_args={'backend': 'mine'}) == b'x'
    with pytest.raises(ValueError, match="'mine' belongs to Mine"):
        fileio.register_backend('mine', Mine)
    with pytest.raises(ValueError, match='prefix'):
        fileio.register_backend('m2', Mine, prefixes=['mine'])
    fileio.register_backend('mine', Mine, force=True, prefixes=['m2'])
    assert fileio.get('m2://y') == b'm2://y'
    with pytest.raises(TypeError):
        fileio.register_backend('m3', int)
    with pytest.raises(TypeError):
        fileio.register_backend(3, Mine)


def test_file_client(tmp_path: Path) -> None:
    client = fileio.FileClient('disk')
    path = str(tmp_path / 'a.txt')
    client.put_text('x', path)
    assert client.get(path) == b'x' and client.get_text(path) == 'x' and client.exists(path) and client.allow_symlink
    assert isinstance(client.client, fileio.HardDiskBackend) and client.name == 'HardDiskBackend'
    assert fileio.FileClient.infer_client({'backend': 'disk'}).name == 'HardDiskBackend'
    assert isinstance(fileio.FileClient.infer_client(uri='s3://a').client, fileio.FsspecBackend)
    assert isinstance(fileio.FileClient.infer_client(uri='a').client, fileio.LocalBackend)
    assert fileio.FileClient.parse_uri_prefix('x:s3://a') == 's3' and fileio.FileClient.parse_uri_prefix('a') is None
    assert pickle.loads(pickle.dumps(client)).get(path) == b'x'
    assert list(client.list_dir_or_file(tmp_path)) == ['a.txt']
    client.remove(path)
    assert not client.isfile(path) and client.isdir(tmp_path)
    with pytest.raises(ValueError, match='disk'):
        fileio.FileClient('dsk')


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = self.path == '/a.txt?x=1'
        self.send_response(200 if found else 404)
        self.end_headers()
        if found and self.command == 'GET':
            self.wfile.write('ü'.encode())

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None: ...


def test_http() -> None:
    with http.server.HTTPServer(('127.0.0.1', 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f'http://127.0.0.1:{server.server_port}'
            assert fileio.get_text(f'{url}/a.txt?x=1') == 'ü'
            assert fileio.exists(f'{url}/a.txt?x=1') and not fileio.exists(fileio.join_path(url, 'b'))
            with fileio.get_local_path(f'{url}/a.txt?x=1') as path:
                assert path.endswith('.txt') and Path(path).read_text('utf-8') == 'ü'
            assert not Path(path).exists()
        finally:
            server.shutdown()
            thread.join()
    with pytest.raises(ValueError, match='https://'):
        fileio.HTTPBackend().get('file:///etc/hostname')
