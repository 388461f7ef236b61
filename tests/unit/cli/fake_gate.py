"""The operators' services on a real unix socket with scripted answers, and a command line that talks to them."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from click.testing import CliRunner, Result
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from risksvc.cli.app import app
from risksvc.v1 import incident_pb2, operator_pb2

TOKEN = "op-token-1"  # noqa: S105 - the fake knows no other

NO_INCIDENTS = incident_pb2.ListIncidentsResponse()

Answer = Message | grpc.StatusCode | Callable[[Any], Message]


@dataclass
class FakeGate:
    """Answers each method with what the test scripted; keeps requests and credentials. No incident is open."""

    address: str
    answers: dict[str, list[Answer]] = field(default_factory=lambda: {"ListIncidents": [NO_INCIDENTS]})
    requests: list[tuple[str, Any]] = field(default_factory=list)
    credentials: list[str] = field(default_factory=list)
    deadlines: dict[str, float] = field(default_factory=dict)
    details: str = "no"

    def script(self, method: str, *answers: Answer) -> None:
        """The answers of a method in order; the last one stays."""
        self.answers[method] = list(answers)

    def asked(self, method: str) -> list[Any]:
        return [request for name, request in self.requests if name == method]

    def answer(self, method: str, request: Message, context: grpc.ServicerContext) -> Message:
        self.requests.append((method, request))
        metadata = dict(context.invocation_metadata())
        self.credentials.append(str(metadata.get("authorization", "")))
        self.deadlines[method] = context.time_remaining() or -1.0
        if self.credentials[-1] != f"Bearer {TOKEN}":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "unknown token")
        scripted = self.answers[method]
        answer = scripted.pop(0) if len(scripted) > 1 else scripted[0]
        if isinstance(answer, grpc.StatusCode):
            context.abort(answer, self.details)
        return answer(request) if callable(answer) else answer


SERVICES = (
    operator_pb2.DESCRIPTOR.services_by_name["OperatorService"],
    incident_pb2.DESCRIPTOR.services_by_name["IncidentService"],
)


def handlers(fake: FakeGate) -> tuple[grpc.GenericRpcHandler, ...]:
    """Every method of both services, answered by the script."""
    return tuple(_handlers(fake, service) for service in SERVICES)


def _handlers(fake: FakeGate, service: ServiceDescriptor) -> grpc.GenericRpcHandler:
    def handler(name: str) -> "grpc.RpcMethodHandler[Any, Any]":
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: fake.answer(name, request, context),
            request_deserializer=GetMessageClass(service.methods_by_name[name].input_type).FromString,
            response_serializer=lambda answer: answer.SerializeToString(),
        )

    return grpc.method_handlers_generic_handler(
        service.full_name, {method.name: handler(method.name) for method in service.methods}
    )


@dataclass
class Cli:
    """Runs `risksvc` in this process, in an environment of its own."""

    environment: dict[str, str | None]
    home: Path

    def __call__(self, *words: str, **environment: str | None) -> Result:
        result = CliRunner(env=self.environment | environment).invoke(app, list(words), prog_name="risksvc")
        assert "Traceback" not in result.output
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def json(self, *words: str, code: int = 0, **environment: str | None) -> Any:  # noqa: ANN401 - whatever JSON holds
        result = self(*words, "--json", **environment)
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)


def operator_cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, address: str | None) -> Cli:
    work, home = tmp_path / "work", tmp_path / "home"
    work.mkdir()
    home.mkdir()
    monkeypatch.chdir(work)
    environment: dict[str, str | None] = {
        "HOME": str(home),
        "USER": "alice",
        "RISKSVC_OPERATOR_ADDRESS": address,
        "RISKSVC_TOKEN": TOKEN if address else None,
        "RISKSVC_TOKEN_FILE": None,
        "RISKSVC_SETTINGS": None,
        **dict.fromkeys(("RISKSVC_TLS_CA", "RISKSVC_TLS_CERTIFICATE", "RISKSVC_TLS_KEY", "RISKSVC_TLS_SERVER_NAME")),
        "COLUMNS": None,
        "NO_COLOR": None,
        "FORCE_COLOR": None,
    }
    return Cli(environment, home)
