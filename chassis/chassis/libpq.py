"""A cursor for statements that are used again, on libpq's own calls.

psycopg's cursor is ready for whatever comes: other loops, other formats, several results. A statement of ours
is one text with values, and has one result; without that readiness it takes half the time (decision 26). What
psycopg knows is asked of it: values to text and back, and what an error is called.
"""

from collections.abc import Sequence
from typing import Any, NoReturn

import psycopg
from psycopg import pq
from psycopg.adapt import PyFormat, Transformer

MOST = 200  # statements that the server keeps for one connection
DONE = {pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK}
# The server knows the statement no more, or a migration has changed the type of one of its columns.
CHANGED = (psycopg.errors.InvalidSqlStatementName, psycopg.errors.FeatureNotSupported)


class Cursor:
    """What `reading.Driver` asks of a cursor. It stays with its connection, which one thread uses at a time.

    Texts have their values at `$1`, `$2` and so on.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection, self._libpq = connection, connection.pgconn
        self._values = Transformer(connection)
        self._names: dict[tuple[str, tuple[int, ...]], bytes] = {}
        self._stale = False
        self._formats: list[PyFormat] = []
        self._result: Any = None

    def execute(self, text: str, values: Sequence[Any]) -> None:
        """Raises psycopg's errors."""
        if len(self._formats) < len(values):
            self._formats = [PyFormat.TEXT] * len(values)
        # None is NULL, for which psycopg.pq's types have no word.
        texts: Any = self._values.dump_sequence(values, self._formats)
        if self._libpq.transaction_status == pq.TransactionStatus.IDLE and not self._connection.autocommit:
            self._checked(self._libpq.exec_(b"BEGIN"))
        types = self._values.types or ()
        try:
            self._result = self._executed(text, types, texts)
        except CHANGED:
            self.forget()
            if not self._connection.autocommit:
                raise  # its transaction is lost; the next one is not
            self._result = self._executed(text, types, texts)
        self._values.set_pgresult(self._result, format=pq.Format.TEXT)

    @property
    def description(self) -> list[tuple[str]]:
        return [(self._result.fname(number).decode(),) for number in range(self._result.nfields)]

    @property
    def rowcount(self) -> int:
        return self._result.command_tuples or 0

    def fetchone(self) -> Any:
        return self._values.load_row(0, tuple) if self._result.ntuples else None

    def fetchall(self) -> list[Any]:
        return self._values.load_rows(0, self._result.ntuples, tuple)

    def close(self) -> None:
        """Gives up the result; the next statement may be executed."""
        self._result = None
        self._values.set_pgresult(None)

    def forget(self) -> None:
        """The server may know its statements no more; all are prepared anew when they are next asked for."""
        self._names.clear()
        self._stale = True

    def _executed(self, text: str, types: tuple[int, ...], texts: Any) -> Any:
        return self._checked(self._libpq.exec_prepared(self._prepared(text, types), texts))

    def _prepared(self, text: str, types: tuple[int, ...]) -> bytes:
        """The same text with values of other types is another statement, as for psycopg."""
        known = self._names.get((text, types))
        if known is None:
            if len(self._names) >= MOST:
                self.forget()
            if self._stale:
                self._connection.execute("DEALLOCATE ALL")  # psycopg forgets its own with them
                self._stale = False
            known = f"flasky_{len(self._names)}".encode()
            self._checked(self._libpq.prepare(known, text.encode(), types))
            self._names[text, types] = known
        return known

    def _checked(self, result: Any) -> Any:
        if result.status not in DONE:
            self._refuse(result)
        return result

    def _refuse(self, result: Any) -> NoReturn:
        if self._libpq.status != pq.ConnStatus.OK:
            raise psycopg.OperationalError(result.get_error_message())
        raise psycopg.errors.error_from_result(result)


def cursor(pooled: Any) -> Any:
    """Of a connection in the pool. Behind a pooler, where nothing may be prepared, it is psycopg's."""
    driver: psycopg.Connection[Any] = pooled.driver_connection
    if driver.prepare_threshold is None:
        return psycopg.RawCursor(driver)
    if (kept := pooled.info.get("cursor")) is None:
        kept = pooled.info["cursor"] = Cursor(driver)
    return kept
