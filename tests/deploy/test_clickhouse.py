"""ClickHouse's files: every name in them is one that the engine knows, and each user may do what it is for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from spanledger_collector.engine import DICTIONARY_USER
from spanledger_collector.literals import quote
from spanledger_collector.schemas_folder import SCHEMAS
from spanledger_collector.store import CONTENT_VIEWS, OBJECTIVES_VIEW, POSTED_TO, Store

FOLDER = Path(__file__).parents[2] / "deploy" / "clickhouse"
# Sections of a server's configuration that are no settings of its own.
SECTIONS = {"merge_tree", "access_control_improvements", "logger"}
PORTS = {"mysql_port", "postgresql_port", "interserver_http_port"}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(tmp_path_factory.mktemp("engine"))
    yield store
    store.close()


def tree(name: str) -> Element:
    return ElementTree.parse(FOLDER / name).getroot()


def names(engine: Store, table: str) -> set[str]:
    return {name for (name,) in engine.query(f"SELECT name FROM system.{table}")}


def number(root: Element, path: str) -> int:
    return int(root.findtext(path) or "none")


@pytest.fixture(scope="module")
def config() -> Element:
    return tree("config.xml")


@pytest.fixture(scope="module")
def users() -> Element:
    return tree("users.xml")


def test_every_setting_of_the_server_is_one_that_it_knows(engine: Store, config: Element) -> None:
    known = names(engine, "server_settings")
    settings = {element.tag for element in config if not element.tag.endswith("_log")} - SECTIONS - PORTS
    assert settings - known == set()
    assert {element.tag for element in config.find("merge_tree") or ()} - names(engine, "merge_tree_settings") == set()


def test_the_pool_is_large_enough_for_what_the_engine_asks_of_it(config: Element) -> None:
    pool = number(config, "background_pool_size") * number(config, "background_merges_mutations_concurrency_ratio")
    limits = [int(element.text or "none") for element in config.find("merge_tree") or ()]
    assert len(limits) == 3 and max(limits) < pool


def test_every_log_that_is_kept_ends(config: Element) -> None:
    for log in (element for element in config if element.tag.endswith("_log")):
        assert log.get("remove") == "1" or "INTERVAL 14 DAY" in (log.findtext("ttl") or ""), log.tag


def test_every_setting_of_a_profile_is_one_that_the_engine_knows(engine: Store, users: Element) -> None:
    known = names(engine, "settings")
    for profile in users.find("profiles") or ():
        given = {element.tag: element.text for element in profile if element.tag != "constraints"}
        bounded = {element.tag for element in profile.find("constraints") or ()}
        assert (given.keys() | bounded) - known == set(), profile.tag
        for name, value in given.items():
            engine.query(f"SELECT 1 SETTINGS {name} = {quote(value)}" if name != "readonly" else "SELECT 1")


def test_a_reader_can_neither_write_nor_take_its_limits_away(users: Element) -> None:
    [reader] = (users.find("profiles") or Element("none")).findall("spanledger_reader")
    given = {element.tag: element.text for element in reader}
    assert given["readonly"] in ("1", "2") and given["allow_ddl"] == "0"
    for limit in reader.find("constraints") or ():
        if limit.find("const") is None:  # 0 would be no limit at all
            assert 1 <= number(limit, "min") <= int(given[limit.tag] or "none") <= number(limit, "max"), limit.tag
    limited = {element.tag for element in reader.find("constraints") or ()}
    assert {name for name in given if name.startswith("max_") and "external" not in name} <= limited


def test_every_right_is_one_that_the_engine_can_read(engine: Store, users: Element) -> None:
    for grant in users.iter("query"):
        [[parsed]] = engine.query(f"SELECT formatQuerySingleLine({quote(f'{grant.text} TO somebody')})")
        assert str(parsed).startswith("GRANT ")


def grants(users: Element, user: str) -> str:
    found = users.find(f"users/{user}/grants")
    return "; ".join(grant.text or "" for grant in found or ())


def test_every_user_has_grants_a_profile_and_a_quota_that_are_there_and_a_password(users: Element) -> None:
    for user in users.find("users") or ():
        if user.tag == "default":
            assert user.get("remove") == "remove"
            continue
        assert grants(users, user.tag) and user.findtext("access_management") == "0"
        assert users.find(f"profiles/{user.findtext('profile')}") is not None
        assert users.find(f"quotas/{user.findtext('quota')}") is not None
        if user.find("no_password") is not None:
            assert user.tag == DICTIONARY_USER
            assert {ip.text for ip in user.iter("ip")} == {"127.0.0.1", "::1"}
        else:
            assert re.fullmatch(r"SPANLEDGER_[A-Z]+_PASSWORD", (user.find("password") or user).get("from_env", "")) or (
                user.find("password") is not None
            )


def test_the_writer_cannot_change_the_schema_and_the_reader_only_reads(users: Element) -> None:
    writer, reader = grants(users, "spanledger_writer"), grants(users, "spanledger_reader")
    of_one_view = [grant for grant in writer.split("; ") if re.search(r"\b(CREATE|DROP|ALTER MODIFY)\b", grant)]
    of_configuration = [f"spanledger.{name.rpartition('/')[2]}" for name in (OBJECTIVES_VIEW, *CONTENT_VIEWS)]
    assert [grant.rpartition(" ON ")[2] for grant in of_one_view] == of_configuration
    assert not re.search(r"\b(ALL|CREATE TABLE|DROP TABLE|TRUNCATE|ACCESS|SOURCES|FILE|URL)\b", writer)
    assert reader == "GRANT SELECT, dictGet ON spanledger.*"
    assert "ON *.*" not in writer.replace("SYSTEM RELOAD DICTIONARY ON *.*", "")


def test_the_writer_may_delete_where_a_segment_is_settled(users: Element) -> None:
    deletes = re.findall(
        r"ALTER DELETE, ALTER UPDATE\(_row_exists\) ON spanledger\.(\w+)", grants(users, "spanledger_writer")
    )
    assert set(POSTED_TO) <= set(deletes)


def test_the_user_of_the_dictionaries_reads_their_tables_and_nothing_else(users: Element) -> None:
    sources = set()
    for path in (SCHEMAS / "tables").glob("*.sql"):
        if "SOURCE(CLICKHOUSE(" in (text := path.read_text()):
            sources |= set(re.findall(r"TABLE '(\w+)'", text)) | set(re.findall(r"FROM spanledger\.(\w+)", text))
    assert grants(users, DICTIONARY_USER) == "; ".join(
        f"GRANT SELECT ON spanledger.{table}" for table in sorted(sources, reverse=True)
    )


def test_every_table_that_has_a_project_is_filtered_for_the_reader(engine: Store, users: Element) -> None:
    filtered = {table.tag for table in users.find("users/spanledger_reader/databases/spanledger") or ()}
    tables = {
        re.sub(r"^\d+_", "", path.stem)
        for path in (SCHEMAS / "tables").glob("*.sql")
        if re.search(r"^    project +(LowCardinality\()?String", text := path.read_text(), re.M)
        and "ENGINE = Null" not in text
    }
    alerts = {"alert_events", "silences"}  # have no project: all of them, or none
    assert filtered == tables | alerts and set(POSTED_TO) & tables <= filtered
    for table in users.find("users/spanledger_reader/databases/spanledger") or ():
        [filter_] = table
        if table.tag == "span_content":  # content needs a user of its own
            assert filter_.text == "0"
            continue
        of_alerts = "_ALERTS" if table.tag in alerts else ""
        assert filter_.get("from_env") == f"SPANLEDGER_READER{of_alerts}_FILTER"
    for text in ("1", "project IN ('web', 'search')"):
        engine.query(f"SELECT formatQuery({quote(f'CREATE ROW POLICY p ON spanledger.spans USING {text} TO r')})")
