"""API keys: shown once, kept as a hash, good for one project and what they say, and no longer than they are wanted."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from spanledger_collector.errors import CollectorError, RefusedError
from spanledger_collector.keys import Keys, Scope

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "data" / "keys.json")


def refusal(keys: Keys, presented: str, scope: Scope = Scope.INGEST) -> int:
    with pytest.raises(RefusedError) as refused:
        keys.key_of(presented, scope)
    return refused.value.status


def test_a_key_opens_its_project_for_what_it_may(keys: Keys) -> None:
    both = keys.create("web", list(Scope), NOW)
    send, read = keys.create("app", [Scope.INGEST], NOW), keys.create("app", [Scope.READ], NOW)

    assert [keys.key_of(both, scope).project for scope in Scope] == ["web"] * len(Scope)
    assert keys.key_of(send, Scope.INGEST).project == keys.key_of(read, Scope.READ).project == "app"
    assert refusal(keys, send, Scope.READ) == refusal(keys, read, Scope.INGEST) == 403


def test_anything_but_the_key_itself_is_refused(keys: Keys) -> None:
    key = keys.create("web", list(Scope), NOW)
    prefix, identity, secret = key.split("_", 2)
    other = keys.create("other", list(Scope), NOW).split("_", 2)[2]

    for wrong in [
        "", "_", "__", prefix, identity, secret, f"{prefix}_{identity}", f"{prefix}_{identity}_", f"{identity}_{secret}",
        f"{prefix}_{identity}_{other}", f"{prefix}_000000000000_{secret}", f"XX_{identity}_{secret}", key[:-1], key + "x",
        key.upper(), f" {key}", f"{prefix}_{identity}_\N{SNOWMAN}",
    ]:  # fmt: skip
        assert refusal(keys, wrong) == 401, wrong


def test_keys_are_on_from_the_first_and_off_with_the_last(keys: Keys) -> None:
    assert not keys.any_active()
    keys.create("web", list(Scope), NOW)
    assert keys.any_active()
    keys.revoke(keys.all()[0].id, NOW)
    assert not keys.any_active()


def test_a_revoked_key_is_refused_at_once_and_stays_on_the_list(keys: Keys, tmp_path: Path) -> None:
    key, kept = keys.create("web", list(Scope), NOW), keys.create("web", list(Scope), NOW)
    running = Keys(tmp_path / "data" / "keys.json")  # another process's
    assert running.key_of(key, Scope.INGEST).project == "web"

    revoked = keys.revoke(keys.all()[0].id, NOW)

    assert refusal(running, key) == 401
    assert running.key_of(kept, Scope.INGEST).project == "web"
    assert [k.active for k in running.all()] == [False, True]
    assert revoked.revoked_at == "2026-11-20T12:00:00+00:00"
    assert keys.revoke(revoked.id, datetime.now(UTC)) == revoked  # the first time is the one that counts


def test_a_key_that_is_made_while_the_collector_runs_is_good_at_once(keys: Keys, tmp_path: Path) -> None:
    running = Keys(tmp_path / "data" / "keys.json")
    assert not running.any_active()
    assert running.key_of(keys.create("web", list(Scope), NOW), Scope.READ).project == "web"


def test_only_a_hash_is_kept_and_only_for_the_owner_of_the_file(keys: Keys, tmp_path: Path) -> None:
    key = keys.create("web", list(Scope), NOW)
    path = tmp_path / "data" / "keys.json"

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    text = path.read_text()
    assert key not in text and key.split("_", 2)[2] not in text
    keys.revoke(keys.all()[0].id, NOW)
    assert path.stat().st_mode & 0o777 == 0o600


def test_keys_that_are_made_at_once_are_all_kept(keys: Keys, tmp_path: Path) -> None:
    def make() -> None:
        mine = Keys(tmp_path / "data" / "keys.json")
        made.extend(mine.create("web", list(Scope), NOW) for _ in range(10))

    made: list[str] = []
    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(keys.all()) == len(made) == 40
    assert {keys.key_of(key, Scope.READ).project for key in made} == {"web"}


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"id": "a"}]', '{"id": "a"}', "null", '[{"id": "a", "scopes": 7}]'])
def test_a_damaged_file_lets_nobody_in_and_says_which_it_is(keys: Keys, tmp_path: Path, text: str) -> None:
    key = keys.create("web", list(Scope), NOW)
    (tmp_path / "data" / "keys.json").write_text(text)

    with pytest.raises(CollectorError, match="no key file"):
        keys.key_of(key, Scope.INGEST)
    with pytest.raises(CollectorError, match="no key file"):
        keys.any_active()


@pytest.mark.parametrize("project", ["", "x" * 101, "a\nb", "a\0b"])
def test_a_project_needs_a_name_that_can_be_shown(keys: Keys, project: str) -> None:
    with pytest.raises(CollectorError, match="printable"):
        keys.create(project, list(Scope), NOW)


def test_a_key_that_does_not_exist_cannot_be_revoked(keys: Keys) -> None:
    with pytest.raises(CollectorError, match="keys list"):
        keys.revoke("0123", NOW)


def test_the_file_can_be_read_by_people_and_tools(keys: Keys, tmp_path: Path) -> None:
    keys.create("web", [Scope.READ, Scope.INGEST, Scope.READ], NOW)
    [row] = json.loads((tmp_path / "data" / "keys.json").read_text())
    assert row["project"] == "web" and row["scopes"] == ["ingest", "read"]
    assert row["created_at"] == "2026-11-20T12:00:00+00:00"
