import hashlib
import inspect
import re
import threading
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import gdown
import pytest
from torchvision.datasets import CIFAR10, MNIST, CelebA, FashionMNIST
from torchvision.models import ResNet18_Weights, ResNet50_Weights

from feature_quality.data import sources
from feature_quality.data.sources import SOURCES, Source, fetch, verify
from feature_quality.errors import InputError

KEY = "MNIST/raw/train-images-idx3-ubyte.gz"
GOOD = bytes(range(256)) * 1024
MD5 = hashlib.md5(GOOD).hexdigest()
SHA256 = hashlib.sha256(GOOD).hexdigest()


BODIES = {
    "/good": GOOD,
    "/wrong": GOOD[::-1],
    "/cut": GOOD[: len(GOOD) // 2],
    "/html": b"\n<!DOCTYPE html><title>Log in</title>".ljust(len(GOOD)),
}
# What servers send again and again, without an end.
PIECES = {"/endless": GOOD, "/slow": b"1"}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path not in BODIES | PIECES:
            self.send_error(404)
            return
        self.send_response(200)
        if self.path in BODIES:
            self.send_header("Content-Length", str(len(GOOD)))
        self.end_headers()
        with suppress(ConnectionError):
            while self.path in PIECES and not self.server.ended.wait(0.01):
                self.wfile.write(PIECES[self.path])
        self.wfile.write(BODIES.get(self.path, b""))

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked, server.ended = [], threading.Event()
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.ended.set()
        server.shutdown()
        thread.join()


def source(server, *paths):
    return Source(tuple(server.url + path for path in paths), f"md5:{MD5}", len(GOOD), "none")


@pytest.mark.parametrize("progress", [False, True])
def test_delivers_the_file_and_nothing_else(server, tmp_path, progress):
    target = tmp_path / "made" / "for it" / "file.gz"
    fetch(KEY, source(server, "/good", "/never"), target, progress)
    assert target.read_bytes() == GOOD
    assert [path.name for path in target.parent.iterdir()] == ["file.gz"]
    assert server.asked == ["/good"]


def test_a_file_that_is_there_is_not_fetched_again(server, tmp_path):
    target = tmp_path / "file.gz"
    target.write_bytes(GOOD)
    fetch(KEY, source(server, "/good"), target)
    assert not server.asked
    # One without a published checksum is taken as it is.
    (tmp_path / "PACS.zip").write_bytes(b"mine")
    fetch("PACS.zip", SOURCES["PACS.zip"], tmp_path / "PACS.zip")
    target.write_bytes(GOOD[1:])
    fetch(KEY, source(server, "/good"), target)
    assert (target.read_bytes(), server.asked) == (GOOD, ["/good"])


def test_a_mirror_that_fails_is_followed_by_the_next(server, tmp_path):
    fetch(KEY, source(server, "/gone", "/cut", "/wrong", "/good"), tmp_path / "file.gz")
    assert (tmp_path / "file.gz").read_bytes() == GOOD
    assert len(list(tmp_path.iterdir())) == 1
    assert server.asked == ["/gone", "/cut", "/wrong", "/good"]


@pytest.mark.parametrize("older", [b"older", None])
def test_a_bad_file_is_never_left_and_every_mirror_named(server, tmp_path, older):
    target = tmp_path / "file.gz"
    if older:
        target.write_bytes(older)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as closed:
        dead = f"http://127.0.0.1:{closed.server_port}/good"
    reasons = {
        f"{server.url}/wrong": f"md5 {hashlib.md5(GOOD[::-1]).hexdigest()}, expected {MD5}$",
        f"{server.url}/cut": ".*(IncompleteRead|incomplete|broken)",
        f"{server.url}/gone": ".*404",
        dead: ".*[Rr]efused",
    }
    with pytest.raises(InputError) as refusal:
        fetch(KEY, replace(source(server), urls=tuple(reasons)), target)
    message = str(refusal.value)
    assert message.startswith(f"{KEY} could not be downloaded:\n")
    for url, reason in reasons.items():
        assert re.search(f"^  {url}: {reason}", message, re.MULTILINE)
    assert f"{len(GOOD)} bytes, md5 {MD5}) at {target}, or at {KEY} under" in message
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [older] * bool(older)


def test_verify_tells_a_changed_byte_and_takes_the_first_digits(tmp_path, publish, monkeypatch):
    path, changed = tmp_path / "mine.gz", b"\xff" + GOOD[1:-1]
    path.write_bytes(GOOD)
    publish(KEY, path)
    weights = "resnet18-f37072fd.pth"
    short = replace(SOURCES[weights], checksum=f"sha256:{SHA256[:8]}")
    monkeypatch.setitem(SOURCES, weights, short)
    verify(KEY, path)
    verify(weights, path)
    path.write_bytes(changed)
    for key, said in (
        (KEY, f"md5 {hashlib.md5(changed).hexdigest()}, expected {MD5} (262143 bytes of 262144; "),
        (
            weights,
            f"sha256 {hashlib.sha256(changed).hexdigest()}, expected {SHA256[:8]} (262143 bytes; ",
        ),
    ):
        with pytest.raises(InputError) as refusal:
            verify(key, path)
        assert str(refusal.value) == f"{key}: {said}the file is {path})"
    with pytest.raises(InputError, match=rf"{KEY}: .*No such file.*absent\.gz"):
        verify(KEY, tmp_path / "absent.gz")
    with pytest.raises(InputError, match=f"{KEY}: .*directory"):
        verify(KEY, tmp_path)


@pytest.mark.parametrize(
    "digits", [SHA256[:8], "00000000", SHA256[:7] + "x", SHA256[1:9], SHA256 + "0"]
)
def test_the_first_digits_of_a_checksum_are_enough_and_no_others_will_do(server, tmp_path, digits):
    target = tmp_path / "weights.pth"
    weights = replace(source(server, "/good"), checksum=f"sha256:{digits}", size=None)
    if SHA256.startswith(digits):
        fetch("weights.pth", weights, target)
        assert target.read_bytes() == GOOD
        return
    with pytest.raises(InputError) as refusal:
        fetch("weights.pth", weights, target)
    assert str(refusal.value) == (
        "weights.pth could not be downloaded:\n"
        f"  {server.url}/good: sha256 {SHA256}, expected {digits}\n"
        f"Place the file by hand (sha256 {digits}) at {target}, or at weights.pth under the "
        "directory that data_dir names."
    )
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_a_published_checksum_is_taken_as_it_is(server, tmp_path):
    archive = replace(source(server, "/cut", "/wrong"), checksum=None, size=None)
    fetch("birds.tar.gz", archive, tmp_path / "birds.tar.gz")
    assert (tmp_path / "birds.tar.gz").read_bytes() == GOOD[::-1]
    with pytest.raises(InputError, match=re.escape("by hand (no checksum is published) at ")):
        fetch("birds.tar.gz", replace(archive, urls=()), tmp_path / "absent")


@pytest.mark.parametrize(
    ("path", "size", "reason"),
    [
        ("/endless", len(GOOD), f"more than {len(GOOD)} bytes came"),
        ("/endless", None, "more than 1000000 bytes came"),
        ("/slow", None, r"stalled: \d+ bytes came in 0.5 s"),
        ("/html", None, "a page of HTML came instead of the file"),
    ],
)
def test_a_download_has_an_end_and_is_no_page(server, tmp_path, monkeypatch, path, size, reason):
    monkeypatch.setattr(sources, "LARGEST", 1_000_000)
    monkeypatch.setattr(sources, "STALL", 0.5)
    wrong = replace(source(server, path), checksum=None, size=size)
    with pytest.raises(InputError, match=f"{path}: {reason}"):
        fetch("birds.tar.gz", wrong, tmp_path / "birds.tar.gz")
    assert list(tmp_path.iterdir()) == []


def test_the_message_ends_with_what_else_a_user_can_do(server, tmp_path):
    key = "resnet18-f37072fd.pth"
    gone = replace(SOURCES[key], urls=(f"{server.url}/gone",))
    with pytest.raises(InputError) as refusal:
        fetch(key, gone, tmp_path / key)
    assert str(refusal.value).splitlines()[-1] == (
        f"Place the file by hand (sha256 f37072fd) at {tmp_path / key}, or at {key} under the "
        "directory that data_dir names. Or set the dataset's training.….weights to null: its "
        "networks then start from random weights, and the tables say so."
    )
    with pytest.raises(InputError) as refusal:
        fetch("PACS.zip", SOURCES["PACS.zip"], tmp_path / "PACS.zip")
    assert str(refusal.value) == (
        "PACS.zip has to be fetched by hand.\n"
        f"Place the file by hand (no checksum is published) at {tmp_path / 'PACS.zip'}, or at "
        "PACS.zip under the directory that data_dir names. There, PACS.tar, PACS.tar.gz or the "
        "folder PACS itself will do too."
    )


def test_identity_is_what_is_known_of_a_file():
    for checksum, size, identity in (
        ("md5:ab12", 7, "7 bytes, md5 ab12"),
        ("sha256:ab12", None, "sha256 ab12"),
        (None, 7, "7 bytes"),
        (None, None, "no checksum is published"),
    ):
        assert Source((), checksum, size, "none").identity() == identity


DRIVEN = "celeba/list_eval_partition.txt"


@pytest.fixture
def drive(monkeypatch):
    """Return a function that sets what Google Drive delivers, or the error it answers with."""
    asked = []
    parameters = inspect.signature(gdown.download)

    def drive(content, error=None):
        def download(url, output, **options):
            parameters.bind(url, output, **options)
            asked.append((url, options["use_cookies"]))
            output.write(content)
            if error:
                raise error
            return output

        monkeypatch.setattr(gdown, "download", download)
        return asked

    return drive


def driven(urls=SOURCES[DRIVEN].urls):
    return replace(SOURCES[DRIVEN], urls=urls, checksum=f"md5:{MD5}", size=len(GOOD))


QUOTA = gdown.exceptions.FileURLRetrievalError(
    "Failed to retrieve file url:\n\n\tToo many users have viewed or downloaded this file\n"
    "\trecently. Please try again later.\n\nYou may still be able to access the file.\n"
)
QUOTA_LINE = (
    "Failed to retrieve file url: Too many users have viewed or downloaded this file recently. "
    "Please try again later. You may still be able to access the file."
)


@pytest.mark.parametrize(
    ("content", "error", "reason"),
    [
        (b"", QUOTA, QUOTA_LINE),
        (GOOD[:99], gdown.exceptions.DownloadError("cut\n off"), "cut off"),
        (GOOD[:99], OSError("connection\n lost"), "connection\n lost"),
        (b"<html>", None, "a page of HTML came instead of the file"),
    ],
)
def test_says_why_google_drive_refuses_and_leaves_nothing(drive, tmp_path, content, error, reason):
    drive(content, error)
    target = tmp_path / "file.txt"
    with pytest.raises(InputError) as refusal:
        fetch(DRIVEN, driven(), target)
    assert str(refusal.value) == (
        f"{DRIVEN} could not be downloaded:\n"
        f"  https://drive.google.com/uc?id=0B7EVK8r0v71pY0NSMzRuSXJEVkk: {reason}\n"
        f"Place the file by hand ({len(GOOD)} bytes, md5 {MD5}) at {target}, or at {DRIVEN} under "
        "the directory that data_dir names. There, the folder celeba/img_align_celeba, unpacked, "
        "will do for the images."
    )
    assert list(tmp_path.iterdir()) == []


def test_google_drive_delivers_through_gdown_and_a_mirror_follows_it(drive, server, tmp_path):
    target = tmp_path / "file.txt"
    asked = drive(GOOD)
    fetch(DRIVEN, driven(), target)
    assert target.read_bytes() == GOOD
    assert list(tmp_path.iterdir()) == [target]
    assert asked == [("https://drive.google.com/uc?id=0B7EVK8r0v71pY0NSMzRuSXJEVkk", False)]
    target.unlink()
    drive(b"half", QUOTA)
    fetch(DRIVEN, driven((*driven().urls, f"{server.url}/good")), target)
    assert target.read_bytes() == GOOD


def test_table_agrees_with_torchvision():
    theirs = {
        f"{dataset.__name__}/raw/{name}": (tuple(mirror + name for mirror in dataset.mirrors), md5)
        for dataset in (MNIST, FashionMNIST)
        for name, md5 in dataset.resources
    }
    theirs[CIFAR10.filename] = ((CIFAR10.url,), CIFAR10.tgz_md5)
    for place, md5, name in CelebA.file_list:
        if name in ("img_align_celeba.zip", "list_attr_celeba.txt", "list_eval_partition.txt"):
            theirs[f"celeba/{name}"] = ((f"https://drive.google.com/uc?id={place}",), md5)
    theirs = {key: (urls, f"md5:{md5}") for key, (urls, md5) in theirs.items()}
    for weights in (ResNet18_Weights, ResNet50_Weights):
        url = weights.IMAGENET1K_V1.url
        key = url.rsplit("/")[-1]
        theirs[key] = ((url,), "sha256:" + key.split("-")[1].removesuffix(".pth"))
    ours = {key: (source.urls, source.checksum) for key, source in SOURCES.items()}
    # What is no dataset of torchvision's.
    assert ours.pop("waterbird_complete95_forest2water2.tar.gz")[1] is None
    for name in ("PACS.zip", "VLCS.zip", "office_home.zip"):
        assert ours.pop(name) == ((), None)
    assert ours == theirs


def test_real_files_have_the_stated_size_and_checksum(originals, celeba_tables):
    assert len(originals) == 8
    for key, path in originals.items() | {(f"celeba/{path.name}", path) for path in celeba_tables}:
        verify(key, path)
        assert Path(path).stat().st_size == SOURCES[key].size, key
