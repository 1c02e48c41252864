"""Gunicorn with its settings for every service: `python -m chassis.gunicorn "NAME.app:create_app()"`.

A loop that answers, and threads for what comes while it waits, because psycopg and SQLite wait in C. Where
several processes answer the application is loaded before the fork, so that they share its memory; one alone
has it for itself, in large pages. Connections are opened after the fork.
"""

import os
import sys
import tempfile

from . import hugepages

PORTS, PROCESSES, MOST_THREADS = 65_535, 64, 256


def number(name: str, otherwise: int, most: int) -> int:
    """What the environment says under this name; or the end, in one line that says what is wrong."""
    told = os.environ.get(name) or str(otherwise)
    if not (told.isdecimal() and 0 < int(told) <= most):
        raise SystemExit(f"cannot start: {name}={told} is not between 1 and {most}")
    return int(told)


port = number("PORT", 8000, PORTS)
bind = f"{os.environ.get('BIND', '127.0.0.1')}:{port}"
workers = number("WEB_CONCURRENCY", 1, PROCESSES)  # with none it would listen, and answer nobody
worker_class = "chassis.serving.PatientWorker"
threads = number("WEB_THREADS", 8, MOST_THREADS)
worker_connections = 1024  # slow ones cost no thread; what comes beyond waits in the backlog
sendfile = False  # answers go out as they are taken, see chassis.serving
reuse_port = os.environ.get("REUSE_PORT") == "1"  # two of the same service on one machine share its port
preload_app = workers > 1 or reuse_port  # who shares a port listens only when it can answer
keepalive = 75
graceful_timeout = 20
timeout = 30
max_requests = 0
backlog = 512
limit_request_line = 8190
limit_request_fields = 64
limit_request_field_size = 8190
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108 # nosec B108 # gunicorn makes its own file
loglevel = "warning"
logger_class = "chassis.gunicorn_log.Lines"
control_socket_disable = True

if workers > 1 and "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="metrics-")


def post_worker_init(worker: object) -> None:
    """After the fork, because threads do not survive it."""
    if not worker.cfg.preload_app:  # type: ignore[attr-defined] # else it would no longer be shared
        hugepages.collapse()
    if worker.cfg.worker_class_str == worker_class:  # type: ignore[attr-defined] # an event loop has no threads
        from chassis.metrics import LOOPS, THREADS

        THREADS.set(threads)
        LOOPS.set(1)
    verifier = getattr(worker.wsgi, "extensions", {}).get("verifier")  # type: ignore[attr-defined]
    if verifier is not None:
        verifier.keys.keep_fresh()


def child_exit(server: object, worker: object) -> None:
    """A worker that ended no longer counts in the live gauges."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid)  # type: ignore[attr-defined, no-untyped-call]


def run(settings: str) -> None:
    """Gunicorn with the settings of a module. It reads WEB_CONCURRENCY as soon as it is imported, and ends
    with a page of text if that is no number; here it is looked at before.
    """
    if not os.environ.get("WEB_CONCURRENCY"):
        os.environ.pop("WEB_CONCURRENCY", None)
    from gunicorn.app.wsgiapp import run as serve

    sys.argv[1:1] = ["-c", f"python:{settings}"]
    serve()


if __name__ == "__main__":
    run("chassis.gunicorn")
