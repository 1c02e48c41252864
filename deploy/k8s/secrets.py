"""Secrets for the overlay `local`: `python -m deploy.k8s.secrets | kubectl apply -f -`, once.

Made up on the spot and kept by the cluster alone. In production they come from a store (External Secrets).
"""

import base64
import json
import secrets
import sys
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SERVICES = ("auth", "posts", "social")
PLUGINS = "[rabbitmq_management_agent,rabbitmq_prometheus]."
CONFIGURATION = "load_definitions = /run/secrets/users/definitions.json\n"


def secret(name: str, **values: str) -> dict[str, Any]:
    """`values` by their file names; `__` stands for a dot."""
    data = {key.replace("__", "."): base64.b64encode(text.encode()).decode() for key, text in values.items()}
    metadata = {"name": name, "namespace": "flasky"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}


def all_of_them() -> list[dict[str, Any]]:
    passwords = {service: secrets.token_urlsafe(24) for service in SERVICES}
    return [
        secret("flasky-internal", INTERNAL_SECRET=secrets.token_urlsafe(32)),
        secret("auth-secret", SECRET_KEY=secrets.token_urlsafe(32)),
        secret("flasky-mail", username="", password=""),
        secret("web-secret", WEB_SECRET_KEY=secrets.token_urlsafe(32)),
        signing_key(),
        limits(),
        secret(
            "bus-users",
            definitions__json=definitions(passwords),
            flasky__conf=CONFIGURATION,
            enabled_plugins=PLUGINS,
        ),
        *(bus(service, password) for service, password in passwords.items()),
        *map(database, SERVICES),
    ]


def database(service: str) -> dict[str, Any]:
    """As CloudNativePG makes it."""
    password = secrets.token_urlsafe(24)
    uri = f"postgresql://{service}:{password}@{service}-db-rw.flasky.svc:5432/{service}"
    return secret(f"{service}-db-app", uri=uri, password=password)


def bus(service: str, password: str) -> dict[str, Any]:
    return secret(f"{service}-bus", uri=f"amqp://{service}:{password}@bus.flasky.svc:5672/flasky")


def rights(service: str) -> dict[str, str]:
    """A service's own queues, and the exchange that all share."""
    own = rf"^(events|{service}|{service}\..*)$"
    return {"configure": own, "write": own.replace("events|", r"events|amq\.default|"), "read": own}


def definitions(passwords: dict[str, str]) -> str:
    """Users and their rights, as RabbitMQ imports them."""
    users = [{"name": name, "password": password, "tags": ""} for name, password in passwords.items()]
    permissions = [{"user": name, "vhost": "flasky", **rights(name)} for name in passwords]
    return json.dumps({"vhosts": [{"name": "flasky"}], "users": users, "permissions": permissions})


def limits() -> dict[str, Any]:
    password = secrets.token_urlsafe(24)
    configuration = f'requirepass {password}\nsave ""\nappendonly no\nmaxmemory 96mb\n'
    return secret(
        "gateway-limits",
        uri=f"redis://:{password}@limits.flasky.svc:6379/0",
        redis__conf=configuration,
    )


def signing_key() -> dict[str, Any]:
    """Its name tells auth when it was made."""
    kid = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{secrets.token_hex(4)}"
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return secret("auth-keys", **{f"{kid}.pem": pem.decode()})


if __name__ == "__main__":
    json.dump({"apiVersion": "v1", "kind": "List", "items": all_of_them()}, sys.stdout)
