"""The gateway's own pages: the API documentation and the API document."""

from pathlib import Path

from flask import Blueprint, Response, render_template, send_from_directory

from chassis.access import public
from chassis.problems import NotFound

from .headers import PAGE_CSP

HERE = Path(__file__).parent
FILES = HERE / "static"
DAY = 86_400

pages = Blueprint("pages", __name__, template_folder="templates")


@pages.get("/api/docs")
@public()
def docs() -> Response:
    return _page("docs.html")


@pages.get("/api/docs/<file>")
@public()
def file(file: str) -> Response:
    if not (FILES / "docs" / file).is_file():
        raise NotFound
    return send_from_directory(FILES / "docs", file, max_age=DAY)


@pages.get("/api/v1/openapi.json")
@public()
def api_document() -> Response:
    return send_from_directory(FILES, "openapi.json", mimetype="application/json", max_age=60)


def _page(template: str) -> Response:
    response = Response(render_template(template), mimetype="text/html")
    response.headers["Content-Security-Policy"] = PAGE_CSP
    response.headers["Cache-Control"] = "no-cache"
    return response
