import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from feature_quality.seeds import derive_seed, generator

names = st.lists(st.text(max_size=5) | st.integers(), max_size=4)


def test_a_seed_never_changes():
    # printf '["order", "cifar_mnist", 0, 3]' | sha256sum, its first 16 digits, without the last bit
    assert derive_seed("order", "cifar_mnist", 0, 3) == 0x8FA4409586C3ACC7 >> 1


@given(first=names, second=names)
def test_seeds_are_equal_only_for_equal_names(first, second):
    assert (derive_seed(*first) == derive_seed(*second)) == (first == second)


@given(names=names)
def test_seeds_suit_torch_and_numpy(names):
    seed = derive_seed(*names)
    assert 0 <= seed < 2**63
    expected = np.random.default_rng(seed).integers(0, 2**62, 4)
    np.testing.assert_array_equal(generator(*names).integers(0, 2**62, 4), expected)
