import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.telling.receivers import BlackHole, MailServer, Webhook


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose sockets' paths stay short."""
    path = Path(tempfile.mkdtemp(prefix="rs"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    made = Webhook()
    yield made
    made.close()


@pytest.fixture
def mail() -> Iterator[MailServer]:
    made = MailServer()
    yield made
    made.close()


@pytest.fixture
def hole() -> Iterator[BlackHole]:
    made = BlackHole()
    yield made
    made.close()
