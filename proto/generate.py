"""Generates risksvc/v1 from the protos beside this file: messages, gRPC stubs and the types of both.

    python proto/generate.py           writes risksvc/v1
    python proto/generate.py --check   writes nothing; exits 1 and names what in risksvc/v1 is not what the protos say

Never touches anything in risksvc/v1 but *_pb2*.py and *_pb2*.pyi. What the protos no longer produce is removed.
The generators are those installed beside the interpreter that runs this: the lock file decides their versions.
"""

import argparse
import difflib
import re
import subprocess
import sys
import tempfile
from itertools import islice
from pathlib import Path

PROTO = Path(__file__).resolve().parent
PACKAGE = Path("risksvc/v1")
PLUGINS = ("protoc-gen-mypy", "protoc-gen-mypy_grpc")
DIFF_LINES = 12
_SERVICE = re.compile(r"^service\s", re.MULTILINE)


def generate(*, protos: Path, into: Path) -> dict[str, str]:
    """Generate code for every proto of the package under `protos` into the folder `into`; file name → text."""
    sources = sorted((protos / PACKAGE).glob("*.proto"))
    if not sources:
        raise SystemExit(f"{protos / PACKAGE}: no *.proto file here")
    _protoc(protos, sources, outputs=("python", "mypy"), into=into)
    # A proto without a service would get an empty stub module.
    services = [source for source in sources if _SERVICE.search(source.read_text(encoding="utf-8"))]
    if services:
        _protoc(protos, services, outputs=("grpc_python", "mypy_grpc"), into=into)
    return generated(into / PACKAGE)


def generated(folder: Path) -> dict[str, str]:
    """Read the generated files of `folder`; file name → text."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*_pb2*.py*"))}


def _protoc(protos: Path, sources: list[Path], *, outputs: tuple[str, ...], into: Path) -> None:
    tools = Path(sys.executable).parent
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{protos}"]
    command += [f"--plugin={name}={tools / name}" for name in PLUGINS]
    command += [f"--{output}_out={into}" for output in outputs]
    done = subprocess.run([*command, *map(str, sources)], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{done.stderr.strip()}\nprotoc failed (exit {done.returncode}): mend the proto named above")


def differences(*, committed: dict[str, str], fresh: dict[str, str]) -> list[str]:
    """Say in lines for people how `committed` differs from `fresh`; empty when it does not."""
    lines: list[str] = []
    for name in sorted(committed | fresh):
        before, after = committed.get(name), fresh.get(name)
        if after is None:
            lines.append(f"{PACKAGE / name}: no proto produces it")
        elif before is None:
            lines.append(f"{PACKAGE / name}: missing")
        elif before != after:
            lines.append(f"{PACKAGE / name}: stale")
            diff = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
            # The first two lines of a unified diff are file names.
            lines += [f"    {line[:120]}" for line in islice(diff, 2, 2 + DIFF_LINES)]
    return lines


def write(*, fresh: dict[str, str], folder: Path) -> list[str]:
    """Make the generated files of `folder` exactly `fresh`; the names that changed."""
    committed = generated(folder)
    for name in committed.keys() - fresh.keys():
        (folder / name).unlink()
    for name, text in fresh.items():
        # Untouched files keep their time stamps: what depends on them is not rebuilt.
        if committed.get(name) != text:
            (folder / name).write_text(text, encoding="utf-8")
    return sorted(name for name in committed | fresh if committed.get(name) != fresh.get(name))


def main(arguments: list[str] | None = None) -> int:
    """Run as described at the top of this file; the exit code."""
    parser = argparse.ArgumentParser(description="Generate risksvc/v1 from proto/risksvc/v1.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when risksvc/v1 is stale")
    parser.add_argument("--protos", type=Path, default=PROTO, help="root of the protos (default: this folder)")
    parser.add_argument(
        "--root", type=Path, default=PROTO.parent, help="where risksvc/v1 is (default: the folder above)"
    )
    options = parser.parse_args(arguments)
    folder = options.root / PACKAGE
    with tempfile.TemporaryDirectory(prefix="risksvc-proto-") as scratch:
        fresh = generate(protos=options.protos, into=Path(scratch))
    if not options.check:
        changed = write(fresh=fresh, folder=folder)
        print(f"{folder}: {len(fresh)} files, {len(changed)} changed")
        return 0
    stale = differences(committed=generated(folder), fresh=fresh)
    if stale:
        print(*stale, "Run `make proto` and commit what it writes.", sep="\n", file=sys.stderr)
        return 1
    print(f"{folder}: {len(fresh)} files, as the protos say")
    return 0


if __name__ == "__main__":
    sys.exit(main())
