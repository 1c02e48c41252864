"""What callers send: everything wrong gets a sentence and the right status, and nothing is written."""

import io
import logging

import orjson
import pytest
from shop.app import PACK, create_app

from chassis.logs import JsonLines
from chassis.testing.service import dispose


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, "not valid JSON"),
        (b"{", 400, "not valid JSON"),
        (b"[]", 400, "must be a JSON object"),
        (b"null", 400, "must be a JSON object"),
        (b'{"label": NaN}', 400, "not valid JSON"),
        (b'{"label": "\\ud800"}', 400, "not valid JSON"),
        (b'{"label": "\\u0000"}', 400, "label contains a character that is not allowed"),
        (b'{"label": "\\u0001"}', 400, "label contains a character that is not allowed"),
        (b'{"label": "a\\nb"}', 400, "label must be one line of text"),
        (b"{}", 400, "label is missing"),
        (b'{"label": 3}', 400, "label must be text"),
        (b'{"label": "' + b"x" * 65 + b'"}', 400, "label should have at most 64 characters"),
        (b'{"x": ' * 40 + b"1" + b"}" * 40, 400, "nested too deeply"),
        (b'{"label": "' + b"x" * 300_000 + b'"}', 413, "too large"),
    ],
)
def test_a_bad_body_is_refused_with_a_sentence(shop, body, status, said):
    answer = shop.as_("ann", PACK).post("/api/v1/boxes/", data=body, content_type="application/json")
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert said in answer.json["message"]
    assert shop.internal().get("/internal/count").json == {"count": 0}


def test_a_body_that_is_not_json_is_refused(shop):
    answer = shop.as_("ann", PACK).post("/api/v1/boxes/", data="label=x", content_type="text/plain")
    assert answer.status_code == 415


def test_field_errors_name_the_field(shop):
    answer = shop.as_("ann", PACK).post("/api/v1/boxes/", json={"label": 3})
    assert answer.json["errors"] == [{"field": "label", "message": "label must be text"}]


def test_unknown_members_are_ignored(shop):
    assert shop.as_("ann", PACK).post("/api/v1/boxes/", json={"label": "x", "id": 77}).json["id"] == 1


def test_a_problem_has_every_member(shop):
    answer = shop.anonymous().get("/api/v1/nothing", headers={"X-Request-Id": "my-request-1"})
    assert answer.json == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing at this address.",
        "instance": "/api/v1/nothing",
        "request_id": "my-request-1",
        "error": "not found",
        "message": "There is nothing at this address.",
    }


def test_a_mistake_of_ours_tells_the_log_and_not_the_caller(shop, caplog):
    with caplog.at_level(logging.ERROR):
        answer = shop.anonymous().get("/api/v1/break")
    assert (answer.status_code, answer.json["error"]) == (500, "internal server error")
    assert "recipe" not in answer.text
    assert "ZeroDivisionError" in caplog.text


def test_a_database_that_is_away_is_503_with_retry_after(shop):
    answer = shop.anonymous().get("/api/v1/nowhere")
    expected = 503 if shop.app.extensions["reader"].dialect.name == "sqlite" else 500
    assert answer.status_code == expected


@pytest.mark.parametrize(
    ("page", "labels"),
    [("1", ["a", "b"]), ("2", ["c"]), ("3", []), ("x", ["a", "b"]), ("-1", ["a", "b"]), ("9" * 30, [])],
)
def test_pages_out_of_range_are_empty_and_what_is_no_page_is_the_first(shop, page, labels):
    for label in "abc":
        shop.as_("ann", PACK).post("/api/v1/boxes/", json={"label": label})
    answer = shop.as_("ann").get(f"/api/v1/boxes/?page={page}")
    assert [box["label"] for box in answer.json["boxes"]] == labels
    assert (answer.status_code, answer.json["count"]) == (200, 3)


@pytest.mark.parametrize("page", ["0_2", "%2B2", "%202", "2%0A", "02", "2.0", "２", "٢"])
def test_only_what_json_calls_a_whole_number_is_a_page(shop, page):
    for label in "abc":
        shop.as_("ann", PACK).post("/api/v1/boxes/", json={"label": label})
    answer = shop.as_("ann").get(f"/api/v1/boxes/?page={page}")
    assert (answer.status_code, [box["label"] for box in answer.json["boxes"]]) == (200, ["a", "b"])


def test_pages_link_to_their_neighbours_in_both_spellings(shop):
    for label in "abc":
        shop.as_("ann", PACK).post("/api/v1/boxes/", json={"label": label})
    first = shop.as_("ann").get("/api/v1/boxes/").json
    second = shop.as_("ann").get("/api/v1/boxes/?page=2").json
    assert (first["prev_url"], first["next_url"]) == (None, "http://localhost:8000/api/v1/boxes/?page=2")
    assert (second["prev"], second["next"]) == ("http://localhost:8000/api/v1/boxes/?page=1", None)


@pytest.mark.parametrize("id", [2**63, "01", "1_0", "+1", "-1", "１", "٣"])
def test_ids_that_no_database_holds_are_not_there(shop, id):
    shop.as_("ann", PACK).post("/api/v1/boxes/", json={"label": "a"})
    assert shop.as_("ann", PACK).put(f"/api/v1/boxes/{id}", json={"label": "b"}).status_code == 404


def listen():
    """What is logged from now on, as JSON lines."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines("shop"))
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO)
    return lambda: [orjson.loads(line) for line in stream.getvalue().splitlines()]


def test_one_json_line_for_each_request_without_secrets(shop):
    logged = listen()
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    named = {"X-Request-Id": "request-77", "traceparent": trace}
    shop.as_("ann", PACK).post("/api/v1/boxes/?token=hidden", json={"label": "private"}, headers=named)
    [line] = [line for line in logged() if line["message"] == "request"]
    assert (line["method"], line["path"], line["status"], line["user"]) == ("POST", "/api/v1/boxes/", 201, 1)
    assert (line["request_id"], line["trace_id"]) == ("request-77", "a" * 32)
    assert line["statements"] >= 2
    assert not any(secret in str(logged()) for secret in ("hidden", "private", "Bearer"))


def test_a_request_id_that_is_not_well_formed_is_replaced(shop):
    answer = shop.anonymous().get("/api/v1/door", headers={"X-Request-Id": "<script>"})
    assert len(answer.headers["X-Request-Id"]) == 24


def test_slow_statements_are_warned_of_without_their_values(shop):
    settings = shop.app.extensions["settings"].model_copy(update={"slow_query_time": 0.0})
    app = create_app(settings)
    logged = listen()
    app.test_client().get("/api/v1/slow")
    dispose(app)
    [line] = [line for line in logged() if line["message"] == "slow query"]
    assert (line["statement"], line["at"].split(":")[0]) == ("SELECT 42", "app.py")
