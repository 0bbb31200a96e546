import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from modulefinder import ModuleFinder
from pathlib import Path

import pytest

WORKFLOW = Path(__file__).parents[1] / "workflow"
PACKAGE = "feature_quality"

PRINT_DIGESTS = """
import json, sys
from pathlib import Path
from feature_quality.digest import script_digest
print(json.dumps({path.name: script_digest(path) for path in Path(sys.argv[1]).glob("*.py")}))
"""

# Worked out by reading the imports.
EXPECTED = {
    "training/sam.py": {
        *("train.py", "embed.py", "importance.py"),
        *("perturb_toy.py", "perturb_network.py"),
    },
    "training/checkpoint.py": {"train.py", "embed.py", "importance.py", "perturb_network.py"},
    "toy/engine.py": {"toy_study.py", "toy_dynamics.py", "perturb_toy.py"},
    "reporting/figures/complexity.py": {"figure_02.py", "figure_06.py"},
    "features/probe.py": {"probe.py", "importance.py"},
    "features/embedding.py": {"embed.py", "importance.py"},
    "reporting/table1.py": {
        *("table1.py", "table2.py", "grid.py", "collect_importance.py", "claims.py", "sweep.py"),
    },
    "reporting/grid.py": {"grid.py"},
    "data/cifar10.py": {"prepare_cifar_mnist.py", "plan.py"},
    "data/own.py": {"prepare_own.py", "plan.py"},
    "data/photos.py": {
        *("prepare_celeba.py", "prepare_waterbirds.py", "plan.py"),
        *("prepare_domains.py", "prepare_digits_domains.py", "prepare_own.py"),
    },
}


@pytest.fixture
def workflow(tmp_path: Path) -> Path:
    """Copy the package and the scripts to where they may be changed."""
    for folder in (PACKAGE, "scripts"):
        shutil.copytree(
            WORKFLOW / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    return tmp_path


def digests(workflow: Path) -> dict[str, str]:
    """Return the digest of every script, from a process that knows no other copy."""
    environment = os.environ | {"PYTHONPATH": str(workflow), "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(
        [sys.executable, "-c", PRINT_DIGESTS, str(workflow / "scripts")],
        env=environment,
        cwd=workflow,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found: dict[str, str] = json.loads(run.stdout)
    return found


@pytest.fixture(scope="session")
def before(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    copied = tmp_path_factory.mktemp("unchanged") / "workflow"
    shutil.copytree(WORKFLOW, copied, ignore=shutil.ignore_patterns("__pycache__"))
    return digests(copied)


@pytest.fixture
def changed(workflow: Path, before: dict[str, str]) -> Callable[[], set[str]]:
    """Name the scripts whose digest is no longer what it was."""

    def compare() -> set[str]:
        after = digests(workflow)
        assert set(after) == set(before)
        return {name for name, digest in after.items() if digest != before[name]}

    return compare


def users(workflow: Path, module: str) -> set[str]:
    """Return the scripts that load a module, as Python's own tool finds them."""
    name = f"{PACKAGE}.{module.removesuffix('.py').replace('/', '.')}"
    found = set()
    for script in (workflow / "scripts").glob("*.py"):
        # Third parties are out of its sight, so it stays quick.
        finder = ModuleFinder(path=[str(workflow)])
        finder.run_script(str(script))
        if name.removesuffix(".__init__") in finder.modules:
            found.add(script.name)
    return found


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def restyle(path: Path) -> None:
    """Write a module anew with other docstrings, comments and layout, and the same statements."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            documented = ast.get_docstring(node) is not None
            if documented:
                node.body[0] = ast.Expr(ast.Constant("Something else."))
            elif node.body:
                node.body.insert(0, ast.Expr(ast.Constant("Something new.")))
    lines = ast.unparse(ast.fix_missing_locations(tree)).splitlines()
    path.write_text("# A comment.\n\n\n" + "\n".join(lines) + "\n\n# The end.\n", encoding="utf-8")
    assert path.read_text(encoding="utf-8") != source


def test_equal_code_in_another_place_has_the_same_digest(
    changed: Callable[[], set[str]],
) -> None:
    assert changed() == set()


def test_scripts_have_different_digests(before: dict[str, str]) -> None:
    assert len(set(before.values())) == len(before) > 8


def test_comments_docstrings_and_layout_do_not_count(
    workflow: Path, changed: Callable[[], set[str]]
) -> None:
    files = list(workflow.rglob("*.py"))
    assert len(files) > 30
    for path in files:
        restyle(path)
    assert changed() == set()


@pytest.mark.parametrize("module", EXPECTED)
def test_a_statement_in_a_module_counts_for_the_scripts_that_load_it(
    module: str, workflow: Path, changed: Callable[[], set[str]]
) -> None:
    append(workflow / PACKAGE / module, "\nSOMETHING = 1\n")
    found = changed()
    assert found == users(workflow, module) == EXPECTED[module]


@pytest.mark.parametrize("module", ["errors.py", "job.py", "artifacts/parquet.py"])
def test_a_statement_in_what_many_load_counts_for_them_all(
    module: str, workflow: Path, changed: Callable[[], set[str]], before: dict[str, str]
) -> None:
    append(workflow / PACKAGE / module, "\nSOMETHING = 1\n")
    found = changed()
    assert found == users(workflow, module)
    assert len(found) > len(before) / 2


@pytest.mark.parametrize("module", ["config/settings.py", "digest.py"])
def test_what_no_script_loads_counts_for_none(
    module: str, workflow: Path, changed: Callable[[], set[str]]
) -> None:
    append(workflow / PACKAGE / module, "\nSOMETHING = 1\n")
    assert users(workflow, module) == set()
    assert changed() == set()


def test_changing_a_number_inside_a_function_counts(
    workflow: Path, changed: Callable[[], set[str]]
) -> None:
    path = workflow / PACKAGE / "features" / "probe.py"
    source = path.read_text(encoding="utf-8")
    assert source.count("test_size=0.5") == 1
    path.write_text(source.replace("test_size=0.5", "test_size=0.4"), encoding="utf-8")
    assert changed() == {"probe.py", "importance.py"}


def test_text_that_is_no_docstring_counts(workflow: Path, changed: Callable[[], set[str]]) -> None:
    append(workflow / "scripts" / "grid.py", '\n"""Not at the beginning."""\n')
    assert changed() == {"grid.py"}


def test_a_change_in_a_script_counts_for_it_alone(
    workflow: Path, changed: Callable[[], set[str]]
) -> None:
    append(workflow / "scripts" / "train.py", "\nSOMETHING = 1\n")
    assert changed() == {"train.py"}


def test_a_new_import_brings_its_module_in(workflow: Path, changed: Callable[[], set[str]]) -> None:
    """Two changes: the import, which counts anyway, and then what was imported."""
    assert "collect.py" not in users(workflow, "seeds.py")
    append(workflow / PACKAGE / "reporting" / "runs.py", "\nfrom feature_quality import seeds\n")
    first = digests(workflow)["collect.py"]
    append(workflow / PACKAGE / "seeds.py", "\nSOMETHING = 1\n")
    assert digests(workflow)["collect.py"] != first


def test_a_statement_in_a_package_counts_for_the_scripts_that_load_it(
    workflow: Path, changed: Callable[[], set[str]]
) -> None:
    module = "features/__init__.py"
    append(workflow / PACKAGE / module, "\nSOMETHING = 1\n")
    expected = {
        *("embed.py", "probe.py", "importance.py"),
        *("perturb_toy.py", "perturb_network.py"),
    }
    assert users(workflow, module) == expected
    assert changed() == expected
