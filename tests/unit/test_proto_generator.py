"""`make proto` and its check, on a small package of its own: what is generated imports, and staleness is told."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MESSAGES = """
syntax = "proto3";
package risksvc.v1;
// A thing.
message Thing {
  // Its name.
  string name = 1;
}
"""
SERVICE = """
syntax = "proto3";
package risksvc.v1;
import "risksvc/v1/thing.proto";
// Serves things.
service ThingService {
  // The same thing again.
  rpc Echo(Thing) returns (Thing);
}
"""
GENERATED = ["echo_pb2.py", "echo_pb2.pyi", "echo_pb2_grpc.py", "echo_pb2_grpc.pyi", "thing_pb2.py", "thing_pb2.pyi"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], check=False, capture_output=True, text=True)


def generate(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = str(ROOT / "proto" / "generate.py")
    return run(script, "--protos", str(root / "proto"), "--root", str(root), *arguments)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    protos = tmp_path / "proto" / "risksvc" / "v1"
    package = tmp_path / "risksvc" / "v1"
    for folder in (protos, package):
        folder.mkdir(parents=True)
    (protos / "thing.proto").write_text(MESSAGES)
    (protos / "echo.proto").write_text(SERVICE)
    (package / "__init__.py").write_text("")
    assert generate(tmp_path).returncode == 0
    return tmp_path


def test_it_writes_messages_stubs_and_types_and_leaves_the_rest_alone(root: Path) -> None:
    names = sorted(path.name for path in (root / "risksvc" / "v1").iterdir())
    assert names == ["__init__.py", *GENERATED]


def test_what_it_writes_imports_as_risksvc_v1(root: Path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from risksvc.v1 import echo_pb2_grpc as g; print(g.__file__)"
    )
    done = run("-P", "-c", program, str(root))
    assert done.stdout.strip() == str(root / "risksvc" / "v1" / "echo_pb2_grpc.py"), done.stderr


def test_fresh_code_passes_the_check(root: Path) -> None:
    done = generate(root, "--check")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_changed_proto_fails_the_check_with_a_diff_and_what_to_do(root: Path) -> None:
    (root / "proto" / "risksvc" / "v1" / "thing.proto").write_text(MESSAGES.replace("name", "title"))
    done = generate(root, "--check")
    assert done.returncode == 1
    assert "risksvc/v1/thing_pb2.pyi: stale" in done.stderr
    assert "+    title: " in done.stderr
    assert "make proto" in done.stderr


def test_a_removed_proto_fails_the_check_and_is_cleaned_up(root: Path) -> None:
    (root / "proto" / "risksvc" / "v1" / "echo.proto").unlink()
    assert "risksvc/v1/echo_pb2.py: no proto produces it" in generate(root, "--check").stderr
    assert generate(root).returncode == 0
    assert not (root / "risksvc" / "v1" / "echo_pb2.py").exists()
    assert (root / "risksvc" / "v1" / "__init__.py").exists()


def test_a_broken_proto_changes_nothing_and_names_its_line(root: Path) -> None:
    (root / "proto" / "risksvc" / "v1" / "thing.proto").write_text("syntax = 'proto3';\nmessage {")
    before = (root / "risksvc" / "v1" / "thing_pb2.py").read_bytes()
    done = generate(root)
    assert done.returncode == 1
    assert "thing.proto:2:" in done.stderr
    assert (root / "risksvc" / "v1" / "thing_pb2.py").read_bytes() == before
