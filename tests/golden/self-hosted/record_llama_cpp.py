"""Records `llama-cpp.otlp.pb`: the server of llama-cpp-python, asked with openai's client under `spanledger.instrument()`.

The model is made here: two layers of random weights over 300 words. Its answers mean nothing, its counts of tokens are real.

    pip install 'llama-cpp-python[server]' gguf 'spanledger[openai]' openai       # builds llama.cpp, 20 minutes on two cores
    PYTHONPATH=tests python tests/golden/self-hosted/record_llama_cpp.py
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

SAMPLE = Path(__file__).with_name("llama-cpp.otlp.pb")
PORT = 8137
WORDS = [f"▁word{n}" for n in range(41)]
WIDTH, LAYERS, HEADS, CONTEXT = 64, 2, 4, 256


def make_model(path: Path) -> None:
    import gguf
    import numpy

    random = numpy.random.default_rng(7)
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *WORDS]
    kinds = gguf.TokenType
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(2 * WIDTH)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(
        [kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL, *[kinds.BYTE] * 256, *[kinds.NORMAL] * len(WORDS)]
    )
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)

    def weights(*shape: int) -> Any:
        return (random.standard_normal(shape) * 0.1).astype(numpy.float32)

    answers = weights(len(tokens), WIDTH)
    answers[: -len(WORDS)] = 0  # a word, whenever one of them is likelier than nothing
    writer.add_tensor("token_embd.weight", weights(len(tokens), WIDTH))
    writer.add_tensor("output.weight", answers)
    writer.add_tensor("output_norm.weight", numpy.ones(WIDTH, dtype=numpy.float32))
    for layer in range(LAYERS):
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", numpy.ones(WIDTH, dtype=numpy.float32))
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", weights(WIDTH, WIDTH))
        for name in ("ffn_gate", "ffn_up"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", weights(2 * WIDTH, WIDTH))
        writer.add_tensor(f"blk.{layer}.ffn_down.weight", weights(WIDTH, 2 * WIDTH))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@contextlib.contextmanager
def serving(model: Path) -> Iterator[str]:
    options = [
        "--model",
        str(model),
        "--model_alias",
        "tiny",
        "--n_ctx",
        str(CONTEXT),
        "--port",
        str(PORT),
        "--chat_format",
        "chatml",
    ]
    server = subprocess.Popen([sys.executable, "-m", "llama_cpp.server", *options])
    try:
        for _ in range(120):
            with contextlib.suppress(OSError):
                urlopen(f"http://127.0.0.1:{PORT}/v1/models").close()
                break
            time.sleep(0.5)
        yield f"http://127.0.0.1:{PORT}/v1"
    finally:
        server.terminate()
        server.wait()


def ask(url: str) -> None:
    import openai

    client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
    chat: Any = {
        "model": "tiny",
        "messages": [{"role": "user", "content": "word1 word2"}],
        "max_tokens": 8,
        "temperature": 0,
    }
    answer = client.chat.completions.create(**chat)
    print("usage", answer.usage, answer.choices[0].finish_reason)
    for chunk in client.chat.completions.create(**chat, stream=True):
        print("chunk", chunk.usage, [choice.finish_reason for choice in chunk.choices])
    for chunk in client.chat.completions.create(**chat, stream=True, stream_options={"include_usage": True}):
        print("chunk", chunk.usage, [choice.finish_reason for choice in chunk.choices])
    with contextlib.suppress(openai.APIStatusError):
        client.chat.completions.create(**{**chat, "messages": [{"role": "user", "content": "word " * CONTEXT}]})


def main() -> None:
    import spanledger
    from sdk.loopback import Receiver

    receiver = Receiver()
    with tempfile.TemporaryDirectory() as folder, receiver.running():
        model = Path(folder) / "tiny.gguf"
        make_model(model)
        os.environ.update(OTEL_SERVICE_NAME="sample-app", OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test")
        print(spanledger.instrument(endpoint=receiver.url))
        with serving(model) as url:
            ask(url)
        spanledger.shutdown()
    [request] = receiver.requests()
    SAMPLE.write_bytes(request.SerializeToString(deterministic=True))
    print(request)


if __name__ == "__main__":
    main()
