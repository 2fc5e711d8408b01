"""Request ids."""

import uuid

import pytest
import structlog

from servicekit import telemetry


def test_the_callers_request_id_is_on_log_lines_and_calls_out() -> None:
    with telemetry.request({"x-request-id": "order-7"}) as request_id:
        assert request_id == "order-7"
        assert structlog.contextvars.get_contextvars()["request_id"] == "order-7"
        assert telemetry.outgoing_metadata() == (("x-request-id", "order-7"),)
    assert telemetry.outgoing_metadata() == ()


@pytest.mark.parametrize("given", [None, "", "x" * 129, "two\nlines", "naïve", b"bytes"])
def test_a_request_id_that_is_missing_or_unfit_is_replaced(given: str | bytes | None) -> None:
    """Metadata holds printable ASCII only: anything else could not be sent on."""
    metadata = {} if given is None else {"x-request-id": given}
    with telemetry.request(metadata) as request_id:
        assert str(uuid.UUID(request_id)) == request_id
