"""Connections to services that are kept, away, hanging or full: who waits, and for how long."""

import contextlib
import socket
import time
from concurrent.futures import ThreadPoolExecutor


def from_(site, person, **headers):
    return headers | {"Authorization": site.as_(person)}


def asking(site, path, person, times=2):
    """So many requests are on their way from now on. What each got is told when all have an answer."""
    threads = ThreadPoolExecutor(times)
    asked = [threads.submit(site.get, path, **from_(site, person)) for _ in range(times)]
    threads.shutdown(wait=False)
    return lambda: [each.result().status for each in asked]


def test_connections_are_kept(new_site, path):
    site = new_site()
    ann = site.auth.person()
    for _ in range(10):
        assert site.get(path, **from_(site, ann)).status == 200
    assert site.posts.connections == 1


def test_a_connection_that_the_service_closed_meanwhile_costs_nobody_an_answer(new_site, path, eventually):
    """Not even a change, which is never sent twice: the end is seen before anything is sent."""
    site = new_site()
    ann = site.auth.person()
    assert site.get(path, **from_(site, ann)).status == 200
    site.posts.stop()
    site.posts.start()
    assert site.ask("POST", path, b"{}", **from_(site, ann)).status == 200
    assert [asked.method for asked in site.posts.at(path)] == ["GET", "POST"]
    assert site.metric('gateway_upstream_retries_total{upstream="posts"}') == 0


def test_a_part_that_is_away_is_told_at_once_and_comes_back_by_itself(new_site, path, eventually):
    site = new_site()
    ann = site.auth.person()
    assert site.get(path, **from_(site, ann)).status == 200
    site.posts.stop()
    for _ in range(12):
        got = site.get(path, **from_(site, ann))
        assert (got.status, got.headers["Retry-After"]) == (503, "2")
        assert (
            got.problem["message"] == "Posts and comments are not available right now. Try again in a moment."
        )
    assert site.metric('gateway_breaker_open{upstream="posts"}') == 1
    assert site.metric('gateway_upstream_tries_total{outcome="failed",upstream="posts"}') < 8, "left alone"
    timeline = f"/api/v1/users/{ann.sub}/timeline/"
    assert site.get(timeline, **from_(site, ann)).status == 200, "the others go on"
    site.posts.start()
    eventually(lambda: site.get(path, **from_(site, ann)).status == 200)
    assert site.metric('gateway_breaker_open{upstream="posts"}') == 0


def test_a_service_that_hangs_is_waited_for_only_so_long(new_site, path):
    site = new_site(request_seconds="0.2")
    ann = site.auth.person()
    go_on = site.posts.hold(path)
    started = time.monotonic()
    got = site.get(path, **from_(site, ann))
    assert (got.status, got.problem["message"]) == (504, "Posts and comments did not answer in time.")
    assert time.monotonic() - started < 2
    assert len(site.posts.at(path)) == 1
    assert int(site.posts.at(path)[0].header("X-Deadline-Ms")) <= 200
    got = site.ask("POST", path, b"{}", **from_(site, ann))
    assert "may have been made or not" in got.problem["message"]
    go_on.set()


def test_a_full_service_refuses_at_once_and_troubles_nobody_else(new_site, path, eventually):
    site = new_site(upstream_connections="2", upstream_waiting="0")
    ann = site.auth.person()
    go_on, answers = site.posts.hold(path), asking(site, path, ann)
    eventually(lambda: len(site.posts.at(path)) == 2)
    got = site.get(path, **from_(site, ann))
    assert (got.status, got.headers["Retry-After"]) == (503, "1")
    assert "too many requests at once" in got.problem["message"]
    assert site.get(f"/api/v1/users/{ann.sub}/timeline/", **from_(site, ann)).status == 200
    go_on.set()
    assert answers() == [200, 200]


def test_a_place_that_becomes_free_is_taken_by_who_waits(new_site, path, crowd):
    site = new_site(upstream_connections="1", upstream_waiting="8")
    ann = site.auth.person()
    assert crowd(8, lambda: site.get(path, **from_(site, ann)).status) == [200] * 8
    assert site.posts.connections == 1


def test_who_would_wait_too_long_is_refused_before_anything_is_done_for_them(new_site, path, eventually):
    """Neither are they asked who they are (that would be 401 here), nor is what they send read."""
    site = new_site(upstream_connections="1", upstream_waiting="8")
    ann = site.auth.person()
    go_on, answers = site.posts.hold(path), asking(site, path, ann)
    stranger = {"Authorization": "Bearer a.b.c"}
    got = eventually(lambda: refused(site.ask("POST", path, b"{}", **stranger)))
    assert (got.headers["Retry-After"], got.problem["status"]) == ("1", 503)
    assert site.metric('gateway_shed_total{upstream="posts"}') >= 1
    go_on.set()
    assert answers() == [200, 200], "who was let in is served"
    assert site.ask("POST", path, b"{}", **stranger).status == 401


def refused(got):
    return got if got.status == 503 else None


def test_who_waited_in_vain_is_no_failure_and_no_longer_in_line(new_site, path, eventually, crowd):
    """Six are more than a breaker bears, and would be in line for longer than anybody waits."""
    site = new_site(upstream_connections="1", upstream_waiting="8", request_seconds="10")
    ann = site.auth.person()
    go_on, answers = site.posts.hold(path), asking(site, path, ann, 1)
    eventually(lambda: site.posts.at(path))
    assert crowd(6, lambda: site.get(path, **from_(site, ann)).status) == [503] * 6
    assert site.metric('gateway_breaker_open{upstream="posts"}') == 0
    go_on.set()
    assert answers() == [200]
    assert site.get(f"{path}1", **from_(site, ann)).status == 200


def test_a_service_that_takes_no_connection_is_not_waited_for(new_site, path):
    """Its machine is away: nothing refuses, nothing answers."""
    with contextlib.ExitStack() as open_ones:
        deaf = open_ones.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):  # its line is full
            client = open_ones.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(deaf.getsockname())
        site = new_site(posts_url=f"http://127.0.0.1:{deaf.getsockname()[1]}")
        ann, began = site.auth.person(), time.monotonic()
        got = site.get(path, **from_(site, ann))
    assert (got.status, got.problem["message"][:45]) == (503, "Posts and comments are not available right no")
    assert time.monotonic() - began < 4  # two tries of half a second
