"""The oracle of the fault tests: silent on every history that can be, and loud on each kind that cannot."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracle import AtRest, Hit, Operation, Oracle, Outcome, Violation


def distance(model: str, a: int, b: int) -> float:
    return min(2.0, abs(a - b) / 10)


@pytest.fixture
def oracle() -> Oracle:
    return Oracle(distance)


def done(oracle: Oracle, version: int | None, outcome: Outcome = Outcome.DONE) -> Operation:
    operation = oracle.begin("x", version)
    oracle.end(operation, outcome)
    return operation


def saw(oracle: Oracle, version: int | None) -> None:
    oracle.saw("x", version, oracle.now())


def test_an_acknowledged_write_is_seen_and_nothing_else(oracle: Oracle) -> None:
    saw(oracle, None)
    done(oracle, 1)
    assert oracle.possible("x") == {1}
    saw(oracle, 1)


@pytest.mark.parametrize("seen", [None, 1, 3], ids=["lost", "stale", "invented"])
def test_a_lost_a_stale_and_an_invented_version_are_violations(oracle: Oracle, seen: int | None) -> None:
    done(oracle, 1)
    done(oracle, 2)
    with pytest.raises(Violation, match="x: saw"):
        saw(oracle, seen)


def test_a_deleted_image_does_not_come_back(oracle: Oracle) -> None:
    done(oracle, 1)
    done(oracle, None)
    saw(oracle, None)
    with pytest.raises(Violation):
        saw(oracle, 1)


def test_a_refused_write_is_never_seen(oracle: Oracle) -> None:
    done(oracle, 1, Outcome.REFUSED)
    with pytest.raises(Violation):
        saw(oracle, 1)


def test_an_unknown_write_may_land_later_even_after_a_deletion(oracle: Oracle) -> None:
    done(oracle, 1, Outcome.UNKNOWN)
    done(oracle, None)
    saw(oracle, None)
    saw(oracle, 1)


def test_an_unknown_write_takes_effect_once(oracle: Oracle) -> None:
    done(oracle, 1, Outcome.UNKNOWN)
    saw(oracle, 1)
    done(oracle, None)
    with pytest.raises(Violation):
        saw(oracle, 1)


def test_what_is_settled_lands_no_more(oracle: Oracle) -> None:
    done(oracle, 1, Outcome.UNKNOWN)
    oracle.settle()
    assert oracle.possible("x") == {None, 1}
    saw(oracle, None)
    with pytest.raises(Violation):
        saw(oracle, 1)


def test_what_overlaps_may_have_come_first_or_last(oracle: Oracle) -> None:
    first, second = oracle.begin("x", 1), oracle.begin("x", 2)
    oracle.end(second, Outcome.DONE)
    oracle.end(first, Outcome.DONE)
    assert oracle.possible("x") == {1, 2}
    saw(oracle, 1)
    with pytest.raises(Violation):
        saw(oracle, 2)


def test_a_question_asked_before_an_answer_may_see_either(oracle: Oracle) -> None:
    done(oracle, 1)
    since = oracle.now()
    done(oracle, 2)
    oracle.saw("x", 1, since)
    oracle.saw("x", 2, since)
    with pytest.raises(Violation):
        saw(oracle, 1)


def test_a_list_must_hold_every_image_that_is_there_and_each_once(oracle: Oracle) -> None:
    done(oracle, 1)
    oracle.saw_all([("x", 1)], oracle.now())
    with pytest.raises(Violation, match="x: saw version None"):
        oracle.saw_all([], oracle.now())
    with pytest.raises(Violation, match="x: twice"):
        oracle.saw_all([("x", 1), ("x", 1)], oracle.now())
    with pytest.raises(Violation, match="y: saw version 5"):
        oracle.saw_all([("x", 1), ("y", 5)], oracle.now())


@pytest.mark.parametrize(
    ("hits", "problem"),
    [
        ([Hit("x", 1, 0.0), Hit("x", 1, 0.0)], "twice"),
        ([Hit("y", 3, 0.2), Hit("x", 1, 0.0)], "not in order"),
        ([Hit("x", 1, 0.1)], "record's version is at 0.0000"),
    ],
)
def test_a_search_is_in_order_and_its_rows_are_its_records_versions(
    oracle: Oracle, hits: list[Hit], problem: str
) -> None:
    oracle.searched("model", 1, [Hit("x", 1, 0.0), Hit("y", 3, 0.2)])
    with pytest.raises(Violation, match=problem):
        oracle.searched("model", 1, hits)


def test_an_image_comes_first_for_its_own_vector(oracle: Oracle) -> None:
    own, other = Hit("x", 1, 0.0), Hit("y", 3, 0.2)
    oracle.first("x", 1, [own, other])
    oracle.first("x", 1, [Hit("equal", 1, 0.0), own])
    for found in ([other, Hit("x", 1, 0.4)], []):
        with pytest.raises(Violation, match="not first"):
            oracle.first("x", 1, found)


@pytest.mark.parametrize(
    ("stored", "problem"),
    [
        (AtRest([("x", 1)], 2, {"a": 1}), "counts differ"),
        (AtRest([("x", 1)], 1, {"a": 1, "b": 2}), "counts differ"),
        (AtRest([], 0, {"a": 0}), "saw version None"),
    ],
)
def test_at_rest_all_counts_agree(oracle: Oracle, stored: AtRest, problem: str) -> None:
    done(oracle, 1)
    oracle.at_rest(AtRest([("x", 1)], 1, {"a": 1, "b": 1}))
    with pytest.raises(Violation, match=problem):
        oracle.at_rest(stored)


EVENT = st.sampled_from(["begin", "act", "end", "ask", "answer", "settle"])
EVENTS = st.lists(st.tuples(EVENT, st.integers(0, 4), st.sampled_from(list(Outcome))), max_size=80)


@given(EVENTS)
def test_a_register_that_keeps_its_word_is_never_accused(events: list[tuple[str, int, Outcome]]) -> None:
    """Operations overlap at will, answers get lost, and what has lost its answer still takes effect later."""
    Register().play(events)


class Register:
    """One image and those who use it, all at once."""

    def __init__(self, corrupted: Callable[[int | None], int | None] = lambda state: state) -> None:
        self.oracle = Oracle(distance)
        self.corrupted = corrupted
        self.state: int | None = None
        self.waiting: list[tuple[Operation, bool]] = []
        self.lost: list[Operation] = []
        self.asked: list[tuple[int, set[int | None]]] = []

    def play(self, events: list[tuple[str, int, Outcome]]) -> None:
        for number, (event, which, outcome) in enumerate(events):
            getattr(self, event)(number, which, outcome)
            for _, states in self.asked:
                states.add(self.state)

    def begin(self, number: int, which: int, _: Outcome) -> None:
        self.waiting.append((self.oracle.begin("x", number if which else None), False))

    def act(self, _: int, which: int, __: Outcome) -> None:
        if self.waiting:
            operation, acted = self.waiting[which % len(self.waiting)]
            self.waiting[which % len(self.waiting)] = (operation, True)
            self.state = self.state if acted else operation.version
        elif self.lost:
            self.state = self.lost.pop(which % len(self.lost)).version

    def end(self, _: int, which: int, outcome: Outcome) -> None:
        if self.waiting:
            operation, acted = self.waiting.pop(which % len(self.waiting))
            told = answer(acted, outcome)
            self.oracle.end(operation, told)
            self.lost += [operation] if not acted and told is Outcome.UNKNOWN else []

    def ask(self, *_: object) -> None:
        self.asked.append((self.oracle.now(), {self.state}))

    def answer(self, _: int, which: int, __: Outcome) -> None:
        if self.asked:
            since, states = self.asked.pop(which % len(self.asked))
            self.oracle.saw("x", self.corrupted(sorted(states, key=str)[which % len(states)]), since)

    def settle(self, *_: object) -> None:
        if not self.waiting and not self.asked:
            self.lost.clear()
            self.oracle.settle()


def answer(acted: bool, outcome: Outcome) -> Outcome:
    """Return what a caller may be told: the truth, or nothing."""
    if outcome is Outcome.UNKNOWN:
        return outcome
    return Outcome.DONE if acted else Outcome.REFUSED


def test_a_register_that_forgets_is_accused() -> None:
    story = [(event, 1, Outcome.DONE) for event in ("begin", "act", "end", "ask", "answer")]
    Register().play(story)
    with pytest.raises(Violation):
        Register(lambda _: None).play(story)


def test_times_of_unknown_operations_are_open(oracle: Oracle) -> None:
    assert done(oracle, 1, Outcome.UNKNOWN).latest == math.inf
