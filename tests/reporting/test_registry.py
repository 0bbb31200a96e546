import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from feature_quality.errors import InputError
from feature_quality.reporting import registry
from feature_quality.reporting.registry import CLAIMS_CAPTION, figures, tables

WORKFLOW = Path(__file__).parents[2] / "workflow"


def test_there_are_the_papers_figures_and_five_of_ours() -> None:
    found = figures()
    papers = [*(f"figure_{number:02}" for number in range(1, 11)), "figure_appendix_d"]
    ours = ["embedding", "groups", "learning", "sweep"]
    assert list(found) == [*ours[:1], *papers, *ours[1:], "toy_constants"]
    assert [name for name in found if "toy" in found[name].inputs] == [
        *papers,
        "toy_constants",
    ]
    of_datasets = [name for name in found if "dataset" in found[name].inputs]
    assert set(of_datasets) == {*ours, "figure_03", "figure_05", "figure_07", "figure_08"}


def test_what_is_read_is_what_the_modules_have() -> None:
    for name, spec in figures().items():
        module = import_module(f"feature_quality.reporting.figures.{name}")
        assert (spec.inputs, spec.caption) == (module.INPUTS, module.CAPTION)
        assert callable(module.draw)
    for name, spec in tables().items():
        module = import_module(f"feature_quality.reporting.tables.{name}")
        assert (spec.datasets, spec.caption) == (module.DATASETS, module.CAPTION)
        assert callable(module.make)
    assert {name: spec.datasets for name, spec in tables().items()} == {
        "grid": "all",
        "table1": "features",
        "table2": "domains",
    }
    page = import_module("feature_quality.reporting.claims.page")
    assert page.CAPTION == CLAIMS_CAPTION


def test_reading_imports_nothing_heavy() -> None:
    code = (
        "import sys; from feature_quality.reporting.registry import figures, tables; "
        "figures(); tables(); print({'numpy', 'pandas', 'matplotlib', 'torch'} & {*sys.modules})"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=WORKFLOW, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_an_edit_to_a_figure_redraws_that_one_alone() -> None:
    """A figure's digest is of what its module imports, and none imports another figure."""
    imports = [f"figures.{name} import" for name in figures()]
    for path in (WORKFLOW / "feature_quality" / "reporting").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert not any(each in source for each in imports), path


@pytest.mark.parametrize(
    ("read", "source", "message"),
    [
        (figures, 'INPUTS = {"toy": ["compexity"]}\nCAPTION = "A"', "INPUTS should have names of"),
        (figures, 'INPUTS = {"images": ["runs"]}\nCAPTION = "A"', "INPUTS should have names of"),
        (figures, 'INPUTS = {"toy": ["noise"]}', "INPUTS, CAPTION should be there as literals"),
        (figures, 'INPUTS = dict(toy=[])\nCAPTION = "A"', "should be there as literals"),
        (tables, 'DATASETS = "some"\nCAPTION = "A"', "should be one of features, domains, all"),
        (tables, 'DATASETS = "all"\nCAPTION = f"{DATASETS}"', "should be there as literals"),
    ],
)
def test_what_a_module_says_wrongly_is_said(tmp_path: Path, read, source, message) -> None:
    (tmp_path / "helper.py").write_text('CAPTION = "Not a figure, nor a table."')
    assert read(tmp_path) == {}
    (tmp_path / "mine.py").write_text(source)
    with pytest.raises(InputError, match=rf"^{tmp_path}/mine\.py: .*{message}"):
        read(tmp_path)


def test_the_rules_names_are_those_of_the_registry() -> None:
    """Otherwise a figure could ask for what no rule gives."""
    rules = (WORKFLOW / "rules" / "inputs.smk").read_text()
    for name in registry.INPUTS["dataset"].split():
        assert f'    "{name}": lambda dataset, method' in rules
