import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_quality.config.loading import load
from feature_quality.formatting import format_number

CANONICAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?")
finite = st.floats(allow_nan=False, allow_infinity=False)


@given(finite)
def test_it_is_plain_and_reads_back_as_the_same_number(number: float) -> None:
    assert CANONICAL.fullmatch(format_number(number))
    assert float(format_number(number)) == number


@given(finite, finite)
def test_equal_numbers_and_no_others_are_formatted_alike(first: float, second: float) -> None:
    assert (format_number(first) == format_number(second)) == (first == second)


@given(st.integers(-9999, 9999), st.integers(0, 8), st.integers(0, 3))
def test_every_way_of_writing_a_number_is_formatted_alike(
    digits: int, places: int, zeros: int
) -> None:
    shifted = Decimal(digits).scaleb(-places)
    exponent, padded = f"{digits}e-{places}", format(shifted, "f")
    padded += "0" * zeros if "." in padded else ""
    assert format_number(float(exponent)) == format_number(float(padded))
    assert Decimal(format_number(float(exponent))) == shifted


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (100, "100"),
        (1e16, "10000000000000000"),
        (1e-7, "0.0000001"),
        (-0.0, "0"),
        (0.1 + 0.2, "0.30000000000000004"),
    ],
)
def test_examples(number: float, text: str) -> None:
    assert format_number(number) == text


def test_what_yaml_takes_for_text_is_formatted_like_the_number() -> None:
    # YAML 1.1 reads 1e-3 as text, for want of a point.
    grid = {"cifar_mnist": {"lr": ["1e-3", 0.10, "0.50"], "rho": ["1e-1"]}}
    runs = load({"datasets": ["cifar_mnist"], "seeds": [0], "grid": grid}).runs_of("cifar_mnist")
    assert [run for run in runs if "/sam/" in run] == [
        f"cifar_mnist/sam/lr={lr}/rho=0.1/seed=0" for lr in ("0.001", "0.1", "0.5")
    ]
