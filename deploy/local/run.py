"""`make run`: the whole blog on this machine until Ctrl-C."""

import json
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from contextlib import closing
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, TextIO, cast

from honcho.manager import Manager
from honcho.printer import Message, Printer

from auth.fake import PASSWORD_OF_ALL

from . import seed
from .stack import ADDRESS, ENV_FILE, ROOT, Stack, StackError, is_for_compose

LULL, LONGEST_PAUSE = 60.0, 30.0  # seconds
LOG_BYTES, OLDER_LOGS = 10_000_000, 4


class Processes(Manager):
    """honcho, safe against a Ctrl-C that comes before it has started everything. Once the blog is ready,
    whatever ends is started again; what ends before that ends all, because it cannot work as it was asked.
    """

    asked_to_end = ready = False

    def terminate(self) -> None:
        self.asked_to_end = self._printer.silent = True
        if super()._all_started():
            super().terminate()

    def _all_started(self) -> bool:
        started: bool = super()._all_started()
        if started and self.asked_to_end:
            super().terminate()
        return started

    def _system_print(self, data: str) -> None:
        if self.asked_to_end or not self.ready or " stopped " not in data:  # ours says more
            super()._system_print(data)

    def _any_stopped(self) -> bool:
        """honcho asks ten times a second, and ends everything at a yes."""
        if self.asked_to_end or not self.ready:
            stopped: bool = super()._any_stopped()
            return stopped
        for name, process in self._processes.items():
            if process.get("returncode") is not None:
                self._revive(name, process)
        return False

    def _revive(self, name: str, process: dict[str, Any]) -> None:
        """Starts it again: at once, then 1, 3, 7, … up to 30 seconds later if it ends again and again."""
        at = time.monotonic()
        if "due" not in process:
            recent = process["starts"] = [each for each in process.get("starts", []) if at - each < LULL]
            process["due"] = at + min(2 ** len(recent) - 1, LONGEST_PAUSE)
            pause = f" in {process['due'] - at:.0f} s" if recent else ""
            self._system_print(
                f"{name} ended ({reason(process['returncode'])}) and is started again{pause}\n"
            )
        if at >= process["due"]:
            process["starts"].append(at)
            del process["due"], process["returncode"]
            self.returncode, process["pid"] = None, None
            work = process["obj"].run
            process["process"] = multiprocessing.Process(name=name, target=work, args=(self.events, True))
            process["process"].start()


def reason(code: int) -> str:
    """`SIGKILL` or `status 3`; a shell in between adds 128 to the number of a signal."""
    number = -code if code < 0 else code - 128
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"status {code}"


class Rotated:
    """A log that begins anew when it is full and keeps some of those before, so that no disk fills."""

    def __init__(self, path: Path, most: int = LOG_BYTES) -> None:
        # Opened with the first line: a process that inherited it would keep a removed file on the disk.
        self._files = RotatingFileHandler(path, "a", most, OLDER_LOGS, encoding="utf-8", delay=True)

    def write(self, text: str) -> None:
        if line := text.removesuffix("\n"):  # `print` writes the end of a line by itself
            self._files.emit(logging.makeLogRecord({"msg": line}))

    def flush(self) -> None:
        """Each line is flushed as it is written."""

    def close(self) -> None:
        self._files.close()


class Quiet(Printer):
    """Every line goes to a file; the terminal shows only what a person should see, and no last words."""

    silent = False

    def __init__(self, log: Rotated) -> None:
        super().__init__(sys.stderr)
        self._log = Printer(cast(TextIO, log), colour=False)

    def write(self, message: Message) -> None:
        self._log.width = self.width
        self._log.write(message)
        if not self.silent and (
            remarkable(message.data) if message.name != "system" else ended(message.data)
        ):
            super().write(message)


def ended(line: str) -> bool:
    """That a process has ended is worth a line: it ends the blog, or it is started again."""
    return " stopped " in line or " started again" in line


def remarkable(line: bytes | str) -> bool:
    """Errors, and whatever is not one of our JSON lines. Warnings are ordinary while processes start."""
    try:
        return json.loads(line).get("level") not in ("debug", "info", "warning")
    except (ValueError, AttributeError):
        return bool(line.strip())


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        stack = Stack.asked_for()
        if is_for_compose(ENV_FILE):
            print("make run: .env is for docker-compose.yml; nothing of it is used here", file=sys.stderr)
        check_ports(stack)
        stack.prepare()
        return run(stack, seeded=stack.given.get("SEED", "1") != "0")
    except StackError as error:
        print(f"make run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def check_ports(stack: Stack) -> None:
    for name, port in stack.ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((ADDRESS, port))
            except OSError as error:
                raise StackError(
                    f"port {port} ({name}) cannot be used: {error.strerror}. "
                    f"Choose another first port: make run PORT={stack.port + 100}"
                ) from None


def run(stack: Stack, seeded: bool) -> int:
    """Runs every process until we are told to end; then ends them all."""
    with closing(Rotated(stack.logs / "blog.log")) as log:
        manager = Processes(Quiet(log))
        for name, process in stack.processes.items():
            manager.add_process(name, process.command, env=process.environment, cwd=str(ROOT))
        signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        told = Announcement(stack, seeded, manager)
        told.start()
        manager.loop()
    if manager.asked_to_end and manager.returncode in (130, 143) and not told.failed:
        print("\nStopped. What the blog keeps is in " + shown(stack.data), flush=True)
        return 143 if manager.returncode == 143 else 0
    return manager.returncode or 1


class Announcement(threading.Thread):
    """Waits until the blog is ready, fills an empty one, and says where everything is."""

    def __init__(self, stack: Stack, seeded: bool, manager: Processes) -> None:
        super().__init__(daemon=True)
        self.stack, self.seeded, self.manager, self.failed = stack, seeded, manager, False

    def run(self) -> None:
        try:
            self.stack.ready()
            demo = self.seeded and seed.seed(self.stack.url, self.stack.data, self.stack.administrator)
        except Exception as error:
            self.failed = True
            print(f"make run: {error}", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            self.manager.ready = True
            print(self.text(bool(demo)), flush=True)

    def text(self, demo: bool) -> str:
        url, data = self.stack.public_url, self.stack.data
        people = f"""
  sign in    {", ".join(f"{name}@example.com" for name in seed.PEOPLE)}
             or the administrator {self.stack.administrator}; password of all: {PASSWORD_OF_ALL}"""
        return f"""
Flasky is ready: {url}
  API docs   {url}/api/docs{people if demo else ""}
  mail       {shown(data / "mail")} holds what it sends
  log        {shown(self.stack.logs / "blog.log")}
Ctrl-C ends it."""


def shown(path: Path) -> str:
    """A path as short as it can be said here."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


if __name__ == "__main__":
    sys.exit(main())
