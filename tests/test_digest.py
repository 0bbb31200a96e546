"""An edit counts for exactly the scripts that run it, and an edit to plumbing for none."""

import shutil
from collections.abc import Callable
from modulefinder import ModuleFinder
from pathlib import Path

import pytest

from feature_quality.digest import PLUMBING, script_digest

WORKFLOW = Path(__file__).parents[1] / "workflow"
PACKAGE = "feature_quality"


@pytest.fixture
def workflow(tmp_path: Path) -> Path:
    """Copy the package and the scripts to where they may be changed."""
    for folder in (PACKAGE, "scripts"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(WORKFLOW / folder, tmp_path / folder, ignore=ignored)
    return tmp_path


def digests(workflow: Path) -> dict[str, str]:
    """Return the digest of every script."""
    scripts = (workflow / "scripts").glob("*.py")
    return {path.name: script_digest(path, package=workflow / PACKAGE) for path in scripts}


@pytest.fixture
def changed(workflow: Path) -> Callable[[], set[str]]:
    """Return a function that names the scripts whose digest has changed."""
    before = digests(workflow)

    def changed() -> set[str]:
        after = digests(workflow)
        assert set(after) == set(before)
        return {name for name, digest in after.items() if digest != before[name]}

    return changed


def loaded(workflow: Path) -> dict[str, set[str]]:
    """Return the scripts that load each module, as Python's own tool finds them."""
    plumbing = [f"{PACKAGE}.{module}" for module in PLUMBING]
    scripts: dict[str, set[str]] = {}
    for script in (workflow / "scripts").glob("*.py"):
        # Third parties are out of its sight, so it stays quick.
        finder = ModuleFinder(path=[str(workflow)], excludes=plumbing)
        finder.run_script(str(script))
        for name in finder.modules:
            scripts.setdefault(name, set()).add(script.name)
    return scripts


def append(path: Path, text: str = "\nSOMETHING = 1\n") -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def test_scripts_have_different_digests_that_are_the_same_elsewhere(workflow: Path) -> None:
    found = digests(workflow)
    assert found == digests(WORKFLOW)
    assert len(set(found.values())) == len(found) > 8


def test_an_edit_to_a_module_counts_for_the_scripts_that_load_it_unless_it_is_plumbing(
    workflow: Path, changed: Callable[[], set[str]]
) -> None:
    expected, none_loads = loaded(workflow), set()
    for path in sorted((workflow / PACKAGE).rglob("*.py")):
        module = ".".join(path.relative_to(workflow).with_suffix("").parts)
        users = expected.get(module.removesuffix(".__init__"), set())
        source = path.read_text(encoding="utf-8")
        append(path)
        assert changed() == users, module
        path.write_text(source, encoding="utf-8")
        none_loads |= set() if users else {module.removeprefix(f"{PACKAGE}.")}
    assert {*PLUMBING, "digest", "config.quoting"} <= none_loads


def test_plumbing_imports_nothing_but_plumbing() -> None:
    """Otherwise an edit to what it imports would be missed."""
    for module in PLUMBING:
        path = WORKFLOW.joinpath(PACKAGE, *module.split(".")).with_suffix(".py")
        finder = ModuleFinder(path=[str(WORKFLOW)])
        finder.run_script(str(path))
        ours = {name.removeprefix(f"{PACKAGE}.") for name in finder.modules if PACKAGE in name}
        assert ours <= {*PLUMBING, PACKAGE, "artifacts"}, module


SOURCE = '''"""Of the module."""
X = 1
"""Not at the beginning."""

class C:
    """Of the class."""

    async def f(self):
        """Of the function."""
        return 1
'''


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        ("return 1", "return 2", True),
        ("X = 1", "X = 1  # a comment", False),
        ("X = 1", "X = (\n    1\n)\n", False),
        ('"""Of the module."""\n', "", False),
        ("Of the class.", "Of\n\n    the class.", False),
        ('    """Of the function."""\n', "", False),
        ("Not at the beginning.", "Text.", True),
    ],
)
def test_statements_count_but_not_comments_docstrings_or_layout(
    tmp_path: Path, old: str, new: str, counts: bool
) -> None:
    assert old in SOURCE
    found = []
    for text in (SOURCE, SOURCE.replace(old, new)):
        (tmp_path / "script.py").write_text(text)
        found.append(script_digest(tmp_path / "script.py"))
    assert (found[0] != found[1]) == counts


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A package whose script imports one module by name at run time, and another as ever."""
    sources = {
        "script.py": "import importlib, sys\nfrom package import plain\n"
        'importlib.import_module(f"package.named.{sys.argv[1]}")\n',
        "package/__init__.py": "",
        "package/plain.py": "",
        "package/errors.py": "",
        "package/named/__init__.py": "from . import base\n",
        "package/named/base.py": "",
        "package/named/first.py": "def f():\n    from ..below import deep\n",
        "package/named/second.py": "from package.errors import InputError\n",
        "package/below.py": "import package.lower.deep\n",
        "package/lower/__init__.py": "",
        "package/lower/deep.py": "",
    }
    for name, source in sources.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(source)
    return tmp_path


@pytest.mark.parametrize(
    ("edited", "counts_for"),
    {
        "script.py": {"", "named.first", "named.second", "both"},
        "package/plain.py": {"", "named.first", "named.second", "both"},
        "package/__init__.py": {"", "named.first", "named.second", "both"},
        "package/named/__init__.py": {"named.first", "named.second", "both"},
        "package/named/base.py": {"named.first", "named.second", "both"},
        "package/named/first.py": {"named.first", "both"},
        "package/below.py": {"named.first", "both"},
        "package/lower/__init__.py": {"named.first", "both"},
        "package/lower/deep.py": {"named.first", "both"},
        "package/named/second.py": {"named.second", "both"},
        "package/errors.py": set(),
    }.items(),
)
def test_what_is_imported_by_name_counts_with_all_that_it_imports(
    small: Path, edited: str, counts_for: set[str]
) -> None:
    named = {name: [name] for name in ("named.first", "named.second")}
    named |= {"": [], "both": ["named.first", "named.second"]}

    def found() -> dict[str, str]:
        script, package = small / "script.py", small / "package"
        return {name: script_digest(script, *each, package=package) for name, each in named.items()}

    before = found()
    assert len(set(before.values())) == len(before)
    append(small / edited)
    assert {name for name, digest in found().items() if digest != before[name]} == counts_for


def test_a_new_import_brings_its_module_in(small: Path) -> None:
    """Two edits: the import, which counts anyway, and then what was imported."""
    append(small / "package" / "plain.py", "from package.below import *\n")
    first = script_digest(small / "script.py", package=small / "package")
    append(small / "package" / "lower" / "deep.py")
    assert script_digest(small / "script.py", package=small / "package") != first


@pytest.mark.parametrize("module", ["named.third", "package.plain", "plain.name", "json"])
def test_an_unknown_module_is_an_error(small: Path, module: str) -> None:
    with pytest.raises(ValueError, match=f"^there is no module package.{module}$"):
        script_digest(small / "script.py", module, package=small / "package")
