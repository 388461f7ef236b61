"""A gate process whose three gRPC listeners are ports with mutual TLS, and everybody's certificates."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import grpc

from risksvc.tls.channels import secured
from risksvc.tls.endpoint import Endpoint, Tls
from risksvc.v1 import operator_pb2, operator_pb2_grpc
from tests.certificates import Authority, Certificate
from tests.integration.gate.gate_process import GateProcess, as_
from tests.integration.kill_switch.real_server import free_port

NAMES = ("strategy", "operator", "venue")
SHOWN = "tls: {{certificate: gate.crt, key: gate.key, client_ca: {ca}}}"
OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 20),
    ("grpc.max_reconnect_backoff_ms", 50),
)


class TlsGate(GateProcess):
    """Strategies and venue processes have an authority of their own, so that none can speak as the other."""

    def __init__(self, folder: Path, *, extra: str = "") -> None:
        super().__init__(folder, extra=extra)
        self.authority = Authority(folder, "ca")
        self.trusted = {name: Authority(folder, f"{name}-ca") for name in NAMES}
        self.certificate = self.authority.sign("gate", days=30)
        self.own = {name: self.trusted[name].sign(f"a-{name}") for name in NAMES}
        self.ports = {name: free_port() for name in NAMES}
        listen = "".join(
            f"  {name}: {{address: '127.0.0.1:{self.ports[name]}', {SHOWN.format(ca=f'{name}-ca.crt')}}}\n"
            for name in NAMES
        )
        connect = "".join(
            f"  {name}: {{tls: {{ca: ca.crt, certificate: a-{name}.crt, key: a-{name}.key}}}}\n"
            for name in ("operator", "venue")
        )
        text = self.settings.read_text().replace('listen: {http: "127.0.0.1:0"}', 'listen:\n  http: "127.0.0.1:0"')
        head, http, rest = text.partition('  http: "127.0.0.1:0"\n')
        self.settings.write_text(f"{head}{http}{listen}connect:\n{connect}{rest}")

    def endpoint(self, name: str, own: Certificate | None = None, *, ca: Path | None = None) -> Endpoint:
        """A listener as one of its own speaks to it, or as `own` says."""
        pair = own or self.own[name]
        return Endpoint(f"127.0.0.1:{self.ports[name]}", Tls(ca or self.authority.file, pair.certificate, pair.key))

    def channel(self, name: str) -> grpc.Channel:
        if name not in self._channels:
            self._channels[name] = secured(self.endpoint(name)).channel(OPTIONS)
        return self._channels[name]

    @contextlib.contextmanager
    def anew(self, endpoint: Endpoint) -> Iterator[operator_pb2_grpc.OperatorServiceStub]:
        """A connection of its own, so that there is a handshake."""
        with secured(endpoint).channel(OPTIONS) as channel:
            yield operator_pb2_grpc.OperatorServiceStub(channel)

    def answers(self, endpoint: Endpoint) -> bool:
        """Whether an operator is answered over a new connection."""
        with self.anew(endpoint) as stub, contextlib.suppress(grpc.RpcError):
            stub.GetStatus(operator_pb2.GetStatusRequest(), timeout=10, metadata=as_("alice"))
            return True
        return False

    def renew(self, pair: Certificate) -> None:
        """As a renewal does it: each file by a rename, one after the other."""
        for new, old in ((pair.certificate, self.certificate.certificate), (pair.key, self.certificate.key)):
            shutil.copy(new, old.with_suffix(".new"))
            old.with_suffix(".new").replace(old)
