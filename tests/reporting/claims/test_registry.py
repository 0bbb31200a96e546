"""The numbers and names of checks that the documentation quotes are those of the code."""

import re
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from scipy.stats import nct, t

from feature_quality.reporting import claims
from feature_quality.reporting.claims.page import CLAIMS
from feature_quality.reporting.claims.verdict import Check

ROOT = Path(__file__).parents[3]
NUMBERS = {"eleven": 11}


def checks() -> list[str]:
    """Return the names of all checks, of all modules."""
    modules = [
        import_module(f"{claims.__name__}.{each.name}") for each in iter_modules(claims.__path__)
    ]
    found = {
        check
        for module in modules
        for check in getattr(module, "CHECKS", ())
        if isinstance(check, Check)
    }
    return sorted(check.name for check in found)


def test_every_check_has_a_name_of_its_own_and_its_line_in_the_documentation() -> None:
    names = checks()
    assert len(set(names)) == len(names)
    page = (ROOT / "docs/claims.md").read_text()
    table = page.split("## The checks")[1]
    documented = [
        name
        for line in re.findall(r"^\| (\d+\w?(?:, \d+\w)*) \|", table, re.MULTILINE)
        for name in line.split(", ")
    ]
    assert sorted(documented) == names


def test_the_numbers_of_claims_and_checks_that_are_quoted_are_right() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    text = "\n".join(page.read_text() for page in pages)
    assert {int(number) for number in re.findall(r"by (\d+)\schecks", text)} == {len(checks())}
    quoted = re.findall(r"\b(\w+)\s(?:claims|statements)\sof\sthe\spaper", text)
    assert {NUMBERS[word] for word in quoted if word in NUMBERS} == {len(CLAIMS)}
    assert {int(name.rstrip("abcdefghijklmnopqrstuvwxyz")) for name in checks()} == set(CLAIMS)


def test_the_power_of_a_verdict_is_that_of_the_noncentral_t() -> None:
    found = []
    for seeds in (4, 8):
        end, centre = t.ppf(0.975, seeds - 1), 1.5 * seeds**0.5
        power = nct.sf(end, seeds - 1, centre) + nct.cdf(-end, seeds - 1, centre)
        found.append(f"{power:.2f}".lstrip("0"))
    page = " ".join((ROOT / "docs/claims.md").read_text().split())
    assert f"with probability {found[0]} for four seeds and {found[1]} for eight" in page
