"""One PostgreSQL and one RabbitMQ for a whole test run; `--stack` chooses which stacks the tests run on."""

import _thread
import atexit
import gc
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from chassis.testing.parts import (
    POSTGRES_VARIABLE,
    RABBITMQ_API_VARIABLE,
    RABBITMQ_VARIABLE,
    PartMissing,
    Postgres,
    RabbitMQ,
    Server,
    part_folder,
)

STACKS = ("embedded", "real")
WHOLE_BLOGS = [Path(__file__).parent / "tests" / name for name in ("system", "browser", "parts")]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--stack",
        choices=(*STACKS, "both"),
        default="both",
        help="embedded: SQLite and the bus in a file, starts nothing; real: PostgreSQL and RabbitMQ",
    )
    parser.addoption(
        "--service", help="of tests/contract only the rules of the house and what names this service"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The other services' agreements are no business of who works on one service."""
    second_try_for_whole_blogs(items)
    keep(config, items, exists)
    service = config.option.service
    if service:
        keep(config, items, lambda item: "test_house" in item.nodeid or service in item.nodeid)


def keep(config: pytest.Config, items: list[pytest.Item], chosen: Callable[[pytest.Item], bool]) -> None:
    config.hook.pytest_deselected(items=[item for item in items if not chosen(item)])
    items[:] = filter(chosen, items)


def exists(item: pytest.Item) -> bool:
    """What only servers have, roles or a pooler, is no test of files."""
    return item.get_closest_marker("only_real") is None or item.callspec.params["stack"] == "real"


def second_try_for_whole_blogs(items: list[pytest.Item]) -> None:
    """On a busy machine a deadline may pass that has nothing to do with what is tried. The summary counts
    each second try. The long forms have the machine to themselves, and none.
    """
    if "long" in (os.environ.get("FAULTS"), os.environ.get("ABUSE"), os.environ.get("ROLLING")):
        return
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in WHOLE_BLOGS):
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "only_real: a test of servers, which does not exist on files")
    controls = not hasattr(config, "workerinput") and not config.option.collectonly
    if controls and config.option.stack != "embedded":
        config.pluginmanager.register(RealParts(), "real-parts")
    gc.disable()


def pytest_collection_finish() -> None:
    """Thousands of tests are there now, and stay: to look through them again and again took an eighth of all
    the time.
    """
    gc.freeze()
    gc.set_threshold(50_000)
    gc.enable()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `stack` runs once on each stack of this run."""
    if "stack" in metafunc.fixturenames:
        chosen = metafunc.config.option.stack
        metafunc.parametrize("stack", STACKS if chosen == "both" else [chosen], scope="session")


class RealParts:
    """Starts both servers while tests are collected (asking for a database waits for them), and ends them.

    xdist's workers inherit the addresses by the environment. An address that is set already is used as it is.
    """

    def __init__(self) -> None:
        self.folder = part_folder()
        self.failures: list[str] = []
        self.servers = self._servers()
        self.starts = [Thread(target=self._start, args=[server]) for server in self.servers]
        atexit.register(self.end)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # end in order, as for Ctrl-C
        for start in self.starts:
            start.start()

    def _servers(self) -> list[Server]:
        servers: list[Server] = []
        try:
            if POSTGRES_VARIABLE not in os.environ:
                Postgres.require()
                servers.append(postgres := Postgres(self.folder / "postgres"))
                os.environ[POSTGRES_VARIABLE] = postgres.address
            if RABBITMQ_VARIABLE not in os.environ:
                RabbitMQ.require()
                servers.append(rabbitmq := RabbitMQ(self.folder / "rabbitmq"))
                os.environ[RABBITMQ_VARIABLE] = rabbitmq.address
                os.environ[RABBITMQ_API_VARIABLE] = rabbitmq.api
        except PartMissing as missing:
            raise pytest.UsageError(f"{missing} (or run with --stack=embedded)") from None
        return servers

    def _start(self, server: Server) -> None:
        try:
            server.start()
        except Exception as error:
            self.failures.append(str(error))
            _thread.interrupt_main()

    def pytest_report_header(self) -> str:
        return f"real parts in {self.folder}" if self.servers else "real parts given by environment"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for failure in self.failures:
            terminalreporter.line(failure, red=True)

    def pytest_unconfigure(self) -> None:
        self.end()

    def end(self) -> None:
        """Nobody needs the data any more, so the servers are killed: stopping RabbitMQ takes seconds."""
        for start, server in zip(self.starts, self.servers, strict=True):
            start.join()
            server.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
