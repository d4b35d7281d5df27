"""Tries libraries for real: each in an environment of its own, in its current version, against the fake provider.

    make libraries                                  # all of them, some minutes; prints the table of docs/libraries.md
    python tests/sdk/try_library.py groq cohere     # some
    VENV/bin/python tests/sdk/try_library.py --here groq

One row a library and scenario: how many spans of calls there were, of which the collector bills those without another one
inside, whether their tokens are those that the provider sent, and whether the time to the first token is there.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
INSTALLS = {
    "openai": ["openai", "spanledger[openai]"],
    "anthropic": ["anthropic", "spanledger[anthropic]"],
    "google-genai": ["google-genai", "spanledger[google]"],
    "boto3": ["boto3", "spanledger[bedrock]"],
    "mistralai": ["spanledger[mistral]"],
    "groq": ["groq", "spanledger[groq]"],
    "cohere": ["cohere", "spanledger[cohere]"],
    "ollama": ["ollama", "spanledger[ollama]"],
    "litellm": ["litellm", "spanledger[litellm,openai]"],
    "langchain-core": ["langchain", "langchain-openai", "langgraph", "spanledger[langchain]"],
    "llama-index-core": ["llama-index-core", "llama-index-llms-openai", "spanledger[llama-index]"],
    "openai-agents": ["openai-agents", "spanledger[agents]"],
    "crewai": ["crewai[litellm]", "spanledger[crewai,litellm]"],
    "pydantic-ai-slim": ["pydantic-ai-slim[openai]", "spanledger[pydantic-ai,openai]"],
    "mcp": ["spanledger[mcp]"],
}
EXPECTED = {"anthropic": (1050, 30)}
MESSAGES: Any = [{"role": "user", "content": "What is the weather in Bern?"}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL: Any = {"type": "function", "function": {"name": "weather", "description": "Weather", "parameters": PARAMETERS}}

Scenarios = dict[str, Callable[[], object]]


_LOOP = asyncio.new_event_loop()


def _run(coroutine: Any) -> Any:
    """In one loop: clients keep connections that belong to it."""
    return _LOOP.run_until_complete(coroutine)


async def _drain(stream: Any) -> None:
    async for _ in stream:
        pass


def _error(call: Callable[[str], object]) -> Callable[[], object]:
    def scenario() -> None:
        try:
            call("error-400")
        except Exception:
            return
        raise AssertionError("no error")

    return scenario


def _openai(url: str) -> Scenarios:
    import openai
    from pydantic import BaseModel

    class Answer(BaseModel):
        text: str

    client = openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0)
    chat = client.chat.completions

    async def in_async() -> None:
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:
            await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)

    async def in_async_stream() -> None:
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:
            await _drain(await client.responses.create(model="gpt-4o", input="hi", stream=True))

    return {
        "sync": lambda: chat.create(model="gpt-4o", messages=MESSAGES),
        "async": lambda: _run(in_async()),
        "stream": lambda: list(chat.create(model="gpt-4o", messages=MESSAGES, stream=True)),
        "tools": lambda: chat.create(model="gpt-4o", messages=MESSAGES, tools=[TOOL]),
        "error": _error(lambda model: chat.create(model=model, messages=MESSAGES)),
        "responses": lambda: client.responses.create(model="gpt-4o", input="hi"),
        "responses stream": lambda: list(client.responses.create(model="gpt-4o", input="hi", stream=True)),
        "responses async stream": lambda: _run(in_async_stream()),
    }


def _anthropic(url: str) -> Scenarios:
    import anthropic

    claude = anthropic.Anthropic(base_url=url, api_key="k", max_retries=0)
    options: Any = {"model": "claude-sonnet-4-6", "max_tokens": 9, "messages": MESSAGES}

    async def in_async() -> None:
        async with anthropic.AsyncAnthropic(base_url=url, api_key="k", max_retries=0) as claude:
            await claude.messages.create(**options)

    def helper() -> None:
        with claude.messages.stream(**options) as stream:
            list(stream.text_stream)

    return {
        "sync": lambda: claude.messages.create(**options),
        "async": lambda: _run(in_async()),
        "stream": lambda: list(claude.messages.create(**options, stream=True)),
        "stream()": helper,
        "error": _error(lambda model: claude.messages.create(**{**options, "model": model})),
    }


def _google(url: str) -> Scenarios:
    import google.genai as genai

    client = genai.Client(api_key="k", http_options={"base_url": url})
    models = client.models
    options: Any = {"model": "gemini-2.5-flash", "contents": "hi"}

    async def in_async_stream() -> None:
        await _drain(await client.aio.models.generate_content_stream(**options))

    return {
        "sync": lambda: models.generate_content(**options),
        "async": lambda: _run(client.aio.models.generate_content(**options)),
        "stream": lambda: list(models.generate_content_stream(**options)),
        "async stream": lambda: _run(in_async_stream()),
        "error": _error(lambda model: models.generate_content(model=model, contents="hi")),
    }


def _bedrock(url: str) -> Scenarios:
    import boto3

    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
    client = boto3.client("bedrock-runtime", endpoint_url=url, **keys)
    messages: Any = [{"role": "user", "content": [{"text": "hi"}]}]
    model = "amazon.nova-lite-v1:0"
    return {
        "sync": lambda: client.converse(modelId=model, messages=messages),
        "stream": lambda: list(client.converse_stream(modelId=model, messages=messages)["stream"]),
        "error": _error(lambda model: client.converse(modelId=model, messages=messages)),
    }


def _mistral(url: str) -> Scenarios:
    from mistralai.client import Mistral

    client = Mistral(api_key="k", server_url=f"{url}/mistral")
    options: Any = {"model": "mistral-large-latest", "messages": MESSAGES}

    async def in_async_stream() -> None:
        await _drain(await client.chat.stream_async(**options))

    return {
        "sync": lambda: client.chat.complete(**options),
        "async": lambda: _run(client.chat.complete_async(**options)),
        "stream": lambda: list(client.chat.stream(**options)),
        "async stream": lambda: _run(in_async_stream()),
        "tools": lambda: client.chat.complete(**options, tools=[TOOL]),
        "error": _error(lambda model: client.chat.complete(model=model, messages=MESSAGES)),
    }


def _groq(url: str) -> Scenarios:
    import groq

    chat = groq.Groq(base_url=f"{url}/groq", api_key="k", max_retries=0).chat.completions
    options: Any = {"model": "llama-3.3-70b-versatile", "messages": MESSAGES}

    async def in_async() -> None:
        async with groq.AsyncGroq(base_url=f"{url}/groq", api_key="k", max_retries=0) as client:
            await client.chat.completions.create(**options)

    async def in_async_stream() -> None:
        async with groq.AsyncGroq(base_url=f"{url}/groq", api_key="k", max_retries=0) as client:
            await _drain(await client.chat.completions.create(**options, stream=True))

    return {
        "sync": lambda: chat.create(**options),
        "async": lambda: _run(in_async()),
        "stream": lambda: list(chat.create(**options, stream=True)),
        "async stream": lambda: _run(in_async_stream()),
        "tools": lambda: chat.create(**options, tools=[TOOL]),
        "error": _error(lambda model: chat.create(model=model, messages=MESSAGES)),
    }


def _cohere(url: str) -> Scenarios:
    import cohere

    client = cohere.ClientV2(api_key="k", base_url=url)
    options: Any = {"model": "command-a-03-2025", "messages": MESSAGES}

    async def in_async() -> None:
        await cohere.AsyncClientV2(api_key="k", base_url=url).chat(**options)

    return {
        "sync": lambda: client.chat(**options),
        "async": lambda: _run(in_async()),
        "stream": lambda: list(client.chat_stream(**options)),
        "error": _error(lambda model: client.chat(model=model, messages=MESSAGES)),
    }


def _ollama(url: str) -> Scenarios:
    import ollama

    client = ollama.Client(host=url)
    options: Any = {"model": "llama3.2", "messages": MESSAGES}

    async def in_async() -> None:
        await ollama.AsyncClient(host=url).chat(**options)

    return {
        "sync": lambda: client.chat(**options),
        "async": lambda: _run(in_async()),
        "stream": lambda: list(client.chat(**options, stream=True)),
        "error": _error(lambda model: client.chat(model=model, messages=MESSAGES)),
    }


def _litellm(url: str) -> Scenarios:
    import litellm

    options: Any = {"api_base": f"{url}/v1", "api_key": "k", "messages": MESSAGES, "num_retries": 0}

    async def in_async_stream() -> None:
        await _drain(await litellm.acompletion(model="openai/gpt-4o", stream=True, **options))

    unasked: Any = {**options, "model": "groq/llama-3.3-70b-versatile", "api_base": f"{url}/groq/openai/v1"}
    claude: Any = {"model": "anthropic/claude-sonnet-4-6", "api_base": url, "api_key": "k", "messages": MESSAGES}
    asked: Any = {"stream": True, "stream_options": {"include_usage": True}}
    return {
        "stream, usage asked for": lambda: list(litellm.completion(model="openai/gpt-4o", **asked, **options)),
        "sync": lambda: litellm.completion(model="openai/gpt-4o", **options),
        "async": lambda: _run(litellm.acompletion(model="openai/gpt-4o", **options)),
        "stream": lambda: list(litellm.completion(model="openai/gpt-4o", stream=True, **options)),
        "async stream": lambda: _run(in_async_stream()),
        "tools": lambda: litellm.completion(model="openai/gpt-4o", tools=[TOOL], **options),
        "error": _error(lambda model: litellm.completion(model=f"openai/{model}", **options)),
        "anthropic by http": lambda: litellm.completion(**claude),
        "anthropic by http, stream": lambda: list(litellm.completion(**claude, stream=True)),
        "stream of a server that says its usage unasked": lambda: list(litellm.completion(**unasked, stream=True)),
        "stream, let go of": lambda: next(iter(litellm.completion(**unasked, stream=True))),
    }


def _langchain(url: str) -> Scenarios:
    from langchain.agents import create_agent
    from langchain_core.tools import tool
    from langchain_openai import ChatOpenAI

    def model(name: str = "gpt-4o") -> Any:
        key: Any = "k"
        return ChatOpenAI(model=name, base_url=f"{url}/v1", api_key=key, max_retries=0)

    def weather(city: str) -> str:
        """Weather"""
        return "sunny"

    agent = create_agent(model(), [tool(weather)])

    async def in_async_stream() -> None:
        await _drain(model().astream("hi"))

    return {
        "sync": lambda: model().invoke("hi"),
        "async": lambda: _run(model().ainvoke("hi")),
        "stream": lambda: list(model().stream("hi")),
        "async stream": lambda: _run(in_async_stream()),
        "agent with a tool, 2 calls": lambda: agent.invoke({"messages": MESSAGES}),
        "error": _error(lambda name: model(name).invoke("hi")),
    }


def _llama_index(url: str) -> Scenarios:
    from llama_index.core.llms import ChatMessage
    from llama_index.llms.openai import OpenAI, utils

    utils.CHAT_MODELS["error-400"] = utils.ALL_AVAILABLE_MODELS["error-400"] = (
        8192  # it asks for no model that it does not know
    )

    def model(name: str = "gpt-4o") -> Any:
        return OpenAI(model=name, api_base=f"{url}/v1", api_key="k", max_retries=0)

    messages = [ChatMessage(role="user", content="hi")]

    async def in_async_stream() -> None:
        await _drain(await model().astream_chat(messages))

    return {
        "sync": lambda: model().chat(messages),
        "async": lambda: _run(model().achat(messages)),
        "stream": lambda: list(model().stream_chat(messages)),
        "async stream": lambda: _run(in_async_stream()),
        "error": _error(lambda name: model(name).chat(messages)),
    }


def _agents(url: str) -> Scenarios:
    import openai
    from agents import Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, function_tool

    def weather(city: str) -> str:
        return "sunny"

    def agent(kind: Any, name: str = "gpt-4o", **more: Any) -> Any:
        client = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0)
        return Agent(name="helper", model=kind(model=name, openai_client=client), **more)

    async def in_async_stream(kind: Any) -> None:
        await _drain(Runner.run_streamed(agent(kind), "hi").stream_events())

    return {
        "sync": lambda: Runner.run_sync(agent(OpenAIResponsesModel), "hi"),
        "async": lambda: _run(Runner.run(agent(OpenAIChatCompletionsModel), "hi")),
        "async stream": lambda: _run(in_async_stream(OpenAIResponsesModel)),
        "chat async stream": lambda: _run(in_async_stream(OpenAIChatCompletionsModel)),
        "tools, 2 calls": lambda: Runner.run_sync(agent(OpenAIResponsesModel, tools=[function_tool(weather)]), "hi"),
        "error": _error(lambda name: Runner.run_sync(agent(OpenAIResponsesModel, name), "hi")),
    }


def _crewai(url: str) -> Scenarios:
    from crewai import LLM, Agent, Crew, Task

    def crew(**options: Any) -> Any:
        llm = LLM(model="openai/gpt-4o", base_url=f"{url}/v1", api_key="k", **options)
        agent = Agent(role="helper", goal="help", backstory="none", llm=llm)
        task = Task(description="say hi", expected_output="hi", agent=agent)
        return Crew(agents=[agent], tasks=[task])

    return {
        "sync": lambda: crew().kickoff(),
        "by litellm": lambda: crew(is_litellm=True).kickoff(),
        "stream": lambda: crew(stream=True).kickoff(),
    }


def _pydantic_ai(url: str) -> Scenarios:
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    def agent(name: str = "gpt-4o") -> Any:
        return Agent(OpenAIChatModel(name, provider=OpenAIProvider(base_url=f"{url}/v1", api_key="k")))

    async def in_async_stream() -> None:
        async with agent().run_stream("hi") as result:
            await _drain(result.stream_text())

    return {
        "sync": lambda: agent().run_sync("hi"),
        "async": lambda: _run(agent().run("hi")),
        "async stream": lambda: _run(in_async_stream()),
        "error": _error(lambda name: agent(name).run_sync("hi")),
    }


TOOLS = """
import sys, spanledger
from mcp.server.mcpserver import MCPServer

spanledger.instrument(endpoint=sys.argv[1], service="tools")
server = MCPServer("tools")

@server.tool()
def weather(city: str) -> str:
    if not city:
        raise ValueError("no city")
    return "sunny"

server.run()
spanledger.shutdown()
"""


def _mcp(receiver: str) -> Scenarios:
    """A server of its own process, traced too; its spans are in the traces of the client. Tools are no calls: none is billed."""
    import mcp

    async def call_tool(city: str) -> None:
        env = {**os.environ, "PYTHONPATH": str(ROOT / "sdk")}
        server = mcp.StdioServerParameters(command=sys.executable, args=["-c", TOOLS, receiver], env=env)
        async with mcp.stdio_client(server) as streams, mcp.ClientSession(*streams) as session:
            await session.initialize()
            answer = await session.call_tool("weather", {"city": city})
            assert answer.is_error is not bool(city)

    return {"a tool": lambda: _run(call_tool("Bern")), "a tool that fails": lambda: _run(call_tool(""))}


LIBRARIES: dict[str, Callable[[str], Scenarios]] = {
    "openai": _openai,
    "anthropic": _anthropic,
    "google-genai": _google,
    "boto3": _bedrock,
    "mistralai": _mistral,
    "groq": _groq,
    "cohere": _cohere,
    "ollama": _ollama,
    "litellm": _litellm,
    "langchain-core": _langchain,
    "llama-index-core": _llama_index,
    "openai-agents": _agents,
    "crewai": _crewai,
    "pydantic-ai-slim": _pydantic_ai,
    "mcp": _mcp,
}

_INPUT = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt")
_OUTPUT = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion")
_OPERATIONS = ("chat", "generate_content", "text_completion", "LLM")


def _first(attributes: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((attributes[name] for name in names if name in attributes), None)


def _is_call(attributes: dict[str, Any]) -> bool:
    return _first(attributes, ("gen_ai.operation.name", "openinference.span.kind", "llm.request.type")) in _OPERATIONS


def try_here(name: str) -> Iterator[dict[str, Any]]:
    """The scenarios of one library, in this environment."""
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "sdk")]
    os.environ.update(OPENAI_API_KEY="k", OPENAI_AGENTS_DISABLE_TRACING="0", CREWAI_TRACING_ENABLED="false")
    os.environ.update(
        CREWAI_DISABLE_TELEMETRY="true", LITELLM_LOCAL_MODEL_COST_MAP="True", ANONYMIZED_TELEMETRY="false"
    )
    import spanledger
    from sdk.quickstarts import environment, quickstarts

    from sdk import loopback

    server: Any = loopback.provider()
    receiver: Any = loopback.Receiver()
    with server.running(), receiver.running():
        os.environ.update(environment(server.url))
        code = quickstarts()[name]
        report = spanledger.instrument(endpoint=receiver.url, service="try")
        [library] = [one for one in report.libraries if one.name == name]
        print(library, file=sys.stderr)
        scenarios: Scenarios = {
            **LIBRARIES[name](receiver.url if name == "mcp" else server.url),
            "quick start": lambda: exec(code, {"__name__": "quickstart"}),
        }
        for scenario, call in scenarios.items():
            spanledger.flush()
            seen = len(receiver.spans())
            failure = ""
            try:
                call()
            except Exception as error:
                failure = f"{type(error).__name__}: {error}"[:200]
            spanledger.flush()
            spans = receiver.spans()[seen:]
            calls = [span for span in spans if _is_call(span.attributes)]
            parents = {span.span_id: span.parent_id for span in spans}
            inside: set[bytes] = set()
            for span in calls:
                above = span.parent_id
                while above:
                    inside.add(above)
                    above = parents.get(above, b"")
            billed = [span for span in calls if span.span_id not in inside]
            tokens = [(_first(s.attributes, _INPUT), _first(s.attributes, _OUTPUT)) for s in billed]
            yield {
                "library": name,
                "version": version(name),
                "by": library.by,
                "scenario": scenario,
                "spans": [f"{span.name} ({span.scope})" for span in spans],
                "calls": len(calls),
                "billed": len(billed),
                "tokens": tokens,
                "right": all(pair == EXPECTED.get(name, (1200, 85)) for pair in tokens),
                "ttft": all("gen_ai.response.time_to_first_chunk" in span.attributes for span in billed),
                "model": [_first(s.attributes, ("gen_ai.request.model", "llm.model_name")) for s in billed],
                "error": [span.attributes.get("error.type") or span.error for span in billed],
                "secret": any(b"secret" in post.body for post in receiver.posts[-1:]),
                "failure": failure,
                "faults": spanledger.stats().faults,
            }
        spanledger.shutdown()


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--here"]:
        for row in try_here(arguments[1]):
            print("ROW" + json.dumps(row), flush=True)
        return
    print("| Library | By | Scenario | Spans of calls | Billed | Tokens right | Time to first token | Error |")
    print("|---|---|---|---|---|---|---|---|")
    for name in arguments or LIBRARIES:
        with tempfile.TemporaryDirectory() as place:
            venv.create(place, with_pip=True)
            python = f"{place}/bin/python"
            wanted = [one.replace("spanledger", f"{ROOT}") for one in INSTALLS[name]]
            subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], check=True)
            tried = subprocess.run([python, __file__, "--here", name], check=False, stdout=subprocess.PIPE, text=True)
            for line in tried.stdout.splitlines():
                if line.startswith("ROW"):
                    print(_line(json.loads(line.removeprefix("ROW"))), flush=True)


def _line(row: dict[str, Any]) -> str:
    failed = row["failure"] or ", ".join(str(error) for error in row["error"] if error)
    right = "" if failed else "yes" if row["right"] else f"no: {row['tokens']}"
    cells = [f"{row['library']} {row['version']}", row["by"], row["scenario"], row["calls"], row["billed"], right]
    return "| " + " | ".join(str(cell) for cell in [*cells, "yes" if row["ttft"] else "", failed]) + " |"


if __name__ == "__main__":
    main(sys.argv[1:])
