import hashlib
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from torchvision.datasets import CIFAR10, MNIST, FashionMNIST

from feature_quality.data.sources import SOURCES, Source, fetch, verify
from feature_quality.errors import InputError

KEY = "MNIST/raw/train-images-idx3-ubyte.gz"
GOOD = bytes(range(256)) * 1024
MD5 = hashlib.md5(GOOD).hexdigest()


BODIES = {"/good": GOOD, "/wrong": GOOD[::-1], "/cut": GOOD[: len(GOOD) // 2]}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path not in BODIES:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(GOOD)))
        self.end_headers()
        self.wfile.write(BODIES[self.path])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked = []
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def source(server, *paths):
    return Source(tuple(server.url + path for path in paths), MD5, len(GOOD), "none")


@pytest.mark.parametrize("progress", [False, True])
def test_delivers_the_file_and_nothing_else(server, tmp_path, progress):
    target = tmp_path / "made" / "for it" / "file.gz"
    fetch(KEY, source(server, "/good", "/never"), target, progress)
    assert target.read_bytes() == GOOD
    assert [path.name for path in target.parent.iterdir()] == ["file.gz"]
    assert server.asked == ["/good"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/wrong", "hash"), ("/cut", "IncompleteRead|incomplete|broken"), ("/gone", "404")],
)
def test_never_leaves_a_bad_file(server, tmp_path, path, reason):
    target = tmp_path / "file.gz"
    with pytest.raises(InputError, match=f"{server.url}{path}: .*({reason})") as refusal:
        fetch(KEY, source(server, path), target)
    assert list(tmp_path.iterdir()) == []
    message = str(refusal.value)
    assert message.startswith(f"{KEY} could not be downloaded")
    assert f"{len(GOOD)} bytes, md5 {MD5}) at {target}" in message
    assert "data_dir" in message


def test_a_mirror_that_fails_is_followed_by_the_next(server, tmp_path):
    fetch(KEY, source(server, "/gone", "/cut", "/wrong", "/good"), tmp_path / "file.gz")
    assert (tmp_path / "file.gz").read_bytes() == GOOD
    assert len(list(tmp_path.iterdir())) == 1
    assert server.asked == ["/gone", "/cut", "/wrong", "/good"]


def test_names_every_mirror_and_keeps_an_older_file(server, tmp_path):
    target = tmp_path / "file.gz"
    target.write_bytes(b"older")
    with pytest.raises(InputError) as refusal:
        fetch(KEY, source(server, "/gone", "/wrong"), target)
    assert f"  {server.url}/gone: " in str(refusal.value)
    assert f"  {server.url}/wrong: " in str(refusal.value)
    assert target.read_bytes() == b"older"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_server_that_does_not_answer_is_named(server, tmp_path):
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as closed:
        dead = f"http://127.0.0.1:{closed.server_port}/good"
    with pytest.raises(InputError, match=f"{dead}: .*[Rr]efused"):
        fetch(KEY, replace(source(server), urls=(dead,)), tmp_path / "file.gz")
    assert list(tmp_path.iterdir()) == []


def test_verify_tells_a_changed_byte(tmp_path, publish):
    path = tmp_path / "mine.gz"
    path.write_bytes(GOOD)
    publish(KEY, path)
    verify(KEY, path)
    changed = b"\xff" + GOOD[1:-1]
    path.write_bytes(changed)
    with pytest.raises(InputError) as refusal:
        verify(KEY, path)
    assert str(refusal.value) == (
        f"{KEY}: md5 {hashlib.md5(changed).hexdigest()}, expected {MD5} "
        f"({len(GOOD) - 1} bytes of {len(GOOD)}; the file is {path})"
    )


def test_verify_names_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match=rf"{KEY}: .*No such file.*absent\.gz"):
        verify(KEY, tmp_path / "absent.gz")
    with pytest.raises(InputError, match=f"{KEY}: .*directory"):
        verify(KEY, tmp_path)


def test_table_agrees_with_torchvision():
    theirs = {
        f"{dataset.__name__}/raw/{name}": (tuple(mirror + name for mirror in dataset.mirrors), md5)
        for dataset in (MNIST, FashionMNIST)
        for name, md5 in dataset.resources
    }
    theirs[CIFAR10.filename] = ((CIFAR10.url,), CIFAR10.tgz_md5)
    assert {key: (source.urls, source.md5) for key, source in SOURCES.items()} == theirs


def test_real_files_have_the_stated_size_and_checksum(originals):
    assert len(originals) == 8
    for key, path in originals.items():
        verify(key, path)
        assert Path(path).stat().st_size == SOURCES[key].size, key
