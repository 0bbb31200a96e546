"""What is promised of damaged files, full and read-only disks, and downloads that break off.

The promises are in docs/reliability.md, a row for each group of tests here.
"""

import hashlib
import os
import re
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from .conftest import SLOW_RUN, Tree, assert_same, lose, wait_for

pytestmark = pytest.mark.slow


@contextmanager
def tmpfs(folder: Path, room: int) -> Iterator[Path]:
    """Put a folder on a small disk, with ``room`` bytes left beside a file that can be removed."""
    moved = folder.rename(folder.with_name("moved"))
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256M,mode=755", "none", str(folder)]
    if subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip(
            "a small disk cannot be mounted here (this needs root): the limit stands for it"
        )
    try:
        shutil.copytree(moved, folder, dirs_exist_ok=True)
        filler = folder / "filler"
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(folder).free - room)
        yield filler
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(ended: Tree, undisturbed: Tree) -> None:
    lose(ended, "runs")
    with tmpfs(ended.path / "results", room=300_000) as filler:
        said = ended.refuse("table1")
        assert re.search(rf"Error: results/runs/{SLOW_RUN}/.*No space left on device", said)
        assert not (ended.path / "results" / "runs" / SLOW_RUN / "model.safetensors").exists()
        filler.unlink()
        ended.run("table1")
        assert_same(ended, undisturbed)


def test_a_file_size_limit(ended: Tree, undisturbed: Tree) -> None:
    lose(ended, "runs")
    limit = 200_000

    def set_limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    with ended.start("table1", preexec_fn=set_limit) as snakemake:
        said, _ = snakemake.communicate()
    assert snakemake.returncode != 0
    assert "Traceback" not in said
    assert re.search(rf"Error: results/runs/{SLOW_RUN}/.*File too large", said)
    assert not (ended.path / "results" / "runs" / SLOW_RUN / "model.safetensors").exists()
    ended.run("table1")
    assert_same(ended, undisturbed)


@pytest.mark.parametrize(
    "name",
    [
        "data/digits_photos/images.npy",
        f"runs/{SLOW_RUN}/model.safetensors",
        "selection/digits_photos.json",
        "tables/runs.parquet",
    ],
)
def test_a_file_that_was_cut(ended: Tree, undisturbed: Tree, name: str) -> None:
    path = ended.path / "results" / name
    os.truncate(path, path.stat().st_size // 2)
    said = ended.refuse("table1")
    assert f"results/{name}: " in said
    path.unlink()
    # What is missing between others is made where it is asked for, as by the default target.
    ended.run("table1", f"results/{name}")
    assert_same(ended, undisturbed)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"rho": 0.1', '"rho": 0.3', "which is no run of the grid"),
        ('"rho": 0.1', '"rho": NaN', "is not a selection written by this workflow"),
        ("digits_photos", "celeba", "digits_photos.json: is the selection of celeba; remove"),
    ],
)
def test_a_selection_of_what_is_not_asked_for(
    ended: Tree, old: str, new: str, message: str
) -> None:
    path = ended.path / "results" / "selection" / "digits_photos.json"
    path.write_text(path.read_text().replace(old, new))
    assert message in ended.snakemake("--dry-run")[1]


def test_a_read_only_results_directory(ended: Tree, undisturbed: Tree) -> None:
    """Without privileges, which root would keep."""
    prefix = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"] if not os.geteuid() else []
    if prefix and not shutil.which("setpriv"):
        pytest.skip("root cannot give up its privileges here (setpriv is missing)")
    lose(ended, "probes")
    results = ended.path / "results"
    before = ended.results()
    results.chmod(0o555)
    with ended.start("table1", prefix=prefix) as snakemake:
        said, _ = snakemake.communicate()
    assert snakemake.returncode != 0
    assert "Traceback (most recent call last)" not in said
    assert "results: cannot be written to" in said
    assert ended.results() == before
    # What would be done can be seen all the same.
    with ended.start("table1", "--dry-run", prefix=prefix) as snakemake:
        said, _ = snakemake.communicate()
    assert snakemake.returncode == 0, said
    assert "table1" in said
    results.chmod(0o755)
    ended.run("table1")
    assert_same(ended, undisturbed)


class Server(ThreadingHTTPServer):
    """Delivers a file whole, cuts it in the middle, or stops there."""

    content = os.urandom(300_000)
    manner = "whole"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Server.Handler)
        self.stopped = Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(Server.content)))
            self.end_headers()
            whole = self.server.manner == "whole"
            self.wfile.write(Server.content if whole else Server.content[:150_000])
            if self.server.manner == "hang":
                self.server.stopped.wait(60)

        def log_message(self, *_: object) -> None:
            pass


KEY = "MNIST/raw/t10k-labels-idx1-ubyte.gz"


@pytest.fixture
def server(tree: Tree) -> Iterator[Server]:
    """A server from which the tree fetches one of the original files."""
    with Server() as server:
        sources = tree.path / "workflow" / "feature_quality" / "data" / "sources.py"
        host, port = server.server_address
        text, md5 = sources.read_text(), hashlib.md5(Server.content).hexdigest()
        for old, new in {
            "https://ossci-datasets.s3.amazonaws.com/mnist/": f"http://{host}:{port}/",
            "http://yann.lecun.com/exdb/mnist/": f"http://{host}:{port}/again/",
            '"ec29112dd5afa0611ce80d1b7f02629c", 4542': f'"{md5}", {len(Server.content)}',
        }.items():
            assert text.count(old) == 1
            text = text.replace(old, new)
        sources.write_text(text)
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.stopped.set()
        server.shutdown()
        thread.join()


def test_a_download_that_breaks_off(tree: Tree, server: Server) -> None:
    server.manner = "cut"
    said = tree.refuse(f"resources/{KEY}")
    assert f"{KEY} could not be downloaded:" in said
    assert "IncompleteRead" in said
    assert not [path for path in (tree.path / "resources").rglob("*") if path.is_file()]
    server.manner = "whole"
    tree.run(f"resources/{KEY}")
    assert (tree.path / "resources" / KEY).read_bytes() == Server.content


def test_a_file_that_is_there_stays_where_no_other_can_be_had(tree: Tree, server: Server) -> None:
    server.manner = "cut"
    file = tree.path / "resources" / KEY
    file.parent.mkdir(parents=True)
    file.write_bytes(Server.content)
    tree.run(f"resources/{KEY}", "--forceall")
    assert file.read_bytes() == Server.content
    file.write_bytes(b"damaged")
    assert "could not be downloaded" in tree.refuse(f"resources/{KEY}", "--forceall")
    assert file.read_bytes() == b"damaged"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_download_that_is_killed(tree: Tree, server: Server, number: signal.Signals) -> None:
    server.manner = "hang"
    folder = (tree.path / "resources" / KEY).parent

    def begun() -> bool:
        return any(path.stat().st_size > 0 for path in folder.glob("*.part"))

    with tree.start(f"resources/{KEY}") as snakemake:
        wait_for(begun)
        os.kill(tree.job("fetch.py"), number)
        snakemake.communicate()
    assert snakemake.returncode != 0
    assert not (folder / KEY).exists()
    server.manner = "whole"
    tree.run(f"resources/{KEY}")
    assert (tree.path / "resources" / KEY).read_bytes() == Server.content
    left = [path.name for path in folder.iterdir()]
    assert len(left) == (2 if number == signal.SIGKILL else 1)
