"""Statements without ceremony: one that is used again is compiled once; then the driver gets its text and
values, and nothing stands in between. Reads have connections of their own; a command's statement runs in its
transaction.

SQLAlchemy's own way to the same rows costs five times as much for one row, and three times as much for a
page; what it would do besides (its events, result objects, caches) is not needed here. What it knows it still
does: it compiles, converts values, pools connections, names errors.

The connection that was read by last stays at hand, one for all threads: the pool's counting and asking took
a thirteenth of a service's CPU (decision 26).
"""

import re
import time
from collections.abc import Callable, Mapping
from operator import attrgetter, methodcaller
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

Row = dict[str, Any]
Convert = Callable[[Any], Any]
LOCK = re.compile(r" FOR ((NO KEY )?UPDATE|SHARE)\b")
RESTED = 1.0  # seconds after which a connection is asked whether it is still there
ALL, FIRST, CHANGED = methodcaller("fetchall"), methodcaller("fetchone"), attrgetter("rowcount")


class Locking(sa.TextClause):
    """A text with FOR [NO KEY] UPDATE or FOR SHARE. SQLite has one writer at a time, and no such words."""

    inherit_cache = True


@compiles(Locking, "sqlite")
def _without_lock(text: Locking, compiler: Any, **given: Any) -> str:
    return LOCK.sub("", compiler.visit_textclause(text, **given))


class Prepared:
    """One statement, ready for the driver of one engine."""

    __slots__ = ("_converted", "_named", "_names", "_values", "text")

    def __init__(self, statement: Any, dialect: sa.Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.text = str(compiled)
        kinds = {name: bind.type.dialect_impl(dialect) for bind, name in compiled.bind_names.items()}
        order = compiled.positiontup or list(compiled.bind_names.values())
        self._values = [
            (name, compiled.params.get(name), kinds[name].bind_processor(dialect)) for name in order
        ]
        self._named = compiled.positiontup is None
        columns = getattr(statement, "selected_columns", None) or {}
        self._names: list[str] = list(columns.keys())
        found = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        self._converted = [(number, convert) for number, convert in enumerate(found) if convert]

    def values(self, given: Mapping[str, Any]) -> Any:
        """As the driver wants them: in order, or by name."""
        found = [
            (name, convert(given.get(name, usual)) if convert else given.get(name, usual))
            for name, usual, convert in self._values
        ]
        return dict(found) if self._named else [value for _, value in found]

    def ran(self, cursor: Any) -> None:
        """Text alone does not tell what its columns are called; what comes does."""
        if not self._names and cursor.description:
            self._names = [column[0] for column in cursor.description]

    def row(self, came: Any) -> Row:
        if self._converted:
            came = list(came)
            for number, convert in self._converted:
                came[number] = convert(came[number])
        return dict(zip(self._names, came, strict=True))


class Driver:
    """Runs statements on an engine in autocommit mode, or within a transaction. `told` hears of each: its
    text, and the seconds it took.
    """

    def __init__(self, engine: sa.Engine, told: Callable[[str, float], None]) -> None:
        self.engine, self.told = engine, told
        self._dialect, self._cursor = spoken(engine.dialect)
        self._known: WeakKeyDictionary[Any, Prepared | None] = WeakKeyDictionary()
        self._at_hand: list[tuple[Any, float]] = []  # and since when; taken and left by one step each
        sa.event.listen(engine, "engine_disposed", self._let_go)

    def prepared(self, statement: Any) -> Prepared | None:
        """Nothing for what is asked for the first time, because most such statements are made for once; and
        for what the driver alone cannot do.
        """
        if statement not in self._known:
            self._known[statement] = None
            return None
        known = self._known[statement]
        if known is None and plain(statement, self._dialect):
            known = self._known[statement] = Prepared(statement, self._dialect)
        return known

    def rows(self, prepared: Prepared, given: Mapping[str, Any]) -> list[Row]:
        return [prepared.row(came) for came in self._read(prepared, given, ALL)]

    def first(self, prepared: Prepared, given: Mapping[str, Any]) -> Row | None:
        came = self._read(prepared, given, FIRST)
        return None if came is None else prepared.row(came)

    def rows_within(
        self, connection: sa.Connection, prepared: Prepared, given: Mapping[str, Any]
    ) -> list[Row]:
        """All rows of a statement in a transaction that has begun."""
        came = self._run(connection, connection.connection, prepared, given, ALL)
        return [prepared.row(each) for each in came]

    def changed_within(self, connection: sa.Connection, prepared: Prepared, given: Mapping[str, Any]) -> int:
        """How many rows a statement has changed, in a transaction that has begun."""
        return self._run(connection, connection.connection, prepared, given, CHANGED)

    def _read(self, prepared: Prepared, given: Mapping[str, Any], take: Convert) -> Any:
        connection = self._connected(prepared.text)
        try:
            found = self._run(connection, connection, prepared, given, take)
        except BaseException:
            connection.close()
            raise
        if self._at_hand:
            connection.close()
        else:
            self._at_hand.append((connection, time.monotonic()))
        return found

    def _run(
        self, owner: Any, pooled: Any, prepared: Prepared, given: Mapping[str, Any], take: Convert
    ) -> Any:
        """Raises SQLAlchemy's errors, so that nobody need know of this. `owner` is told of a broken
        connection.
        """
        began = time.perf_counter()
        try:
            cursor = self._cursor(pooled)
            try:
                cursor.execute(prepared.text, prepared.values(given))
                prepared.ran(cursor)
                return take(cursor)
            finally:
                cursor.close()
        except self.engine.dialect.loaded_dbapi.Error as error:
            raise self._named(error, owner, pooled.driver_connection, prepared.text) from error
        finally:
            self.told(prepared.text, time.perf_counter() - began)

    @property
    def resting(self) -> int:
        """How many connections are at hand, which the pool counts as used."""
        return len(self._at_hand)

    def _connected(self, text: str) -> Any:
        try:
            connection, since = self._at_hand.pop()
        except IndexError:
            return self._from_pool(text)
        if time.monotonic() - since < RESTED:
            return connection
        info = connection.info
        connection.close()
        info["used"] = since  # the pool asks what has rested
        return self._from_pool(text)

    def _let_go(self, _: sa.Engine) -> None:
        while self._at_hand:
            connection, _since = self._at_hand.pop()
            connection.invalidate()

    def _from_pool(self, text: str) -> Any:
        try:
            return self.engine.raw_connection()
        except self.engine.dialect.loaded_dbapi.Error as error:  # nobody there, or no place left
            raise self._error(error, text, gone=False) from error

    def _named(self, error: Any, owner: Any, driver: Any, text: str) -> BaseException:
        """A connection that has broken goes, and with it those that rest: they are broken too."""
        gone = self.engine.dialect.is_disconnect(error, driver, None)
        if gone:
            owner.invalidate(error)
            getattr(owner, "engine", self.engine).dispose()
        return self._error(error, text, gone)

    def _error(self, error: Any, text: str, gone: bool) -> BaseException:
        dialect = self.engine.dialect
        return sa.exc.DBAPIError.instance(
            text,
            None,
            error,
            dialect.loaded_dbapi.Error,
            hide_parameters=True,
            connection_invalidated=gone,
            dialect=dialect,
        )


def spoken(dialect: sa.Dialect) -> tuple[sa.Dialect, Convert]:
    """How statements are written for the driver, and where their cursors are from."""
    if dialect.name == "sqlite":
        return dialect, methodcaller("cursor")
    from . import libpq  # here, so that sites on SQLite do not load psycopg

    numbered: Any = type(dialect)
    return numbered(paramstyle="numeric_dollar", dbapi=dialect.loaded_dbapi), libpq.cursor


def plain(statement: Any, dialect: sa.Dialect) -> bool:
    """Whether its text is the same whatever the values are, and its columns have a known name each.

    What SQLAlchemy builds to change rows may have defaults to fill in, and stays with it.
    """
    columns = getattr(statement, "selected_columns", None)
    if columns is None:
        known = isinstance(statement, sa.TextClause)
    else:
        known = len(set(columns.keys())) == len(columns)
    if not known:
        return False
    compiled = statement.compile(dialect=dialect)
    return not any(bind.expanding or bind.literal_execute for bind in compiled.bind_names)


def rolled_back(connection: sa.Connection) -> None:
    """With its own prepared statements psycopg gives up everybody's on this connection: DEALLOCATE ALL."""
    if not connection.invalidated and (kept := connection.info.get("cursor")):
        kept.forget()
