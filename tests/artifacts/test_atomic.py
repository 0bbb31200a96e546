import errno
import os
import threading

import pytest

from feature_quality.artifacts.atomic import replacing, write_text
from feature_quality.errors import InputError


def test_the_file_appears_whole_when_the_block_ends(tmp_path):
    target = tmp_path / "made" / "for it" / "file"
    with replacing(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
        # Only a move within one directory is sure to be atomic.
        assert temporary.parent == target.parent
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


def test_the_old_file_is_there_until_the_block_ends(tmp_path):
    target = tmp_path / "file"
    target.write_text("old")
    with replacing(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("old", [None, "old"])
@pytest.mark.parametrize("removed", [False, True])
def test_an_error_leaves_everything_as_it_was(tmp_path, error, old, removed):
    target = tmp_path / "file"
    if old:
        target.write_text(old)

    def write_half():
        with replacing(target) as temporary:
            temporary.write_text("half")
            if removed:
                temporary.unlink()
            raise error

    with pytest.raises(error):
        write_half()
    assert [path.read_text() for path in tmp_path.iterdir()] == ([old] if old else [])


def test_others_may_read_the_file(tmp_path):
    write_text(tmp_path / "file", "text")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


def test_concurrent_writers_never_share_a_temporary_file(tmp_path):
    target, names, barrier = tmp_path / "file", [], threading.Barrier(8)

    def write(number):
        with replacing(target) as temporary:
            names.append(temporary.name)
            barrier.wait(timeout=10)
            temporary.write_text(str(number) * 10_000)
            barrier.wait(timeout=10)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(names)) == 8
    assert target.read_text() in {str(number) * 10_000 for number in range(8)}
    assert list(tmp_path.iterdir()) == [target]


def test_text_is_utf_8_whatever_the_locale(tmp_path, monkeypatch):
    monkeypatch.setattr("locale.getpreferredencoding", lambda *_: "ascii")
    write_text(tmp_path / "file", "ρ = 0 … ×\n")
    assert (tmp_path / "file").read_bytes() == b"\xcf\x81 = 0 \xe2\x80\xa6 \xc3\x97\n"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS])
def test_a_disk_that_does_not_take_the_file_is_said(tmp_path, number):
    target = tmp_path / "file"
    said = f"^{target}: {os.strerror(number)}$"
    with pytest.raises(InputError, match=said), replacing(target):
        raise OSError(number, "in the words of a library")
    assert list(tmp_path.iterdir()) == []


def test_other_errors_of_the_system_pass_as_they_are(tmp_path):
    with pytest.raises(ConnectionResetError), replacing(tmp_path / "file"):
        raise ConnectionResetError(errno.ECONNRESET, "by the server")
    assert list(tmp_path.iterdir()) == []
