import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from feature_quality.data.cifar10 import (
    ARCHIVE,
    is_image_folder,
    read_folder,
    read_published,
)
from feature_quality.data.sources import SOURCES
from feature_quality.errors import InputError


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("form", ["archive", "folder"])
def test_reads_the_published_files(tiny_cifar, form, split):
    images = read_published(getattr(tiny_cifar, form), split)
    np.testing.assert_array_equal(images.pixels, tiny_cifar.pixels[split])
    np.testing.assert_array_equal(images.labels, tiny_cifar.labels[split])
    assert images.labels.dtype == np.int64
    assert images.ids.tolist() == [f"{split}/{row}" for row in range(len(images.ids))]


def test_a_damaged_or_absent_archive_is_refused_and_a_whole_one_left_alone(tiny_cifar):
    path = tiny_cifar.archive
    before = path.read_bytes()
    read_published(path, "test")
    assert list(path.parent.iterdir()) == [path]
    assert path.read_bytes() == before
    content = bytearray(before)
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    expected = SOURCES[ARCHIVE].checksum.removeprefix("md5:")
    with pytest.raises(InputError, match=f"{ARCHIVE}: md5 .*, expected {expected}"):
        read_published(path, "train")
    path.unlink()
    with pytest.raises(InputError, match=f"{ARCHIVE}: .*No such file.*{path}"):
        read_published(path, "train")


@pytest.mark.parametrize("name", ["data_batch_3", "test_batch", "batches.meta"])
@pytest.mark.parametrize("harm", ["change a byte", "remove"])
def test_refuses_a_damaged_or_missing_batch(tiny_cifar, name, harm):
    path = tiny_cifar.folder / name
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.unlink()
    if harm == "change a byte":
        path.write_bytes(content)
    said = f"^{tiny_cifar.folder}: a file is missing or is not the published one$"
    with pytest.raises(InputError, match=said):
        read_published(tiny_cifar.folder, "test")


def test_tells_a_folder_of_images_from_the_published_files(tiny_cifar, tmp_path):
    assert is_image_folder(tmp_path)
    assert not is_image_folder(tiny_cifar.folder)
    assert not is_image_folder(tiny_cifar.archive)
    assert not is_image_folder(tmp_path / "absent")


@pytest.fixture
def folder(tmp_path):
    """A folder with two airplanes and an automobile."""
    rng = np.random.default_rng(0)
    for name in ("train/airplane/0002.png", "train/airplane/0001.PNG", "train/automobile/7.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)
    (tmp_path / "train" / "airplane" / "notes.txt").write_text("no image")
    return tmp_path


def test_reads_a_folder_of_images_in_order_of_name(folder, monkeypatch):
    paths = ("airplane/0001.PNG", "airplane/0002.png", "automobile/7.png")
    images = read_folder(folder, "train", ("airplane", "automobile"))
    assert images.ids.tolist() == [f"train/{path.partition('.')[0]}" for path in paths]
    assert images.labels.tolist() == [0, 0, 1]
    assert images.pixels.dtype == np.uint8
    for pixels, name in zip(images.pixels, paths, strict=True):
        with Image.open(folder / "train" / name) as image:
            channels = [np.asarray(channel) for channel in image.split()]
        np.testing.assert_array_equal(pixels, channels)
    # Labels are those of the ten classes, and the order is not that of the file system.
    assert read_folder(folder, "train", ("automobile",)).labels.tolist() == [1]
    listed = [folder / "train" / path for path in (paths[1], paths[0])]
    # As archives that were made on macOS have it.
    listed.append(listed[0].with_name("._0001.jpg"))
    monkeypatch.setattr(Path, "glob", lambda *_: iter(listed))
    ids = read_folder(folder, "train", ("airplane",)).ids
    assert ids.tolist() == ["train/airplane/0001", "train/airplane/0002"]


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def save_with_comment(path):
    comment = PngInfo()
    comment.add_text("comment", "x" * 2**21, zip=True)
    Image.new("RGB", (32, 32)).save(path, "PNG", pnginfo=comment)


NO_IMAGE = "cannot be decoded as an image"
BAD_IMAGES = {
    "another size": (
        lambda path: Image.new("RGB", (48, 31)).save(path),
        r" cannot be decoded as an image \(48×31 pixels; CIFAR-10 images are 32×32\)",
    ),
    "a folder": (Path.mkdir, ": is no file that can be read"),
    "a link to nothing": (lambda path: path.symlink_to("gone"), ": is no file that can be read"),
    "a long comment": (
        save_with_comment,
        r" cannot be decoded as an image \(Decompressed data too",
    ),
}


@pytest.mark.parametrize(("harm", "message"), BAD_IMAGES.values(), ids=BAD_IMAGES)
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_bad_image_is_refused(folder, harm, message, suffix):
    harm(folder / "train" / "airplane" / f"0003{suffix}")
    with pytest.raises(InputError, match=f"0003{suffix}{message}"):
        read_folder(folder, "train", ("airplane",))


def test_two_images_of_one_name_and_a_class_without_any_are_refused(folder):
    for copy in ("0002.jpg", "0002.k.png"):
        shutil.copy(folder / "train" / "airplane" / "0002.png", folder / "train/airplane" / copy)
    with pytest.raises(InputError, match=r"0002\.jpg: 0002\.png has the same name"):
        read_folder(folder, "train", ("airplane",))
    (folder / "train" / "automobile" / "7.png").unlink()
    for name in ("automobile", "truck"):
        with pytest.raises(InputError, match=rf"train/{name}: holds no \.jpg or \.png image"):
            read_folder(folder, "train", (name,))
