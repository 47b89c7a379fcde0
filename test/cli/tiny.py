"""A tiny Llama with random weights and a tokenizer whose tokens are letters, for tests of commands."""
import json
import math
import pathlib
import random
import struct

LETTERS = ["a", "b", "c", " ", "ab", "<s>", "<e>", "\n", ":", "u"]
CONFIG = {"model_type": "llama", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
          "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": len(LETTERS),
          "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "tie_word_embeddings": True,
          "eos_token_id": 6}
TEMPLATE = ("{% for m in messages %}{% if m['role'] == 'assistant' %}a:{{ m['content'] }}<e>\n"
            "{% else %}u:{{ m['content'] }}\n{% endif %}{% endfor %}"
            "{% if add_generation_prompt %}a:{% endif %}")


def shapes():
    width, inner, head = CONFIG["hidden_size"], CONFIG["intermediate_size"], 4
    yield "model.embed_tokens.weight", (CONFIG["vocab_size"], width)
    for i in range(CONFIG["num_hidden_layers"]):
        layer = f"model.layers.{i}."
        yield layer + "input_layernorm.weight", (width,)
        yield layer + "self_attn.q_proj.weight", (width, width)
        yield layer + "self_attn.k_proj.weight", (2 * head, width)
        yield layer + "self_attn.v_proj.weight", (2 * head, width)
        yield layer + "self_attn.o_proj.weight", (width, width)
        yield layer + "post_attention_layernorm.weight", (width,)
        yield layer + "mlp.gate_proj.weight", (inner, width)
        yield layer + "mlp.up_proj.weight", (inner, width)
        yield layer + "mlp.down_proj.weight", (width, inner)
    yield "model.norm.weight", (width,)


def read_safetensors(path):
    data = pathlib.Path(path).read_bytes()
    (n,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + n])
    return {name: (t["shape"], data[8 + n + t["data_offsets"][0]:8 + n + t["data_offsets"][1]])
            for name, t in header.items() if name != "__metadata__"}


def write_weights(path, broken=None):
    """`broken`: the tensor whose third number is NaN."""
    draw = random.Random(7)
    header, body = {}, b""
    for name, shape in shapes():
        values = [1.0 if len(shape) == 1 else draw.gauss(0, 0.3) for _ in range(math.prod(shape))]
        if name == broken:
            values[2] = math.nan
        data = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def write_model(folder, chat=True, broken=None, **config):
    folder = pathlib.Path(folder)
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({**CONFIG, **config}))
    write_weights(folder / "model.safetensors", broken)
    special = [{"id": i, "content": LETTERS[i], "single_word": False, "lstrip": False, "rstrip": False,
                "normalized": False, "special": True} for i in (5, 6)]
    (folder / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "added_tokens": special, "normalizer": None, "pre_tokenizer": None,
        "post_processor": None, "decoder": {"type": "Fuse"},
        "model": {"type": "BPE", "vocab": {t: i for i, t in enumerate(LETTERS)}, "merges": [["a", "b"]]}}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<e>"}))
    if chat:
        (folder / "chat_template.jinja").write_text(TEMPLATE)
    return str(folder)


def write_rows(path, n=40, letters=4):
    """Prompts that differ up to 3^letters of them, and completions that go round in a circle."""
    rows = [{"prompt": "".join("abc"[i // 3 ** k % 3] for k in range(letters)), "completion": "bca" * (2 + i % 2)}
            for i in range(n)]
    pathlib.Path(path).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)
