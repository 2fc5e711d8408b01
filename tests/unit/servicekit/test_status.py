"""How errors are spelt on the wire, and read back."""

import base64
from urllib.parse import quote

import grpc
import pytest
from google.rpc import error_details_pb2
from hypothesis import given
from hypothesis import strategies as st

from servicekit import errors, status

# Numbers of google.rpc.Code, from its definition.
CODES = [
    (errors.InvalidArgument, 3),
    (errors.InvalidField, 3),
    (errors.MalformedRequest, 3),
    (errors.MessageTooLarge, 3),
    (errors.DeadlineExceeded, 4),
    (errors.NotFound, 5),
    (errors.AlreadyExists, 6),
    (errors.PermissionDenied, 7),
    (errors.FailedPrecondition, 9),
    (errors.Aborted, 10),
    (errors.Unimplemented, 12),
    (errors.Internal, 13),
    (errors.ServiceError, 13),
    (errors.Unavailable, 14),
    (errors.Overloaded, 14),
    (errors.Draining, 14),
    (errors.BackendUnavailable, 14),
    (errors.Unauthenticated, 16),
]
# What the standard clients accept before they refuse a call's metadata at random.
METADATA_BYTES = 8192

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
long_words = st.one_of(words, st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(lambda s: s * 5000))


def any_error(text: st.SearchStrategy[str]) -> st.SearchStrategy[errors.ServiceError]:
    return st.builds(
        errors.FailedPrecondition,
        text,
        violations=st.lists(st.builds(errors.Violation, text, text), max_size=100),
        resource=st.none() | st.builds(errors.Resource, st.just("image"), text),
        metadata=st.dictionaries(st.sampled_from(["stage", "limit"]), text),
        retry_after_seconds=st.none() | st.integers(0, 100_000).map(lambda ms: ms / 1000),
        reason=st.just("SOME_REASON"),
    )


@pytest.mark.parametrize(("kind", "number"), CODES)
def test_every_kind_has_its_code(kind: type[errors.ServiceError], number: int) -> None:
    assert status.to_status(kind("text")).code == number


def test_every_kind_is_in_the_table_above() -> None:
    def below(kind: type[errors.ServiceError]) -> set[type[errors.ServiceError]]:
        return {kind}.union(*map(below, kind.__subclasses__()))

    assert {kind for kind in below(errors.ServiceError) if kind.__module__ == errors.__name__} == {k for k, _ in CODES}


def test_a_kind_of_a_kind_has_the_code_of_its_nearest_ancestor() -> None:
    class ModelNotFound(errors.NotFound):
        reason = "MODEL_NOT_FOUND"

    assert status.code_of(ModelNotFound("gone")) is grpc.StatusCode.NOT_FOUND


def test_details_say_domain_reason_fields_resource_and_delay() -> None:
    error = errors.Overloaded(
        "full",
        violations=[errors.Violation("top_k", "too many")],
        resource=errors.Resource("collection", "pets"),
        metadata={"limit": "64"},
        retry_after_seconds=0.25,
    )
    info, bad, about, retry = status.to_status(error).details
    expected_info = error_details_pb2.ErrorInfo(reason="OVERLOADED", domain="likeness", metadata={"limit": "64"})
    assert error_details_pb2.ErrorInfo.FromString(info.value) == expected_info
    violation = error_details_pb2.BadRequest.FromString(bad.value).field_violations[0]
    assert (violation.field, violation.description) == ("top_k", "too many")
    resource = error_details_pb2.ResourceInfo.FromString(about.value)
    assert (resource.resource_type, resource.resource_name) == ("collection", "pets")
    assert error_details_pb2.RetryInfo.FromString(retry.value).retry_delay.ToMilliseconds() == 250


@given(any_error(words).filter(lambda error: sum(len(v.field + v.description) for v in error.violations) < 300))
def test_an_error_survives_the_wire(error: errors.ServiceError) -> None:
    back = status.from_status(status.to_status(error))
    assert type(back) is errors.FailedPrecondition
    assert vars(back) == vars(error)


@given(any_error(long_words))
def test_no_error_outgrows_the_metadata_that_clients_accept(error: errors.ServiceError) -> None:
    packed = status.to_status(error)
    trailers = status.trailing_metadata(packed, error)
    values = [value if isinstance(value, str) else base64.b64encode(value).decode() for _, value in trailers]
    size = len(quote(packed.message)) + sum(map(len, values)) + sum(len(key) + 32 for key, _ in trailers)
    assert size < METADATA_BYTES - 512


def test_a_cut_error_keeps_its_kind_reason_and_first_violations() -> None:
    violations = [errors.Violation(f"entries[{i}].image_id", "x" * 200) for i in range(64)]
    back = status.from_status(status.to_status(errors.InvalidField("é" * 5000, violations=violations)))
    assert isinstance(back, errors.InvalidArgument)
    assert back.code_reason == "INVALID_FIELD"
    assert 0 < len(back.violations) < 64
    assert back.violations == tuple(violations[: len(back.violations)])
    assert back.message == "é" * 384


def test_a_status_without_our_details_gets_the_nearest_kind() -> None:
    bare = status.to_status(errors.NotFound("gone"))
    del bare.details[:]
    back = status.from_status(bare)
    assert type(back) is errors.NotFound
    assert back.code_reason == "NOT_FOUND"


def transport_error(code: grpc.StatusCode) -> grpc.aio.AioRpcError:
    nothing = grpc.aio.Metadata()
    return grpc.aio.AioRpcError(code, nothing, nothing, details="ipv4:10.0.0.7:50051: secret", debug_error_string="")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, errors.BackendUnavailable),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, errors.MessageTooLarge),
        (grpc.StatusCode.DEADLINE_EXCEEDED, errors.DeadlineExceeded),
        (grpc.StatusCode.UNKNOWN, errors.Internal),
        (grpc.StatusCode.UNIMPLEMENTED, errors.Internal),
    ],
)
def test_a_transport_error_keeps_its_meaning_and_loses_its_text(
    code: grpc.StatusCode, kind: type[errors.ServiceError]
) -> None:
    error = status.from_rpc_error(transport_error(code), "embed")
    assert type(error) is kind
    assert "10.0.0.7" not in error.message
    assert "secret" not in error.message


def test_a_call_out_that_ran_out_of_time_names_its_stage() -> None:
    error = status.from_rpc_error(transport_error(grpc.StatusCode.DEADLINE_EXCEEDED), "embed")
    assert error.metadata == {"stage": "embed"}
