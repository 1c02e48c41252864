"""What gunicorn itself says, of processes that end or hang: a JSON object a line, as everybody else's."""

import json
import logging
import time
from typing import Any

from gunicorn.glogging import Logger


class OneLine(logging.Formatter):
    """As `chassis.logs` has it, but with nothing loaded: gevent patches what it finds after the fork."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


class Lines(Logger):
    """Gunicorn's own form names the process, which records do not hold here: each line was a traceback."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        service = str(cfg.default_proc_name).partition(".")[0]  # of "NAME.app:create_app()"
        for handler in self.error_log.handlers:
            handler.setFormatter(OneLine(service))
