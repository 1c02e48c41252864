"""A6, A7, A10 of the abuse battery: guessing, forged tokens, what may not be set; at the gateway and at each
service's own port. `ABUSE=long` also measures whether times tell which accounts exist.
"""

import os
import statistics
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyotp
import pytest
import requests

from chassis.testing.polling import eventually
from deploy.local.stack import Stack
from tests.system.blogs import ENVIRONMENT, free_block, surroundings
from tests.system.people import PASSWORD, Blog, Person

from .guessing import auc, basic, browser_of, guess, log_in, new_address, told, without_ids

SERVICES = ("auth", "posts", "social", "web")
LONG = os.environ.get("ABUSE") == "long"


@pytest.fixture(scope="module")
def house(stack: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Blog]:
    """Behind one proxy of ours, so that a test can come from many addresses."""
    environment = ENVIRONMENT | {"TRUSTED_HOPS": "1"} | surroundings(stack)
    with Stack(free_block(), tmp_path_factory.mktemp(f"identity-{stack}"), environment) as running:
        yield Blog(running)


# A6 -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [True, False], ids=["an account", "no account"])
def test_ten_guesses_for_an_account_however_many_addresses(house, known):
    email = house.member("victim").email if known else f"{uuid.uuid4().hex}@example.com"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: guess(house, email, new_address()), range(40)))
    found = Counter(answer.status_code for answer in answers)
    told("A6 guessing", 40, dict(found))
    assert found[401] <= 10
    assert set(found) <= {401, 429, 503}
    assert all("Retry-After" in answer.headers for answer in answers if answer.status_code != 401)


def test_ten_guesses_from_an_address_however_many_accounts(house):
    address = new_address()
    neighbours = [address.replace("::1", f"::{n:x}") for n in range(1, 31)]  # the same /64
    found = Counter(
        guess(house, f"{uuid.uuid4().hex}@example.com", neighbour).status_code for neighbour in neighbours
    )
    told("A6 spraying", 30, dict(found))
    assert (found[401], found[429]) == (10, 20)


def test_the_owner_gets_in_while_the_account_is_attacked_from_the_same_address(house):
    owner, browser, home = house.member("owner"), browser_of(house), new_address()
    assert log_in(house, browser, owner, home).status_code == 303
    found = Counter(guess(house, owner.email, home).status_code for _ in range(15))
    assert found[401] == 10
    assert log_in(house, browser_of(house), owner, new_address()).status_code == 429
    browser.cookies.pop("session")
    assert log_in(house, browser, owner, home).status_code == 303


def test_answers_do_not_tell_which_accounts_exist(house):
    member = house.member("quiet")
    told_of = []
    for email in (member.email, "nobody.at.all@example.com"):
        wrong = guess(house, email, new_address()).json()
        reset = house.stranger().post("/users/reset", email=email)
        told_of.append((without_ids(wrong), reset.status_code, reset.content))
    assert told_of[0] == told_of[1]


@pytest.mark.alone
def times_do_not_tell_which_accounts_exist(house):
    members = [house.member("timed") for _ in range(50)]
    times: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(500):
        for known in (True, False) if turn % 2 else (False, True):
            email = members[turn % 50].email if known else f"{uuid.uuid4().hex}@example.com"
            began = time.perf_counter()
            assert guess(house, email, new_address()).status_code == 401
            times[known].append(time.perf_counter() - began)
    area = auc(times[True], times[False])
    medians = [statistics.median(times[known]) * 1000 for known in (True, False)]
    told("A6 times", 1000, f"AUC {area:.3f}, medians {medians[0]:.2f} and {medians[1]:.2f} ms")
    assert 0.45 <= area <= 0.55


if LONG:  # it takes minutes
    test_times_do_not_tell_which_accounts_exist = times_do_not_tell_which_accounts_exist


def test_a_flood_of_sign_ins_from_one_address_is_refused_before_it_costs(house, tmp_path):
    with Stack(free_block(), tmp_path, ENVIRONMENT | {"LIMIT_SIGN_IN": "20/month"}) as running:
        page = f"{running.url}/auth/login"
        answers = [requests.post(page, data={"a": "b"}, timeout=20) for _ in range(60)]
        other = requests.get(f"{running.url}/explore", timeout=20)
    found = Counter(answer.status_code for answer in answers)
    told("A6 login flood", 60, dict(found))
    assert found[429] == 40
    assert {answer.headers["RateLimit-Limit"] for answer in answers} == {"20"}
    assert other.status_code == 200


def test_passwords_prove_nothing_at_the_services_own_ports(house):
    member = house.member("straight")
    for name in SERVICES:
        for header in (basic(member.email, PASSWORD), "Internal nonsense", "Internal "):
            address = f"http://127.0.0.1:{house.stack.ports[name]}"
            path = "/edit-profile" if name == "web" else "/api/v1/users/me/sessions/"
            headers = {"Authorization": header, "Accept": "application/json"}
            answer = requests.get(address + path, headers=headers, timeout=20, allow_redirects=False)
            assert answer.status_code in (401, 404), (name, header, answer.status_code)
    at_auth = f"http://127.0.0.1:{house.stack.ports['auth']}/internal/sessions"
    sent = {"email": member.email, "password": PASSWORD}
    assert requests.post(at_auth, json=sent, timeout=20).status_code == 401


# A7 -------------------------------------------------------------------------------------------------


def test_secrets_of_one_purpose_are_worth_nothing_for_another(house):
    member = house.newcomer("mixer")
    mailed = house.mail(member.email, "confirm")
    assert member.post("/users/reset", token=mailed, password="a fresh password").status_code == 400
    assert member.post("/users/change-email", token=mailed).status_code == 400
    member.confirm()
    tokens = member.sign_in()
    assert member.post("/users/confirm", token=mailed).status_code == 400
    for wrong in (tokens["refresh_token"], mailed):
        member.token = wrong
        assert member.get("/users/me").status_code == 401
    stranger = house.stranger()
    assert stranger.post("/tokens/refresh", refresh_token=tokens["token"]).status_code in (400, 401)


def sign_out_everywhere(house: Blog, member: Person) -> None:
    other = Person(house, member.username, member.email)
    other.sign_in()
    assert other.delete("/users/me/sessions/").status_code == 204


def ban(house: Blog, member: Person) -> None:
    assert house.administrator().patch(f"/users/{member.id}", disabled=True).status_code == 200


def demote(house: Blog, member: Person) -> None:
    """From User to nothing that is more: every change of a role makes the tokens from before stale."""
    assert house.administrator().patch(f"/users/{member.id}", role="Moderator").status_code == 200


def leave(house: Blog, member: Person) -> None:
    assert member.ask("DELETE", "/users/me", json={"password": PASSWORD}).status_code in (202, 204)


REFUSED = (401, 302)  # pages lead to the login


def at_own_door(house: Blog, service: str, member: Person, token: str) -> int:
    path = {"auth": "/api/v1/users/me", "posts": "/api/v1/posts/", "web": "/edit-profile"}.get(service)
    address = f"http://127.0.0.1:{house.stack.ports[service]}{path or f'/api/v1/users/{member.id}/timeline/'}"
    shown = {"Authorization": f"Bearer {token}"}
    return requests.get(address, headers=shown, timeout=20, allow_redirects=False).status_code


@pytest.mark.alone
@pytest.mark.parametrize("withdraw", [sign_out_everywhere, ban, demote, leave], ids=lambda act: act.__name__)
def test_a_token_that_was_withdrawn_is_refused_at_every_door(house, withdraw):
    """Within a second; the quick form only waits for it, on a machine that may be busy."""
    member = house.member("leaver")
    token = member.token
    for service in SERVICES:
        assert at_own_door(house, service, member, token) == 200
    withdraw(house, member)
    began = time.monotonic()
    if withdraw is not demote:  # there the gateway gets a token with the rights of now
        eventually(lambda: member.get("/users/me").status_code == 401)
    for service in SERVICES:
        eventually(lambda name=service: at_own_door(house, name, member, token) in REFUSED)
    took = time.monotonic() - began
    told(f"A7 {withdraw.__name__}, gateway and four own doors", 5, f"refused after {took:.2f} s")
    if LONG:
        assert took < 1.0


# A10 ------------------------------------------------------------------------------------------------


def test_nothing_may_be_set_that_is_not_ones_own(house):
    name = f"climber.{uuid.uuid4().hex[:6]}"
    rights = {"role": "Administrator", "role_id": 3, "confirmed": True, "permissions": 31, "id": 1, "ver": 99}
    rights |= {"second_factor": True, "password_hash": "x", "disabled": False, "version": 7, "post_count": 99}
    climber = Person(house, name, f"{name}@example.com")
    made = climber.post("/users/", email=climber.email, username=name, password=PASSWORD, **rights)
    assert made.status_code == 201
    assert (
        house.stranger().ask("GET", "/users/me", auth=(climber.email, PASSWORD)).json()["confirmed"] is False
    )
    climber.confirm()
    climber.sign_in()
    before = climber.get("/users/me").json()
    after = climber.patch("/users/me", **rights, username="root2", email="x@example.com").json()
    assert without_time(after) == without_time(before)
    assert (after["role"]["name"], after["post_count"]) == ("User", 0)
    assert climber.patch(f"/users/{after['id']}", role="Administrator").status_code == 403
    post = climber.post("/posts/", body="mine", author_id=1, id=99999, version=9, comment_count=5).json()
    assert post["author"]["id"] == after["id"]
    assert post["id"] != 99999


def without_time(account: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in account.items() if name != "last_seen"}


def test_the_same_parameter_twice_is_no_way_in(house):
    member = house.member("polluter")
    body = b'{"role": "User", "name": "one", "name": "two", "role": "Administrator"}'
    headers = {"Authorization": f"Bearer {member.token}", "Content-Type": "application/json"}
    answer = requests.patch(f"{house.url}/api/v1/users/me", data=body, headers=headers, timeout=20)
    assert (answer.json()["name"], answer.json()["role"]["name"]) == ("two", "User")
    assert member.get("/comments/?moderate=false&moderate=true").status_code in (200, 403)


def at_once(number: int, act: Any) -> list[Any]:
    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(act, range(number)))


def test_fifty_identical_requests_make_one_thing(house):
    name = f"twin.{uuid.uuid4().hex[:6]}"
    wanted = {"email": f"{name}@example.com", "username": name, "password": PASSWORD}
    doors = {
        name: f"http://127.0.0.1:{house.stack.ports[name]}/api/v1" for name in ("gateway", "auth", "posts")
    }

    def register(turn: int) -> int:
        at = doors["auth" if turn % 2 else "gateway"]
        return persistently(lambda: house.stranger().ask("POST", f"{at}/users/", json=wanted))

    made = at_once(50, register)
    assert Counter(made) == {201: 1, 409: 49}
    author, key = house.member("hasty"), uuid.uuid4().hex

    def publish(turn: int) -> int:
        headers = {"Authorization": f"Bearer {author.token}", "Idempotency-Key": key}
        at = doors["posts" if turn % 2 else "gateway"]
        return requests.post(f"{at}/posts/", json={"body": "once"}, headers=headers, timeout=20).status_code

    at_once(50, publish)
    assert author.get(f"/users/{author.id}/posts/").json()["count"] == 1
    told("A10 at once", 100, "one account, one post")


def persistently(act: Any) -> int:
    """Who is told to come back later comes back."""
    return eventually(lambda: status if (status := act().status_code) != 503 else None)


def test_a_code_shown_many_times_at_once_is_right_once(house):
    member = house.member("racer")
    secret = member.post("/users/me/second-factor/totp", password=PASSWORD).json()["secret"]
    app = pyotp.TOTP(secret)
    confirmed = member.put("/users/me/second-factor/totp", code=app.at(time.time() - 30))
    assert confirmed.status_code == 200
    code = app.at(time.time())

    def token(_: int) -> int:
        stranger = Person(house, "", "")
        return stranger.ask("POST", "/tokens/", json={"otp": code}, auth=(member.email, PASSWORD)).status_code

    found = Counter(at_once(8, token))
    told("A10 one code", 8, dict(found))
    assert found[200] == 1
    assert set(found) <= {200, 401, 429, 503}
