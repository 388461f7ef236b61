"""Which engine serves: what was asked for, or what can; and what gRPC must be told before it is loaded."""

import asyncio
import subprocess
import sys
from pathlib import Path

import grpc
import pytest

from risksvc.core.types import RiskError
from risksvc.gate.config_problems import SettingsFileError
from risksvc.gate.engine.choosing import TESTED, choose, make_engine
from risksvc.gate.engine.experiments import VARIABLES, wanted_variables
from risksvc.gate.engine.methods import Served
from risksvc.gate.engine.settings import EngineKind, EngineSettings, Standing
from risksvc.gate.settings import parse_settings

SETTINGS = """
version: 1
accounts: {main: {venue: {exchange: bybit, key: {api_key_env: K, secret_env: S}}}}
"""


def test_this_grpcio_is_a_tested_one() -> None:
    assert grpc.__version__ in TESTED
    assert choose(EngineKind.DIRECT) == Standing(EngineKind.DIRECT)


def test_on_any_other_the_public_engine_serves_and_that_is_told() -> None:
    standing = choose(EngineKind.DIRECT, grpcio="1.99.0")
    assert standing.kind is EngineKind.PUBLIC
    assert "1.99.0" in standing.problem
    assert TESTED[0] in standing.problem
    assert choose(EngineKind.PUBLIC, grpcio="1.99.0") == Standing(EngineKind.PUBLIC)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("", EngineSettings(EngineKind.DIRECT, 0)),
        ("engine: {kind: public}", EngineSettings(EngineKind.PUBLIC, 0)),
        ("engine: {kind: direct, spin: 0}", EngineSettings(EngineKind.DIRECT, 0)),
        ("engine: {spin: 200us}", EngineSettings(EngineKind.DIRECT, 200_000)),
    ],
)
def test_the_settings_name_it(written: str, read: EngineSettings) -> None:
    assert parse_settings(SETTINGS + written, path=Path("/etc/r.yaml")).engine == read


@pytest.mark.parametrize("spin", ["1ms", "200", "1001us", "-1us", "0.5us", "[1]"])
def test_a_spin_is_in_microseconds(spin: str) -> None:
    with pytest.raises(SettingsFileError, match=r"engine\.spin: must be 0 or whole microseconds, at most 1000us"):
        parse_settings(f"{SETTINGS}engine: {{spin: {spin}}}", path=Path("/etc/r.yaml"))


def test_an_unknown_kind_names_the_known() -> None:
    with pytest.raises(SettingsFileError, match=r"engine\.kind: .*direct.*public"):
        parse_settings(f"{SETTINGS}engine: {{kind: rust}}", path=Path("/etc/r.yaml"))


def test_grpc_is_told_only_where_the_direct_engine_is_wanted(tmp_path: Path) -> None:
    settings = tmp_path / "risksvc.yaml"
    assert wanted_variables(settings) == {}, "no file: whoever starts the gate says so"
    settings.write_text(SETTINGS)
    assert wanted_variables(settings) == VARIABLES
    settings.write_text(SETTINGS + "engine: {kind: public}")
    assert wanted_variables(settings) == {}


def test_what_is_told_to_grpc_is_found_before_it_is_loaded() -> None:
    code = "import sys, risksvc.gate.engine.experiments; sys.exit('grpc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


async def test_the_direct_engine_needs_the_shared_loop() -> None:
    assert asyncio.get_running_loop() is not None
    served = Served((), None, None, (), 1)  # type: ignore[arg-type]  # it is refused before anything is looked at
    with pytest.raises(RiskError, match="SharedLoop"):
        make_engine(Standing(EngineKind.DIRECT), EngineSettings(), served)
