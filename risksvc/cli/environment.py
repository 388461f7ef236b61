"""The only place of the command line that reads or sets the environment.

| variable | what for |
|---|---|
| RISKSVC_OPERATOR_ADDRESS | where the gate listens for operators |
| RISKSVC_SETTINGS | the settings file |
| RISKSVC_TOKEN_FILE | the file that holds this operator's token |
| RISKSVC_TOKEN | the token itself |
| RISKSVC_TLS_CA | who signed the certificate of the gate at RISKSVC_OPERATOR_ADDRESS |
| RISKSVC_TLS_CERTIFICATE, RISKSVC_TLS_KEY | this operator's own, where that gate asks for one |
| RISKSVC_TLS_SERVER_NAME | the name in the gate's certificate, where it is not the address |

Values are returned as they are; who uses one checks it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

TLS = ("tls_ca", "tls_certificate", "tls_key", "tls_server_name")
VARIABLES = {
    "RISKSVC_OPERATOR_ADDRESS": "where the gate listens for operators",
    "RISKSVC_SETTINGS": "the settings file",
    "RISKSVC_TOKEN_FILE": "the file that holds the operator's token",
    "RISKSVC_TOKEN": "the operator's token itself",
    "RISKSVC_TLS_CA": "who signed the certificate of a gate that is given by address",
    "RISKSVC_TLS_CERTIFICATE": "this operator's certificate, where that gate asks",
    "RISKSVC_TLS_KEY": "the key of that certificate",
    "RISKSVC_TLS_SERVER_NAME": "the name in the gate's certificate",
}


@dataclass(frozen=True, slots=True)
class Environment:
    """What the environment says; empty text where it says nothing."""

    operator_address: str
    settings: str
    token_file: str
    token: str
    user: str
    home: Path
    tls: Mapping[str, str] = field(default_factory=dict)

    @property
    def default_token_file(self) -> Path:
        """Where a person's token is looked for when nothing else is said."""
        return self.home / ".config" / "risksvc" / "token"


def set_where_missing(variables: Mapping[str, str]) -> None:
    """For libraries that read the environment themselves; what the user set stands."""
    for name, value in variables.items():
        os.environ.setdefault(name, value)


def read_environment() -> Environment:
    """The environment at this moment."""
    return Environment(
        operator_address=os.environ.get("RISKSVC_OPERATOR_ADDRESS", ""),
        settings=os.environ.get("RISKSVC_SETTINGS", ""),
        token_file=os.environ.get("RISKSVC_TOKEN_FILE", ""),
        token=os.environ.get("RISKSVC_TOKEN", ""),
        user=os.environ.get("USER", ""),
        home=Path(os.environ.get("HOME", "/")),
        tls={name: os.environ.get(f"RISKSVC_{name.upper()}", "") for name in TLS},
    )
