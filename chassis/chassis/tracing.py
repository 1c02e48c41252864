"""Traces (OpenTelemetry): one span for each request, sending and handling, from the edge to the last copy.

Off, and nothing of it loaded, unless `OTEL_EXPORTER_OTLP_ENDPOINT` names a collector (OTLP over HTTP). The
other variables of OpenTelemetry hold as its specification has them (`OTEL_TRACES_SAMPLER`, `OTEL_BSP_…`).
Needs the extra `traces` of this package. Spans hold patterns of routes, nothing of people.
"""

import os
from collections.abc import Sequence
from typing import Any

import orjson

VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
ADVICE = f"{VARIABLE} is set, but OpenTelemetry is not installed: pip install 'chassis[traces]'"
_tracer: Any = None


def configure(service: str) -> None:
    """Once in a process, for the first service in it."""
    global _tracer
    if _tracer is not None or not os.environ.get(VARIABLE):
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise SystemExit(f"{service}: cannot start: {ADVICE}") from None
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _tracer = provider.get_tracer("chassis")


class Span:
    """Something that takes time, as a part of a trace."""

    __slots__ = ("_span", "traceparent")

    def __init__(self, name: str, kind: str, parent: str) -> None:
        from opentelemetry.trace import SpanKind, set_span_in_context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        context = TraceContextTextMapPropagator()
        before = context.extract({"traceparent": parent}) if parent else None
        self._span = _tracer.start_span(name, before, SpanKind[kind])
        carried: dict[str, str] = {}
        context.inject(carried, set_span_in_context(self._span))
        self.traceparent = carried["traceparent"]

    def end(self, name: str = "", **attributes: Any) -> None:
        if name:
            self._span.update_name(name)
        for key, value in attributes.items():
            self._span.set_attribute(key.replace("__", "."), value)
        self._span.end()


def begin(name: str, kind: str, parent: str = "") -> Span | None:
    """A span below `parent` (W3C traceparent), or nothing while traces are off. `kind` is SERVER, PRODUCER or
    CONSUMER.
    """
    return Span(name, kind, parent) if _tracer is not None else None


def sending(rows: Sequence[Any]) -> list[Span]:
    """A span for each event that is about to be sent."""
    if _tracer is None:
        return []
    parents = [orjson.loads(bytes(row.body)).get("traceparent") or "" for row in rows]
    return [Span(f"send {row.type}", "PRODUCER", parent) for row, parent in zip(rows, parents, strict=True)]
