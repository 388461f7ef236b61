"""Which engine the tests' gates serve strategies with: the default, or RISKSVC_TEST_ENGINE (direct, public)."""

import os

ENGINE = os.environ.get("RISKSVC_TEST_ENGINE", "")


def with_engine(settings: str, engine: str = ENGINE) -> str:
    """The settings file, with the engine named."""
    return f"{settings}\nengine: {{kind: {engine}}}\n" if engine else settings
