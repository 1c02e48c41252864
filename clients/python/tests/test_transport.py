"""The client against a small real server that says what each test needs."""

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest

from flasky_client import Away, Flasky, Problem, shapes

GENERATOR = Path(__file__).parents[1] / "generate.py"
POST = {"id": 1, "body": "Hello"}


@pytest.mark.parametrize(
    "first", [None, (503, None, {"Retry-After": "0"}), (429, None, {"Retry-After": "0"})]
)
def test_what_was_not_answered_is_sent_again_with_the_same_key(serving, first):
    server = serving(first, (201, POST))
    assert server.client().publish("Hello") == POST
    keys = [headers["Idempotency-Key"] for _, _, headers, _ in server.asked]
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_two_creations_have_two_keys(serving):
    server = serving((201, POST))
    client = server.client()
    client.publish("Hello")
    client.publish("Hello")
    assert len({headers["Idempotency-Key"] for _, _, headers, _ in server.asked}) == 2


def test_patience_ends_and_the_last_answer_is_the_reason(serving):
    server = serving((503, {"error": "service unavailable", "message": "Try again."}, {"Retry-After": "9"}))
    with pytest.raises(Problem, match=r"POST /posts/ was refused: 503 Try again\.") as caught:
        server.client(patience=1.0).publish("Hello")
    assert (caught.value.status, caught.value.error) == (503, "service unavailable")


def test_nobody_there_is_told_with_the_address():
    with pytest.raises(Away, match=r"nobody answers at http://127\.0\.0\.1:9: ConnectionError"):
        Flasky("http://127.0.0.1:9/", patience=0.1).me()


def test_a_refusal_is_the_blogs_own_sentence_with_its_fields(serving):
    problem = {
        "error": "bad request",
        "message": "Something is missing.",
        "errors": [{"field": "body", "message": "Write something."}],
    }
    server = serving((400, problem, {"X-Request-Id": "r-1"}))
    with pytest.raises(Problem) as caught:
        server.client().publish("")
    assert caught.value.fields == {"body": "Write something."}
    assert caught.value.request_id == "r-1"
    assert str(caught.value).endswith("400 Something is missing.; body: Write something.")
    assert len(server.asked) == 1


def test_a_sentence_that_is_all_that_is_wrong_is_said_once(serving):
    missing = {"message": "body is missing", "errors": [{"field": "body", "message": "body is missing"}]}
    with pytest.raises(Problem) as caught:
        serving((400, missing)).client().publish("")
    assert str(caught.value) == "POST /posts/ was refused: 400 body is missing"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_an_address_that_leads_elsewhere_is_a_problem_and_nothing_is_sent_there(serving, status):
    """A POST would become a GET, or credentials go to somebody else; and nothing has been done."""
    elsewhere = serving((200, POST))
    server = serving((status, None, {"Location": f"{elsewhere.url}/api/v1/posts/"}))
    with pytest.raises(Problem, match=f"POST /posts/ was refused: {status}"):
        server.client().publish("Hello")
    with pytest.raises(Problem, match=f"PUT /users/7/follow was refused: {status}"):
        server.client().follow(7)
    assert elsewhere.asked == []


def test_what_the_machine_is_set_to_changes_neither_who_asks_nor_where(serving, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    server = serving((200, {"id": 7}))
    assert server.client(patience=0.1).me() == {"id": 7}
    assert server.asked[0][2]["Authorization"] == "Bearer a-token"


def test_a_busy_blog_says_how_long_to_wait(serving):
    server = serving((503, None, {"Retry-After": "1"}), (200, POST))
    began = time.monotonic()
    server.client().post(1)
    assert time.monotonic() - began >= 1.0


def test_nobody_waits_longer_than_their_patience(serving):
    server = serving((503, None, {"Retry-After": "9"}))
    began = time.monotonic()
    with pytest.raises(Problem, match="503"):
        server.client(patience=0.5).post(1)
    assert (len(server.asked), time.monotonic() - began < 5.0) == (1, True)


def test_a_page_that_is_no_problem_body_is_a_problem_too(serving):
    server = serving((502, ["not", "ours"], {}))
    with pytest.raises(Problem, match="502 Bad Gateway"):
        server.client(patience=0.1).me()


def test_collections_are_read_page_after_page_and_only_from_this_blog(serving):
    """The links are absolute, under a public address that this client may not even reach."""
    first = {"posts": [{"id": 3}, {"id": 2}], "next": "https://blog.example.com/api/v1/posts/?page=2"}
    server = serving((200, first), (200, {"posts": [{"id": 1}], "next": None}))
    posts = server.client().posts()
    assert next(posts)["id"] == 3
    assert len(server.asked) == 1  # the second page is not read before it is needed
    assert [post["id"] for post in posts] == [2, 1]
    assert [path for _, path, _, _ in server.asked] == ["/api/v1/posts/", "/api/v1/posts/?page=2"]


def test_an_old_token_is_renewed_once_and_the_request_sent_again(serving):
    tokens = {"token": "t1", "refresh_token": "r1"}
    renewed = {"token": "t2", "refresh_token": "r2"}
    server = serving((200, tokens), (401, {}), (200, renewed), (200, {"id": 7}))
    client = Flasky(server.url).sign_in("ann@example.com", "secret words")
    assert client.me() == {"id": 7}
    (_, _, signing, _), (_, _, old, _), (_, at, _, refresh), (_, _, new, _) = server.asked
    assert signing["Authorization"].startswith("Basic ")
    assert (old["Authorization"], new["Authorization"]) == ("Bearer t1", "Bearer t2")
    assert (at, refresh) == ("/api/v1/tokens/refresh", {"refresh_token": "r1"})


def test_a_token_that_cannot_be_renewed_is_refused_once(serving):
    server = serving((401, {"message": "Sign in again."}))
    with pytest.raises(Problem, match="401 Sign in again"):
        server.client().me()
    assert len(server.asked) == 1


def test_the_types_are_those_of_the_api_document():
    written: dict[str, Any] = {"__file__": str(GENERATOR), "__name__": "generate"}
    exec(compile(GENERATOR.read_text(), GENERATOR, "exec"), written)
    document = json.loads(written["DOCUMENT"].read_text())
    assert written["shapes"](document) == Path(shapes.__file__).read_text(), "run `make openapi`"


def test_a_name_finds_one_person_or_nobody(serving):
    server = serving((200, {"users": [{"id": 1}]}), (200, {"users": []}))
    client = server.client()
    assert client.user_named("ann") == {"id": 1}
    assert client.user_named("nobody") is None
    assert server.asked[0][1] == "/api/v1/users/?username=ann"


def test_a_moderator_hides_a_comment_and_shows_it_again(serving):
    server = serving((200, {"disabled": True}), (200, {"disabled": False}))
    client = server.client()
    assert client.disable_comment(5) == {"disabled": True}
    assert client.enable_comment(5) == {"disabled": False}
    assert [(method, path) for method, path, _, _ in server.asked] == [
        ("PUT", "/api/v1/comments/5/disabled"),
        ("DELETE", "/api/v1/comments/5/disabled"),
    ]


def test_a_program_gives_a_key_of_its_own_and_it_is_sent(serving):
    server = serving((201, POST))
    client = server.client()
    client.publish("Hello", key="import-17")
    client.comment(1, "Hello", key="import-18")
    client.register("ann@example.com", "ann", "secret words", key="import-19")
    assert [headers["Idempotency-Key"] for _, _, headers, _ in server.asked] == [
        "import-17",
        "import-18",
        "import-19",
    ]


def test_a_password_in_any_script_is_sent_as_utf_8(serving):
    server = serving((200, {"token": "t1", "refresh_token": "r1"}))
    with server.client() as client:
        client.sign_in("zoë@example.com", "пароль", otp="123456")
    [(_, _, headers, body)] = server.asked
    assert (
        base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode() == "zoë@example.com:пароль"
    )
    assert body == {"otp": "123456"}


def test_an_answer_that_breaks_off_is_asked_for_again(serving):
    server = serving((200, POST, {"Content-Length": "500", "Connection": "close"}), (200, POST))
    assert server.client().post(1) == POST
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((200, None), "200 the answer is not JSON"),
        (
            (301, None, {"Location": "https://blog.example.com/"}),
            "301 this leads to https://blog.example.com/",
        ),
    ],
)
def test_an_address_that_is_not_the_blogs_is_told_in_a_sentence(serving, answer, said):
    server = serving(answer)
    server.raw = b"<p>\n"
    with pytest.raises(Problem, match=said):
        server.client().me()


def test_an_address_without_its_scheme_is_told_at_once():
    with pytest.raises(ValueError, match=r"must begin with http:// or https://, not 'localhost:8000'"):
        Flasky("localhost:8000")


def test_a_busy_blog_says_when_to_come_back_and_a_refusal_what_kind_it_is(serving):
    server = serving((429, {"type": "urn:problem-type:x", "message": "Wait."}, {"Retry-After": "600"}))
    with pytest.raises(Problem) as caught:
        server.client().me()
    assert (caught.value.retry_after, caught.value.type) == (600, "urn:problem-type:x")
    assert len(server.asked) == 1


def test_a_renewal_that_nobody_answered_is_tried_again_by_the_next_request(serving):
    tokens, renewed = {"token": "t1", "refresh_token": "r1"}, {"token": "t2", "refresh_token": "r2"}
    server = serving((200, tokens), (401, {}), None)
    client = Flasky(server.url, patience=0.1).sign_in("ann@example.com", "secret words")
    with pytest.raises(Away):
        client.me()
    server.answers[:] = [(401, {}), (200, renewed), (200, {"id": 7})]
    assert client.me() == {"id": 7}


def test_what_moved_to_the_next_page_meanwhile_is_given_once(serving):
    tie, other = {"user": {"id": 5}}, {"user": {"id": 4}}
    server = serving(
        (200, {"followers": [tie], "next": "/api/v1/users/1/followers/?page=2"}),
        (200, {"followers": [tie, other], "next": None}),
    )
    assert list(server.client().followers(1)) == [tie, other]


def test_a_change_of_nothing_is_a_change_all_the_same(serving):
    server = serving((200, {"id": 7}))
    server.client().edit_me()
    assert server.asked[0][3] == {}


def test_a_change_whose_answer_was_lost_is_not_late_behind_itself(serving):
    done = {"id": 1, "body": "Mine"}
    server = serving(None, (409, {"message": "Somebody else"}), (200, done, {"ETag": '"2.0.1"'}))
    assert server.client().edit(1, "Mine", etag='"1.0.1"') == done | {"etag": '"2.0.1"'}
    assert [(method, headers.get("If-Match")) for method, _, headers, _ in server.asked] == [
        ("PUT", '"1.0.1"'),
        ("PUT", '"1.0.1"'),
        ("GET", None),
    ]


def test_a_change_that_somebody_else_was_faster_than_is_refused(serving):
    server = serving((409, {"message": "Somebody else"}), (200, {"id": 1, "body": "Theirs"}))
    with pytest.raises(Problem, match="409 Somebody else"):
        server.client().edit_comment(1, "Mine", etag='"1.1"')
