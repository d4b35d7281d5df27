"""Errors in the words of ClickHouse: a code, a name, a sentence, an HTTP status."""

from __future__ import annotations

_STATUS = {
    6: 400, 27: 400, 32: 400, 36: 400, 38: 400, 41: 400, 42: 400, 43: 400, 53: 400, 62: 400, 69: 400, 70: 400,
    72: 400, 153: 400, 179: 400, 215: 400, 223: 400, 386: 400, 407: 400, 456: 400, 457: 400,
    46: 404, 47: 404, 50: 404, 60: 404, 73: 404, 81: 404, 115: 404, 497: 403,
    48: 501, 210: 503, 159: 408, 164: 403, 202: 503, 236: 503, 396: 413, 516: 401,
}  # fmt: skip

# Errors found while a statement is parsed and analysed: their text speaks of the statement and the schema, never of
# rows. Any other error may quote a value.
_ABOUT_THE_STATEMENT = frozenset({
    8, 10, 16, 42, 43, 44, 46, 47, 48, 50, 51, 60, 62, 73, 80, 81, 115, 158, 159, 164, 179, 184, 202, 206, 207, 215,
    236, 241, 306, 352, 386, 394, 396, 403, 456, 457, 497, 516,
})  # fmt: skip


class ClickHouseError(Exception):
    """An error as a ClickHouse server would answer it."""

    def __init__(self, code: int, name: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.name = name
        self.text = text

    @property
    def status(self) -> int:
        return _STATUS.get(self.code, 500)

    @property
    def body(self) -> str:
        message = self.text if self.text.startswith("Code: ") else f"Code: {self.code}. DB::Exception: {self.text}"
        return message if message.endswith(f"({self.name})") else f"{message} ({self.name})"

    def without_values(self) -> ClickHouseError:
        """The same error for a reader who sees only some projects: no text that could quote a stored value."""
        if self.code in _ABOUT_THE_STATEMENT:
            return self
        return ClickHouseError(self.code, self.name, "the query failed on a value (the key's scope hides the details).")


def read_only(text: str) -> ClickHouseError:
    return ClickHouseError(164, "READONLY", f"This interface only reads: {text}")


def access_denied(text: str) -> ClickHouseError:
    return ClickHouseError(497, "ACCESS_DENIED", text)


def unknown_table(name: str) -> ClickHouseError:
    return ClickHouseError(
        60, "UNKNOWN_TABLE", f"Table {name} does not exist, or is not readable through this interface."
    )


def unknown_database(name: str) -> ClickHouseError:
    return ClickHouseError(
        81, "UNKNOWN_DATABASE", f"Database {name} does not exist, or is not readable through this interface."
    )


def syntax_error(text: str) -> ClickHouseError:
    return ClickHouseError(62, "SYNTAX_ERROR", text)


def timeout(seconds: float) -> ClickHouseError:
    return ClickHouseError(159, "TIMEOUT_EXCEEDED", f"Timeout exceeded: maximum {seconds:g} seconds.")


def too_many_queries(running: int, waiting: int) -> ClickHouseError:
    text = f"Too many simultaneous queries: {running} run and {waiting} wait. Try again."
    return ClickHouseError(202, "TOO_MANY_SIMULTANEOUS_QUERIES", text)


def away() -> ClickHouseError:
    return ClickHouseError(210, "NETWORK_ERROR", "The store does not answer. Try again.")


def closing() -> ClickHouseError:
    return ClickHouseError(236, "ABORTED", "The server is shutting down.")


def result_too_big(size: int, limit: int) -> ClickHouseError:
    text = f"Limit for result exceeded, max bytes: {limit}, current bytes: {size}. Aggregate or LIMIT the query."
    return ClickHouseError(396, "TOO_MANY_ROWS_OR_BYTES", text)
