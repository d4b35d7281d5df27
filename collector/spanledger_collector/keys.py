"""Project API keys: who may send, who may read. Only a hash of each is kept."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from spanledger_collector import list_file
from spanledger_collector.errors import CollectorError, RefusedError

PREFIX = "sl"


class Scope(StrEnum):
    """What a key is good for."""

    INGEST = "ingest"
    READ = "read"
    CONTENT = "content"  # beside `read`: prompts and completions too


USUAL_SCOPES = (Scope.INGEST, Scope.READ)


@dataclass(frozen=True)
class Key:
    """A key as it is kept. `id` is public and names it; `sha256` is of the secret; times are ISO 8601, UTC."""

    id: str
    project: str
    scopes: tuple[str, ...]
    sha256: str
    created_at: str
    revoked_at: str = ""

    @property
    def active(self) -> bool:
        return not self.revoked_at


class Keys:
    """The keys in one file (mode 0600), read again whenever it changes, so that a revoked key is refused at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._keys: dict[str, Key] = {}

    def all(self) -> list[Key]:
        """Every key, revoked ones too, oldest first. Raises CollectorError for a file that is no key file."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._stamp, self._keys = None, {}
            return []
        if (stamp := (status.st_mtime_ns, status.st_ino)) != self._stamp:
            try:
                rows = json.loads(self._path.read_text(encoding="utf-8"))
                self._keys = {row["id"]: Key(**{**row, "scopes": tuple(row["scopes"])}) for row in rows}
            except (OSError, ValueError, TypeError, KeyError) as error:
                raise CollectorError(
                    f"{self._path} is no key file: {error}. Move it away and create the keys anew."
                ) from error
            self._stamp = stamp
        return list(self._keys.values())

    def any_active(self) -> bool:
        """Are keys on? They are from the first one that is created and not revoked."""
        return any(key.active for key in self.all())

    def create(self, project: str, scopes: Iterable[Scope], now: datetime) -> str:
        """Make a key for `project`; returns the key itself, the only time that it can be seen."""
        if not project or len(project) > 100 or not project.isprintable():
            raise CollectorError("a project's name is 1 to 100 printable characters")
        identity, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        key = Key(
            identity,
            project,
            tuple(sorted(set(scopes))),
            _hash(secret),
            now.astimezone(UTC).isoformat(timespec="seconds"),
        )
        with list_file.alone(self._path):
            list_file.write(self._path, map(asdict, [*self.all(), key]))
        return f"{PREFIX}_{identity}_{secret}"

    def revoke(self, identity: str, now: datetime) -> Key:
        """Refuse the key named `identity` from now on. Raises CollectorError where there is no such key."""
        with list_file.alone(self._path):
            keys = {key.id: key for key in self.all()}
            if identity not in keys:
                raise CollectorError(f"no key {identity} in {self._path.parent}: `spanledger keys list` shows them")
            if keys[identity].active:
                keys[identity] = replace(keys[identity], revoked_at=now.astimezone(UTC).isoformat(timespec="seconds"))
                list_file.write(self._path, map(asdict, keys.values()))
            return keys[identity]

    def key_of(self, presented: str, scope: Scope) -> Key:
        """The key that is presented. Raises RefusedError (401) for a wrong or revoked one, (403) for one without `scope`."""
        prefix, _, rest = presented.partition("_")
        identity, _, secret = rest.partition("_")
        self.all()
        key = self._keys.get(identity)
        # a wrong id costs the same comparison as a wrong secret
        right = hmac.compare_digest(key.sha256 if key else _hash(""), _hash(secret))
        if key is None or not right or not key.active or prefix != PREFIX:
            raise RefusedError("this API key is wrong or was revoked", status=401)
        if scope not in key.scopes:
            raise RefusedError(f"this API key may not {scope}", status=403)
        return key


def _hash(secret: str) -> str:
    # the secret is 256 random bits: a slow hash would protect nothing more
    return hashlib.sha256(secret.encode()).hexdigest()
