"""How a worker loads its application, if the server has not done so before the fork."""

import sys

from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker


class Loads(Worker):
    def load_wsgi(self) -> None:
        """Settings that cannot work end the server with their one line: it would start workers for ever."""
        try:
            super().load_wsgi()
        except SystemExit as stop:
            sys.stderr.write(f"{stop.code}\n")
            sys.exit(Arbiter.APP_LOAD_ERROR)
