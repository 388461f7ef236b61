"""Builds risksvc with the gate compiled: a wheel, and on wish a folder of what is in it.

    python -m deploy.compiled.build --wheel dist [--into FOLDER]

The same source, made into C by mypyc (a part of mypy) and compiled: needs a C compiler and Python's headers. What is
compiled takes every Input in (`risksvc/core`), and carries a check from its bytes to its answer's; see README.md beside
this file.
"""

import argparse
import ast
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

from deploy.compiled.writing_out import written_out

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "risksvc.core"
FIRST = "gate"  # it takes every Input in
# A decorator that marks itself for type checkers, which compiled functions can't bear (`writing_out` takes its place);
# errors that are a built-in error as well somewhere, as no subclass of a compiled class can be.
NEVER = frozenset({"errors", "immutable"})
# What a check's bytes go through, there and back, and what the venue's process tells.
ON_THE_WAY = (
    "approval_wire",
    "chain",
    "check_metrics",
    "codec",
    "convert",
    "convert_batch",
    "convert_feed",
    "convert_strategy",
    "entry_forms",
    "frames",
    "journal",
    "listening",
    "metrics",
    "owner",
    "strategy_service",
    "engine/direct",
    "engine/places",
)
BESIDE = ("pyproject.toml", "README.md", "LICENSE")
SETUP = """
from mypyc.build import mypycify
from setuptools import setup

setup(ext_modules=mypycify({modules!r}, opt_level="2", debug_level="0", group_name="risksvc_core"))
"""
STAMP = ".made-of"


def main(words: Sequence[str] | None = None) -> int:
    """As the module's text says."""
    parser = argparse.ArgumentParser(description="builds risksvc with the gate compiled")
    parser.add_argument("--wheel", type=Path, default=ROOT / "dist", help="the folder that the wheel is put into")
    parser.add_argument("--into", type=Path, help="a folder that gets what is in the wheel; made anew")
    said = parser.parse_args(words)
    made_of = source_hash()
    if said.into and (said.into / STAMP).is_file() and (said.into / STAMP).read_text(encoding="ascii") == made_of:
        print(f"compiled: {said.into} is up to date")
        return 0
    try:
        wheel = build(said.wheel)
    except subprocess.CalledProcessError as error:
        print(f"compiled: not built; a C compiler and Python's headers are needed:\n{error.stdout}", file=sys.stderr)
        return 1
    print(f"compiled: {wheel}")
    if said.into:
        shutil.rmtree(said.into, ignore_errors=True)
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(said.into)
        (said.into / STAMP).write_text(made_of, encoding="ascii")
        print(f"compiled: put into {said.into}")
    return 0


def source_hash() -> str:
    """Changes when what is built from changes: package, metadata, how it is built, Python and mypyc."""
    found = hashlib.sha256(f"{sys.version} {metadata.version('mypy')}".encode())
    sources = (*(ROOT / "risksvc").rglob("*.py"), *Path(__file__).parent.glob("*.py"))
    for path in sorted([ROOT / "pyproject.toml", *sources]):
        found.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def modules(package: Path, name: str, found: dict[str, Path]) -> dict[str, Path]:
    """What is compiled: a module of the core and every other one that it imports, with those that these import."""
    path = package / f"{name}.py"
    if name not in found and name not in NEVER and path.is_file():
        found[name] = path
        for one in _imported(ast.parse(path.read_text(encoding="utf-8"))):
            modules(package, one, found)
    return found


def _imported(module: ast.Module) -> Iterator[str]:
    for one in ast.walk(module):
        if isinstance(one, ast.ImportFrom) and one.module == PACKAGE:
            yield from (alias.name for alias in one.names)
        elif isinstance(one, ast.ImportFrom) and (one.module or "").startswith(f"{PACKAGE}."):
            yield (one.module or "").removeprefix(f"{PACKAGE}.")


def build(to: Path) -> Path:
    """The wheel. Raises CalledProcessError with what the compiler said."""
    with tempfile.TemporaryDirectory(prefix="risksvc-") as name:
        folder = Path(name)
        for one in BESIDE:
            shutil.copy(ROOT / one, folder / one)
        shutil.copytree(ROOT / "risksvc", folder / "risksvc", ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        chosen = sorted(modules(folder / "risksvc" / "core", FIRST, {}).values())
        chosen += [folder / "risksvc" / "gate" / f"{name}.py" for name in ON_THE_WAY]
        for path in chosen:
            path.write_text(written_out(path.read_text(encoding="utf-8")), encoding="utf-8")
        said = [path.relative_to(folder).as_posix() for path in chosen]
        (folder / "setup.py").write_text(SETUP.format(modules=said), encoding="utf-8")
        offline = ("--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check")
        command = [sys.executable, "-m", "pip", "wheel", *offline, "--wheel-dir", str(folder / "made"), str(folder)]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        (wheel,) = (folder / "made").glob("*.whl")
        to.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(wheel, to))


if __name__ == "__main__":
    sys.exit(main())
