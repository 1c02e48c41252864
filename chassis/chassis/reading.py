"""Reads without ceremony: a statement that is used again is compiled once; then the driver gets its text and
values, and nothing stands in between.

SQLAlchemy's own way to the same rows costs five times as much for one row, and three times as much for a
page; what it would do besides (its events, result objects, caches) no read here needs. What it knows it still
does: it compiles, converts values, pools connections, names errors.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa

Row = dict[str, Any]
Convert = Callable[[Any], Any]


class Read:
    """One statement, ready for the driver of one engine."""

    __slots__ = ("_converted", "_dialect", "_named", "_names", "_values", "text")

    def __init__(self, statement: Any, dialect: sa.Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self._dialect, self.text = dialect, str(compiled)
        kinds = {name: bind.type.dialect_impl(dialect) for bind, name in compiled.bind_names.items()}
        order = compiled.positiontup or list(compiled.bind_names.values())
        self._values = [
            (name, compiled.params.get(name), kinds[name].bind_processor(dialect)) for name in order
        ]
        self._named = compiled.positiontup is None
        columns = statement.selected_columns
        self._names = columns.keys()
        found = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        self._converted = [(number, convert) for number, convert in enumerate(found) if convert]

    def values(self, given: Mapping[str, Any]) -> Any:
        """As the driver wants them: in order, or by name."""
        found = [
            (name, convert(given.get(name, usual)) if convert else given.get(name, usual))
            for name, usual, convert in self._values
        ]
        return dict(found) if self._named else [value for _, value in found]

    def row(self, came: Any) -> Row:
        if self._converted:
            came = list(came)
            for number, convert in self._converted:
                came[number] = convert(came[number])
        return dict(zip(self._names, came, strict=True))


class Reader:
    """Runs reads on an engine in autocommit mode. `told` hears of each: its text, and the seconds it took."""

    def __init__(self, engine: sa.Engine, told: Callable[[str, float], None]) -> None:
        self.engine, self.told = engine, told
        self._reads: WeakKeyDictionary[Any, Read | None] = WeakKeyDictionary()

    def read(self, statement: Any) -> Read | None:
        """Nothing for what is asked for the first time, because most such statements are made for once; and
        for what the driver alone cannot do.
        """
        if statement not in self._reads:
            self._reads[statement] = None
            return None
        known = self._reads[statement]
        if known is None and plain(statement, self.engine.dialect):
            known = self._reads[statement] = Read(statement, self.engine.dialect)
        return known

    def rows(self, read: Read, given: Mapping[str, Any]) -> list[Row]:
        return [read.row(came) for came in self._asked(read, given, "fetchall")]

    def first(self, read: Read, given: Mapping[str, Any]) -> Row | None:
        came = self._asked(read, given, "fetchone")
        return None if came is None else read.row(came)

    def _asked(self, read: Read, given: Mapping[str, Any], fetch: str) -> Any:
        """Raises SQLAlchemy's errors, so that nobody need know of this."""
        began, connection = time.perf_counter(), self._connected(read.text)
        try:
            cursor = connection.cursor()
            try:
                cursor.execute(read.text, read.values(given))
                return getattr(cursor, fetch)()
            finally:
                cursor.close()
        except self.engine.dialect.loaded_dbapi.Error as error:
            raise self._named(error, connection, read.text) from error
        finally:
            connection.close()
            self.told(read.text, time.perf_counter() - began)

    def _connected(self, text: str) -> Any:
        try:
            return self.engine.raw_connection()
        except self.engine.dialect.loaded_dbapi.Error as error:  # nobody there, or no place left
            raise self._error(error, text, gone=False) from error

    def _named(self, error: Any, connection: Any, text: str) -> BaseException:
        """A connection that has broken goes, and with it those that rest: they are broken too."""
        gone = self.engine.dialect.is_disconnect(error, connection.driver_connection, None)
        if gone:
            connection.invalidate(error)
            self.engine.dispose()
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


def plain(statement: Any, dialect: sa.Dialect) -> bool:
    """Whether its text is the same whatever the values are, and its columns have a known name each."""
    columns = getattr(statement, "selected_columns", None)
    if columns is None or len(set(columns.keys())) != len(columns):
        return False
    compiled = statement.compile(dialect=dialect)
    expands = any(bind.expanding or bind.literal_execute for bind in compiled.bind_names)
    return not expands
