"""Keeps a journal for ever: `python -m tests.corpus.store NAME FOLDER` copies a gate's journal into the corpus.

The corpus (`tests/corpus/journals/VERSION-NAME/`) is what old versions wrote: its segments, compressed, and
`expected.json`. Every later version must replay it bit for bit (`tests/unit/gate/test_stored_journals.py`). Add one
with each release, and whenever an Input or Output gets a field; never change or remove one.

1. Get a journal: of a demo, or `python -m tests.corpus.walk FOLDER`, written by the code of the version to be kept.
2. Run this, with the same code or newer; it replays the journal first and refuses one that does not.
3. Run the test. Commit the folder.

When the state or an entry gets a field, `state_hash` and `written_again_sha256` change and nothing else may:
`python -m tests.corpus.store --pin` writes the new ones down.
"""

import hashlib
import json
import lzma
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from risksvc import __version__
from risksvc.core.types import use_exact_arithmetic
from risksvc.gate.codec import decode, encode
from risksvc.gate.journal import read_journal
from risksvc.gate.replay import replay
from risksvc.gate.segments import list_segments
from risksvc.gate.state_codec import state_hash

JOURNALS = Path(__file__).resolve().parent / "journals"
EXPECTED = "expected.json"
MAY_CHANGE = ("state_hash", "written_again_sha256")


def what_it_gives(folder: Path) -> dict[str, Any]:
    """Everything that a replay of a journal gives and that must never change."""
    use_exact_arithmetic()
    digest, again, inputs, outputs = hashlib.sha256(), hashlib.sha256(), Counter[str](), Counter[str]()
    payloads = list(read_journal(folder))
    for payload in payloads:
        digest.update(payload)
        entry = decode(payload)
        again.update(encode(entry.seq, entry.now, entry.input, entry.outputs))
        inputs[type(entry.input).__name__] += 1
        outputs.update(type(output).__name__ for output in entry.outputs)
    return {
        "entries": len(payloads),
        "payloads_sha256": digest.hexdigest(),
        "written_again_sha256": again.hexdigest(),
        "state_hash": state_hash(replay(payloads).gate),
        "inputs": dict(sorted(inputs.items())),
        "outputs": dict(sorted(outputs.items())),
    }


def store(name: str, folder: Path) -> Path:
    """Copies a journal into the corpus."""
    target = JOURNALS / f"{__version__.rpartition('.')[0]}-{name}"
    found = what_it_gives(folder)
    target.mkdir(parents=True)
    for segment in list_segments(folder):
        (target / f"{segment.name}.xz").write_bytes(lzma.compress(segment.read_bytes(), preset=9 | lzma.PRESET_EXTREME))
    (target / EXPECTED).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return target


def unpack(stored: Path, folder: Path) -> Path:
    """A stored journal as a journal's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for packed in sorted(stored.glob("*.xz")):
        (folder / packed.stem).write_bytes(lzma.decompress(packed.read_bytes()))
    return folder


def pin() -> None:
    """Writes down what every stored journal gives now; what was decided then must be the same."""
    for stored in sorted(JOURNALS.iterdir()):
        with tempfile.TemporaryDirectory() as folder:
            found = what_it_gives(unpack(stored, Path(folder)))
        known = json.loads((stored / EXPECTED).read_text(encoding="utf-8"))
        changed = [key for key in known if key not in MAY_CHANGE and known[key] != found[key]]
        assert not changed, f"{stored.name}: {changed} may never change"
        (stored / EXPECTED).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def main(words: list[str]) -> int:
    if words == ["--pin"]:
        pin()
    elif len(words) == 2:
        sys.stdout.write(f"{store(words[0], Path(words[1]))}\n")
    else:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
