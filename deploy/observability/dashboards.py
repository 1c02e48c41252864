"""Grafana's dashboards as code: an overview, one for each service, and one for events on their way.

Rate, errors and duration of what people ask; use, saturation and errors of each process.
"""

from typing import Any

Panel = dict[str, Any]
SERVICES = ("auth", "posts", "social", "gateway", "web")
WIDTH, HEIGHT, ROW = 8, 8, 24
SOURCE = {"type": "prometheus", "uid": "prometheus"}
FACTS = {
    "Accounts registered": "auth.user_registered.v1",
    "Posts published": "posts.post_published.v1",
    "Comments published": "posts.comment_published.v1",
    "People followed": "social.user_followed.v1",
}


def panel(title: str, unit: str, *queries: tuple[str, str]) -> Panel:
    """A graph; each query with the legend of its lines."""
    targets = [
        {"refId": chr(65 + number), "expr": query, "legendFormat": legend, "datasource": SOURCE}
        for number, (query, legend) in enumerate(queries)
    ]
    custom = {"drawStyle": "line", "fillOpacity": 10, "showPoints": "never"}
    return {
        "title": title,
        "type": "timeseries",
        "datasource": SOURCE,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0, "custom": custom}, "overrides": []},
        "targets": targets,
    }


def dashboard(name: str, title: str, panels: list[Panel]) -> dict[str, Any]:
    placed = [
        one
        | {
            "id": number + 1,
            "gridPos": {
                "x": number * WIDTH % ROW,
                "y": number * WIDTH // ROW * HEIGHT,
                "w": WIDTH,
                "h": HEIGHT,
            },
        }
        for number, one in enumerate(panels)
    ]
    return {
        "uid": f"flasky-{name}",
        "title": title,
        "tags": ["flasky"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "panels": placed,
    }


def quantile(share: str, metric: str, by: str, of: str) -> str:
    return f"histogram_quantile({share}, sum by ({by}le) (rate({metric}_bucket{{{of}}}[$__rate_interval])))"


def rate(metric: str, of: str = "", by: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{{{of}}}[$__rate_interval]))"


def of_all(metric: str, of: str) -> str:
    """Of all processes of a server together."""
    return f"sum by (instance, process) ({metric}{{{of}}})"


def share_of_errors(of: str) -> str:
    failed = rate("http_requests_total", f'{of}status=~"5.."', "service")
    every = rate("http_requests_total", of, "service")
    return f"({failed} or 0 * {every}) / {every}"


def overview() -> list[Panel]:
    gateway = 'service="gateway"'
    return [
        panel("Requests", "reqps", (rate("http_requests_total", gateway, "status"), "{{status}}")),
        panel("Share that fails", "percentunit", (share_of_errors(""), "{{service}}")),
        panel(
            "Time to the answer",
            "s",
            *((quantile(q, "http_request_duration_seconds", "", gateway), name) for q, name in quantiles()),
        ),
        *(
            panel(
                title, "short", (f'sum(increase(events_recorded_total{{type="{fact}"}}[1h]))', "in an hour")
            )
            for title, fact in FACTS.items()
        ),
        panel(
            "Oldest unsent event", "s", ("max by (service) (outbox_oldest_unsent_age_seconds)", "{{service}}")
        ),
        panel("Mails", "s", ("max(mails_oldest_queued_age_seconds)", "oldest waits")),
        panel("Removals", "s", ("max(removals_oldest_waiting_age_seconds)", "oldest waits")),
        panel(
            "How it was learnt who asks", "reqps", (rate("gateway_identities_total", "", "way"), "{{way}}")
        ),
        panel(
            "Processes that answer", "short", ("sum by (service, process) (up)", "{{service}} {{process}}")
        ),
        panel("Refused by limits", "reqps", (rate("gateway_limited_total", "", "limit"), "{{limit}}")),
    ]


def quantiles() -> list[tuple[str, str]]:
    return [("0.5", "median"), ("0.95", "95 %"), ("0.99", "99 %")]


def service(name: str) -> list[Panel]:
    of = f'service="{name}"'
    own = [
        panel(
            "Requests by route",
            "reqps",
            (rate("http_requests_total", of, "method, route"), "{{method}} {{route}}"),
        ),
        panel(
            "Errors by route",
            "reqps",
            (rate("http_requests_total", f'{of},status=~"5.."', "route, status"), "{{status}} {{route}}"),
        ),
        panel(
            "Time to the answer by route, 95 %",
            "s",
            (quantile("0.95", "http_request_duration_seconds", "route, ", of), "{{route}}"),
        ),
        panel(
            "CPU",
            "short",
            (rate("process_cpu_seconds_total", of, "instance, process"), "{{process}} {{instance}}"),
        ),
        panel("Memory", "bytes", (of_all("process_resident_memory_bytes", of), "{{process}} {{instance}}")),
        panel(
            "Requests at once, of what is possible",
            "percentunit",
            (f"http_requests_in_progress{{{of}}} / (http_threads{{{of}}} > 0)", "{{instance}}"),
        ),
        panel("Open files", "short", (of_all("process_open_fds", of), "{{process}} {{instance}}")),
    ]
    return own + {"gateway": upstreams(), "web": [], "auth": data(name) + duties()}.get(name, data(name))


def data(name: str) -> list[Panel]:
    of = f'service="{name}"'
    return [
        panel(
            "Time in which the loop computes",
            "percentunit",
            (
                rate("http_loop_busy_seconds_total", of, "instance")
                + f" / sum by (instance) (http_loops{{{of}}} > 0)",
                "{{instance}}",
            ),
        ),
        panel(
            "Database connections in use",
            "percentunit",
            (f"database_connections_in_use{{{of}}} / database_connections{{{of}}}", "{{pool}} {{instance}}"),
        ),
        panel("Database answers", "short", (f"min by (instance) (database_up{{{of}}})", "{{instance}}")),
        panel("What happened", "short", (rate("events_recorded_total", of, "type"), "{{type}}")),
        panel(
            "Rows whose time to be kept was over",
            "short",
            (rate("rows_forgotten_total", of, "table"), "{{table}}"),
        ),
    ]


def duties() -> list[Panel]:
    """What auth owes people."""
    return [
        panel("Mails given up in two hours", "short", ("max(mails_failed)", "given up")),
        panel("Accounts being removed", "short", ("max(removals_waiting)", "waiting")),
    ]


def upstreams() -> list[Panel]:
    return [
        panel(
            "Tries by service",
            "reqps",
            (rate("gateway_upstream_tries_total", "", "upstream, outcome"), "{{upstream}} {{outcome}}"),
        ),
        panel(
            "Second tries", "reqps", (rate("gateway_upstream_retries_total", "", "upstream"), "{{upstream}}")
        ),
        panel(
            "Time to a service's answer, 95 %",
            "s",
            (quantile("0.95", "gateway_upstream_seconds", "upstream, ", ""), "{{upstream}}"),
        ),
        panel(
            "Refused for want of room", "reqps", (rate("gateway_shed_total", "", "upstream"), "{{upstream}}")
        ),
        panel("Left alone", "short", ("max by (upstream) (gateway_breaker_open)", "{{upstream}}")),
        panel(
            "Changes of rights, since last read",
            "s",
            ("time() - gateway_changes_read_seconds", "{{instance}}"),
        ),
        panel("Limits counted together", "short", ("gateway_limits_shared", "{{instance}}")),
    ]


def events() -> list[Panel]:
    return [*journey(), *outcome()]


def journey() -> list[Panel]:
    """An event's way, hop by hop."""
    return [
        panel("What happened", "short", (rate("events_recorded_total", "", "type"), "{{type}}")),
        panel("Sent", "short", (rate("events_sent_total", "", "service"), "{{service}}")),
        panel(
            "Handled", "short", (rate("events_handled_total", "", "service, type"), "{{service}} {{type}}")
        ),
        panel(
            "First hop: oldest not sent",
            "s",
            ("max by (service) (outbox_oldest_unsent_age_seconds)", "{{service}}"),
        ),
        panel(
            "Second hop: age of the one in hand",
            "s",
            ("max by (service) (event_in_hand_age_seconds)", "{{service}}"),
        ),
        panel(
            "Third hop: oldest waiting for another try",
            "s",
            ("max by (service) (inbox_oldest_unhandled_age_seconds)", "{{service}}"),
        ),
        panel(
            "From the fact to its effect, 95 %",
            "s",
            (quantile("0.95", "event_delay_seconds", "service, type, ", ""), "{{service}} {{type}}"),
        ),
    ]


def outcome() -> list[Panel]:
    """What came of events, and what did not."""
    return [
        panel("Age of copies", "s", ("max by (service, of) (copy_age_seconds)", "{{service}} of {{of}}")),
        panel("Waiting for a person", "short", ("max by (service) (events_parked)", "{{service}}")),
        panel(
            "Trouble",
            "short",
            (rate("events_failed_total", "", "service"), "failed {{service}}"),
            (rate("events_unroutable_total", "", "service"), "unroutable {{service}}"),
            (rate("events_repeated_total", "", "service"), "repeated {{service}}"),
            (rate("queues_made_total", "", "service"), "queue lost {{service}}"),
            ("max by (service) (bus_refuses_events)", "bus refuses {{service}}"),
        ),
        panel(
            "Rows of copies that were wrong",
            "short",
            (rate("audit_drift_total", "", "service, copy, kind"), "{{service}} {{copy}} {{kind}}"),
        ),
        panel(
            "Since copies were last compared whole",
            "s",
            ("max by (service, of) (audit_last_pass_age_seconds)", "{{service}}: {{of}}"),
        ),
        panel(
            "Loops",
            "short",
            ('sum by (service) (relays_running{process="worker"})', "relay {{service}}"),
            ('sum by (service) (consumers_running{process="worker"})', "consumer {{service}}"),
        ),
    ]


def all_of_them() -> dict[str, dict[str, Any]]:
    boards = {"overview": dashboard("overview", "Flasky: overview", overview())}
    boards |= {name: dashboard(name, f"Flasky: {name}", service(name)) for name in SERVICES}
    return boards | {"events": dashboard("events", "Flasky: events", events())}
