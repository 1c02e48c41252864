"""Auth's list of changes fails, or signing in does: neither takes the other with it."""

import base64
import threading
import time

import pytest

BROKEN = b"nonsense\r\n\r\n"
READ = "gateway_changes_read_seconds"


def left_alone(site, which):
    return site.metric(f'gateway_breaker_open{{upstream="auth-{which}"}}') == 1


def by_password(person):
    return {
        "Authorization": "Basic " + base64.b64encode(f"{person.email}:{person.password}".encode()).decode()
    }


def by_cookie(person):
    return {"Cookie": f"session={person.session}"}


@pytest.mark.parametrize("way", [by_password, by_cookie])
def test_a_failing_list_of_changes_refuses_no_sign_in(new_site, path, eventually, way):
    site = new_site()
    site.auth.script["/internal/changes"] = lambda asked, connection: BROKEN
    failed = 'gateway_upstream_tries_total{outcome="failed",upstream="auth-changes"}'
    eventually(lambda: site.metric(failed) >= 5)
    answers = [site.get(path, **way(site.auth.person())).status for _ in range(10)]
    assert answers == [200] * 10
    assert left_alone(site, "changes")
    assert not left_alone(site, "exchange")


def test_failing_sign_ins_are_left_alone_and_bans_hold(new_site, path, eventually):
    """However many there are: the one that may try again each second is always one of theirs."""
    site = new_site()
    ann, over = site.auth.person(), threading.Event()
    site.auth.before_exchange = lambda sent: BROKEN

    def sign_in():
        while not over.is_set():
            assert site.get(path, **by_cookie(site.auth.person())).status == 503

    flood = threading.Thread(target=sign_in)
    flood.start()
    try:
        eventually(lambda: left_alone(site, "exchange"))
        began = time.time()
        eventually(lambda: site.metric(READ) > began, within=2)
        assert site.get(path, Authorization=site.as_(ann)).status == 200
        site.auth.revoke(ann.sid)
        eventually(lambda: site.get(path, Authorization=site.as_(ann)).status == 401, within=2)
    finally:
        over.set()
        flood.join()
