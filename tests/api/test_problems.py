"""What people read of an error."""

import json

import pytest

from gateway.errors import Conflict
from gateway.fronts.api import problems


@pytest.mark.parametrize(
    ("words", "read"),
    [
        ("This key is registered already.", "This key is registered already."),
        ("the session has moved on", "The session has moved on. Read again and decide again."),
    ],
)
def test_a_conflict_reads_as_sentences_and_each_once(words: str, read: str) -> None:
    answer = problems.of(Conflict(words))
    assert (answer.status_code, json.loads(answer.body)["detail"]) == (409, read)
