"""The rules of this house that no linter knows: sizes, names, a pure core, a thin client, a clean lock."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
GENERATED = ROOT / "risksvc" / "v1"
FILE_LINES = 400
FUNCTION_LINES = 50

# A name that says nothing about what is inside invites everything.
VAGUE_WORDS = frozenset({"util", "utils", "common", "helper", "helpers", "manager", "base", "impl", "misc"})
VAGUE_CLASS = re.compile(r"(Utils?|Helpers?|Manager|Impl)$")

# What the core may import besides itself: no I/O, no clock, no waiting, no logging, no randomness behind any of these.
PURE = frozenset({
    "__future__", "abc", "bisect", "collections", "copy", "dataclasses", "decimal", "enum", "fractions", "functools",
    "hashlib", "heapq", "itertools", "json", "math", "operator", "re", "string", "types", "typing",
})  # fmt: skip
IMPURE_CALLS = frozenset({"open", "print", "input", "exec", "eval", "breakpoint", "id", "hash"})
CLIENT_MAY_IMPORT = frozenset({"grpc", "google", "risksvc"})

# google.golang.org is the name of gRPC's package in Go, wherever that comes from.
TRACES = re.compile(
    r"(?:pypi|pythonhosted|npmjs|(?<!google\.)golang)\.org|--(?:(?:extra-)?index-url|find-links)\b"
    r"|(?<![\w.\-/}])/(?:work|root|Users|home|opt/(?:pypi|wheels))/"
)


def sources(folder: str) -> list[Path]:
    return [path for path in sorted((ROOT / folder).rglob("*.py")) if GENERATED not in path.parents]


EVERY_SOURCE = [*sources("risksvc"), *sources("tests"), *sources("proto")]
CORE = sources("risksvc/core")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imported(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and full name of every module imported anywhere in the file; relative imports are this project's."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "risksvc" if node.level else node.module or ""


def strangers(path: Path, allowed: frozenset[str]) -> list[str]:
    found = imported(tree(path))
    return [f"{named(path)}:{line}: imports {name}" for line, name in found if name.split(".")[0] not in allowed]


@pytest.mark.parametrize("path", EVERY_SOURCE, ids=named)
def test_files_and_functions_stay_short(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    functions = [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = {
        node.name: length for node in functions if (length := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
    }
    assert lines <= FILE_LINES, (
        f"{named(path)} has {lines} lines; at most {FILE_LINES}: split it where a second noun begins"
    )
    assert not long, f"{named(path)}: functions over {FUNCTION_LINES} lines: {long}"


@pytest.mark.parametrize("path", EVERY_SOURCE, ids=named)
def test_names_say_what_is_inside(path: Path) -> None:
    words = {word for part in path.relative_to(ROOT).with_suffix("").parts for word in part.lower().split("_")}
    classes = [node.name for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef)]
    assert not words & VAGUE_WORDS, f"{named(path)}: name it after its noun"
    assert not [name for name in classes if VAGUE_CLASS.search(name)], f"{named(path)}: name the class after its noun"


@pytest.mark.parametrize("path", CORE, ids=named)
def test_the_core_imports_only_what_is_pure(path: Path) -> None:
    allowed = PURE | {"risksvc"}
    assert not strangers(path, allowed), (
        "the core takes `now` and everything else as an argument (add to PURE only what is pure)"
    )


@pytest.mark.parametrize("path", CORE, ids=named)
def test_the_core_neither_waits_nor_touches_the_world(path: Path) -> None:
    nodes = list(ast.walk(tree(path)))
    waits = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    calls = [node for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    impure = [f"{named(path)}:{call.lineno}" for call in calls if call.func.id in IMPURE_CALLS]  # type: ignore[attr-defined]
    assert not [f"{named(path)}:{node.lineno}" for node in nodes if isinstance(node, waits)]
    assert not impure, f"calls of {sorted(IMPURE_CALLS)} in {impure}"


def is_set(node: ast.expr) -> bool:
    made = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"set", "frozenset"}
    return made or isinstance(node, ast.Set | ast.SetComp)


@pytest.mark.parametrize("path", CORE, ids=named)
def test_the_core_iterates_no_set(path: Path) -> None:
    """A set's order depends on the hash seed, and a replay must not. Sees only sets made where they are iterated."""
    loops = [node for node in ast.walk(tree(path)) if isinstance(node, ast.For | ast.comprehension)]
    assert not [f"{named(path)}:{node.iter.lineno}" for node in loops if is_set(node.iter)]


@pytest.mark.parametrize("path", sources("risksvc/client"), ids=named)
def test_the_client_needs_grpc_and_protobuf_only(path: Path) -> None:
    assert not strangers(path, CLIENT_MAY_IMPORT | sys.stdlib_module_names)


def test_no_file_names_a_registry_or_a_path_of_some_machine() -> None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git checkout: which files belong to the project is not known")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    texts = {path: path.read_bytes().decode(errors="replace") for path in paths if path.is_file()}
    assert texts
    found = [
        f"{named(path)}:{number}: {line.strip()[:100]}"
        for path, text in texts.items()
        for number, line in enumerate(text.splitlines(), 1)
        if TRACES.search(line)
    ]
    assert not found, "\n".join(found)


def project() -> dict[str, object]:
    table: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


def declared() -> list[Requirement]:
    """Everything that pyproject.toml asks for, but the project itself."""
    table = project()
    extras: dict[str, list[str]] = table["optional-dependencies"]  # type: ignore[assignment]
    own: list[str] = table["dependencies"]  # type: ignore[assignment]
    every = [Requirement(text) for text in [*own, *(text for extra in extras.values() for text in extra)]]
    return [requirement for requirement in every if requirement.name != table["name"]]


def locked() -> dict[str, Version]:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line.rstrip("\\")) for line in lines if line[:1].isalnum()]
    return {canonicalize_name(pin.name): Version(next(iter(pin.specifier)).version) for pin in pins}


def test_the_lock_has_what_pyproject_asks_for() -> None:
    pins = locked()
    wrong = [
        str(asked) for asked in declared() if not asked.specifier.contains(pins.get(canonicalize_name(asked.name), ""))
    ]
    assert not wrong, f"run `make lock`: requirements.lock does not satisfy {wrong}"


def test_every_pin_of_the_lock_has_hashes_and_nothing_else() -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    content = [line for line in lines if not line.lstrip().startswith("#")]
    pin = re.compile(r"[a-z0-9][a-z0-9._-]*(\[[a-z0-9,_-]+\])?==\S+( ; [^\\]+)? \\")
    digest = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
    assert not [line for line in content if not (pin.fullmatch(line) or digest.fullmatch(line))]


def test_the_client_is_allowed_the_oldest_libraries_that_the_generated_code_runs_on() -> None:
    """Generated code refuses an older grpcio or protobuf at import: the bounds in pyproject.toml must say the same."""
    grpcio, protobuf = (
        (GENERATED / f"strategy_pb2{suffix}.py").read_text(encoding="utf-8") for suffix in ("_grpc", "")
    )
    grpcio_at_least = re.search(r"GRPC_GENERATED_VERSION = '([\d.]+)'", grpcio)
    protobuf_at_least = re.search(r"^# Protobuf Python Version: ([\d.]+)$", protobuf, re.MULTILINE)
    bounds = {asked.name: asked.specifier for asked in declared() if asked.name in {"grpcio", "protobuf"}}
    assert grpcio_at_least
    assert protobuf_at_least
    assert f">={grpcio_at_least[1]}" in str(bounds["grpcio"])
    assert f">={protobuf_at_least[1]}" in str(bounds["protobuf"])
