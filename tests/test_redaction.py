"""The SDK and the collector take the same things out of what was said, and leave the rest alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from spanledger.redaction import Redactor
from spanledger_collector.redaction import Redaction, sql
from spanledger_collector.store import Store
from stores import Stores

# Written in two halves: no scanner of this repository has to wonder whether a key is real.
FOUND = {
    "email": ["bob@example.com", "first.last+tag@mail.example.co.uk", "o'brien@example.org"],
    "card": ["4111 1111 1111 1111", "4111-1111-1111-1111", "378282246310005", "5555555555554444", "6011000990139424"],
    "iban": ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "FR1420041010050500013M02606"],
    "ssn": ["123-45-6789", "665-01-0001"],
    "phone": ["+1 415 555 0100", "+49 30 901820", "(415) 555-0100", "415-555-0100", "+44 (0)20 7946 0958"],
    "secret": [
        "sk-" + "proj-abcdefghijklmnopqrstuvwx",
        "sk-" + "ant-api03-abcdefghijklmnopqrstuv",
        "gsk" + "_abcdefghijklmnopqrstuvwxyz0123",
        "AKIA" + "IOSFODNN7EXAMPLE",
        "ghp" + "_0123456789abcdefghijklmnopqrstuvwxyz",
        "xoxb" + "-1234567890-abcdefghij",
        "AIza" + "SyA0123456789abcdefghijklmnopqrstuv",
        "eyJ" + "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N",
        "Bearer " + "abcdefghijklmnopqrstuvwxyz",
        "-----BEGIN RSA " + "PRIVATE KEY-----\\nMIIEpAIBAAKCAQEA\\n-----END RSA PRIVATE KEY-----",
        "postgres://app:" + "hunter2@",
    ],
}
LEFT_ALONE = [
    "order 12345678901234",
    "4111 1111 1111 1112",  # fails its check
    "DE89370400440532013001",  # likewise
    "550e8400-e29b-41d4-a716-446655440000",
    "2026-11-24T18:21:20.912836Z",
    "1764000000000000000",  # a time in nanoseconds
    "version 1.2.3-beta.4",
    "000-12-3456, 666-12-3456 and 900-12-3456 are nobody's",
    "192.168.100.200",
    "sk-learn and sk-1",
    "user@localhost",
    "https://example.com/path?x=1#y",
    "3.14159265358979",
    "a * b + c - d",
]


@pytest.fixture(scope="module")
def store(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(stores.unpriced(tmp_path_factory.mktemp("redaction")) / "store")
    yield store
    store.close()


def by_sql(store: Store, text: str) -> str:
    [[redacted]] = store.query("SELECT spanledger_redact({text:String})", {"text": text})
    return str(redacted)


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in FOUND.items() for text in texts])
def test_what_is_found_is_replaced_by_its_kind(store: Store, kind: str, text: str) -> None:
    said = f"it is {text} he said"
    redacted = Redactor().text(said)

    assert f"[{kind}]" in redacted
    assert text not in redacted
    assert redacted.startswith("it is ") and redacted.endswith(" he said")
    assert by_sql(store, said) == redacted


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_what_only_looks_like_it_is_left_alone(store: Store, text: str) -> None:
    assert Redactor().text(text) == text == by_sql(store, text)


PIECES = st.one_of(
    st.sampled_from([text for texts in FOUND.values() for text in texts] + LEFT_ALONE),
    st.text(alphabet="0123456789 -+()", max_size=24),
    st.text(alphabet="ABCDEFGHIJ0123456789 ", max_size=36),
    st.text(alphabet="abc@.-_é€😀\n\\\"'0", max_size=12),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=8).map("".join))
def test_both_find_the_same_in_any_text(store: Store, text: str) -> None:
    assert by_sql(store, text) == Redactor().text(text)


@settings(max_examples=100, deadline=None)
@given(st.lists(PIECES, max_size=6).map(" ".join))
def test_what_is_redacted_stays_as_it_is_when_it_is_redacted_again(text: str) -> None:
    once = Redactor().text(text)
    assert Redactor().text(once) == once


def test_every_string_in_a_structured_value_is_redacted_and_nothing_else_changes() -> None:
    def value(address: str) -> AnyValue:
        words = ArrayValue(values=[AnyValue(string_value=address), AnyValue(int_value=4111111111111111)])
        pairs = [KeyValue(key="content", value=AnyValue(array_value=words))]
        return AnyValue(kvlist_value=KeyValueList(values=pairs))

    redacted = value("to bob@example.com")
    Redactor().value(redacted)
    assert redacted == value("to [email]")


def test_kinds_of_the_app_s_own_come_after_those_that_are_shipped(store: Store) -> None:
    assert Redactor({"employee": r"\bE-\d{6}\b"}).text("E-123456 or bob@example.com") == "[employee] or [email]"
    own = sql("'E-123456'", [Redaction("employee", r"\bE-[0-9]{6}\b")])
    assert store.query(f"SELECT {own}")[0][0] == "[employee]"


@pytest.mark.parametrize("pattern", ["(", "a*", ""])
def test_a_wrong_pattern_of_the_app_s_own_is_refused_with_its_name(pattern: str) -> None:
    with pytest.raises(ValueError, match="employee"):
        Redactor({"employee": pattern})
    with pytest.raises(ValueError, match="employee"):
        Redaction("employee", pattern)


@pytest.mark.parametrize("pattern", ["(?=a)b", "(?P<n>a)", r"(a)\1", "(?i)a", "(a)b"])
def test_a_pattern_that_the_store_would_read_otherwise_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="RE2"):
        Redaction("employee", pattern)
