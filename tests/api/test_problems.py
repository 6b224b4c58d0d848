"""Problems are RFC 9457 documents: each has a type that leads to its description, and says what to do next."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from tests.api.house import House, asked, declaration

from stoneware import client
from stoneware.api.problems import KINDS, MEDIA, UNFORESEEN
from stoneware.errors import BakeFailed, ToolFailed, Unreachable

RELEASES, PLAN, SIGNALS = (f"/v1/deployments/town/{last}" for last in ("releases", "plan", "signals"))
WEB, BAD_NAME = "/v1/images/web/1", "/v1/deployments/Town"
LARGE = 2**53
NOBODY = {"X-Stoneware-Actor": ""}

ASKED: dict[str, tuple[int, str, str, str, Any, dict[str, str]]] = {
    "no such image": (404, "not-found", "GET", "/v1/images/web/2", None, {}),
    "no such family": (404, "not-found", "GET", "/v1/families/db", None, {}),
    "no such deployment": (404, "not-found", "GET", "/v1/deployments/town", None, {}),
    "no releases of it": (404, "not-found", "GET", RELEASES, None, {}),
    "no such release": (404, "not-found", "GET", f"{RELEASES}/1", None, {}),
    "nothing to destroy": (404, "not-found", "DELETE", "/v1/deployments/town", None, {}),
    "nothing to roll back": (404, "not-found", "POST", "/v1/deployments/town/rollback", {}, {}),
    "no such operation": (404, "not-found", "GET", "/v1/operations/rollout-9", None, {}),
    "no events of it": (404, "not-found", "GET", "/v1/operations/rollout-9/events", None, {}),
    "no such machine": (404, "not-found", "GET", "/v1/machines/x", None, {}),
    "no such console": (404, "not-found", "GET", "/v1/machines/x/console", None, {}),
    "no such disk": (404, "not-found", "DELETE", "/v1/disks/x", None, {}),
    "not declared": (404, "not-found", "POST", PLAN, asked("deployments: {}"), {}),
    "no such problem": (404, "not-found", "GET", "/problems/x", None, {}),
    "a declaration with problems": (400, "bad-input", "POST", PLAN, asked("deployment: 1"), {}),
    "no body": (400, "bad-request", "POST", PLAN, None, {}),
    "an unknown key": (400, "bad-request", "POST", PLAN, {**asked(""), "more": 1}, {}),
    "half a letter as a key": (400, "bad-request", "POST", PLAN, b'{"\\ud800": 1}', {}),
    "no JSON": (400, "bad-request", "POST", PLAN, b"{", {}),
    "nested without an end": (400, "bad-request", "POST", PLAN, b"[" * 100_000, {}),
    "JSON that says it is something else": (400, "bad-request", "POST", PLAN, b"{}", {"Content-Type": "text/plain"}),
    "a folder that leads nowhere": (400, "bad-request", "POST", PLAN, {"text": "", "folder": "x"}, {}),
    "an unknown signal": (400, "bad-request", "POST", SIGNALS, {"kind": "stop"}, {}),
    "no actor": (400, "bad-request", "DELETE", WEB, None, NOBODY),
    "no name": (400, "bad-request", "GET", BAD_NAME, None, {}),
    "too large a number": (400, "bad-request", "GET", f"{RELEASES}/{LARGE}", None, {}),
    "too far": (400, "bad-request", "GET", f"/v1/ledger?after={LARGE}", None, {}),
    "an unknown verb": (400, "bad-request", "POST", f"{WEB}/publish", {}, {}),
    "something else was seen": (412, "precondition-failed", "DELETE", WEB, None, {"If-Match": '"x"'}),
}


def send(house: House, method: str, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:
    content = {"content": body} if isinstance(body, bytes) else {"json": body}
    written = {"Content-Type": "application/json"} if isinstance(body, bytes) else {}
    return house.http.request(method, path, headers={**written, **headers}, **content)


def problem(answer: httpx.Response) -> dict[str, Any]:
    """The document, after a look at what all of them have in common."""
    assert answer.headers["Content-Type"] == MEDIA
    body: dict[str, Any] = answer.json()
    assert body["status"] == answer.status_code
    assert body["instance"] == answer.request.url.path
    assert all(isinstance(body[member], str) for member in ("type", "title", "detail"))
    return body


@pytest.mark.parametrize("case", ASKED)
def test_what_is_wrong_is_said_as_a_problem_of_its_kind(idle_house: House, case: str) -> None:
    idle_house.publish()
    status, kind, method, path, body, headers = ASKED[case]
    answer = send(idle_house, method, path, body, headers)
    assert (answer.status_code, problem(answer)["type"]) == (status, f"/problems/{kind}")


def test_a_declaration_has_all_its_problems_with_their_places(idle_house: House) -> None:
    body = problem(idle_house.http.post(PLAN, json=asked("deployments:\n  town:\n    engin: fake\n")))
    assert {place["line"] for place in body["problems"]} <= {2, 3}
    assert len(body["problems"]) >= 2
    assert set(body["problems"][0]) == {"file", "line", "path", "wrong", "right", "code"}


def test_what_http_itself_refuses_is_a_problem_without_a_kind_of_ours(idle_house: House) -> None:
    unknown = problem(idle_house.http.get("/v2/images"))
    assert (unknown["status"], unknown["type"], unknown["title"]) == (404, "about:blank", "Not Found")
    slash = problem(idle_house.http.get("/v1/deployments/"))
    assert slash["status"] == 404, "no redirect to another place"
    method = idle_house.http.put("/v1/deployments")
    assert (problem(method)["title"], method.headers["Allow"]) == ("Method Not Allowed", "GET")


def test_one_rollout_at_a_time_is_a_conflict_with_a_way_out(house: House) -> None:
    operation = house.deploy(declaration(bake_time="1h"))
    body = problem(house.http.post(RELEASES, json=asked(declaration())))
    assert (body["type"], body["status"]) == ("/problems/conflict", 409)
    assert operation in body["detail"]
    assert "abort" in body["next_step"]


RAISED: dict[str, tuple[Exception, int, str]] = {
    "an engine is away": (Unreachable("no route to host", "wait"), 503, "unreachable"),
    "a name is no text": (Unreachable("no \udcff here"), 503, "unreachable"),
    "a tool fails": (ToolFailed(["qemu-img"], 1, "no space left"), 502, "tool-failed"),
    "a bake fails": (BakeFailed("step 3 failed", next_step="mend it"), 422, "bake-failed"),
    "the disk is full": (sa.exc.OperationalError("COMMIT", None, OSError("disk is full")), 503, "store-unavailable"),
    "nobody thought of it": (ZeroDivisionError("division by zero"), 500, "unforeseen"),
}


@pytest.mark.parametrize("case", RAISED)
def test_what_goes_wrong_inside_is_said_too(idle_house: House, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    error, status, kind = RAISED[case]

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(type(idle_house.engine), "list_machines", fail)
    body = problem(idle_house.http.get("/v1/machines"))
    assert (body["status"], body["type"]) == (status, f"/problems/{kind}")
    assert str(getattr(error, "message", None) or getattr(error, "orig", None) or error) in body["detail"]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_type_leads_to_its_description(idle_house: House, kind: Any) -> None:
    page = idle_house.http.get(f"/problems/{kind.name}")
    assert page.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert page.text == f"{kind.title} ({kind.status})\n\n{kind.error.__doc__}\n"


def test_the_client_knows_the_kinds_by_their_names() -> None:
    plain = {"tool-failed", "store-unavailable", UNFORESEEN.name}
    assert set(client.KINDS) == {kind.name for kind in KINDS} - plain


CODED: dict[str, str] = {
    "no such image": "image-not-found",
    "no such deployment": "deployment-not-found",
    "no such operation": "operation-not-found",
    "a declaration with problems": "declaration-invalid",
    "no JSON": "bad-request",
    "something else was seen": "plan-outdated",
}


@pytest.mark.parametrize("case", CODED)
def test_a_problem_has_a_code_that_leads_to_its_page(idle_house: House, case: str) -> None:
    idle_house.publish()
    _, _, method, path, body, headers = ASKED[case]
    code = problem(send(idle_house, method, path, body, headers))["code"]
    assert code == CODED[case]
    page = idle_house.http.get(f"/problems/{code}")
    assert (page.status_code, code in page.text) == (200, code not in [kind.name for kind in KINDS])


def test_the_client_raises_the_error_with_its_code() -> None:
    answer = httpx.Response(409, json={"type": "/problems/refused", "detail": "no", "code": "image-revoked"})
    error = client._error(answer.status_code, answer.content)
    assert (type(error).__name__, error.code) == ("Refused", "image-revoked")
    older = httpx.Response(409, json={"type": "/problems/refused", "detail": "no"})
    assert client._error(older.status_code, older.content).code == "refused"
