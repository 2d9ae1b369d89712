"""The command line's client: the token goes to one host, problems come back as words and exit status."""

import json
from pathlib import Path

import httpx
import pytest

from gateway.cli.client import Client, Unanswered, connect
from gateway.errors import Invalid

URL = "https://gate.example:8443"
TOKEN = "slg_" + "A" * 43


class Gateway(httpx.MockTransport):
    """Answers with what it was given, and keeps what it was asked."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.asked: list[httpx.Request] = []
        waiting = iter(answers)

        def answer(request: httpx.Request) -> httpx.Response:
            self.asked.append(request)
            return next(waiting)

        super().__init__(answer)


def client(*answers: httpx.Response) -> tuple[Client, Gateway]:
    gateway = Gateway(*answers)
    return Client(URL, TOKEN, transport=gateway), gateway


def test_a_question_carries_the_token_and_the_parameters_that_are_given() -> None:
    asking, gateway = client(httpx.Response(200, json={"name": "sam"}))
    assert asking.get("/people/sam", at=None, limit=5) == {"name": "sam"}
    asked = gateway.asked[0]
    assert str(asked.url) == f"{URL}/api/v1/people/sam?limit=5"
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}"


def test_a_change_names_what_it_is_a_change_of_and_a_creation_its_key() -> None:
    asking, gateway = client(httpx.Response(200, json=[], headers={"ETag": '"7"'}), *[httpx.Response(200, json={})] * 3)
    _, etag = asking.tagged("/zones/cell-4")
    asking.patch("/zones/cell-4", {"title": "Cell four"}, etag)
    asking.delete("/zones/cell-4", etag)
    asking.post("/zones", {"name": "cell-5"}, key="k1")
    assert [r.headers.get("If-Match") for r in gateway.asked[1:]] == ['"7"', '"7"', None]
    assert gateway.asked[3].headers["Idempotency-Key"] == "k1"


@pytest.mark.parametrize(
    ("status", "exit_status"),
    [(401, 3), (429, 3), (403, 4), (404, 5), (409, 6), (412, 6), (428, 6), (422, 7), (503, 8)],
)
def test_a_problem_is_told_in_its_own_words_and_has_an_exit_status(status: int, exit_status: int) -> None:
    problem = {"detail": "You asked for this yourself.", "code": "own_request", "status": status}
    asking, _ = client(httpx.Response(status, content=json.dumps(problem)))
    with pytest.raises(Unanswered, match="You asked for this yourself") as told:
        asking.post("/requests/req_1/deny")
    assert (told.value.exit_status, told.value.code) == (exit_status, "own_request")


def test_pages_are_followed_to_the_end_on_this_gateway_alone() -> None:
    first = httpx.Response(200, json=[1, 2], headers={"Link": '</api/v1/people?cursor=2>; rel="next"'})
    asking, gateway = client(first, httpx.Response(200, json={"entries": [3], "next": None}))
    assert list(asking.paged("/people")) == [1, 2, 3]
    assert gateway.asked[1].url.query == b"cursor=2"
    stray = httpx.Response(200, json=[1], headers={"Link": '<https://evil.example/api/v1/people>; rel="next"'})
    asking, gateway = client(stray, httpx.Response(200, json=[2]))
    with pytest.raises(Unanswered, match="not its own"):
        list(asking.paged("/people"))
    assert len(gateway.asked) == 1


def test_a_token_is_not_sent_on_to_where_a_redirect_points_jumpserver_2025_27095() -> None:
    asking, gateway = client(httpx.Response(307, headers={"Location": "https://evil.example/"}), httpx.Response(200))
    with pytest.raises(Unanswered, match="307"):
        asking.get("/me")
    assert len(gateway.asked) == 1


def test_an_answer_that_is_no_gateway_s_is_said_so() -> None:
    for answer in (httpx.Response(200, text="<html>"), httpx.Response(502, text="bad gateway")):
        asking, _ = client(answer)
        with pytest.raises(Unanswered, match=r"not JSON|502"):
            asking.get("/me")


def test_a_status_that_nobody_registered_and_a_name_that_is_no_address_are_told_in_words() -> None:
    """A relay on the way may answer with a number of its own."""
    asking, gateway = client(httpx.Response(520, text="<html>"))
    with pytest.raises(Unanswered, match=r"^The gateway answers 520\.$") as told:
        asking.get("/policies")
    assert told.value.exit_status == 8
    with pytest.raises(Unanswered, match="Nothing was asked"):
        asking.get("/policies/a\0b")
    assert len(gateway.asked) == 1


def test_a_token_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    file.chmod(0o640)
    with pytest.raises(Invalid, match="640"):
        connect(URL, file, "", None)
    file.chmod(0o600)
    with connect(URL, file, "", None) as asking:
        assert asking._http.headers["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(("url", "token"), [("", TOKEN), ("http://gate.example", TOKEN), (URL, ""), (URL, "a\r\nX: y")])
def test_what_is_not_enough_to_ask_with_is_said_before_anything_is_sent(url: str, token: str) -> None:
    with pytest.raises(Invalid):
        connect(url, None, token, None)
