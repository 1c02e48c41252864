"""The floor: a view of Flask's that gives the same bytes, under the same server as the services."""

import gc
import os
from pathlib import Path

from flask import Flask, Response


def create_app() -> Flask:
    """FLOOR is a file with the bytes; FLOOR_TYPE their type."""
    app = Flask("floor")
    content, kind = Path(os.environ["FLOOR"]).read_bytes(), os.environ["FLOOR_TYPE"]

    @app.get("/")
    def same() -> Response:
        return Response(content, content_type=kind)

    gc.freeze()  # as `create_service` does
    gc.enable()
    return app
