"""Rules of the house that a tool can check."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

import fednids
from fednids.config import Config, OpenSection, describe_settings

ROOT = Path(__file__).parents[1]
PACKAGES = ("fednids", "clients", "server", "partitions")
SOURCES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def named(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


WITH_NAMES = sorted(
    named(path) for path in SOURCES if path.name == "__init__.py" and "__all__" in path.read_text()
)


@pytest.mark.parametrize("name", WITH_NAMES)
def test_public_names_are_said_and_sorted(name: str) -> None:
    module = importlib.import_module(name)
    public = list(module.__all__)
    assert all(hasattr(module, each) for each in public)
    constants = [each for each in public if each.isupper()]
    classes = [each for each in public if each[0].isupper() and each not in constants]
    others = [each for each in public if each not in constants and each not in classes]
    assert public == [*sorted(set(constants)), *sorted(set(classes)), *sorted(set(others))]


PRESCRIBED = {"app", "main", "register"}
"""Names that Flower, entry points and the command line look for in every module of a kind."""

TWO_THINGS = {"Settings"}
"""Names that still stand for two things; the list only shrinks."""


def top_level_names(path: Path) -> Iterator[str]:
    """Yield the public names that a module defines itself."""
    for node in parsed(path).body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                found = [name]
            case ast.Assign(targets=targets):
                found = [target.id for target in targets if isinstance(target, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=name)):
                found = [name]
            case _:
                found = []
        yield from (name for name in found if not name.startswith("_"))


def test_no_public_name_means_two_things() -> None:
    places: dict[str, list[str]] = {}
    for path in SOURCES:
        for name in sorted(set(top_level_names(path))):
            places.setdefault(name, []).append(named(path))
    twice = {name: where for name, where in places.items() if len(where) > 1}
    new = {n: w for n, w in twice.items() if n not in PRESCRIBED | TWO_THINGS}
    assert not new, new


PRIVATE_WORDS = {"Give", "Gives", "Tell", "Tells", "Say", "Says", "Let", "Lets", "See", "Mend"}
"""First words of docstrings that leave open what is returned or done."""


def public_docstrings(path: Path) -> Iterator[tuple[str, str]]:
    """Yield name and docstring of public functions, classes and their public members."""
    todo = list[ast.AST](parsed(path).body)
    while todo:
        node = todo.pop()
        if not isinstance(node, ast.ClassDef | ast.FunctionDef) or node.name.startswith("_"):
            continue
        yield node.name, ast.get_docstring(node) or ""
        if isinstance(node, ast.ClassDef):
            todo += node.body


def test_docstrings_begin_with_what_is_returned_or_done() -> None:
    wrong = [
        f"{named(path)}: {name}: {text.splitlines()[0]}"
        for path in SOURCES
        for name, text in public_docstrings(path)
        if text and text.split()[0].rstrip(".,:") in PRIVATE_WORDS
    ]
    assert not wrong, "\n".join(wrong)


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True, cache_dir=None)
    imported = {each: graph.find_modules_directly_imported_by(each) for each in graph.modules}
    while leaves := [each for each, others in imported.items() if not others & imported.keys()]:
        for each in leaves:
            del imported[each]
    circles = {frozenset(_reached(each, imported)) for each in imported}
    circles = {circle for circle in circles if all(_reached(m, imported) == circle for m in circle)}
    assert not circles, circles


def _reached(start: str, imported: dict[str, set[str]]) -> set[str]:
    """Return the modules that a module imports by way of others, itself among them in a circle."""
    found, todo = set[str](), [start]
    while todo:
        new = imported.get(todo.pop(), set()) & imported.keys() - found
        found |= new
        todo += new
    return found


def test_layers_hold() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("partitions", ("mindspore", "flwr", "pandas", "pyarrow")),
        ("fednids.metrics", ("mindspore", "flwr", "pandas")),
        ("fednids.flows.source", ("mindspore", "flwr")),
        ("server.app", ("mindspore",)),
        ("fednids.cli", ("mindspore", "flwr")),
    ],
)
def test_light_modules_import_nothing_heavy(module: str, heavy: tuple[str, ...]) -> None:
    code = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(heavy) & set(json.loads(done.stdout))


def test_versions_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    newest = next(
        line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## ")
    )
    assert project["version"] == fednids.__version__ == newest.split()[1]


def test_the_architecture_page_names_every_module_of_the_top_level() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text()
    modules = {path.stem if path.suffix else path.name for path in (ROOT / "fednids").iterdir()}
    for name in modules - {"__init__", "__main__", "__pycache__", "py"}:
        assert name in page, name


def test_every_setting_is_read_somewhere() -> None:
    """A module that has a section at hand, by attribute or by class, reads the setting from it."""
    read: dict[Path, set[str]] = {
        path: {
            node.attr if isinstance(node, ast.Attribute) else node.id
            for node in ast.walk(parsed(path))
            if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load)
        }
        for path in SOURCES
        if not path.is_relative_to(ROOT / "fednids" / "config")
    }
    unread = []
    for setting in describe_settings():
        section, _, key = setting.name.partition(".")
        holder = Config.model_fields[section].annotation
        assert isinstance(holder, type)
        if setting.member:
            assert issubclass(holder, OpenSection)
            files = []
            for declared in holder.member_settings(setting.member).__mro__:
                if key in getattr(declared, "model_fields", {}):
                    file = Path(inspect.getfile(declared))
                    own_folder = len(file.relative_to(ROOT).parts) > 3
                    files += sorted(file.parent.glob("*.py")) if own_folder else [file]
        else:
            files = [path for path, names in read.items() if names & {section, holder.__name__}]
        if not any(key in read[path] for path in files):
            unread.append(setting.name)
    assert not unread


def test_constraints_pin_every_version_and_name_no_address() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(line.count("==") == 1 and "/" not in line and "@" not in line for line in pins)
    names = {line.partition("==")[0].lower().replace("_", "-") for line in pins}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    for requirement in wanted:
        name = requirement.split("=")[0].split(">")[0].split("<")[0].split("[")[0]
        assert name.lower() in names, name
