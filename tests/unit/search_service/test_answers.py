"""Answers that are kept by request id."""

import pytest

from search_service.answers import Answers
from search_service.ports import CollectionNotFound
from servicekit.errors import InvalidField
from tests.unit.search_service.conftest import Core

REQUEST = "6f3b65e8-0bd5-4627-b303-377f476a6e31"
BODY, OTHER_BODY = "1" * 64, "2" * 64


@pytest.fixture
def answers(core: Core) -> Answers:
    return Answers(core.records, retention_seconds=60)


async def test_an_answer_is_recalled_for_the_same_request_while_it_is_kept(core: Core, answers: Answers) -> None:
    assert await answers.recall("c", REQUEST, BODY) is None
    assert await answers.keep("c", REQUEST, BODY, b"first") == b"first"
    assert await answers.keep("c", REQUEST, BODY, b"second") == b"first"
    core.records.now_ms += 59_000
    assert await answers.recall("c", REQUEST, BODY) == b"first"
    core.records.now_ms += 2_000
    assert await answers.recall("c", REQUEST, BODY) is None


async def test_a_request_id_is_for_one_request(answers: Answers) -> None:
    await answers.keep("c", REQUEST, BODY, b"first")
    for used_again in (answers.recall("c", REQUEST, OTHER_BODY), answers.keep("c", REQUEST, OTHER_BODY, b"x")):
        with pytest.raises(InvalidField) as refused:
            await used_again
        assert refused.value.violations[0].field == "request_id"


async def test_answers_go_with_their_collection(core: Core, answers: Answers) -> None:
    await answers.keep("c", REQUEST, BODY, b"first")
    await core.catalogue.delete("c", force=False)
    with pytest.raises(CollectionNotFound):
        await answers.recall("c", REQUEST, BODY)
    await core.create()
    assert await answers.recall("c", REQUEST, BODY) is None


@pytest.mark.parametrize(("request_id", "body_sha256"), [("", BODY), ("x" * 36, BODY), (REQUEST, "")])
async def test_ids_and_hashes_must_be_such(answers: Answers, request_id: str, body_sha256: str) -> None:
    with pytest.raises(InvalidField):
        await answers.recall("c", request_id, body_sha256)
    with pytest.raises(InvalidField):
        await answers.keep("c", request_id, body_sha256, b"")
