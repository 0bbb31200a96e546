"""A digest of the code that a rule's script runs, by which Snakemake notices a change in it."""

import ast
import hashlib
from functools import cache
from importlib.util import resolve_name
from pathlib import Path

PACKAGE = Path(__file__).parent

# Modules whose edits rerun nothing, with the reason: no number in a result depends on them. They
# import only each other. Every other module counts, formatting too: it spells numbers in tables.
PLUMBING = {
    "errors": "the exception for unusable input",
    "job": "logging, and how a job ends that fails",
    "run_metadata": "the description of how a file was made",
    "artifacts.atomic": "writes a file whole or not at all",
    "artifacts.checksum": "tells whether files are equal",
    "artifacts.finished": "keeps a run's files as they are",
    "artifacts.lock": "lets one process at a time into a folder",
    "artifacts.parquet": "stores values as they are; the schemas, which do count, name the columns",
}

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def script_digest(script: Path, *modules: str, package: Path = PACKAGE) -> str:
    """Return the digest of a script and of all modules of the package that it runs.

    These are the modules that it imports, directly or through others, but for ``PLUMBING``.
    Comments, docstrings and layout do not count.

    Args:
        script: the file that Snakemake runs.
        modules: what the script imports by name at run time (with importlib), as dotted names
            below the package, such as ``"data.cifar_mnist"``.
        package: the folder of the package.

    Raises:
        ValueError: the package has no such module.
    """
    files = _modules(package)
    named = {f"{package.name}.{module}" for module in modules}
    if unknown := named - files.keys():
        raise ValueError(f"there is no module {', '.join(sorted(unknown))}")
    plumbing = {f"{package.name}.{module}" for module in PLUMBING}
    meaning, imported = _parse(script.read_text(encoding="utf-8"), "")
    found = {script.name: meaning}
    waiting = named | imported
    while waiting:
        name = waiting.pop()
        if name in found or name not in files:
            continue
        path = files[name]
        source = "" if name in plumbing else path.read_text(encoding="utf-8")
        parent = name.rpartition(".")[0]
        within = name if path.name == "__init__.py" else parent
        found[name], imported = _parse(source, within)
        # Importing a module runs the packages that it lies in.
        waiting |= imported | {parent}
    return _hash(repr(sorted(found.items())))


@cache
def _modules(package: Path) -> dict[str, Path]:
    """Return the files of a package's modules by their dotted names."""
    modules = {}
    for path in package.rglob("*.py"):
        parts = path.relative_to(package.parent).with_suffix("").parts
        modules[".".join(parts).removesuffix(".__init__")] = path
    return modules


@cache
def _parse(source: str, package: str) -> tuple[str, frozenset[str]]:
    """Return the hash of a source without its docstrings, and the dotted names that it imports.

    The names are those of modules and of their members alike.

    Args:
        source: the text of a file.
        package: the package that relative imports start from.
    """
    tree = ast.parse(source)
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package)
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return _hash(ast.dump(tree)), frozenset(names)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
