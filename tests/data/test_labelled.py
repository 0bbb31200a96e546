import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from feature_quality.data.labelled import Labelled, hold_out


def make(labels):
    rows = np.arange(len(labels))
    pixels = rows.astype(np.uint8).reshape(-1, 1, 1, 1)
    return Labelled(pixels, np.array(labels, dtype=np.int64), np.array([f"i{r}" for r in rows]))


def test_the_first_classes_keep_their_order():
    kept = make([1, 3, 0, 2, 1, 0]).first_classes(2)
    assert kept.labels.tolist() == [1, 0, 1, 0]
    assert kept.ids.tolist() == ["i0", "i2", "i4", "i5"]
    assert kept.pixels.ravel().tolist() == [0, 2, 4, 5]


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
