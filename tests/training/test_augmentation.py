import math

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms.functional import hflip, resized_crop

from feature_quality.training.augmentation import Crop, cut_windows, draw_windows

IMAGENET = Crop(scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3))
GENTLE = Crop(scale=(0.7, 1.0), ratio=(3 / 4, 4 / 3))


def drawn(count: int, size: tuple[int, int], crop: Crop, seed: int = 0) -> np.ndarray:
    windows = draw_windows(np.random.default_rng(seed), count, size, crop)
    assert windows.dtype == torch.float32
    assert windows.shape == (count, 5)
    return windows.double().numpy()


@pytest.mark.parametrize("crop", [IMAGENET, GENTLE])
@pytest.mark.parametrize("size", [(224, 224), (32, 40), (64, 50), (7, 6)])
def test_windows_lie_inside_in_whole_pixels_and_within_the_bounds(size, crop):
    height, width = size
    windows = drawn(2000, size, crop)
    left, top, across, down, flips = windows.T
    assert (windows == windows.round()).all()
    assert left.min() >= 0
    assert top.min() >= 0
    assert across.min() >= 1
    assert down.min() >= 1
    assert (left + across <= width).all()
    assert (top + down <= height).all()
    assert set(flips) == {0, 1}
    # Before its sides are rounded.
    area = height * width
    assert ((across + 0.5) * (down + 0.5) >= crop.scale[0] * area).all()
    assert ((across - 0.5) * (down - 0.5) <= crop.scale[1] * area).all()
    assert ((across + 0.5) / (down - 0.5) >= crop.ratio[0]).all()
    assert ((across - 0.5) / (down + 0.5) <= crop.ratio[1]).all()


def test_the_bounds_are_reached():
    _, _, across, down, _ = drawn(20_000, (224, 224), IMAGENET).T
    share, ratio = across * down / 224**2, across / down
    assert share.min() == pytest.approx(0.08, abs=0.005)
    assert share.max() > 0.98
    assert (ratio.min(), ratio.max()) == pytest.approx((3 / 4, 4 / 3), abs=0.03)


def test_windows_reach_every_edge_and_half_are_flipped():
    left, top, across, down, flips = drawn(4000, (20, 30), GENTLE).T
    inside = (across < 30) & (down < 20)
    for start, length, size in ((left, across, 30), (top, down, 20)):
        assert (start[inside] == 0).any()
        assert (start + length)[inside].max() == size
        # Neither end is nearer on average: five standard deviations.
        offset = (start - (size - length) / 2)[inside]
        assert abs(offset.mean()) < 5 * offset.std() / math.sqrt(len(offset))
    assert flips.mean() == pytest.approx(0.5, abs=5 * 0.5 / math.sqrt(4000))
    # A flip says nothing of the window.
    correlations = np.corrcoef([left, top, across, down, flips])[4, :4]
    assert np.abs(correlations).max() < 5 / math.sqrt(4000)


def test_the_windows_are_those_of_the_generator():
    first = drawn(50, (64, 48), IMAGENET)
    assert np.array_equal(first, drawn(50, (64, 48), IMAGENET))
    assert (first != drawn(50, (64, 48), IMAGENET, seed=1)).any(axis=1).all()
    # No two images share a window.
    assert len(np.unique(first, axis=0)) == 50


@pytest.mark.parametrize(
    ("size", "crop"),
    [((224, 224), IMAGENET), ((100, 140), GENTLE), ((48, 96), Crop((0.5, 1.0), (0.75, 4 / 3)))],
)
def test_sizes_and_places_are_distributed_as_torchvisions(size, crop):
    torch.manual_seed(0)
    image = torch.empty(1, *size)
    theirs = np.array(
        [RandomResizedCrop.get_params(image, crop.scale, crop.ratio) for _ in range(3000)]
    )
    # Theirs are top, left, height and width.
    ours = drawn(3000, size, crop)[:, [1, 0, 3, 2]]
    for our, their in zip(ours.T, theirs.T, strict=True):
        assert ks_2samp(our, their).pvalue > 1e-3
    area, their_area = ours[:, 2] * ours[:, 3], theirs[:, 2] * theirs[:, 3]
    assert ks_2samp(area, their_area).pvalue > 1e-3


@pytest.mark.parametrize(
    ("size", "crop", "window"),
    [
        # Too wide: full height, the widest ratio; ⌊(100 − 13) / 2⌋ to the left.
        ((10, 100), Crop((0.9, 1.0), (0.75, 4 / 3)), (43, 0, 13, 10)),
        # Too high: full width, the narrowest ratio.
        ((101, 10), Crop((0.9, 1.0), (0.75, 4 / 3)), (0, 44, 10, 13)),
        # The ratio would fit, but the area is never small enough.
        ((8, 12), Crop((2.0, 3.0), (0.75, 2.0)), (0, 0, 12, 8)),
    ],
)
def test_an_image_that_no_window_fits_keeps_its_centre(size, crop, window):
    windows = drawn(40, size, crop)
    assert (windows[:, :4] == window).all()
    assert set(windows[:, 4]) == {0, 1}
    left, top, across, down = window
    theirs = RandomResizedCrop.get_params(torch.empty(1, *size), crop.scale, crop.ratio)
    assert tuple(theirs) == (top, left, down, across)


def test_some_images_are_fitted_by_a_window_and_others_keep_their_centre():
    # A window of the whole area fits a square at a ratio of 1 alone.
    crop = Crop((0.97, 1.0), (0.5, 2.0))
    whole = (drawn(300, (50, 50), crop)[:, :4] == (0, 0, 50, 50)).all(axis=1).mean()
    image = torch.empty(1, 50, 50)
    theirs = [RandomResizedCrop.get_params(image, crop.scale, crop.ratio) for _ in range(1000)]
    share = np.mean([tuple(each) == (0, 0, 50, 50) for each in theirs])
    assert 0.1 < share < 0.9
    # Five standard deviations.
    assert whole == pytest.approx(share, abs=5 * 0.5 * math.sqrt(1 / 300 + 1 / 1000))


def photographs(count: int, size: tuple[int, int]) -> torch.Tensor:
    source = torch.Generator().manual_seed(1)
    return 255 * torch.rand(count, 3, *size, generator=source)


@pytest.mark.parametrize(
    ("size", "seen"),
    [((32, 32), (32, 32)), ((16, 40), (16, 40)), ((45, 19), (45, 19)), ((39, 32), (32, 32))],
)
@pytest.mark.parametrize("crop", [IMAGENET, GENTLE, Crop((0.001, 0.01), (0.1, 10))])
def test_cut_windows_are_torchvisions_resized_crops(size, seen, crop):
    images = photographs(60, size)
    windows = torch.from_numpy(drawn(60, size, crop)).float()
    cut = cut_windows(images / 255, windows, seen)
    assert cut.shape == (60, 3, *seen)
    for image, window, ours in zip(images / 255, windows, cut, strict=True):
        left, top, across, down, flip = map(int, window)
        theirs = resized_crop(image, top, left, down, across, list(seen), antialias=False)
        theirs = hflip(theirs) if flip else theirs
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)


@pytest.mark.parametrize("size", [(8, 8), (5, 9), (218, 178)])
def test_the_whole_window_is_the_image(size):
    images = photographs(2, size)
    height, width = size
    windows = torch.tensor([[0.0, 0, width, height, 0], [0, 0, width, height, 1]])
    same, mirrored = cut_windows(images, windows, size)
    torch.testing.assert_close(same, images[0], rtol=0, atol=0.01)
    torch.testing.assert_close(mirrored, images[1].flip(-1), rtol=0, atol=0.01)


def test_nothing_outside_a_window_is_seen():
    images = torch.full((1, 1, 6, 8), 1000.0)
    images[0, 0, 2:4, 3:7] = torch.tensor([[0.0, 1, 2, 3], [4, 5, 6, 7]])
    cut = cut_windows(images, torch.tensor([[3.0, 2, 4, 2, 0]]), (6, 8))
    # Eight columns from four: ±¼ of a pixel around each; six rows from two.
    columns = torch.tensor([0.0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3])
    rows = torch.tensor([0.0, 0, 1 / 3, 2 / 3, 1, 1])
    torch.testing.assert_close(cut[0, 0], 4 * rows[:, None] + columns, rtol=0, atol=1e-3)
