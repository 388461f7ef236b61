"""The very redis.conf and sentinel.conf that are deployed, for a test: only places, ports and passwords change."""

import re
from collections.abc import Mapping

from tests.integration.kill_switch.acl_file import FILE

FOLDER = FILE.parent
NO_OPTION = r"(?!)"
EVERY_OPTION = r"."
_OPTION = re.compile(r"^#(?=\S)(.+)$", re.MULTILINE)


def shipped(name: str, replaced: Mapping[str, str], *, taken_in: str = NO_OPTION) -> str:
    """The file's text, with the options that lie commented in it and match `taken_in`; each replacement must be due."""

    def take(found: re.Match[str]) -> str:
        return found[1] if re.match(taken_in, found[1]) else found[0]

    text = _OPTION.sub(take, (FOLDER / name).read_text())
    for old, new in replaced.items():
        assert old in text, f"{name} has no {old!r}"
        text = text.replace(old, new)
    return text
