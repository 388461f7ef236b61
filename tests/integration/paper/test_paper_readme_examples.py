"""The README's two programs, run as they stand but for the port: what they print is what it says."""

import asyncio
import re
import sys
from pathlib import Path

import pytest

from risksvc.venue import paper as package
from risksvc.venue.paper import PaperServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

README = (Path(package.__file__).parent / "README.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(import .*?)^```\n\n\S* ?prints `(.*?)`", README, re.MULTILINE | re.DOTALL)


async def run(program: str, paper: PaperServer) -> asyncio.subprocess.Process:
    code = program.replace("127.0.0.1:8780", paper.base_url.removeprefix("http://"))
    return await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)


async def test_the_examples_print_what_is_written(paper: PaperServer) -> None:
    (rest, rest_prints), (sockets, sockets_print) = PROGRAMS
    listening = await run(sockets, paper)
    try:
        while not any("order" in row["topics"] for row in paper.streams.rows()):
            assert listening.returncode is None
            await asyncio.sleep(0.02)
        trading = await run(rest, paper)
        for process, prints in ((trading, rest_prints), (listening, sockets_print)):
            out, _ = await process.communicate()
            assert (process.returncode, out.decode().strip()) == (0, prints)
    finally:
        if listening.returncode is None:
            listening.kill()
            await listening.wait()
