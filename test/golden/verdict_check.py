"""verdict_check.py: the statistics of a verdict equal those of numpy and torch.

The interval: numpy's quantiles over draws of its own, within what the draws scatter. The divergence:
torch's logits of base and tuned model on the very texts that pace sampled, summed over the whole
vocabulary, within the estimate's standard error; the base's losses of these texts token by token.
PACE_BUILD, PACE_DATA: build folder, test data.
"""
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
warnings.filterwarnings("ignore")

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM
from transformers.utils import logging

TOOL = os.path.join(os.environ["PACE_BUILD"], "test/golden/verdict_tool")
MODELS = pathlib.Path(os.environ["PACE_DATA"]) / "models"
LOSS_TOLERANCE = 2e-5

logging.disable_progress_bar()
torch.manual_seed(0)
torch.set_num_threads(1)
passed = failed = 0


def check(name, ok, detail=""):
    global passed, failed
    passed += bool(ok)
    failed += not ok
    print(f"{'ok    ' if ok else 'FAILED'} {name} {detail}", flush=True)


def run(*words):
    out = subprocess.run([TOOL, *map(str, words)], capture_output=True, text=True, check=True).stdout
    return [float(x) for x in out.split()]


# Student's 97.5 % quantile by degrees of freedom, from tables.
STUDENT = {7: 2.364624, 29: 2.045230, 199: 1.971957, 1999: 1.961151}


def interval(before, after, targets, rng, draws=40000):
    n = len(targets)
    share = statistics.NormalDist().cdf(-(n / (n - 1)) ** 0.5 * STUDENT[n - 1])
    drawn = np.empty(draws)
    for i in range(draws):
        taken = rng.integers(0, n, n)
        drawn[i] = (after - before)[taken].sum() / targets[taken].sum()
    return np.quantile(drawn, [share, 1 - share]), drawn.std(), share


def check_interval(n, scratch):
    rng = np.random.default_rng(n)
    targets = rng.integers(1, 60, n)
    before = targets * rng.normal(2, 0.5, n)
    after = before - targets * rng.gamma(1.0, 0.1, n)  # skewed
    path = os.path.join(scratch, "rows")
    np.savetxt(path, np.column_stack([before, after, targets]), fmt=["%.17g", "%.17g", "%d"])
    difference, low, high, draws, seconds = run("bootstrap", path, 1)
    wanted, spread, share = interval(before, after, targets, rng)
    # An end's own standard error: sqrt(q (1 - q) / draws) over the density there, here the normal's.
    density = statistics.NormalDist().pdf(statistics.NormalDist().inv_cdf(share)) / spread
    tolerance = 5 * (share * (1 - share) / draws) ** 0.5 / density
    exact = (after - before).sum() / targets.sum()
    check(f"interval of {n} rows", abs(difference - exact) < 1e-12 and abs(low - wanted[0]) < tolerance
          and abs(high - wanted[1]) < tolerance,
          f"{low:.4f} to {high:.4f}, numpy {wanted[0]:.4f} to {wanted[1]:.4f}, {draws:.0f} draws, {seconds:.3f} s")


def log_probabilities(model, ids):
    with torch.no_grad():
        return torch.log_softmax(model(input_ids=torch.tensor([ids])).logits[0, :-1].double(), -1)


def check_divergence(name, scale, scratch):
    torch.manual_seed(1)
    path = MODELS / name
    base = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager").eval()
    tuned = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager")
    tuned = get_peft_model(tuned, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM",
                                             init_lora_weights=False)).eval()
    for key, value in tuned.named_parameters():
        if "lora_B" in key:
            value.data.normal_(0, scale)
    folder, texts = os.path.join(scratch, name), os.path.join(scratch, "texts")
    tuned.save_pretrained(folder)
    kl, se, tokens, *_ = run("kl", path, folder, texts, 16, 128, 64)
    exact, worst, n = 0.0, 0.0, 0
    for line in open(texts):
        pairs = [word.split(":") for word in line.split()]
        ids = [int(i) for i, _ in pairs]
        p, q = log_probabilities(base, ids), log_probabilities(tuned, ids)
        exact += (p.exp() * (p - q)).sum().item()
        n += len(ids) - 1
        losses = -p[range(len(ids) - 1), ids[1:]].numpy()
        worst = max(worst, np.abs(losses - [float(loss) for _, loss in pairs[1:]]).max())
    exact /= n
    check(f"{name}, {scale}: losses of the base's own texts", worst < LOSS_TOLERANCE and n == tokens, f"{worst:.1e}")
    check(f"{name}, {scale}: divergence", abs(kl - exact) < 4 * se,
          f"{kl:.5f} +- {se:.5f}, exact on these texts {exact:.5f}")


with tempfile.TemporaryDirectory() as scratch:
    for n in sorted(k + 1 for k in STUDENT):
        check_interval(n, scratch)
    for scale in (0.01, 0.05, 0.2):
        check_divergence("stories260K", scale, scratch)
    check_divergence("own-3M", 0.05, scratch)
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
