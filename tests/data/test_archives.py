import gzip
import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from feature_quality.data.archives import unpacked
from feature_quality.errors import InputError

FILES = {"birds/list.txt": b"one\ntwo\n", "birds/wren/1.jpg": bytes(range(256)) * 40}
KINDS = (".zip", ".tar", ".tar.gz", ".tgz")


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch):
    """Return the folder in which archives are unpacked."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def pack(path, compression=zipfile.ZIP_STORED):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, content in FILES.items():
                archive.writestr(name, content)
        return path
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as archive:
        for name, content in FILES.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def contents(folder):
    return {
        f"{folder.name}/{path.relative_to(folder)}": path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def refusal(path):
    with pytest.raises(InputError) as caught, unpacked(path, "birds"):
        pass
    return str(caught.value)


def test_a_folder_is_taken_as_it_is(tmp_path, scratch):
    with unpacked(str(tmp_path), "birds") as folder:
        assert folder == tmp_path
        assert not list(scratch.iterdir())
    assert tmp_path.is_dir()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_the_same_files_while_the_block_lasts(tmp_path, scratch, kind):
    path = pack(tmp_path / f"photos{kind}")
    with unpacked(str(path), "birds") as folder:
        assert folder.name == "birds"
        assert folder.is_relative_to(scratch)
        assert contents(folder) == FILES
    assert not list(scratch.iterdir())
    # Messages from inside the block name the archive.
    with pytest.raises(InputError) as caught, unpacked(path, "birds") as folder:
        raise InputError(f"{Path(folder, 'list.txt')}: is no list; {folder} has another")
    assert str(caught.value) == f"{path}/birds/list.txt: is no list; {path}/birds has another"
    assert not list(scratch.iterdir())


def tar_with(path, name, kind=tarfile.REGTYPE, target=""):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("birds/first.txt"), io.BytesIO())
        archive.addfile(member, io.BytesIO())


def zip_with(path, name, mode=stat.S_IFREG | 0o644):
    member = zipfile.ZipInfo(name)
    member.external_attr = mode << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("birds/first.txt", "")
        archive.writestr(member, "/etc/passwd")


OUTSIDE = ["../out.txt", "birds/../../out.txt", "birds/..", "{}/out.txt"]
# (what writes the archive, name of a member, its kind, and the target of a link)
BAD_MEMBERS = {
    **{
        f"{write.__name__} {name}": (write, name)
        for write in (tar_with, zip_with)
        for name in OUTSIDE
    },
    "tar without a name": (tar_with, ""),
    "zip without a name": (zip_with, "", stat.S_IFREG),
    "symbolic link": (tar_with, "birds/odd", tarfile.SYMTYPE, "/etc/passwd"),
    "symbolic link inside": (tar_with, "birds/odd", tarfile.SYMTYPE, "first.txt"),
    "hard link": (tar_with, "birds/odd", tarfile.LNKTYPE, "birds/first.txt"),
    "hard link outside": (tar_with, "birds/odd", tarfile.LNKTYPE, "../../photos.tar"),
    "character device": (tar_with, "birds/odd", tarfile.CHRTYPE),
    "block device": (tar_with, "birds/odd", tarfile.BLKTYPE),
    "pipe": (tar_with, "birds/odd", tarfile.FIFOTYPE),
    **{
        f"zip's {kind:o}": (zip_with, "birds/odd", kind | 0o777)
        for kind in (stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO)
    },
}


@pytest.mark.parametrize("case", BAD_MEMBERS.values(), ids=BAD_MEMBERS)
def test_files_and_folders_inside_alone_are_unpacked(tmp_path, scratch, case):
    write, name, *kind = case
    path, name = tmp_path / "photos", name.format(tmp_path)
    write(path, name, *kind)
    assert refusal(path) == f"{path}: {name!r} is no file or folder inside the archive"
    assert sorted(tmp_path.rglob("*")) == [path, scratch]


def test_a_zip_may_leave_out_what_its_members_are(tmp_path):
    path = tmp_path / "photos.zip"
    zip_with(path, "birds/second.txt", 0)
    with unpacked(path, "birds") as folder:
        assert set(contents(folder)) == {"birds/first.txt", "birds/second.txt"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("files", ["one large", "many small"])
def test_an_archive_that_would_fill_the_disk_is_refused(
    tmp_path, scratch, monkeypatch, kind, files
):
    monkeypatch.setattr("feature_quality.data.archives.LARGEST", 2**20)
    sizes = {"one large": [2**20 + 1], "many small": [0] * 257}[files]
    monkeypatch.setitem(globals(), "FILES", {f"birds/{i}": bytes(n) for i, n in enumerate(sizes)})
    path = pack(tmp_path / f"photos{kind}")
    assert refusal(path) == f"{path}: unpacks to more than 0.000976562 GiB, as no published one"
    assert not list(scratch.iterdir())


def test_a_zip_unpacks_to_no_more_than_it_says(tmp_path, scratch):
    """Its table of contents promises 10 bytes, its data hold a million."""
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("birds/list.txt", bytes(10**6))
    content = path.read_bytes()
    size = (10**6).to_bytes(4, "little")
    assert content.count(size) == 2
    path.write_bytes(content.replace(size, (10).to_bytes(4, "little")))
    assert refusal(path) == f"{path}: cannot be unpacked (Bad CRC-32 for file 'birds/list.txt')"
    assert not list(scratch.iterdir())


def flipped(content, at):
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


def in_photo(content):
    """Flip a byte of the photograph, where an archive stores it uncompressed."""
    return flipped(content, content.index(FILES["birds/wren/1.jpg"]) + 5000)


def in_header(content):
    """Flip a byte of the header of the second member."""
    return flipped(content, content.index(b"birds/wren") + 3)


def stored(harm):
    return lambda packed: harm(gzip.compress(gzip.decompress(packed), compresslevel=0))


DAMAGE = {
    "zip cut": (".zip", lambda packed: packed[:-30]),
    "zip cut in half": (".zip", lambda packed: packed[: len(packed) // 2]),
    "zip changed in a file": (".zip", in_photo),
    "zip changed in a header": (".zip", in_header),
    "tar cut in a file": (".tar", lambda packed: packed[:4000]),
    "tar changed in a header": (".tar", in_header),
    "tar cut between its members": (".tar", lambda packed: packed[:1024]),
    "tar.gz cut": (".tar.gz", lambda packed: packed[: len(packed) // 2]),
    "tar.gz without its checksum": (".tar.gz", lambda packed: packed[:-8]),
    "tar.gz changed": (".tar.gz", lambda packed: flipped(packed, len(packed) // 2)),
    "tar.gz changed in a file": (".tar.gz", stored(in_photo)),
    "tar.gz changed in a header": (".tar.gz", stored(in_header)),
    **{
        f"{kind} {what}": (kind, lambda _, content=content: content)
        for kind in KINDS
        for what, content in {"empty": b"", "text": b"<html>404 Not found</html>\n" * 40}.items()
    },
}


@pytest.mark.parametrize(("kind", "harm"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_archive_is_refused(tmp_path, scratch, kind, harm):
    path = pack(tmp_path / f"photos{kind}")
    path.write_bytes(harm(path.read_bytes()))
    said = refusal(path)
    assert said.startswith(f"{path}: cannot be unpacked (")
    assert str(scratch) not in said
    assert not list(scratch.iterdir())


@pytest.mark.parametrize("compression", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED])
def test_damage_is_told_from_a_fault_whatever_the_compression(tmp_path, compression):
    path = pack(tmp_path / "photos.zip", compression)
    content = path.read_bytes()
    path.write_bytes(flipped(content, content.index(b"birds/wren/1.jpg") + 40))
    assert refusal(path).startswith(f"{path}: cannot be unpacked (")


@pytest.mark.parametrize("kind", [".tar", ".tar.gz"])
def test_a_zip_at_the_end_of_a_tar_is_not_unpacked(tmp_path, kind):
    path = pack(tmp_path / f"photos{kind}")
    zip_with(tmp_path / "other.zip", "birds/odd")
    added = (tmp_path / "other.zip").read_bytes()
    # What follows the end of a tar is no part of it, but what follows gzip's is damage.
    path.write_bytes(path.read_bytes() + added)
    if kind == ".tar":
        with unpacked(path, "birds") as folder:
            assert contents(folder) == FILES
    else:
        assert refusal(path).startswith(f"{path}: cannot be unpacked (Not a gzipped file")


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_name_that_would_take_all_memory_is_refused(tmp_path, kind):
    path, member = tmp_path / "photos.tar", tarfile.TarInfo("birds/odd")
    member.type, member.size = kind, 2**32
    with path.open("wb") as file:
        file.write(member.tobuf(tarfile.GNU_FORMAT))
        file.truncate(2**32 + 2**20)
    said = f"{path}: cannot be unpacked (the description of a member has 4294967296 bytes)"
    assert refusal(path) == said


def test_an_absent_archive_is_refused(tmp_path):
    path = tmp_path / "photos.zip"
    said = f"{path}: cannot be unpacked ([Errno 2] No such file or directory: '{path}')"
    assert refusal(path) == said
