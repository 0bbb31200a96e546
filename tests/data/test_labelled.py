import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from feature_quality.data.labelled import Labelled, hold_out


def make(labels):
    rows = np.arange(len(labels))
    pixels = rows.astype(np.uint8).reshape(-1, 1, 1, 1)
    return Labelled(pixels, np.array(labels, dtype=np.int64), np.array([f"i{r}" for r in rows]))


def test_rows_and_classes_come_in_the_order_asked():
    taken = make([5, 6, 7]).take(np.array([2, 0, 2]))
    assert taken.labels.tolist() == [7, 5, 7]
    assert taken.ids.tolist() == ["i2", "i0", "i2"]
    assert taken.pixels.ravel().tolist() == [2, 0, 2]
    kept = make([3, 1, 2, 1, 3]).keep([3, 1])
    assert kept.labels.tolist() == [0, 1, 1, 0]
    assert kept.ids.tolist() == ["i0", "i1", "i3", "i4"]


@given(
    labels=st.lists(st.integers(0, 9), max_size=50),
    classes=st.lists(st.integers(0, 9), min_size=1, unique=True),
)
def test_keep_drops_other_classes_only(labels, classes):
    kept = make(labels).keep(classes)
    rows = kept.pixels.ravel().tolist()
    back = [(row, classes[label]) for row, label in zip(rows, kept.labels, strict=True)]
    assert back == [(row, label) for row, label in enumerate(labels) if label in classes]


@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=40),
    fraction=st.floats(0, 1),
    seed=st.integers(0, 2**32),
)
def test_hold_out_parts_every_class_in_the_same_proportion(labels, fraction, seed):
    labels = np.array(labels)
    kept, held = hold_out(labels, fraction, np.random.default_rng(seed))
    assert sorted([*kept, *held]) == list(range(len(labels)))
    for label in set(labels.tolist()):
        size = int(np.sum(labels == label))
        assert np.sum(labels[held] == label) == round(fraction * size)
