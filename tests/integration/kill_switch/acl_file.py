"""The very ACL file that is deployed, with passwords filled in for a test."""

import hashlib
import re
from pathlib import Path

FILE = Path(__file__).parents[3] / "deploy" / "redis" / "users.acl"
_PLACE = re.compile(r"#SHA256_OF_(\w+)_PASSWORD")


def password_of(name: str) -> str:
    return f"{name.lower()}-password"


def write_users(folder: Path) -> Path:
    """Writes it, each password being `password_of` its name."""

    def hashed(found: re.Match[str]) -> str:
        return f"#{hashlib.sha256(password_of(found[1]).encode()).hexdigest()}"

    path = folder / "users.acl"
    path.write_text(_PLACE.sub(hashed, FILE.read_text()))
    return path
