"""Secrets, read where the settings say they are, when they are needed and by who needs them: the venue process.

Rule 1: a secret file that every user of the machine can read is refused, as ssh does; there is no way around it.
Rule 2: no error and no `repr` shows a secret. Rule 3: this is the only reading of the environment in `gate`.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from risksvc.core.types import RiskError
from risksvc.gate.regular_file import FileRefusedError, read_whole

MAX_BYTES = 64 * 1024


class SecretError(RiskError):
    """A secret can't be had; the text says which, where it was looked for, and what to do."""


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a secret is: a file, or an environment variable. `key` is its place in the settings file, for errors."""

    key: str
    file: Path | None = None
    variable: str = ""


def read_secret(source: SecretSource, environment: Mapping[str, str] | None = None) -> str:
    """The secret, without the line end that editors add. Raises SecretError.

    `environment`: the process's own where none is given.
    """
    if source.file is not None:
        return _from_file(source.key, source.file)
    value = (os.environ if environment is None else environment).get(source.variable, "")
    if not value.strip():
        raise SecretError(f"{source.key}: the environment variable {source.variable} is not set")
    return value.strip()


def _from_file(key: str, path: Path) -> str:
    try:
        content, status = read_whole(path, at_most=MAX_BYTES)
    except FileRefusedError as error:
        raise SecretError(f"{key}: {path} {error}") from error
    if status.st_mode & stat.S_IRWXO:
        mode = f"{stat.S_IMODE(status.st_mode):04o}"
        cure = f"`chmod o= {path}`, or `defaultMode: 0440` for a Kubernetes secret"
        raise SecretError(f"{key}: every user of this machine has access to {path} (mode {mode}); {cure}")
    try:
        secret = content.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise SecretError(f"{key}: {path} is not UTF-8 text; is it the right file?") from None
    if not secret:
        raise SecretError(f"{key}: {path} is empty")
    return secret
