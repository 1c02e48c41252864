"""What a process in production waits for, and how it says so; a command says what is away and ends."""

import re
from pathlib import Path

import pytest
import requests

from chassis.testing.parts import Databases, Vhosts, free_port
from chassis.testing.polling import eventually

from .starting import COMMANDS, SERVE, health, last_words


def test_prepare_names_what_is_away_and_gives_up(started, good):
    nowhere = f"127.0.0.1:{free_port()}"
    for wrong, told in (
        ({"DATABASE_URL": f"postgresql://posts:hunter2@{nowhere}/posts"}, "the database does not answer"),
        ({"BUS_URL": f"amqp://posts:hunter2@{nowhere}/"}, "RabbitMQ: "),
    ):
        lines, code = last_words(started(COMMANDS["prepare"], good | wrong))
        assert (code, len(lines)) == (1, 1)
        assert re.search(rf"^Error: posts: {told}.*Check DATABASE_URL and BUS_URL", lines[0])


def test_an_audit_that_cannot_ask_an_owner_does_not_say_that_all_is_equal(started, good):
    assert last_words(started(COMMANDS["prepare"], good))[1] == 0
    lines, code = last_words(started("flask --app posts.app audit", good))
    assert (code, lines) == (1, ["Error: posts: not all was compared: AUTH_URL missing"])


@pytest.mark.parametrize("words", ["dead list", "resend", "backup FILE"])
def test_a_command_says_in_one_line_that_its_database_is_away(started, good, tmp_path, words):
    """An operator types it when something is wrong, which is mostly this."""
    away = {"DATABASE_URL": f"postgresql://posts:hunter2@127.0.0.1:{free_port()}/posts"}
    words = words.replace("FILE", str(tmp_path / "posts.backup"))
    lines, code = last_words(started(f"flask --app posts.app {words}", good | away))
    assert (code, len(lines)) == (1, 1), lines
    assert lines[0].startswith("Error: posts: the database does not answer, or refuses: connection")
    assert lines[0].endswith(". Check DATABASE_URL.")
    assert "hunter2" not in lines[0]


def test_resend_says_in_one_line_that_the_bus_is_away(started, good):
    assert last_words(started(COMMANDS["prepare"], good))[1] == 0
    away = good | {"BUS_URL": f"amqp://posts:hunter2@127.0.0.1:{free_port()}/"}
    lines, code = last_words(started("flask --app posts.app resend", away))
    assert (code, lines) == (1, ["Error: posts: RabbitMQ: AMQPConnectionError. Check BUS_URL."])


def test_prepare_waits_for_what_is_away(started, good):
    """It says so once for each try, and goes on when the address is right after all."""
    process = started(
        "flask --app posts.app prepare", good | {"BUS_URL": f"amqp://a:b@127.0.0.1:{free_port()}/"}
    )
    assert "trying again in 2 s" in process.stdout.readline() + process.stdout.readline()
    assert process.poll() is None


@pytest.mark.only_real
def test_a_wrong_password_of_the_database_is_told_by_prepare(started, good, stack):
    url = Databases.from_environment().database("posts_refused")
    wrong = re.sub(r"://([^:]+):[^@]+@", r"://\1:hunter2@", url)
    lines, code = last_words(started(COMMANDS["prepare"], good | {"DATABASE_URL": wrong}))
    assert (code, len(lines)) == (1, 1)
    assert "refuses the address or password" in lines[0]


@pytest.mark.parametrize("kind", ["api", "worker"])
def test_on_an_older_schema_a_process_waits_and_says_what_to_run(started, good, kind):
    started(COMMANDS[kind], good)
    port = "PORT" if kind == "api" else "WORKER_PORT"
    status, checks = eventually(lambda: health(good, port), within=30)
    assert status == 503
    assert re.fullmatch(r"the schema is at None, this code needs \d{4}: run prepare", checks["schema"])
    _, code = last_words(started(COMMANDS["prepare"], good))
    assert code == 0
    eventually(lambda: health(good, port)[0] == 200, within=30)


def test_without_its_bus_a_service_answers_and_says_so(started, good, stack):
    url = (
        good["DATABASE_URL"] if stack == "embedded" else Databases.from_environment().database("posts_alone")
    )
    there = Vhosts.from_environment().vhost() if stack == "real" else good["BUS_URL"]
    _, code = last_words(started(COMMANDS["prepare"], good | {"DATABASE_URL": url, "BUS_URL": there}))
    assert code == 0
    away = f"amqp://posts:hunter2@127.0.0.1:{free_port()}/"
    started(SERVE, good | {"DATABASE_URL": url, "BUS_URL": away})
    status, checks = eventually(lambda: health(good), within=30)
    assert (status, checks["bus"]) == (200, "the bus does not answer; events wait")


def test_a_server_of_several_processes_tells_what_each_of_them_takes(started, good):
    server = started(SERVE, good | {"WEB_CONCURRENCY": "2"})
    tasks = Path(f"/proc/{server.pid}/task/{server.pid}/children")
    eventually(lambda: health(good) and len(tasks.read_text().split()) == 2, within=30)
    family = {str(server.pid), *tasks.read_text().split()}

    def told():
        text = requests.get(f"http://127.0.0.1:{good['PORT']}/metrics", timeout=5).text
        return {
            name: dict(re.findall(rf'^process_{name}{{pid="(\d+)"}} (\S+)$', text, re.M))
            for name in ("resident_memory_bytes", "cpu_seconds_total", "open_fds")
        }

    values = eventually(lambda: (found := told())["open_fds"].keys() == family and found, within=30)
    assert all(found.keys() == family for found in values.values())
    assert all(
        float(value) > 0 for name in ("open_fds", "resident_memory_bytes") for value in values[name].values()
    )
    whole = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 for pid in family)
    assert sum(map(float, values["resident_memory_bytes"].values())) < whole, "what is shared counts once"
