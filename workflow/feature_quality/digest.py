"""A digest of all the code that a rule's script runs, so that Snakemake sees any change in it."""

import ast
import hashlib
from functools import cache
from pathlib import Path

import grimp

PACKAGE = Path(__file__).parent


def script_digest(script: Path) -> str:
    """Return the digest of a script and of every module of ours that it imports, even indirectly.

    It is taken over syntax trees without docstrings: comments, docstrings and layout do not count.
    """
    sources = [script, *(_path(name) for name in sorted(_closure(script)))]
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.name.encode() + b"\0" + _meaning(source).encode() + b"\0")
    return digest.hexdigest()[:16]


def _closure(script: Path) -> set[str]:
    graph = _import_graph()
    imported = {name for name in _imports(script) if name in graph.modules}
    imported = imported.union(*(graph.find_upstream_modules(name) for name in imported))
    # Importing a module runs the packages that it lies in.
    return imported.union(*(_parents(name) for name in imported))


@cache
def _import_graph() -> grimp.ImportGraph:
    return grimp.build_graph(PACKAGE.name, cache_dir=None)


def _imports(script: Path) -> set[str]:
    """Return every dotted name that a script's imports mention, modules and their members alike."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def _parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def _path(module: str) -> Path:
    path = PACKAGE.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _meaning(source: Path) -> str:
    tree = ast.parse(source.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:]
    return ast.dump(tree)
