import re
from pathlib import Path

import pytest

from feature_quality.config.files import (
    refuse_repeated_keys,
    refuse_repeated_options,
    refuse_unreadable,
)
from feature_quality.errors import InputError

REFUSED = {
    "a key twice": (b"seeds: [0]\ntoy: {}\nseeds: [1]\n", "seeds is given twice, on lines 1 and 3"),
    "a key twice below another": (
        b"grid:\n  own: {lr: [1]}\n  own: {rho: [1]}\n",
        "own is given twice, on lines 2 and 3",
    ),
    "a key twice in a list": (
        b"a:\n- b: 1\n  c: 2\n  b: 3\n",
        "b is given twice, on lines 2 and 4",
    ),
    "a key twice on one line": (
        b"grid: {own: {lr: [1], lr: [2]}}\n",
        "lr is given twice, on lines 1 and 1",
    ),
    "a date that is none": (b"seeds: 2001-99-99\n", "is neither JSON nor YAML (month must be"),
    "a tag of Python": (b"seeds: !!python/tuple [0]\n", "is neither JSON nor YAML (could not"),
    "a key twice in JSON": (b'{"seeds": [0], "seeds": [1]}', "(seeds is given twice)"),
    "UTF-16": ("seeds: [0]".encode("utf-16"), "is not in UTF-8"),
    "Latin-1": ("own: {title: café}".encode("latin-1"), "is not in UTF-8"),
    "deep JSON": (b"[" * 100_000, "too many brackets"),
    "a number of 5000 digits": (
        b"a: 1\nseeds: [" + b"9" * 5000 + b"]",
        "line 2: a number has 5000",
    ),
    "the same in JSON": (b"[" + b"9" * 5000 + b"]", "Exceeds the limit (4300 digits)"),
    "no YAML": (b"seeds: [0\ngrid: {", "is neither JSON nor YAML (while parsing a flow"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
def test_what_snakemake_would_read_otherwise_or_not_at_all_is_refused(tmp_path, content, message):
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"^{path}: .*{re.escape(message)}"):
        refuse_unreadable(path)


def test_a_missing_file_may_be_a_target(tmp_path):
    with pytest.raises(InputError, match=r"No such file or directory.*a target stands before"):
        refuse_unreadable(tmp_path / "results" / "tables" / "table1.csv")


@pytest.mark.parametrize("path", sorted(Path(__file__).parents[2].glob("workflow/config/*.yaml")))
def test_a_key_may_recur_in_another_place(path, tmp_path):
    refuse_unreadable(path)
    (tmp_path / "mine.json").write_text('{"a": {"lr": 1}, "b": [{"lr": 1}, {"lr": 2}]}')
    refuse_unreadable(tmp_path / "mine.json")
    (tmp_path / "mine.json").write_text("")
    refuse_unreadable(tmp_path / "mine.json")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["-n", "--config", "a=1", "b=2", "-q", "--config", "a=3"],
            "--config is given 2 times (--config a=1 b=2; --config a=3)",
        ),
        (["--config=a=1", "-C", "b=1"], "--config is given 2 times (--config=a=1; -C b=1)"),
        (["-Ca=1", "c=1", "-Cb=1"], "--config is given 2 times (-Ca=1 c=1; -Cb=1)"),
        (
            ["--configfile", "a.yaml", "--configfiles", "b.yaml"],
            "--configfile is given 2 times (--configfile a.yaml; --configfiles b.yaml)",
        ),
    ],
)
def test_an_option_of_which_snakemake_reads_the_last_is_given_once(arguments, message):
    with pytest.raises(InputError, match=re.escape(message)):
        refuse_repeated_options(["snakemake", *arguments])


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (["a=1", "b=1", "a=2"], "--config: a is given twice (a=1; a=2)"),
        (["grid={own: {lr: [1], lr: [2]}}"], "--config: grid: lr is given twice, on lines 1 and 1"),
    ],
)
def test_a_key_is_given_once_after_one_option(entries, message):
    with pytest.raises(InputError, match=re.escape(message)):
        refuse_repeated_keys(entries)


def test_values_of_keys_need_not_be_yaml():
    refuse_repeated_keys(["a=[", "b=" + "[" * 10_000, "c=x=1", "d={x: 1}", "data_dir=a: b: c"])


def test_one_option_may_have_several_values_and_targets_any_name():
    refuse_repeated_options(["--config", "a=1", "b=1", "--configfile", "a", "b", "--", "--config"])
