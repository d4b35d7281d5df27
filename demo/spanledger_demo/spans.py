"""Past calls as OTLP spans, attribute for attribute as the live instrumentors and the SDK write them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version

from genai_prices import Usage as PriceUsage
from genai_prices import calc_price

from spanledger_demo import otlp
from spanledger_demo.models import CATALOGUE
from spanledger_demo.otlp import Attribute
from spanledger_demo.past import ABANDONED_STATUS, TIMEOUT_STATUS, PastCall
from spanledger_demo.reply import Usage
from spanledger_demo.world import FEATURES

FEATURE = {feature.name: feature for feature in FEATURES}
# Scopes: name, version (of the libraries that the live traffic is traced by), schema.
OPENAI = (
    "opentelemetry.instrumentation.genai.openai",
    version("opentelemetry-instrumentation-genai-openai"),
    "https://opentelemetry.io/schemas/1.37.0",
)
ANTHROPIC = ("com.anthropic.sdk.python", version("anthropic"), "")
APP = ("northwind", "", "")
"""The scope of the services' own spans."""

_A = Attribute
RESPONSE_ID, REQUEST_ID = _A("gen_ai.response.id"), _A("anthropic.request.id")
INPUT, OUTPUT = _A("gen_ai.usage.input_tokens"), _A("gen_ai.usage.output_tokens")
CACHE_READ, CACHE_WRITE = _A("gen_ai.usage.cache_read.input_tokens"), _A("gen_ai.usage.cache_write.input_tokens")
WRITE_5M = _A("anthropic.usage.cache_creation.ephemeral_5m_input_tokens")
WRITE_1H = _A("anthropic.usage.cache_creation.ephemeral_1h_input_tokens")
REASONING = _A("gen_ai.usage.reasoning.output_tokens")
FIRST_CHUNK = _A("gen_ai.response.time_to_first_chunk")
COST = _A("gen_ai.usage.cost.amount")
COST_IS_OURS = _A("gen_ai.usage.cost.currency").text("USD") + _A("gen_ai.usage.cost.source").text("local")
CUSTOMER, USER, SESSION = _A("spanledger.customer"), _A("user.id"), _A("session.id")
HTTP_STATUS = _A("http.response.status_code")
ANTHROPIC_NAME = otlp.name("anthropic.messages.create")

OPENAI_ERRORS = {
    400: ("BadRequestError", "Error code: 400 - This model's maximum context length is 128000 tokens."),
    408: ("APITimeoutError", "Request timed out."),
    429: ("RateLimitError", "Error code: 429 - Rate limit reached for requests. Please try again later."),
    500: ("InternalServerError", "Error code: 500 - The server had an error while processing your request."),
}  # fmt: skip
ANTHROPIC_ERRORS = {
    400: "invalid_request_error",
    408: "client_timeout_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def openai_span(call: PastCall) -> bytes:
    """The content of a Span message, as the OpenAI instrumentor and our SDK leave it."""
    feature, model, usage = call.feature.name, call.model.name, call.usage
    answered = call.status in (200, ABANDONED_STATUS)
    parts = [_openai_request(feature, model, call.stream and answered), _attribution(call)]
    status = otlp.STATUS_UNSET
    if answered:
        parts.append(_openai_answer(feature, model, call.stream, call.status == 200))
        if call.response_id:
            parts.append(RESPONSE_ID.text(call.response_id))
        if call.first_token_ns is not None:
            parts.append(FIRST_CHUNK.real(call.first_token_ns / 1e9))
    else:
        error, status = _openai_error(call.status)
        parts.append(error)
    if call.status == 200:
        parts.append(INPUT.number(usage.input))
        if not call.model.embedding:
            parts.append(OUTPUT.number(usage.output))
        # The instrumentor leaves out the figures that are zero.
        if usage.cache_read:
            parts.append(CACHE_READ.number(usage.cache_read))
        if usage.reasoning:
            parts.append(REASONING.number(usage.reasoning))
        parts.append(_cost(call))
    return _span(call, _openai_name(model), b"".join(parts), status)


def anthropic_span(call: PastCall) -> bytes:
    """The content of a Span message, as Anthropic's own library and our SDK leave it."""
    model, usage = call.model.name, call.usage
    parts = [_anthropic_request(call.feature.name, model, call.stream, call.status), _attribution(call)]
    if call.request_id:
        parts.append(REQUEST_ID.text(call.request_id))
    if call.status in (200, ABANDONED_STATUS):
        status = otlp.STATUS_OK if call.status == 200 else otlp.STATUS_UNSET
        parts += [
            _anthropic_answer(model, call.status == 200),
            RESPONSE_ID.text(call.response_id),
            # The input is known from the stream's first event on, the output only at its end.
            INPUT.number(usage.input),
            CACHE_WRITE.number(usage.cache_write_5m + usage.cache_write_1h),
            CACHE_READ.number(usage.cache_read),
            WRITE_5M.number(usage.cache_write_5m),
            WRITE_1H.number(usage.cache_write_1h),
            _cost(call),
        ]
        if call.first_token_ns is not None:
            parts.append(FIRST_CHUNK.real(call.first_token_ns / 1e9))
    else:
        status = otlp.status_error()
        parts.append(_anthropic_error(call.status))
    if call.status == 200:
        parts.append(OUTPUT.number(usage.output))
    return _span(call, ANTHROPIC_NAME, b"".join(parts), status)


def root_span(call: PastCall) -> bytes:
    """The content of the Span message of the service's own request around a call."""
    root = call.root
    assert root is not None
    failed = call.status not in (200, ABANDONED_STATUS)
    attributes = _route(call.feature.name, 502 if failed else 200) + _attribution(call)
    status = otlp.status_error() if failed else otlp.STATUS_UNSET
    name = _route_name(call.feature.name)
    return otlp.span(
        call.trace_id, root.span_id, b"", name, otlp.SERVER, root.start_ns, root.end_ns, attributes, status
    )


def _span(call: PastCall, name: bytes, attributes: bytes, status: bytes) -> bytes:
    return otlp.span(
        call.trace_id, call.span_id, call.parent_id, name, otlp.CLIENT, call.start_ns, call.end_ns, attributes, status
    )


def _cost(call: PastCall) -> bytes:
    amount = cost_usd(call.model.snapshot, call.usage, call.start_ns)
    return b"" if amount is None else COST.real(amount) + COST_IS_OURS


def cost_usd(model: str, usage: Usage, time_ns: int) -> float | None:
    """What genai-prices says that it cost on that day; None for a model that it does not know."""
    rates = _rates(model, time_ns // (86_400 * 10**9))
    if rates is None:
        return None
    fresh, read, write_5m, write_1h, output = rates
    cost = (
        usage.input_uncached * fresh
        + usage.cache_read * read
        + usage.cache_write_5m * write_5m
        + usage.cache_write_1h * write_1h
        + usage.output * output
    )
    return round(cost, 12)  # the SDK adds up decimals


@cache
def _rates(model: str, day: int) -> tuple[float, ...] | None:
    """USD a token: fresh input, cache read, cache write for 5 minutes, for an hour, output."""
    probes = (
        PriceUsage(input_tokens=1000),
        PriceUsage(input_tokens=1000, cache_read_tokens=1000),
        PriceUsage(input_tokens=1000, cache_write_tokens=1000),
        PriceUsage(input_tokens=1000, cache_write_tokens=1000, cache_write_1h_tokens=1000),
        PriceUsage(output_tokens=1000),
    )
    provider = "anthropic" if model.startswith("claude") else "openai"
    moment = datetime.fromtimestamp(day * 86_400, UTC)
    try:
        prices = [calc_price(p, model, provider_id=provider, genai_request_timestamp=moment) for p in probes]
    except LookupError:
        return None
    return tuple(float(price.total_price) / 1000 for price in prices)


def _attribution(call: PastCall) -> bytes:
    parts = [_owner(call.feature.name, call.prompt_version)]
    if call.customer:
        parts.append(_customer(call.customer))
    if call.user:
        parts.append(_user(call.user))
    if call.session:
        parts.append(SESSION.text(call.session))
    return b"".join(parts)


# What follows is the same on many spans, and made once for each combination.


@cache
def _owner(feature: str, version: str) -> bytes:
    owner = FEATURE[feature]
    head = _A("spanledger.team").text(owner.team) + _A("spanledger.feature").text(feature)
    if not version:
        return head
    return head + _A("gen_ai.prompt.name").text(owner.prompt) + _A("gen_ai.prompt.version").text(version)


@cache
def _customer(customer: str) -> bytes:
    return CUSTOMER.text(customer)


@cache
def _user(user: str) -> bytes:
    return USER.text(user)


@cache
def _openai_name(model: str) -> bytes:
    return otlp.name(f"{'embeddings' if CATALOGUE[model].embedding else 'chat'} {model}")


@cache
def _openai_request(feature: str, model: str, streams: bool) -> bytes:
    asked = CATALOGUE[model]
    parts = [
        _A("gen_ai.operation.name").text("embeddings" if asked.embedding else "chat"),
        _A("gen_ai.provider.name").text("openai"),
        _A("gen_ai.request.model").text(model),
        _A("server.address").text(asked.host or "api.openai.com"),
    ]
    if asked.embedding:
        parts.append(_A("gen_ai.embeddings.dimension.count").number(1536))
    elif FEATURE[feature].max_tokens:
        parts.append(_A("gen_ai.request.max_tokens").number(FEATURE[feature].max_tokens))
    if FEATURE[feature].api == "responses":
        parts.append(_A("openai.api.type").text("responses"))
    if streams:
        parts.append(_A("gen_ai.request.stream").true())
    return b"".join(parts)


@cache
def _openai_answer(feature: str, model: str, stream: bool, complete: bool) -> bytes:
    asked = CATALOGUE[model]
    answer = _A("gen_ai.response.model").text(asked.snapshot)
    if asked.embedding:
        return answer
    if complete:
        answer = _A("gen_ai.response.finish_reasons").texts(["stop"]) + answer
    answer += _A("openai.response.service_tier").text("default")
    if FEATURE[feature].api == "chat" and not stream:
        answer += _A("openai.response.system_fingerprint").text("fp_demo")
    return answer


@cache
def _openai_error(status: int) -> tuple[bytes, bytes]:
    name, message = OPENAI_ERRORS[status]
    return _A("error.type").text(f"openai.{name}"), otlp.status_error(message)


@cache
def _anthropic_request(feature: str, model: str, stream: bool, status: int) -> bytes:
    parts = [
        _A("server.address").text("api.anthropic.com"),
        _A("server.port").number(443),
        _A("gen_ai.provider.name").text("anthropic"),
        _A("gen_ai.operation.name").text("chat"),
        _A("gen_ai.request.model").text(model),
        _A("gen_ai.request.max_tokens").number(FEATURE[feature].max_tokens or 4096),
        _A("http.request.method").text("POST"),
        _A("http.route").text("/v1/messages"),
        _A("url.scheme").text("https"),
        _A("url.path").text("/v1/messages"),
        _A("url.full").text("https://api.anthropic.com/v1/messages"),
    ]
    if stream:
        parts.append(_A("gen_ai.request.stream").true())
    if status != TIMEOUT_STATUS:
        parts.append(HTTP_STATUS.number(200 if status == ABANDONED_STATUS else status))
    return b"".join(parts)


@cache
def _anthropic_answer(model: str, complete: bool) -> bytes:
    answer = _A("gen_ai.response.model").text(CATALOGUE[model].snapshot)
    answer += _A("anthropic.response.service_tier").text("standard")
    return answer + _A("anthropic.message.stop_reason").text("end_turn") if complete else answer


@cache
def _anthropic_error(status: int) -> bytes:
    return _A("error.type").text(ANTHROPIC_ERRORS[status])


@cache
def _route_name(feature: str) -> bytes:
    return otlp.name(f"POST {FEATURE[feature].route}")


@cache
def _route(feature: str, status: int) -> bytes:
    method, route = _A("http.request.method").text("POST"), _A("http.route").text(FEATURE[feature].route)
    return method + route + HTTP_STATUS.number(status)
