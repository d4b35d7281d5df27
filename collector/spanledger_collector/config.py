"""The configuration file: SLOs, budgets, alerting, content; and how such a file is read and checked (price_rules.py is another)."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, Self, TypeVar
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from spanledger_collector import yaml_file
from spanledger_collector.error_classes import class_names, told_apart
from spanledger_collector.errors import StartError
from spanledger_collector.windows import duration, seconds

FILE_NAME = "spanledger.yaml"
Severity = Literal["page", "ticket"]
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_HTTP = re.compile(r"https?://\S+")
# Places of the file whose values may be secrets, so that no message repeats them.
_SECRET = (("alerting", "channels"), ("alerting", "heartbeat"))


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no duration: say a number and ms, s, m, h or d, as in 2.5s")
    return duration(value)


def _decimal(value: object) -> Decimal:
    try:
        number = Decimal(str(value))
        if number.is_finite() and number == round(number, 12) and abs(number) < 10**20 and not isinstance(value, bool):
            return number
    except InvalidOperation:
        pass
    raise ValueError(f"{value!r} is no number of at most 12 decimals")


def _not_negative(number: Decimal) -> Decimal:
    if number < 0:
        raise ValueError("it cannot be less than 0")
    return number


def _address(address: str) -> str:
    """Of HTTP, as far as can be told before its variables are filled. It may be a secret, so it is not repeated."""
    if address and not _VARIABLE.search(address) and not _HTTP.fullmatch(address):
        raise ValueError("it has to be an address that begins with http:// or https://, without spaces")
    return address


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Usd = Annotated[Decimal, BeforeValidator(_decimal), AfterValidator(_not_negative)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,100}$")]
Text = Annotated[str, Field(max_length=2000)]
Address = Annotated[str, AfterValidator(_address)]
Values = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=500)], ...], Field(strict=False)]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


M = TypeVar("M", bound=Model)
Kinds = Mapping[tuple[str, ...], type[Model]]
"""What is said at each place of a file; the file itself at ()."""


class Scope(Model):
    """Which calls: those whose every dimension has one of the values; of one without values, all."""

    projects: Values = ()
    environments: Values = ()
    services: Values = ()
    providers: Values = ()
    models: Values = ()
    teams: Values = ()


class Objective(Model):
    """What SLOs and budgets have in common."""

    name: Name
    description: Text = ""
    scope: Scope = Scope()
    runbook: Annotated[str, Field(pattern=r"^$|^https?://\S+$")] = ""

    @property
    def definition(self) -> str:
        """All that was said of it, as JSON."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)

    @property
    def project(self) -> str:
        """The project whose key may see it: where its scope is exactly one; else ''."""
        return self.scope.projects[0] if len(self.scope.projects) == 1 else ""

    def _version(self, **counted: object) -> str:
        said = json.dumps({"scope": self.scope.model_dump(mode="json"), **counted}, sort_keys=True, default=str)
        return hashlib.sha256(said.encode()).hexdigest()[:16]


class Slo(Objective):
    """A share of calls that is to be good. `limit` is the threshold in seconds, or in USD a call; None for availability."""

    indicator: Literal["availability", "latency", "time_to_first_token", "cost"]
    threshold: str | int | float | None = None
    objective: Annotated[Decimal, BeforeValidator(_decimal)]
    period: Literal["28d", "month"] = "28d"
    errors: Values = ("provider", "unknown")
    minimum_calls: Annotated[int, Field(ge=0, le=10**9)] = 10

    @field_validator("threshold", mode="before")
    @classmethod
    def _one_value(cls, threshold: object) -> object:
        if not isinstance(threshold, (str, int, float, NoneType)) or isinstance(threshold, bool):
            raise ValueError(f"{threshold!r} is no threshold: say a duration, as in 2.5s, or USD a call")
        return threshold

    @field_validator("objective")
    @classmethod
    def _of_percent(cls, percent: Decimal) -> Decimal:
        if not 0 < percent < 100:
            raise ValueError("it is the percentage of good calls, above 0 and below 100, as in 99.9")
        return percent

    @field_validator("errors")
    @classmethod
    def _known(cls, errors: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := sorted(set(errors) - set(class_names())):
            raise ValueError(f"no error class {', '.join(unknown)}: there are {', '.join(class_names())}")
        return errors

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.indicator == "availability":
            if self.threshold is not None:
                raise ValueError("availability has no threshold: leave it out, or say another indicator")
            if not self.errors:
                raise ValueError("errors is empty, so that no call could be bad: name the error classes that count")
        elif self.threshold is None:
            raise ValueError(
                f"{self.indicator} needs a threshold: {'USD a call' if self.indicator == 'cost' else 'a duration'}"
            )
        elif self.limit is None or self.limit <= 0:
            raise ValueError("threshold has to be above 0")
        elif self.indicator != "cost":
            duration(str(self.threshold))
        return self

    @property
    def kind(self) -> str:
        return "slo"

    @property
    def zone(self) -> str:
        return "UTC"

    @property
    def limit(self) -> Decimal | None:
        if self.threshold is None:
            return None
        return _decimal(self.threshold) if self.indicator == "cost" else Decimal(str(seconds(str(self.threshold))))

    @property
    def ratio(self) -> float:
        """The promised share of good calls, between 0 and 1."""
        return float(self.objective / 100)

    @property
    def version(self) -> str:
        """Changes with what is counted, and not with what is made of it."""
        counted: dict[str, object] = {"indicator": self.indicator, "limit": self.limit, "period": self.period}
        if self.indicator == "availability":
            counted |= {"errors": sorted(set(self.errors)), "error_types": told_apart(self.errors)}
        return self._version(kind="slo", **counted)


class Budget(Objective):
    """An amount of money for each calendar period of its time zone."""

    amount: Usd
    period: Literal["day", "week", "month", "quarter", "year"]
    time_zone: str = "UTC"
    unpriced_call_usd: Usd

    @field_validator("amount")
    @classmethod
    def _something(cls, amount: Decimal) -> Decimal:
        if amount == 0:
            raise ValueError("it has to be above 0")
        return amount

    @field_validator("time_zone")
    @classmethod
    def _exists(cls, zone: str) -> str:
        if zone not in available_timezones():
            raise ValueError(f"no time zone {zone}: say one like Europe/Berlin, or UTC")
        return zone

    @property
    def kind(self) -> str:
        return "budget"

    @property
    def zone(self) -> str:
        return self.time_zone

    @property
    def version(self) -> str:
        return self._version(kind="budget", period=self.period, time_zone=self.time_zone)


class Channel(Model):
    """Where messages go: an apprise `url`, or the address of an `alertmanager`."""

    name: Name
    url: str = ""
    alertmanager: Address = ""
    severities: Annotated[tuple[Severity, ...], Field(strict=False, min_length=1)] = ("page", "ticket")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.url) == bool(self.alertmanager):
            raise ValueError("a channel has either url, for apprise, or alertmanager")
        return self


class Heartbeat(Model):
    """An address that is asked so often, while alerting works."""

    url: Annotated[Address, Field(min_length=1)]
    every: Duration = timedelta(seconds=60)


class PlatformAlerts(Model):
    """When the platform itself is in trouble. Shares are between 0 and 1."""

    spool_fill: Annotated[float, Field(gt=0, le=1, strict=False)] = 0.5
    posting_lag: Duration = timedelta(seconds=60)
    coverage: Annotated[float, Field(ge=0, le=1, strict=False)] = 0.95
    price_book_age: Duration = timedelta(days=14)


class Alerting(Model):
    """What happens with alerts. Without a `dashboard_url`, links lead to the dashboard that the platform itself runs, if it does."""

    dashboard_url: str = ""
    channels: Annotated[tuple[Channel, ...], Field(strict=False)] = ()
    heartbeat: Heartbeat | None = None
    platform: PlatformAlerts = PlatformAlerts()


class ContentCapture(Model):
    """Whether prompts and completions are kept, and for how many days after they arrived."""

    capture: bool = False
    keep_days: Annotated[int, Field(ge=1, le=3650)] = 7


class Config(Model):
    """The whole file."""

    slos: Annotated[tuple[Slo, ...], Field(strict=False)] = ()
    budgets: Annotated[tuple[Budget, ...], Field(strict=False)] = ()
    alerting: Alerting = Alerting()
    content: ContentCapture = ContentCapture()

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        for names in ([o.name for o in self.objectives], [channel.name for channel in self.alerting.channels]):
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"the name {name} is given {names.count(name)} times: each has to have its own")
        return self

    @property
    def objectives(self) -> tuple[Slo | Budget, ...]:
        return (*self.slos, *self.budgets)


def load(path: Path, environment: Mapping[str, str] | None = os.environ) -> Config:
    """Read and check a configuration file. `${NAME}` in an address of alerting is taken from `environment`; with None it stays.

    Raises StartError, which names the file, the place in it, and the way out.
    """
    config = read_checked(path, Config, "configuration", _KINDS)
    return config if environment is None else _expanded(config, path, environment)


def read_checked(path: Path, whole: type[M], what: str, kinds: Kinds) -> M:
    """A YAML file, read and checked. Raises StartError: a line for each thing that is wrong, with the file, the place in it, and the
    way out."""
    try:
        raw = yaml_file.read(path)
    except OSError as error:
        raise StartError(f"the {what} {path} cannot be read: {error.strerror}") from error
    except yaml_file.YamlError as error:
        raise StartError(f"{path}: {error}") from error
    if raw is not None and not isinstance(raw, dict):
        raise StartError(f"{path}: it has to be a mapping with {_or(list(whole.model_fields))}")
    try:
        return whole.model_validate(raw or {})
    except ValidationError as error:
        raise StartError(
            "\n".join(f"{path}: {_message(one, kinds)}" for one in error.errors(include_url=False))
        ) from error


def load_default(path: Path | None, data: Path, environment: Mapping[str, str] | None = os.environ) -> Config:
    """The configuration at `path`, or that of the data folder, which may be missing. Raises StartError."""
    return load_named(path, data, environment) or Config()


def load_named(path: Path | None, data: Path, environment: Mapping[str, str] | None = os.environ) -> Config | None:
    """As `load_default`; None where there is no configuration at all."""
    if path is None and not (data / FILE_NAME).exists():
        return None
    return load(path or data / FILE_NAME, environment)


def _expanded(config: Config, path: Path, environment: Mapping[str, str]) -> Config:
    def filled(text: str, place: str, http: bool) -> str:
        def value(found: re.Match[str]) -> str:
            if found[1] not in environment:
                raise StartError(f"{path}: {place}: the environment has no {found[1]}: set it, or write the address")
            return environment[found[1]]

        address = _VARIABLE.sub(value, text)
        if http and text and not _HTTP.fullmatch(address):
            raise StartError(f"{path}: {place}: with its variables filled, it has to begin with http:// or https://")
        return address

    alerting = config.alerting
    channels = tuple(
        channel.model_copy(
            update={
                "url": filled(channel.url, f"alerting.channels[{number}].url", http=False),
                "alertmanager": filled(channel.alertmanager, f"alerting.channels[{number}].alertmanager", http=True),
            }
        )
        for number, channel in enumerate(alerting.channels)
    )
    heartbeat = alerting.heartbeat and alerting.heartbeat.model_copy(
        update={"url": filled(alerting.heartbeat.url, "alerting.heartbeat.url", http=True)}
    )
    return config.model_copy(
        update={"alerting": alerting.model_copy(update={"channels": channels, "heartbeat": heartbeat})}
    )


def _message(error: Any, kinds: Kinds) -> str:
    """What pydantic has against a value, as `slos[0].period: …`."""
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error["loc"]).removeprefix(".")
    parent, _, last = place.rpartition(".")
    secret = tuple(error["loc"][:2]) in _SECRET
    match error["type"]:
        case "extra_forbidden" if secret and not re.fullmatch("[a-z_]{1,30}", str(error["loc"][-1])):
            where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error["loc"][:-1])
            return f"{where.removeprefix('.')}: there is a key that is none; {_keys(error['loc'][:-1], kinds)}"
        case "extra_forbidden":
            said = f"{parent or 'the file'}: there is no {last}; {_keys(error['loc'][:-1], kinds)}"
            return said
        case "missing":
            said = "it is missing"
            if last == "unpriced_call_usd":
                said += ": say what a call without a price is taken to cost, in USD; 0 leaves such calls out"
        case "value_error":
            said = str(error["ctx"]["error"])
            if secret:
                said = said.replace(repr(error["input"]), "it")
        case "literal_error" if secret:
            said = f"it is none of {error['ctx']['expected']}"
        case "tuple_type" if secret:
            said = "it has to be a list"
        case "string_pattern_mismatch" if secret and last == "name":
            said = "it is no name: use a to z, 0 to 9 and -"
        case _ if secret:
            said = f"{error['msg'][0].lower()}{error['msg'][1:]}"
        case "literal_error":
            said = f"{error['input']!r} is none of {error['ctx']['expected']}"
        case "tuple_type":
            said = f"it has to be a list, as in [{error['input']}], not {error['input']!r}"
        case "string_pattern_mismatch" if last == "name":
            said = f"{error['input']!r} is no name: use a to z, 0 to 9 and -"
        case _:
            said = f"{error['msg'][0].lower()}{error['msg'][1:]}, not {error['input']!r}"
    return f"{place}: {said}" if place else said


def _keys(place: tuple[str | int, ...], kinds: Kinds) -> str:
    """Which keys there are at a place of the file."""
    return f"there are {', '.join(kinds[tuple(step for step in place if isinstance(step, str))].model_fields)}"


def _or(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


_KINDS: Kinds = {
    (): Config, ("slos",): Slo, ("budgets",): Budget, ("slos", "scope"): Scope, ("budgets", "scope"): Scope,
    ("alerting",): Alerting, ("alerting", "channels"): Channel, ("alerting", "heartbeat"): Heartbeat,
    ("alerting", "platform"): PlatformAlerts, ("content",): ContentCapture,
}  # fmt: skip
