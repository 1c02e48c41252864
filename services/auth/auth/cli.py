"""Commands for operators: `flask keys …` and `flask users …`."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click
from flask.cli import AppGroup

from chassis.backup.settled import settled
from chassis.problems import Refusal

from . import commands
from .keys import Key, keyring, make_first, make_one

keys = AppGroup("keys", help="The keys that sign identity tokens.")
users = AppGroup("users", help="Accounts.")


@keys.command("list")
def list_keys() -> None:
    """One line for each published key: id, and whether it waits, signs, or only verifies."""
    for key in keyring().published():
        click.echo(f"{key.kid}\t{state(key)}")


def state(key: Key) -> str:
    if key == keyring().signing():
        return "signs"
    begins = datetime.fromtimestamp(key.begins, UTC)
    return f"signs from {begins:%Y-%m-%dT%H:%M:%SZ}" if begins > datetime.now(UTC) else "verifies"


@keys.command()
def rotate() -> None:
    """Make a new key. It is published at once and signs in a minute; keys that are over are removed."""
    with told_what_stays("keys that are over"):
        keyring().remove_ended()
    click.echo(make_one())


@keys.command()
@click.argument("kid")
def revoke(kid: str) -> None:
    """Remove a key at once: tokens that it signed are refused from now on. Never leaves none."""
    with told_what_stays(kid):
        removed = keyring().remove(kid)
    if not removed:
        raise click.ClickException(f"there is no key {kid}; see: flask keys list")
    make_first()
    click.echo(f"{kid} is revoked")


@contextmanager
def told_what_stays(what: str) -> Iterator[None]:
    """Where keys are mounted from a secret, nobody here can remove one: operators are told in one line."""
    try:
        yield
    except OSError as error:
        sentence = f"auth: {what} cannot be removed from KEYS_DIR, and so stays good: {error}"
        raise click.ClickException(f"{sentence}; see docs/runbooks/keys.md") from None


@users.command("drop-second-factor")
@click.argument("email")
@settled
def drop_second_factor(email: str) -> None:
    """Take away every second factor of the account of EMAIL, whose owner has lost them."""
    try:
        commands.drop_factors_of(email)
    except Refusal as refusal:
        raise click.ClickException(refusal.message) from None
    click.echo(f"{email} signs in with the password alone now")


@users.command()
@click.argument("email")
@click.argument("role")
@settled
def grant(email: str, role: str) -> None:
    """Give the account of EMAIL the role ROLE."""
    try:
        commands.grant(email, role)
    except Refusal as refusal:
        raise click.ClickException(refusal.message) from None
    click.echo(f"{email} is {role} now")
