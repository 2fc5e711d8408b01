"""Error kinds and what they carry."""

import pytest

from servicekit import errors


def test_an_invalid_field_names_itself_in_message_and_violation() -> None:
    error = errors.invalid_field("top_k", "must be in [1, 1000]")
    assert str(error) == "top_k: must be in [1, 1000]"
    assert error.violations == (errors.Violation("top_k", "must be in [1, 1000]"),)
    assert error.code_reason == "INVALID_FIELD"


def test_an_error_of_another_message_is_told_in_the_callers_words() -> None:
    class ImageUndecodable(errors.InvalidArgument):
        reason = "IMAGE_UNDECODABLE"

    about = errors.Resource("image", "cat")
    violations = [errors.Violation("images[1].content", "not an image"), errors.Violation("images[10]", "twice")]
    error = ImageUndecodable(
        "images[1].content: not an image", violations=violations, resource=about, metadata={"format": "?"}
    ).relocated("images[1]", "entries[7].image")
    assert type(error) is ImageUndecodable
    assert error.code_reason == "IMAGE_UNDECODABLE"
    assert error.message == "entries[7].image.content: not an image"
    assert [violation.field for violation in error.violations] == ["entries[7].image.content", "images[10]"]
    assert (error.resource, error.metadata) == (about, {"format": "?"})


def test_a_reason_given_when_raised_wins_over_the_class() -> None:
    assert errors.NotFound("gone", reason="IMAGE_NOT_FOUND").code_reason == "IMAGE_NOT_FOUND"


@pytest.mark.parametrize("kind", [errors.Unavailable, errors.Overloaded, errors.Draining, errors.BackendUnavailable])
def test_everything_that_may_succeed_later_says_when(kind: type[errors.Unavailable]) -> None:
    after = kind("later").retry_after_seconds
    assert after is not None
    assert after > 0
    assert kind("later", retry_after_seconds=0.2).retry_after_seconds == 0.2


def test_only_faults_of_ours_are_called_internal() -> None:
    kinds: list[type[errors.ServiceError]] = [errors.ServiceError, *errors.ServiceError.__subclasses__()]
    called_internal = {kind.__name__ for kind in kinds if kind.reason == "INTERNAL"}
    assert called_internal == {"ServiceError", "Internal"}
