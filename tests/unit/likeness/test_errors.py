"""What a caller learns of an error, as our servers and others send it."""

import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from likeness.errors import LikenessError, Violation, from_status
from likeness.message_client import MessageClient
from likeness.v1 import image_search_pb2 as pb
from likeness.v1 import image_search_pb2_grpc
from servicekit import errors, status


class Failing(image_search_pb2_grpc.ImageSearchServiceServicer):
    """Ends every GetCollection as it is told to."""

    def __init__(self) -> None:
        self.code = grpc.StatusCode.OK
        self.details = ""
        self.trailers: tuple[tuple[str, str | bytes], ...] = ()

    def GetCollection(self, request: pb.GetCollectionRequest, context: Any) -> None:  # noqa: N802 gRPC names it
        context.set_trailing_metadata(self.trailers)
        context.abort(self.code, self.details)


@pytest.fixture(scope="module")
def failing() -> Iterator[tuple[Failing, MessageClient]]:
    server = grpc.server(ThreadPoolExecutor(2))
    servicer = Failing()
    image_search_pb2_grpc.add_ImageSearchServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with MessageClient(f"127.0.0.1:{port}") as client:
        yield servicer, client
    stopped: threading.Event = server.stop(0)
    stopped.wait(10)


def caught(client: MessageClient) -> LikenessError:
    with pytest.raises(LikenessError) as error:
        client.collection("c")
    return error.value


def test_an_error_of_ours_keeps_its_reason_and_its_fields(failing: tuple[Failing, MessageClient]) -> None:
    servicer, client = failing
    sent = status.to_status(errors.invalid_field("entries[3].image_id", "is empty"))
    servicer.code, servicer.details = grpc.StatusCode.INVALID_ARGUMENT, sent.message
    servicer.trailers = ((status.DETAILS_KEY, sent.SerializeToString()),)
    error = caught(client)
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "INVALID_FIELD")
    assert error.message == "entries[3].image_id: is empty"
    assert error.violations == (Violation("entries[3].image_id", "is empty"),)


def test_a_bare_status_is_its_own_reason(failing: tuple[Failing, MessageClient]) -> None:
    servicer, client = failing
    servicer.code, servicer.details, servicer.trailers = grpc.StatusCode.PERMISSION_DENIED, "no", ()
    error = caught(client)
    assert (error.code, error.reason, error.message) == ("PERMISSION_DENIED", "PERMISSION_DENIED", "no")


def test_details_that_are_damaged_do_not_hide_the_status(failing: tuple[Failing, MessageClient]) -> None:
    servicer, client = failing
    servicer.code, servicer.details = grpc.StatusCode.NOT_FOUND, "gone"
    servicer.trailers = ((status.DETAILS_KEY, b"\xff\xff\xff"),)
    assert caught(client).reason == "NOT_FOUND"


def test_nobody_listens() -> None:
    with MessageClient("127.0.0.1:1") as client:
        assert caught(client).code == "UNAVAILABLE"


@pytest.mark.parametrize("kind", list(status.CODES))
def test_every_kind_of_error_of_a_batch_is_read_back(kind: type[errors.ServiceError]) -> None:
    error = from_status(status.to_status(kind("something", reason="THIS_VERY_ONE")))
    assert (error.code, error.reason, error.message) == (status.CODES[kind].name, "THIS_VERY_ONE", "something")


def test_details_of_other_kinds_are_passed_over() -> None:
    foreign = any_pb2.Any(type_url="type.googleapis.com/some.Other", value=b"\xff")
    error = from_status(status_pb2.Status(code=5, message="gone", details=[foreign]))
    assert (error.code, error.reason) == ("NOT_FOUND", "NOT_FOUND")


def test_all_that_a_server_says_is_kept_and_survives_another_process() -> None:
    made = status_pb2.Status(code=14, message="busy", details=[any_pb2.Any() for _ in range(3)])
    made.details[0].Pack(error_details_pb2.ErrorInfo(reason="OVERLOADED", metadata={"queue": "embed"}))
    made.details[1].Pack(error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=1, nanos=500_000_000)))
    violation = error_details_pb2.BadRequest.FieldViolation(field="f", description="d")
    made.details[2].Pack(error_details_pb2.BadRequest(field_violations=[violation]))
    error = from_status(made)
    assert (error.metadata, error.retry_after_seconds) == ({"queue": "embed"}, 1.5)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (LikenessError, str(error), vars(error))
    assert again.violations == (Violation("f", "d"),)


def test_no_wait_that_was_not_asked_for() -> None:
    assert from_status(status_pb2.Status(code=5, message="gone")).retry_after_seconds is None
