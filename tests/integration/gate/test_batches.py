"""Batches against a real gate: asked through the client library, journaled once, the same after kill -9."""

import json

from risksvc.client import OrderArguments, RiskGate
from risksvc.v1 import operator_pb2, types_pb2
from tests.integration.gate.conftest import open_gate
from tests.integration.gate.gate_process import PATIENCE, GateProcess, as_
from tests.integration.gate.http_client import HttpClient
from tests.integration.gate.scripted_feed import ScriptedFeed
from tests.integration.gate.test_journal_files import risksvc

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


def order(id_: str, instrument: str, quantity: str, price: str) -> OrderArguments:
    return {
        "client_order_id": id_,
        "instrument": instrument,
        "side": "buy",
        "type": "limit",
        "quantity": quantity,
        "limit_price": price,
        "intended_position": "1",
        "believed_position": "0",
    }


def test_batches(gate: GateProcess, feed: ScriptedFeed, http: HttpClient) -> None:
    btc, eth = order("a-1", BTC, "0.1", "50000"), order("a-2", ETH, "1", "2500")
    broken = [order("b-1", BTC, "0.1", "50000"), order("b-2", ETH, "1", "9000")]  # past the collar
    with RiskGate(gate.socket("strategy"), account="main", strategy="mm", deadline=5.0) as client:
        assert client.wait_ready(PATIENCE)
        both = client.check_batch([btc, eth], all_or_none=True)
        assert all(one.approved for one in both), [str(one) for one in both]
        none = client.check_batch(broken, all_or_none=True)
        assert [one.headline.reason for one in none if one.headline] == ["BATCH_DENIED", "PRICE_COLLAR"]
        each = client.check_batch([order("c-1", BTC, "0.1", "50000"), order("c-2", ETH, "1", "9000")])
        assert [one.approved for one in each] == [True, False]
    listed = gate.operator().ListReservations(operator_pb2.ListReservationsRequest(), timeout=5, metadata=as_("alice"))
    assert [one.order.client_order_id for one in listed.reservations] == ["a-1", "a-2", "c-1"]
    counted = http.metrics()
    assert counted['risksvc_checks_total{account="main",outcome="approved",reason="",strategy="mm"}'] == 3
    assert counted['risksvc_checks_total{account="main",outcome="denied",reason="BATCH_DENIED",strategy="mm"}'] == 1
    assert counted["risksvc_batch_seconds_count"] == 3

    feed.close()
    gate.kill()
    gate.start()

    open_gate(gate).close()
    with RiskGate(gate.socket("strategy"), account="main", strategy="mm", deadline=5.0) as client:
        assert client.wait_ready(PATIENCE)
        again = [one.response for one in client.check_batch([btc, eth], all_or_none=True)]
        assert again == [one.response for one in both], "the same batch, the same answer, whoever asks again"
        still = client.check_batch(broken, all_or_none=True)
        assert [one.response.denials[0].reason for one in still if one.response is not None] == [
            types_pb2.DENIAL_REASON_BATCH_DENIED,
            types_pb2.DENIAL_REASON_PRICE_COLLAR,
        ]
    shown = risksvc("journal", "show", str(gate.folder / "s" / "journal"), "--type", "OrdersChecked", "--json")
    assert [len(one["input"]["orders"]) for one in json.loads(shown.stdout)] == [2] * 5
