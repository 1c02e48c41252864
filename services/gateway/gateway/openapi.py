"""One API document for the whole site, merged from the services' own: `python -m gateway.openapi`.

Run in the repository after a service's contract has changed. The gateway serves the committed result,
`static/openapi.json`.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chassis.openapi import COME_AGAIN, RETRY

SERVICES = ("auth", "posts", "social")
HERE = Path(__file__).parent
MERGED = HERE / "static" / "openapi.json"
CONTRACTS = HERE.parents[1]
EDGE = {
    "400": "The request is not well formed",
    "408": "The body took too long to arrive",
    "413": "Too large",
    "415": "Not as it is: encoded",
    "429": "Too many requests",
    "431": "Headers too large",
    "502": "A part of the site gave no usable answer",
    "503": "Not available right now",
    "504": "A part of the site did not answer in time",
}
SECURITY = {
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "E-mail and password, or a token and an empty password.",
    },
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "A token."},
}


class Clash(Exception):
    """Two services say different things under one name."""


def merged(documents: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The documents of the services, by name, as one. Raises `Clash`."""
    told: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "Flasky API",
            "version": "v1",
            "description": "Reads, too, need a signed-in, confirmed account. Errors are RFC 9457 problems."
            " Every answer has an `X-Request-Id`; `RateLimit-Limit`, `-Remaining`, `-Reset` and `-Policy` say"
            " how many requests of its kind are left.",
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": service} for service in documents],
        "paths": {},
        "components": {"schemas": {}, "securitySchemes": SECURITY},
    }
    for service, document in documents.items():
        for path, operations in document["paths"].items():
            edged = {method: _at_the_edge(_tagged(what, service)) for method, what in operations.items()}
            _add_path(told["paths"], path, edged)
        for kind, named in document.get("components", {}).items():
            if kind != "securitySchemes":
                _add_components(told["components"].setdefault(kind, {}), named, service)
    _distinct_operations(told["paths"])
    return told


def _tagged(operation: Any, service: str) -> Any:
    return operation | {"tags": [service]} if isinstance(operation, dict) else operation


def _at_the_edge(operation: Any) -> Any:
    """With what the gateway itself may answer, whatever the service says."""
    if not isinstance(operation, dict):
        return operation
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    own = {status: {"description": words, "content": problem} for status, words in EDGE.items()}
    for status in map(str, COME_AGAIN):
        own[status] |= {"headers": RETRY}
    return operation | {"responses": own | operation.get("responses", {})}


def _add_path(paths: dict[str, Any], path: str, operations: dict[str, Any]) -> None:
    if path in paths:
        raise Clash(f"two services serve {path}")
    paths[path] = operations


def _add_components(known: dict[str, Any], named: Mapping[str, Any], service: str) -> None:
    """The same name for the same thing is fine; for two things it is refused, so that no reader is misled."""
    for name, what in named.items():
        if known.setdefault(name, what) != what:
            raise Clash(f"{service} says something else under the name {name}")


def _distinct_operations(paths: dict[str, Any]) -> None:
    """Operation ids must be unique in a document; services choose theirs alone, so the tag goes in front."""
    for operations in paths.values():
        for method, operation in operations.items():
            if isinstance(operation, dict) and "operationId" in operation:
                operation["operationId"] = f"{operation['tags'][0]}_{operation['operationId']}_{method}"


def contracts() -> dict[str, dict[str, Any]]:
    return {
        name: json.loads((CONTRACTS / name / "contract" / "openapi.json").read_text()) for name in SERVICES
    }


def written(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def main() -> None:
    try:
        MERGED.write_text(written(merged(contracts())))
    except (Clash, OSError) as error:
        sys.exit(f"gateway: the API document was not written: {error}")
    sys.stdout.write(f"gateway/static/{MERGED.name}\n")


if __name__ == "__main__":
    main()
