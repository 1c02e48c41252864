"""The servers that tests own: they start, survive a kill with their data, and keep tests apart."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pika
import psycopg
import pytest
from pika.exceptions import ChannelClosedByBroker, ProbableAccessDeniedError

from chassis.testing.parts import (
    PartFailed,
    PartMissing,
    Postgres,
    RabbitMQ,
    Server,
    free_port,
    free_ports,
    part_folder,
    reserve,
)

# RabbitMQ needs seconds to start: one worker runs them all.
pytestmark = pytest.mark.xdist_group("parts")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    folder = part_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def postgres(folder: Path) -> Iterator[Postgres]:
    server = Postgres(folder / "postgres")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def rabbitmq(folder: Path) -> Iterator[RabbitMQ]:
    server = RabbitMQ(folder / "rabbitmq")
    server.start()
    yield server
    server.kill()


def connection(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def write(url: str, text: str) -> None:
    with connection(url) as rows:
        rows.execute("CREATE TABLE IF NOT EXISTS notes (text text)")
        rows.execute("INSERT INTO notes VALUES (%s)", [text])


def read(url: str) -> list[str]:
    with connection(url) as rows:
        return [text for (text,) in rows.execute("SELECT text FROM notes")]


def publish(url: str, queue: str, body: bytes) -> None:
    with pika.BlockingConnection(pika.URLParameters(url)) as broker:
        channel = broker.channel()
        channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
        channel.confirm_delivery()
        channel.basic_publish("", queue, body, pika.BasicProperties(delivery_mode=2), mandatory=True)


def take(url: str, queue: str) -> bytes | None:
    with pika.BlockingConnection(pika.URLParameters(url)) as broker:
        return broker.channel().basic_get(queue, auto_ack=True)[2]


def accounts_of(server: Server) -> set[int]:
    return {Path(f"/proc/{child.pid}").stat().st_uid for child in server._children}


def children() -> set[int]:
    own = Path("/proc/self/task").glob("*/children")
    return {int(pid) for listing in own for pid in listing.read_text().split()}


def test_two_databases_from_one_template_are_apart(postgres: Postgres):
    postgres.template("form", lambda url: write(url, "from the template"))
    ann, bob = postgres.database("ann", template="form"), postgres.database("bob", template="form")
    write(ann, "from ann")
    assert (read(ann), read(bob)) == (["from the template", "from ann"], ["from the template"])


def test_a_template_is_filled_once(postgres: Postgres):
    filled: list[str] = []
    for _ in range(2):
        postgres.template("once", filled.append)
    assert len(filled) == 1


def test_a_template_whose_filling_failed_is_filled_again(postgres: Postgres):
    def fail(url: str) -> None:
        write(url, "half")
        raise LookupError

    with pytest.raises(LookupError):
        postgres.template("flawed", fail)
    postgres.template("flawed", lambda url: write(url, "whole"))
    assert read(postgres.database("mended", template="flawed")) == ["whole"]


def test_a_dropped_database_is_gone_although_somebody_is_connected(postgres: Postgres):
    url = postgres.database("busy")
    with connection(url):
        postgres.drop("busy")
    with pytest.raises(psycopg.OperationalError):
        connection(url)


def test_a_killed_postgres_starts_again_with_its_data(postgres: Postgres):
    url = postgres.database("kept")
    write(url, "still here")
    postgres.kill()
    assert not postgres.running
    postgres.start()
    assert read(url) == ["still here"]


def test_a_stopped_postgres_starts_again_with_its_data(postgres: Postgres):
    url = postgres.database("rested")
    write(url, "still here")
    postgres.stop()
    postgres.start()
    assert read(url) == ["still here"]


def test_virtual_hosts_are_apart(rabbitmq: RabbitMQ):
    ann, bob = rabbitmq.vhost(), rabbitmq.vhost()
    publish(ann, "letters", b"for ann")
    with pytest.raises(ChannelClosedByBroker):
        take(bob, "letters")
    assert take(ann, "letters") == b"for ann"


def test_a_dropped_virtual_host_is_gone(rabbitmq: RabbitMQ):
    url = rabbitmq.vhost()
    rabbitmq.drop(url)
    rabbitmq.drop(url)
    with pytest.raises((ProbableAccessDeniedError, pika.exceptions.ConnectionClosedByBroker)):
        take(url, "letters")


def test_a_killed_rabbitmq_starts_again_with_its_messages(rabbitmq: RabbitMQ):
    url = rabbitmq.vhost("kept")
    publish(url, "letters", b"still here")
    rabbitmq.settle()
    rabbitmq.kill()
    assert not rabbitmq.running
    rabbitmq.start()
    assert take(url, "letters") == b"still here"


def test_servers_run_as_an_account_without_rights(postgres: Postgres, rabbitmq: RabbitMQ):
    assert 0 not in accounts_of(postgres) | accounts_of(rabbitmq)


def test_nothing_is_left_of_a_killed_server(folder: Path):
    before = children()
    server = Postgres(folder / "brief")
    server.start()
    assert children() > before
    server.kill()
    assert children() == before


def test_missing_programs_are_named_by_their_package(monkeypatch: pytest.MonkeyPatch, folder: Path):
    monkeypatch.setattr(RabbitMQ, "program", Path("/nowhere"))
    with pytest.raises(PartMissing, match="apt-get install rabbitmq-server"):
        RabbitMQ(folder / "none").start()


def test_a_server_that_cannot_start_shows_its_log(postgres: Postgres, folder: Path):
    second = Postgres(folder / "second")
    second.port = postgres.port
    with pytest.raises(PartFailed, match=r"(?s)ended at once.*Address already in use"):
        second.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs servers as somebody else")
def test_a_folder_that_keeps_others_out_is_refused(tmp_path: Path):
    with pytest.raises(PartFailed, match="keeps other accounts out"):
        Postgres(tmp_path / "postgres").start()


def test_a_port_is_given_to_one_test_only():
    """Also before anybody listens there, and also to another process."""
    mine = free_port()
    other = "from chassis.testing.parts import reserve; import sys; sys.exit(reserve([int(sys.argv[1])]))"
    assert subprocess.run([sys.executable, "-c", other, str(mine)]).returncode == 0
    assert not reserve([mine])
    assert len({free_port() for _ in range(50)}) == 50


def test_neighbouring_ports_are_taken_together_or_not_at_all():
    block = free_ports(14, [0, 13])
    assert (len(block), reserve([block[0]]), reserve([block[13]])) == (14, False, False)
    assert not reserve([block[5], block[13]])
    assert reserve([block[5]])
