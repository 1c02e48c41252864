"""One trace from the click in a form to the copy in another service, at a collector of OTLP over HTTP."""

import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from chassis.testing.polling import eventually
from deploy.local.stack import Stack

from .blogs import ENVIRONMENT, free_block, surroundings
from .people import PASSWORD, Blog

Seen = tuple[str, str, str, str, str]


class Collector:
    """Keeps (trace, span, parent, service, name) of each span that is sent to it."""

    def __init__(self) -> None:
        self.spans: list[Seen] = []
        collector = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    raise AssertionError("nobody asked for gzip")
                collector.take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, sent: ExportTraceServiceRequest) -> None:
        for resource in sent.resource_spans:
            names = {item.key: item.value.string_value for item in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
                    self.spans.append((*ids, names["service.name"], span.name))

    def trace_with(self, service: str, name: str) -> list[Seen]:
        [trace] = {span[0] for span in self.spans if span[3:] == (service, name)} or {""}
        return [span for span in self.spans if span[0] == trace]


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.server.shutdown()


def post_by_form(blog: Blog, email: str, body: str) -> None:
    """As a browser does: sign in, open the page, send its form."""
    browser = requests.Session()
    browser.trust_env = False
    for path, form in (("/auth/login", {"email": email, "password": PASSWORD}), ("/", {"body": body})):
        page = browser.get(blog.url + path, timeout=20).text
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)[1]
        headers = {"Origin": blog.stack.public_url}
        sent = {**form, "csrf_token": token}
        answer = browser.post(blog.url + path, data=sent, headers=headers, timeout=20, allow_redirects=False)
        assert answer.status_code in (302, 303), answer.text


def test_a_click_is_one_trace_through_every_service_and_the_bus(stack, collector, tmp_path):
    port = free_block()
    told = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.address,
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    with Stack(port, tmp_path, ENVIRONMENT | surroundings(stack) | told) as running:
        blog = Blog(running)
        ann = blog.member("ann")
        post_by_form(blog, ann.email, "traced")
        fact = "posts.post_published.v1"
        wanted = {
            ("gateway", "POST /"),
            ("web", "POST /"),
            ("posts", "POST /api/v1/posts/"),
            ("posts", f"send {fact}"),
            ("social", f"handle {fact}"),
        }
        trace = eventually(
            lambda: (
                (found := collector.trace_with("social", f"handle {fact}"))
                and wanted <= {span[3:] for span in found}
                and found
            ),
            within=20,
        )
    parents = {span[3:]: span[2] for span in trace}
    ids = {span[3:]: span[1] for span in trace}
    assert parents["gateway", "POST /"] == ""
    assert parents["web", "POST /"] == ids["gateway", "POST /"]
    assert parents["posts", "POST /api/v1/posts/"] == ids["web", "POST /"]
    assert parents["posts", f"send {fact}"] == ids["posts", "POST /api/v1/posts/"]
    assert parents["social", f"handle {fact}"] == ids["posts", "POST /api/v1/posts/"]
