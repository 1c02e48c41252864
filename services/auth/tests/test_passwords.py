"""How passwords are kept, and how guessing and floods are held off."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from auth.app import Settings
from auth.passwords import Gate, Hasher, well_known
from chassis import deputy
from chassis.problems import Unavailable

from .states import password_of

GOOD = "kN3v-7sPq_xT2wLzR9dYb"


def guess(auth, username, address="192.0.2.1", password="wrong"):
    return auth.by_password(username, password, address)


def test_hashes_verify_and_differ():
    hasher = Hasher(8, 1)
    one, other = hasher.hashed("secret words"), hasher.hashed("secret words")
    assert one != other
    assert hasher.matches("secret words", one)
    assert not hasher.matches("secret word", one)
    assert not hasher.matches("secret words", "not a hash")
    assert not hasher.matches("nobody has this password", None)


def test_a_password_that_could_not_be_looked_at_is_not_a_wrong_one():
    hasher = Hasher(8, 1)
    needs_too_much = hasher.hashed("secret words").replace("m=8,", f"m={2**32 - 1},")
    with pytest.raises(Unavailable):
        hasher.matches("secret words", needs_too_much)


def test_a_hash_of_another_library_opens_too():
    """What libsodium made of these words."""
    kept = "$argon2id$v=19$m=8,t=1,p=1$of9hJjan5vdN3VJHGEEYoQ$Xarm/hsIOlWe4ydKqADs5xFyarImNS+DVTdx4YG4yRk"
    assert Hasher(8, 1).matches("secret words", kept)
    assert not Hasher(8, 1).matches("secret word", kept)


def test_whoever_hashes_says_that_it_takes_long(monkeypatch):
    """Or else the loop would find out after ten milliseconds, in which nobody is answered."""
    told = []
    monkeypatch.setattr(deputy, "mine", [SimpleNamespace(hurry=lambda: told.append("it takes long"))])
    hasher = Hasher(8, 1)
    hasher.matches("secret words", hasher.hashed("secret words"))
    assert told == ["it takes long"] * 2


MANY_HASH = """
import os
from concurrent.futures import ThreadPoolExecutor
from auth.passwords import Hasher

def memory():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

hasher, before = Hasher(8, 1), memory()
hasher = Hasher(19456, 1)
with ThreadPoolExecutor(8) as many:
    list(many.map(lambda _: hasher.hashed("x"), range(16)))
print(memory() - before)
"""


def test_what_hashing_takes_is_given_back():
    """Requests have many threads, and a heap that kept 19 MiB for each would keep it for ever."""
    as_it_runs = os.environ | {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4194304"}
    grown = subprocess.run([sys.executable, "-c", MANY_HASH], env=as_it_runs, capture_output=True, check=True)
    assert float(grown.stdout) < 19


def test_the_parameters_are_those_decided():
    hasher = Hasher(Settings().password_memory, Settings().password_rounds)
    assert hasher.hashed("x").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_only_tests_hash_cheaply():
    for environment in ("development", "production"):
        with pytest.raises(ValueError, match="PASSWORD_MEMORY"):
            Settings(
                environment=environment,
                password_memory=8,
                secret_key=GOOD,
                internal_secret=GOOD,
            )


@pytest.mark.parametrize("secret", ["", "secret", "hard to guess string", "short"])
def test_production_refuses_a_weak_secret_key_and_says_which(secret):
    with pytest.raises(ValueError, match="SECRET_KEY is missing or well known"):
        Settings(environment="production", secret_key=secret, internal_secret=GOOD)


def test_the_list_of_well_known_passwords():
    assert len(well_known()) > 500
    assert all(len(word) >= 8 and word == word.lower() for word in well_known())


def test_a_hash_with_old_parameters_is_renewed_when_its_password_is_shown(auth):
    auth.newcomer("susan")
    auth.app.extensions["hasher"] = Hasher(16, 1)
    assert auth.by_password("susan").status_code == 200
    assert "m=16,t=1" in auth.rows("users")[0]["password_hash"]
    assert auth.by_password("susan").status_code == 200


def test_an_old_hash_stays_while_too_many_wait(auth):
    auth.newcomer("susan")
    hasher = auth.app.extensions["hasher"] = Hasher(16, 1)

    class Closing(Gate):
        """Lets one in and nobody after."""

        def entered(self):
            self._places.acquire()
            return super().entered()

    hasher.gate = Closing(1, 1)
    assert auth.by_password("susan").status_code == 200
    assert "m=8,t=1" in auth.rows("users")[0]["password_hash"]


def test_few_are_let_in_and_few_wait():
    gate, inside, go = Gate(at_once=2, waiting=1, patience=5), threading.Semaphore(0), threading.Event()

    def enter(_):
        with gate.entered():
            inside.release()
            go.wait(5)

    with ThreadPoolExecutor(3) as pool:
        entering = [pool.submit(enter, n) for n in range(3)]
        inside.acquire(), inside.acquire()
        while gate._places._value:
            pass
        with pytest.raises(Unavailable):
            enter(4)
        assert not inside.acquire(blocking=False)
        go.set()
        assert [each.result() for each in entering] == [None] * 3


def test_nobody_waits_for_ever():
    gate = Gate(at_once=1, waiting=1, patience=0.01)
    with gate.entered(), pytest.raises(Unavailable) as refused, gate.entered():
        pass
    assert refused.value.headers["Retry-After"] == "2"
    with gate.entered():
        pass


def test_a_flood_is_told_to_come_back_and_costs_no_guess(auth):
    auth.newcomer("susan")
    hasher = auth.app.extensions["hasher"]
    open_gate, hasher.gate = hasher.gate, Gate(at_once=0, waiting=0)
    answers = [auth.by_password("susan") for _ in range(12)] + [auth.register("john")]
    hasher.gate = open_gate
    assert {(answer.status_code, answer.headers["Retry-After"]) for answer in answers} == {(503, "2")}
    assert auth.by_password("susan").status_code == 200


def test_ten_wrong_guesses_for_an_account_are_evaluated(auth):
    auth.newcomer("susan")
    statuses = [guess(auth, "susan", f"192.0.2.{n}").status_code for n in range(12)]
    right = auth.by_password("susan", address="198.51.100.1")
    assert statuses == [401] * 10 + [429] * 2
    assert right.status_code == 429
    assert 0 < int(right.headers["Retry-After"]) <= 901
    assert auth.sign_in("susan").status_code == 429


def test_an_unknown_account_is_throttled_alike(auth):
    statuses = [guess(auth, "nobody", f"192.0.2.{n}").status_code for n in range(12)]
    assert statuses == [401] * 10 + [429] * 2


@pytest.mark.parametrize("address", ["192.0.2.{}", "2001:db8::{}", "strange {}"])
def test_ten_wrong_guesses_from_an_address_are_evaluated(auth, address):
    auth.newcomer("susan")
    one = address.format(1)
    statuses = [guess(auth, f"name{n}", one).status_code for n in range(11)]
    neighbour = auth.by_password("susan", address=address.format(2)).status_code
    assert statuses == [401] * 10 + [429]
    assert neighbour == (429 if ":" in address else 200)


def test_many_guesses_at_once_do_not_slip_through(auth):
    auth.newcomer("susan")
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda n: guess(auth, "susan", f"192.0.2.{n}").status_code, range(24)))
    assert statuses.count(401) == 10
    assert statuses.count(429) == 14


def test_the_right_password_costs_nothing(auth):
    auth.newcomer("susan")
    assert {auth.by_password("susan").status_code for _ in range(15)} == {200}
    assert {row["moments"].strip() for row in auth.rows("guesses", "key NOT LIKE 'used:%'")} == {""}


def test_many_right_passwords_at_once_do_not_stand_in_each_others_way(auth):
    auth.newcomer("susan")
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: auth.by_password("susan").status_code, range(64)))
    assert set(statuses) == {200}


def test_a_right_password_costs_five_statements(auth, stack):
    """Its tries so far, this one, the account, whether the log has it, and that it was no guess. On SQLite
    the beginning of each of the two transactions is one more.
    """
    auth.newcomer("susan")
    for _ in range(2):
        auth.by_password("susan")
    assert auth.statements(lambda: auth.by_password("susan")) == {"real": 5, "embedded": 7}[stack]


def test_guesses_are_forgotten_after_a_quarter_of_an_hour(auth):
    auth.newcomer("susan")
    for _ in range(10):
        guess(auth, "susan")
    auth.change("UPDATE guesses SET moments = '1000000000.0 1000000001.0'")
    assert auth.by_password("susan").status_code == 200


@pytest.mark.parametrize("minutes", [14, 61])
def test_a_window_is_never_longer_than_its_tries_are_kept(minutes):
    """They go when the last of them is an hour old: whoever waited that long would have ten new ones."""
    with pytest.raises(ValueError, match="guess_minutes"):
        Settings(guess_minutes=minutes)


def test_a_signed_in_person_is_throttled_too(auth):
    auth.newcomer("susan")
    susan = auth.signed_in("susan")
    sent = {"old_password": "wrong", "password": "another good one"}
    statuses = [susan.put("/api/v1/users/me/password", json=sent).status_code for _ in range(11)]
    assert statuses == [400] * 10 + [429]


def test_no_address_is_kept_of_guesses(auth):
    guess(auth, "susan")
    assert "susan" not in str(auth.rows("guesses"))
    assert password_of("susan") not in str(auth.rows("guesses"))


def test_right_passwords_leave_nothing_among_the_guesses(auth):
    auth.newcomer("susan")
    for _ in range(3):
        auth.by_password("susan")
        auth.by_password("susan", "wrong")
    wrong = [len(row["moments"].split(" ")) for row in auth.rows("guesses", "key LIKE 'account:%'")]
    assert wrong == [3]


def test_ipv4_in_the_clothes_of_ipv6_is_not_one_address(auth):
    auth.newcomer("susan")
    for last in range(10):
        auth.by_password("john", "wrong", address=f"::ffff:192.0.2.{last}")
    assert auth.by_password("susan", address="::ffff:198.51.100.7").status_code == 200


def test_an_international_domain_is_found_as_it_was_typed(auth):
    typed = "ann@bücher.example"
    assert auth.register("ann", email=typed).status_code == 201
    shown = {"password": password_of("ann"), "address": "192.0.2.1"}
    assert auth.exchange(kind="password", email=typed, **shown).status_code == 200
    assert auth.exchange(kind="password", email="ann@XN--bcher-kva.example", **shown).status_code == 200
    assert auth.confirm("ann@xn--bcher-kva.example").status_code == 200
    assert auth.anonymous().post("/api/v1/users/reset", json={"email": typed}).status_code == 202
    assert "/auth/reset/" in auth.mails("ann@xn--bcher-kva.example")[-1]
    assert auth.register("ben", email="bén@bücher.example").status_code == 400  # mail servers differ on that
