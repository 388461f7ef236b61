from pathlib import Path

import pytest

from risksvc.gate.state_folder import filesystem_of, warning_of

MOUNTS = r"""
21 1 254:0 / / rw,relatime - ext4 /dev/vda rw
22 21 0:20 / /memory rw - tmpfs tmpfs rw
23 21 0:21 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw
24 21 254:1 / /mnt/with\040space rw - xfs /dev/vdb rw
25 22 254:2 / /memory/deep rw - ext4 /dev/vdc rw
""".strip()


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    path = tmp_path / "mountinfo"
    path.write_text(MOUNTS)
    return path


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/srv/gate", "ext4"),
        ("/memory", "tmpfs"),
        ("/memory/gate", "tmpfs"),
        ("/memoryelf", "ext4"),
        ("/memory/deep/gate", "ext4"),
        ("/var/lib/docker/overlay2/x/merged/gate", "overlay"),
        ("/mnt/with space/gate", "xfs"),
    ],
)
def test_the_filesystem_is_that_of_the_nearest_mount(mounts: Path, folder: str, kind: str) -> None:
    assert filesystem_of(Path(folder), mounts=mounts) == kind


def test_what_does_not_stay_is_told(mounts: Path) -> None:
    assert "tmpfs, memory" in warning_of(Path("/memory/gate"), mounts=mounts)
    assert "volume" in warning_of(Path("/var/lib/docker/overlay2/x/merged/gate"), mounts=mounts)
    assert not warning_of(Path("/srv/gate"), mounts=mounts)


def test_where_the_system_does_not_say_nothing_is_told(tmp_path: Path) -> None:
    assert not warning_of(tmp_path, mounts=tmp_path / "none")
