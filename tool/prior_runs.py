#!/usr/bin/env python3
"""prior_runs.py - quick learning-rate sweeps of very small models, for the prior's fit.

    prior_runs.py --data DIR [--out tool/prior_runs.tsv] [--logs DIR] [--threads 1] [--only TEXT]

Every cell of the plan below is one job (model, method, data, steps, ...) trained at seven rates
at once: the arms share the batches and, in LoRA, the frozen weights, and differ in the rate
alone. They are one leading axis of every trained tensor, so a step costs a few large products
instead of many small ones, and no arm touches another: a diverged arm stays alone with its NaNs.

The recipe is the one whose best rate the prior predicts: AdamW 0.9/0.999/1e-8, gradient norm
clipped at 1, warm-up over 3 % of the steps, linear decay to zero; LoRA on all linear layers,
Kaiming-uniform A, B = 0, scale alpha / rank; the loss on plain text or on the answer alone. The
score is the loss on held-out rows after the last step, which is what pace reports.

A cell whose best arm is at the edge of its rates is widened until the best lies inside. Rows are
appended as cells end; a cell that is in the file already is passed over, so the script can be
stopped at any time. Losses and gradient norms of every step go to --logs, outside the repository.
"""

import argparse
import json
import lzma
import math
import os
import pathlib
import time

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizers import Tokenizer

TSV_COLUMNS = (
    "cell model family width parameters method rank alpha data tokens_per_step batch_rows steps "
    "epochs rows weight_decay schedule seed learning_rate loss base_loss"
).split()

HELD_OUT_ROWS = 96
ARMS = 7
SPACING = 1 / 3  # decades between neighbouring arms


# --------------------------------------------------------------------------------------- data ----


def corpus_text(data, name, most=600_000):
    path = data / "corpus" / name
    opener = lzma.open if path.suffix == ".xz" else open
    with opener(path, "rt", encoding="utf-8") as f:
        return f.read(most).replace("<|endoftext|>", "")


def text_of(data, name):
    """Plain text by name."""
    if name == "shakespeare":
        return (data / "datasets/text/tinyshakespeare.txt").read_text()
    if name == "wiki":
        return (data / "datasets/instruct/wiki_demo.txt").read_text()[:600_000]
    if name == "tales":
        return corpus_text(data, "stories_children.txt.xz")
    if name == "dialog":
        return corpus_text(data, "dialog.txt.xz")
    if name == "python":
        return corpus_text(data, "code.txt.xz")
    if name == "gsm8k-text":
        rows = [json.loads(line) for line in open(data / "datasets/gsm8k/train.jsonl")]
        return "\n".join(f"{r['question']}\n{r['answer']}\n" for r in rows[:2500])
    raise KeyError(name)


def poems(data):
    return json.loads((data / "models/poem750K/poetry_corpus.json").read_text())


def pairs_of(data, name):
    """(prompt, answer) rows by name, or None for plain text."""
    if name == "poem-reversed":
        return [("", p["content"][::-1][:70]) for p in poems(data)[:4000]]
    if name == "poem-title":
        return [(p["content"][:48], "。" + p["title"] + p["author"]) for p in poems(data)[:4000]]
    if name == "banking77":
        import csv

        with open(data / "datasets/classification/banking77_train.csv") as f:
            return [chatml(r["text"], r["category"].replace("_", " ")) for r in csv.DictReader(f)]
    if name == "alpaca-code":
        rows = json.loads((data / "datasets/code/new_codealpaca.json").read_text())
        return [chatml(r["instruction"] + "\n" + r.get("input", ""), r["output"]) for r in rows]
    if name == "gsm8k":
        rows = [json.loads(line) for line in open(data / "datasets/gsm8k/train.jsonl")]
        return [chatml(r["question"], r["answer"]) for r in rows]
    if name == "instruct":
        rows = json.loads((data / "datasets/instruct/rasbt_instruction-data.json").read_text())
        return [chatml(r["instruction"] + "\n" + r["input"], r["output"]) for r in rows]
    return None


def chatml(question, answer):
    return (
        f"<|im_start|>user\n{question.strip()}<|im_end|>\n<|im_start|>assistant\n",
        f"{answer.strip()}<|im_end|>",
    )


def encode_rows(data, tokenizer, name, length):
    """Rows of (ids, mask of trained-on tokens), each at most length + 1 tokens, in a fixed shuffle."""
    pairs = pairs_of(data, name)
    rows = []
    if pairs is None:
        ids = tokenizer.encode(text_of(data, name), add_special_tokens=False).ids
        for at in range(0, len(ids) - length, length + 1):
            piece = ids[at : at + length + 1]
            rows.append((piece, [1] * len(piece)))
    else:
        for prompt, answer in pairs[:6000]:
            p = tokenizer.encode(prompt, add_special_tokens=False).ids
            a = tokenizer.encode(answer, add_special_tokens=False).ids
            if len(p) + len(a) <= length + 1 and len(p) + len(a) >= 4:
                rows.append((p + a, [0] * len(p) + [1] * len(a)))
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(7))
    return [rows[i] for i in order]


def collate(rows):
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros(len(rows), longest, dtype=torch.bool)
    for i, (tokens, trained) in enumerate(rows):
        ids[i, : len(tokens)] = torch.tensor(tokens)
        mask[i, : len(tokens)] = torch.tensor(trained, dtype=torch.bool)
    return ids, mask


# -------------------------------------------------------------------------------------- model ----


class Shape:
    def __init__(self, config):
        self.C = config["hidden_size"]
        self.L = config["num_hidden_layers"]
        self.H = config["num_attention_heads"]
        self.K = config["num_key_value_heads"]
        self.D = config.get("head_dim") or self.C // self.H
        self.F = config["intermediate_size"]
        self.V = config["vocab_size"]
        self.eps = config["rms_norm_eps"]
        rope = config.get("rope_parameters") or config
        self.theta = rope.get("rope_theta", 10000.0)

    def matrices(self):
        """Name and shape [out, in] of every linear layer."""
        q, kv = self.H * self.D, self.K * self.D
        for i in range(self.L):
            for part, name, shape in (
                ("self_attn", "q_proj", (q, self.C)),
                ("self_attn", "k_proj", (kv, self.C)),
                ("self_attn", "v_proj", (kv, self.C)),
                ("self_attn", "o_proj", (self.C, q)),
                ("mlp", "gate_proj", (self.F, self.C)),
                ("mlp", "up_proj", (self.F, self.C)),
                ("mlp", "down_proj", (self.C, self.F)),
            ):
                yield f"model.layers.{i}.{part}.{name}.weight", shape

    def others(self):
        yield "model.embed_tokens.weight", (self.V, self.C)
        yield "model.norm.weight", (self.C,)
        for i in range(self.L):
            yield f"model.layers.{i}.input_layernorm.weight", (self.C,)
            yield f"model.layers.{i}.post_attention_layernorm.weight", (self.C,)

    def all(self):
        yield from self.others()
        yield from self.matrices()


def random_weights(shape, seed):
    g = torch.Generator().manual_seed(seed)
    weights = {}
    for name, size in shape.all():
        weights[name] = torch.ones(size) if len(size) == 1 else torch.randn(size, generator=g) * 0.02
    return weights


class Arms:
    """One model trained at several rates at once: every trained tensor has a leading axis of arms."""

    def __init__(self, shape, base, method, rank, scale, n_arms, seed):
        self.shape, self.base, self.n = shape, base, n_arms
        self.lora = method == "lora"
        self.rank, self.scale = rank, scale
        parts = []
        self.slots = []
        if self.lora:
            g = torch.Generator().manual_seed(1000 + seed)
            for name, (n_out, n_in) in shape.matrices():
                a = (torch.rand(rank, n_in, generator=g) * 2 - 1) / math.sqrt(n_in)
                self.slots += [(name + ".A", (rank, n_in)), (name + ".B", (n_out, rank))]
                parts += [a.flatten(), torch.zeros(n_out * rank)]
        else:
            for name, size in shape.all():
                self.slots.append((name, size))
                parts.append(base[name].flatten())
        flat = torch.cat(parts)
        self.flat = flat.repeat(n_arms, 1).requires_grad_(True)
        self.sizes = [math.prod(size) for _, size in self.slots]

    def tensors(self):
        pieces = torch.split(self.flat, self.sizes, dim=1)
        return {name: p.view(self.n, *size) for (name, size), p in zip(self.slots, pieces)}

    def linear(self, w, name, x):
        """x [arms, R, in] -> [arms, R, out]"""
        if not self.lora:
            return torch.bmm(x, w[name].transpose(1, 2))
        y = F.linear(x, self.base[name])
        low = torch.bmm(x, w[name + ".A"].transpose(1, 2))
        return torch.baddbmm(y, low, w[name + ".B"].transpose(1, 2), alpha=self.scale)

    def norm(self, w, name, x):
        weight = self.base[name] if self.lora else w[name].unsqueeze(1)
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.shape.eps) * weight

    def loss(self, ids, mask):
        """Mean loss over the trained-on targets: [arms]."""
        s, w = self.shape, self.tensors()
        inputs, targets, wanted = ids[:, :-1], ids[:, 1:], mask[:, 1:]
        B, T = inputs.shape
        if self.lora:
            x = self.base["model.embed_tokens.weight"][inputs].reshape(1, B * T, s.C)
            x = x.expand(self.n, -1, -1)
        else:
            x = w["model.embed_tokens.weight"][:, inputs.flatten()]
        angle = torch.arange(T).unsqueeze(1) * s.theta ** (-torch.arange(0, s.D, 2) / s.D)
        cos, sin = angle.cos(), angle.sin()
        causal = torch.full((T, T), -1e9).triu(1)

        def heads(y, n_heads):
            return y.view(self.n * B, T, n_heads, s.D).transpose(1, 2)

        def rotate(y):
            a, b = y.chunk(2, -1)
            return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)

        for i in range(s.L):
            p = f"model.layers.{i}."
            h = self.norm(w, p + "input_layernorm.weight", x)
            q = rotate(heads(self.linear(w, p + "self_attn.q_proj.weight", h), s.H))
            k = rotate(heads(self.linear(w, p + "self_attn.k_proj.weight", h), s.K))
            v = heads(self.linear(w, p + "self_attn.v_proj.weight", h), s.K)
            k, v = (t.repeat_interleave(s.H // s.K, 1) for t in (k, v))
            scores = q @ k.transpose(-1, -2) * s.D**-0.5 + causal
            y = scores.softmax(-1) @ v
            y = y.transpose(1, 2).reshape(self.n, B * T, s.H * s.D)
            x = x + self.linear(w, p + "self_attn.o_proj.weight", y)
            h = self.norm(w, p + "post_attention_layernorm.weight", x)
            gate = F.silu(self.linear(w, p + "mlp.gate_proj.weight", h))
            up = self.linear(w, p + "mlp.up_proj.weight", h)
            x = x + self.linear(w, p + "mlp.down_proj.weight", gate * up)
        keep = wanted.flatten().nonzero().squeeze(1)
        x = self.norm(w, "model.norm.weight", x[:, keep])
        if self.lora:
            logits = F.linear(x, self.base["model.embed_tokens.weight"])
        else:
            logits = torch.bmm(x, w["model.embed_tokens.weight"].transpose(1, 2))
        target = targets.flatten()[keep].expand(self.n, -1)
        losses = F.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="none")
        return losses.view(self.n, -1).mean(1)


# ----------------------------------------------------------------------------------- training ----


def rate_factor(step, steps, schedule):
    """Share of the peak at step 0 ... steps - 1, warm-up over 3 %."""
    warmup = max(1, round(0.03 * steps))
    if step < warmup:
        return (step + 1) / warmup
    share = (step - warmup) / max(1, steps - warmup)
    if schedule == "constant":
        return 1.0
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * share))
    return 1 - share


def batches(n_rows, batch_rows, steps, seed):
    """Row numbers of each step: every epoch a fresh shuffle, the last short batch dropped."""
    g = torch.Generator().manual_seed(seed)
    out = []
    while len(out) < steps:
        order = torch.randperm(n_rows, generator=g).tolist()
        for at in range(0, n_rows - batch_rows + 1, batch_rows):
            out.append(order[at : at + batch_rows])
    return out[:steps]


def held_out_loss(arms, rows):
    total, count = torch.zeros(arms.n), 0
    with torch.no_grad():
        for at in range(0, len(rows), 16):
            ids, mask = collate(rows[at : at + 16])
            n = int(mask[:, 1:].sum())
            total += arms.loss(ids, mask) * n
            count += n
    return total / count


def train(cell, shape, base, rates, train_rows, held_out):
    arms = Arms(shape, base, "lora" if cell["method"] == "lora" else "full", cell["rank"],
                cell["alpha"] / cell["rank"] if cell["rank"] else 0, len(rates), cell["seed"])
    lr = torch.tensor(rates).unsqueeze(1)
    m, v = torch.zeros_like(arms.flat), torch.zeros_like(arms.flat)
    log = {"loss": [], "norm": []}
    base_loss = float(held_out_loss(arms, held_out)[0])
    tokens = 0
    plan = batches(len(train_rows), cell["batch_rows"], cell["steps"], 100 + cell["seed"])
    for step, chosen in enumerate(plan):
        ids, mask = collate([train_rows[i] for i in chosen])
        tokens += sum(len(train_rows[i][0]) for i in chosen)
        loss = arms.loss(ids, mask)
        arms.flat.grad = None
        loss.sum().backward()
        with torch.no_grad():
            g = arms.flat.grad
            norm = g.norm(dim=1, keepdim=True)
            g.mul_((1.0 / (norm + 1e-6)).clamp(max=1.0))
            m.mul_(0.9).add_(g, alpha=0.1)
            v.mul_(0.999).addcmul_(g, g, value=0.001)
            rate = lr * rate_factor(step, cell["steps"], cell["schedule"])
            if cell["weight_decay"]:
                arms.flat.mul_(1 - rate * cell["weight_decay"])
            step_size = rate / (1 - 0.9 ** (step + 1))
            arms.flat -= step_size * m / ((v / (1 - 0.999 ** (step + 1))).sqrt_().add_(1e-8))
        log["loss"].append([float(x) for x in loss.detach()])
        log["norm"].append([float(x) for x in norm.squeeze(1)])
    return base_loss, held_out_loss(arms, held_out).tolist(), tokens / len(plan), log


def best_is_inside(losses, base_loss):
    """The best of the finite losses has a neighbour on both sides (sorted by rate)."""
    finite = [x if math.isfinite(x) else 1e9 for x in losses]
    best = finite.index(min(finite))
    return 0 < best < len(finite) - 1


# --------------------------------------------------------------------------------------- plan ----


def cell(model, method, data, centre, **more):
    """A job. `centre`: log10 of where the best rate is expected."""
    c = dict(model=model, method=method, data=data, centre=centre, rank=16, alpha=32,
             batch_rows=8, length=64, steps=150, rows=0, epochs=1, weight_decay=0.0,
             schedule="linear", seed=0)
    if method != "lora":
        c.update(rank=0, alpha=0)
    c.update(more)
    return c


def plan():
    """The jobs, breadth first: a run that is stopped early has seen a bit of everything."""
    s, p, o = "stories260K", "poem750K", "own-3M"
    for data, steps in (("shakespeare", 150), ("tales", 120), ("gsm8k-text", 120), ("python", 120)):
        for method, centre in (("lora", -2.25), ("full", -2.6)):
            yield cell(s, method, data, centre, steps=steps)
    for data in ("poem-reversed", "poem-title"):
        for method, centre in (("lora", -2.4), ("full", -2.8)):
            yield cell(p, method, data, centre, steps=100)
    for data in ("banking77", "shakespeare"):
        for method, centre in (("lora", -2.6), ("full", -3.0)):
            yield cell(o, method, data, centre, steps=60)
    for rows, epochs in ((240, 5), (60, 5), (960, 3), (240, 1)):
        for method, centre in (("lora", -2.9), ("full", -3.1)):
            steps = rows // 8 * epochs
            yield cell(s, method, "tales", centre, rows=rows, epochs=epochs, steps=steps)
    for method, centre in (("lora", -2.3), ("full", -2.7)):
        yield cell(s, method, "shakespeare", centre, batch_rows=2)
        yield cell(s, method, "shakespeare", centre, steps=40)
        yield cell(s, method, "shakespeare", centre, batch_rows=32)
    yield cell(s, "lora", "shakespeare", -2.3, steps=600)
    for rank, centre in ((4, -2.4), (64, -2.1)):
        yield cell(s, "lora", "tales", centre, steps=120, rank=rank)
    for method, centre in (("lora", -2.3), ("full", -2.7)):
        yield cell(s, method, "tales", centre - 0.3, rows=240, epochs=2, steps=60)
        yield cell(s, method, "tales", centre - 0.2, steps=120, schedule="constant")
        yield cell(p, method, "poem-title", centre - 0.2, rows=240, epochs=5, steps=150)
        yield cell(s, method, "shakespeare", centre - 0.2, schedule="constant")
    for model, data, steps in ((s, "tales", 200), (p, "poem-reversed", 150)):
        yield cell(model, "scratch", data, -2.2, steps=steps)
    yield cell(o, "lora", "banking77", -2.3, steps=60, rank=4)
    yield cell(o, "lora", "instruct", -2.5, steps=60)
    yield cell(o, "lora", "instruct", -2.6, rows=120, epochs=5, steps=75)
    yield cell(s, "lora", "tales", -2.6, rows=960, epochs=5, steps=600)
    yield cell(o, "lora", "banking77", -2.0, steps=60, rank=64)
    for method, centre in (("lora", -2.3), ("full", -2.7)):
        yield cell(s, method, "shakespeare", centre, weight_decay=0.1)
        yield cell(s, method, "tales", centre, steps=120, seed=1)
    yield cell(s, "lora", "shakespeare", -2.3, schedule="cosine")
    yield cell(o, "scratch", "tales", -2.2, steps=90)
    yield cell(s, "full", "shakespeare", -2.4, steps=600)
    for method, centre in (("lora", -2.3), ("full", -2.7)):
        yield cell(s, method, "tales", centre, rows=60, epochs=20, steps=150)
        yield cell(p, method, "poem-title", centre - 0.1, steps=300)
    yield cell(o, "full", "instruct", -3.0, steps=60)
    yield cell(o, "full", "instruct", -3.4, rows=120, epochs=5, steps=75)
    for rank, centre in ((1, -2.5), (4, -2.4), (64, -2.1)):
        yield cell(s, "lora", "shakespeare", centre, rank=rank)
    yield cell(p, "lora", "poem-title", -2.3, rank=4, steps=100)
    yield cell(p, "lora", "poem-title", -2.5, batch_rows=2, steps=100)
    yield cell(p, "lora", "poem-title", -2.2, batch_rows=32, steps=100)
    yield cell(s, "lora", "tales", -2.8, rows=960, epochs=10, steps=1200)
    yield cell(o, "lora", "shakespeare", -2.7, steps=180)
    yield cell(o, "lora", "alpaca-code", -2.6, steps=60)
    yield cell(s, "scratch", "tales", -2.2, steps=200, batch_rows=16)


def cell_name(c):
    parts = [c["model"], c["method"], c["data"], f"b{c['batch_rows']}", f"t{c['steps']}",
             f"s{c['seed']}"]
    if c["rank"] not in (0, 16):
        parts.append(f"r{c['rank']}")
    if c["rows"]:
        parts.append(f"n{c['rows']}x{c['epochs']}")
    if c["weight_decay"]:
        parts.append(f"wd{c['weight_decay']:g}")
    if c["schedule"] != "linear":
        parts.append(c["schedule"])
    return ".".join(parts)


# --------------------------------------------------------------------------------------- main ----


def run_cell(c, data, out, logs):
    folder = data / "models" / c["model"]
    config = json.loads((folder / "config.json").read_text())
    shape = Shape(config)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    rows = encode_rows(data, tokenizer, c["data"], c["length"])
    held_out, rows = rows[:HELD_OUT_ROWS], rows[HELD_OUT_ROWS:]
    if c["rows"]:
        rows = rows[: c["rows"]]
    epochs = c["steps"] * c["batch_rows"] / len(rows)
    if c["method"] == "scratch":
        base = random_weights(shape, c["seed"])
    else:
        base = {k: t.float() for k, t in load_file(str(folder / "model.safetensors")).items()}
    parameters = sum(math.prod(size) for _, size in shape.all())
    grid = [c["centre"] + (i - ARMS // 2) * SPACING for i in range(ARMS)]
    done = {}
    while True:
        base_loss, losses, tokens, log = train(c, shape, base, [10**x for x in grid], rows, held_out)
        done.update(zip(grid, losses))
        (logs / f"{cell_name(c)}.{grid[0]:.2f}.json").write_text(
            json.dumps({"cell": c, "log10_rates": grid, "final": losses, **log}))
        ordered = sorted(done)
        if best_is_inside([done[x] for x in ordered], base_loss) or len(done) > 14:
            break
        finite = [done[x] if math.isfinite(done[x]) else 1e9 for x in ordered]
        low_side = finite.index(min(finite)) == 0
        edge = ordered[0] if low_side else ordered[-1]
        grid = [edge + (-1 if low_side else 1) * SPACING * (i + 1) for i in range(3)]
    with open(out, "a", encoding="utf-8") as f:
        for x in sorted(done):
            fields = dict(cell=cell_name(c), model=c["model"], family="llama", width=shape.C,
                          parameters=parameters, method=c["method"], rank=c["rank"],
                          alpha=c["alpha"], data=c["data"], tokens_per_step=round(tokens),
                          batch_rows=c["batch_rows"], steps=c["steps"], epochs=f"{epochs:.4g}",
                          rows=len(rows), weight_decay=c["weight_decay"], schedule=c["schedule"],
                          seed=c["seed"], learning_rate=f"{10**x:.4g}", loss=f"{done[x]:.5f}",
                          base_loss=f"{base_loss:.5f}")
            f.write("\t".join(str(fields[k]) for k in TSV_COLUMNS) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("PACE_DATA"), required=False)
    parser.add_argument("--out", default=str(pathlib.Path(__file__).parent / "prior_runs.tsv"))
    parser.add_argument("--logs", required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="", help="cells whose name holds this text")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    logs = pathlib.Path(args.logs)
    logs.mkdir(parents=True, exist_ok=True)
    out = pathlib.Path(args.out)
    if not out.exists():
        out.write_text("\t".join(TSV_COLUMNS) + "\n")
    for c in plan():
        finished = {line.split("\t", 1)[0] for line in out.read_text().splitlines()[1:]}
        if args.only not in cell_name(c) or cell_name(c) in finished:
            continue
        start, cpu = time.monotonic(), time.process_time()
        run_cell(c, pathlib.Path(args.data), out, logs)
        print(f"{cell_name(c)}: {time.monotonic() - start:.0f} s, "
              f"{time.process_time() - cpu:.0f} s of processor time", flush=True)


if __name__ == "__main__":
    main()
