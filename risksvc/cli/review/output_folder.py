"""The folder that a review is written to: new files only, for their owner only. Nothing is ever overwritten."""

import hashlib
import io
import os
from pathlib import Path

from risksvc.cli.errors import CliError
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.review.exact import CSV_FILES, json_text, write_csv
from risksvc.cli.review.html import html
from risksvc.cli.review.markdown import markdown
from risksvc.cli.review.reviewed import Reviewed
from risksvc.cli.review.sections import document
from risksvc.core.impact.money import exact

MARKDOWN, PAGE, EXACT = "review.md", "review.html", "review.json"
NAMES = (MARKDOWN, PAGE, EXACT, *(one.name for one in CSV_FILES))


def prepare(folder: Path) -> None:
    """Make the folder; raise CliError now rather than after minutes of reading."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        present = [name for name in NAMES if (folder / name).exists()]
    except OSError as error:
        raise CliError(f"{folder}: {error.strerror}", code=ExitCode.USAGE) from error
    if present:
        sentence = (
            f"{folder} has a review already ({', '.join(present)}), and nothing is overwritten: name another folder"
        )
        raise CliError(sentence, code=ExitCode.USAGE)


def write(folder: Path, reviewed: Reviewed) -> str:
    """Write every file; give the SHA-256 of review.json, which holds every figure as it was computed."""
    whole = document(reviewed)
    texts = {MARKDOWN: markdown(whole), PAGE: html(whole)}
    with exact():  # sums of what was computed have more digits than anything else here
        texts[EXACT] = json_text(reviewed)
        for one in CSV_FILES:
            buffer = io.StringIO()
            write_csv(buffer, one, reviewed.report)
            texts[one.name] = buffer.getvalue()
    for name, text in texts.items():
        _new(folder / name, text)
    return hashlib.sha256(texts[EXACT].encode("utf-8")).hexdigest()


def _new(path: Path, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise CliError(f"{path}: {error.strerror}", code=ExitCode.USAGE) from error
