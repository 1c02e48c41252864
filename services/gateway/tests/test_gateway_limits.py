"""How much one address may ask for, by class; in memory and in Redis."""

import base64
import socket
import threading

import pytest

from chassis.marks import marked
from gateway.limits import COSTLY, LIMITS, Memory, Policy, network
from gateway.settings import Settings
from gateway.table import ROUTES

from .neighbours import SECRET
from .site import Site

FEW = "3/month"  # a window that no test crosses
POSTS, LOGIN = "/api/v1/posts/", "/auth/login"
JSON = {"Content_Type": "application/json"}


@pytest.fixture(scope="session")
def strict_site(ending):
    """A gateway with three of everything for each address; addresses are what the proxy in front says."""
    names = [f"LIMIT_{name.replace('-', '_').upper()}" for name in LIMITS]
    site = Site(settings=dict.fromkeys(names, FEW) | {"TRUSTED_HOPS": "1"})
    site.start()
    ending.append(site)
    return site


@pytest.fixture
def address(request) -> str:
    """One that no other test comes from."""
    return f"198.51.{hash(request.node.nodeid) % 256}.{abs(hash(request.node.nodeid)) // 256 % 256}"


def form(site, path, address, **headers):
    return site.ask("POST", path, b"a=b", X_Forwarded_For=address, **headers)


def test_every_answer_says_what_is_left(strict_site, address):
    got = strict_site.get("/explore", X_Forwarded_For=address)
    assert got.headers["RateLimit-Limit"] == "3"
    assert got.headers["RateLimit-Remaining"] == "2"
    assert got.headers["RateLimit-Policy"] == '3;w=2592000;comment="reads"'
    assert 0 < int(got.headers["RateLimit-Reset"]) <= 2592001


def test_the_fourth_read_is_refused_and_told_when_to_come_back(strict_site, address):
    got = [strict_site.get(POSTS, X_Forwarded_For=address) for _ in range(4)]
    assert [one.status for one in got] == [401, 401, 401, 429]
    assert got[3].problem["message"].startswith("Too many requests from your network.")
    assert got[3].headers["Retry-After"] == got[3].headers["RateLimit-Reset"]
    assert got[3].headers["RateLimit-Remaining"] == "0"
    assert strict_site.get(POSTS, X_Forwarded_For="198.51.100.250").status == 401


def test_people_get_a_page(strict_site, address):
    for _ in range(4):
        got = strict_site.get("/", X_Forwarded_For=address, Accept="text/html")
    assert got.status == 429
    assert b"Too many requests" in got.body


def test_what_is_refused_costs_no_service_anything(strict_site, address):
    before = len(strict_site.web.asked)
    for _ in range(5):
        form(strict_site, "/auth/register", address)
    assert len(strict_site.web.asked) - before == 3


def test_what_a_person_writes_is_counted_in_bytes_from_wherever(new_site):
    """And nothing of what is only looked at, or of what others write."""
    site = new_site(limit_text="1000/month", trusted_hops="1")
    ann, ben = site.auth.person(), site.auth.person()
    hosts = iter(range(256))

    def write(person, size, target=POSTS, method="POST"):
        headers = {"Authorization": site.as_(person), "X_Forwarded_For": f"192.0.2.{next(hosts)}"}
        return site.ask(method, target, b" " * size, **JSON, **headers)

    assert [write(ann, 500).status, write(ann, 500, f"{POSTS}1", "PUT").status] == [200, 200]
    assert [write(ann, 900, "/api/v1/preview").status, write(ben, 900).status] == [200, 200]
    before = len(site.posts.asked)
    refused = write(ann, 1)
    assert (refused.status, len(site.posts.asked)) == (429, before)
    assert refused.problem["message"].startswith("You have written very much")
    assert refused.headers["Retry-After"] == refused.headers["RateLimit-Reset"]
    assert refused.headers["RateLimit-Policy"] == '1000;w=2592000;comment="text"'
    assert site.get(POSTS, Authorization=site.as_(ann)).status == 200
    assert write(ann, 0, f"{POSTS}1", "DELETE").status == write(ann, 9, "/auth/logout").status == 200
    assert write(ann, 9, "/").status == 429


def test_each_class_has_its_own(strict_site, address):
    for path in ("/auth/login", "/auth/register", "/auth/reset", "/"):
        statuses = [form(strict_site, path, address).status for _ in range(4)]
        assert statuses == [200, 200, 200, 429], path
    assert strict_site.get("/", X_Forwarded_For=address).status == 200
    assert strict_site.metric('gateway_limited_total{limit="sign-in"}') >= 1


def test_addresses_that_do_not_exist_count_too(strict_site, address):
    statuses = [strict_site.get("/api/v1/nothing", X_Forwarded_For=address).status for _ in range(4)]
    assert statuses == [404, 404, 404, 429]


def test_each_new_password_is_a_sign_in_wherever_it_is_sent(strict_site, address):
    def with_password(n):
        pair = base64.b64encode(f"p{n}@example.com:wrong".encode()).decode()
        return strict_site.get(POSTS, X_Forwarded_For=address, Authorization=f"Basic {pair}").status

    assert [with_password(n) for n in range(3)] == [401] * 3
    assert (
        strict_site.get(POSTS, X_Forwarded_For=address).status == 429
    )  # as reads; so the next is of another
    other = f"{address}9"
    before = sum(strict_site.auth.exchanges.values())
    strict = [form(strict_site, LOGIN, other).status for _ in range(3)]
    pair = base64.b64encode(b"x@example.com:wrong").decode()
    refused = strict_site.get(POSTS, X_Forwarded_For=other, Authorization=f"Basic {pair}")
    assert (strict, refused.status) == ([200] * 3, 429)
    assert sum(strict_site.auth.exchanges.values()) == before


def test_a_password_that_was_good_a_moment_ago_is_no_sign_in(new_site):
    site = new_site(limit_sign_in=FEW)
    ann = site.auth.person()
    pair = base64.b64encode(f"{ann.email}:{ann.password}".encode()).decode()
    assert [site.get(POSTS, Authorization=f"Basic {pair}").status for _ in range(5)] == [200] * 5
    assert [form(site, LOGIN, "").status for _ in range(3)] == [200, 200, 429]


def test_a_known_browser_is_not_kept_out_by_its_network(strict_site, address):
    statuses = [form(strict_site, LOGIN, address).status for _ in range(4)]
    device = f"stale.{'0' * 32}~{marked(SECRET, 'device', 'abc-1' + address)}"
    known = [form(strict_site, LOGIN, address, Cookie=f"x=y; device={device}").status for _ in range(4)]
    forged = form(strict_site, LOGIN, address, Cookie=f"device=abc-2.{'0' * 32}")
    assert statuses == known == [200, 200, 200, 429]
    assert forged.status == 429


def test_addresses_are_believed_only_from_our_own_proxies(new_site):
    site = new_site(limit_reads=FEW)
    statuses = [site.get("/", X_Forwarded_For=f"192.0.2.{n}").status for n in range(4)]
    assert statuses == [200, 200, 200, 429]


def test_a_limit_can_be_off(new_site):
    site = new_site(limit_reads="off")
    got = site.get("/")
    assert got.headers["RateLimit-Limit"] is None


def test_a_limit_that_makes_no_sense_stops_the_start():
    with pytest.raises(ValueError, match="many"):
        Settings(limit_reads="many")


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("no:address", "no:address"),
    ],
)
def test_what_counts_as_one_address(address, counted):
    assert network(address) == counted


def test_memory_does_not_grow_with_addresses(monkeypatch):
    monkeypatch.setattr("gateway.limits.MOST_COUNTED", 2)
    memory, policy = Memory(), Policy("reads", 3, 60)
    assert [memory.add(policy, 1, who) for who in ("a", "b", "c", "d", "a")] == [1, 1, 1, 2, 2]
    assert memory.add(policy, 2, "a") == 1


def test_what_is_costly_is_in_the_table():
    assert set(COSTLY) <= {route.pattern for route in ROUTES}


# Redis ----------------------------------------------------------------------------------------------


class Redis:
    """As much of Redis as counting needs (RESP2): EVALSHA of one script, CLIENT, HELLO."""

    def __init__(self) -> None:
        self.counts: dict[bytes, int] = {}
        self.connections: list[socket.socket] = []
        self.port = 0
        self.start()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        try:
            while True:
                connection, _ = self.listener.accept()
                self.connections.append(connection)
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()
        except OSError:
            return

    def _serve(self, connection: socket.socket) -> None:
        reader = connection.makefile("rb")
        try:
            while line := reader.readline():
                words = [reader.read(int(reader.readline()[1:]) + 2)[:-2] for _ in range(int(line[1:]))]
                connection.sendall(self._answer(words))
        except OSError:
            return

    def _answer(self, words: list[bytes]) -> bytes:
        if words[0].upper() not in (b"EVALSHA", b"EVAL"):
            return b"-ERR unknown command\r\n" if words[0].upper() == b"HELLO" else b"+OK\r\n"
        key = words[3]
        self.counts[key] = self.counts.get(key, 0) + int(words[5])
        return b":%d\r\n" % self.counts[key]


def test_gateways_share_their_counts_in_redis_and_stay_up_without_it(new_site, eventually):
    redis = Redis()
    told = {"limit_reads": "4/month", "ratelimit_storage_url": redis.url, "ratelimit_storage_seconds": "10"}
    one, other = (new_site(**told) for _ in range(2))
    assert [site.get("/").status for site in (one, other, one, other, one)] == [200] * 4 + [429]
    assert one.metric("gateway_limits_shared") == 1
    assert [key for key in redis.counts if b"reads" in key]
    one.ask("POST", POSTS, b" " * 500, Authorization=one.as_(one.auth.person()), **JSON)
    assert [count for key, count in redis.counts.items() if b"text" in key] == [500]
    redis.stop()
    assert [one.get("/").status for _ in range(5)] == [200] * 4 + [429]
    assert one.metric("gateway_limits_shared") == 0
    assert sum("Redis is away" in line for line in one.lines) < 5, "it is not asked each time"
    redis.start()
    eventually(lambda: one.get("/") and one.metric("gateway_limits_shared") == 1)


def test_many_known_browsers_of_one_account_are_not_many_people(strict_site, address):
    """Each sign-in that shows no mark gets one."""
    marks = [marked(SECRET, "device", f"owner{address}-{number}") for number in range(4)]
    known = [form(strict_site, LOGIN, address, Cookie=f"device={mark}").status for mark in marks]
    assert known == [200, 200, 200, 429]
