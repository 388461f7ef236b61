"""Whether the state folder outlives this machine's restart or this container: journal and latch rest on that.

Only looks and warns: what a container's layers or memory hold may be what somebody wants for a demo.
"""

import os
from pathlib import Path

_VOLATILE = {
    "tmpfs": "memory: a restart of the machine loses it",
    "ramfs": "memory: a restart of the machine loses it",
    "overlay": "a container's own layer: a new container loses it",
}
_MOUNTS = Path("/proc/self/mountinfo")


def warning_of(folder: Path, *, mounts: Path = _MOUNTS) -> str:
    """What to tell people about where a folder is; empty: nothing, or it can't be known here."""
    kind = filesystem_of(folder, mounts=mounts)
    if kind not in _VOLATILE:
        return ""
    return (
        f"gate.state_dir: {folder} is on {kind}, {_VOLATILE[kind]}, journal and latched halts included. "
        "Put it on a volume that stays"
    )


def filesystem_of(folder: Path, *, mounts: Path = _MOUNTS) -> str:
    """The type of the filesystem that a folder, there or not yet, is on; empty where the system does not say."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    path = os.path.realpath(folder)
    best, kind = "", ""
    for line in lines:
        left, _, right = line.partition(" - ")
        point = _unescaped(left.split(" ")[4])
        if len(point) >= len(best) and (path == point or path.startswith(f"{point.rstrip('/')}/")):
            best, kind = point, right.split(" ")[0]
    return kind


def _unescaped(text: str) -> str:
    """As the kernel writes it: space, tab, newline and backslash in octal."""
    for octal, plain in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(octal, plain)
    return text
