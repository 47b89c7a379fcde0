"""optim_check.py: every optimiser against the library that it is from, for 50 steps.

torch (SGD, AdamW), transformers (Adafactor), lion-pytorch, schedulefree, prodigyopt, bitsandbytes
(AdamW in 8 bits): the same weights and the same gradients go into both; what is compared
is the change of the weights. The library runs in float64 where it can (so that the difference is the
rounding of one side) and in float32 as well. The averages against their formulas and TRL's
BEMACallback; the norm against clip_grad_norm_. PACE_BUILD: the build folder; PACE_BACKEND: cpu or ref.
"""
import contextlib
import io
import os
import struct
import subprocess
import sys
import warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
warnings.filterwarnings("ignore")

import numpy as np
import torch

TOOL = os.path.join(os.environ["PACE_BUILD"], "test/golden/optim_tool")
BACKEND = os.environ.get("PACE_BACKEND", "cpu")
STEPS = 50
SHAPES = [(64, 96), (300,), (8, 1000), (1, 40), (40, 1), (17,), (48, 8), (130, 260)]
TOLERANCE = 1e-6

passed = failed = 0


def check(name, ok, detail=""):
    global passed, failed
    passed += bool(ok)
    failed += not ok
    print(f"{'ok    ' if ok else 'FAILED'} {name} {detail}")


def make_problem(seed, warmup=0):
    """Weights of which some are zero, as an adapter's B is; gradients of many sizes with a common
    direction, as gradients are; a rate for each step; factors of clipping."""
    rng = np.random.default_rng(seed)
    weights = [rng.normal(0, 0.02, s).astype(np.float32) for s in SHAPES]
    weights[6][:] = 0
    direction = [rng.normal(0, 1, s) for s in SHAPES]
    size = [10.0 ** rng.uniform(-4, 0, s) for s in SHAPES]
    gradients = [[(z * (0.5 * d + rng.normal(0, 1, d.shape))).astype(np.float32)
                  for d, z in zip(direction, size)] for _ in range(STEPS)]
    factors = np.where(rng.random(STEPS) < 0.5, 1, rng.uniform(0.1, 1, STEPS)).astype(np.float32)
    rates = np.array([min(1, (i + 1) / warmup) if warmup else 1 - i / STEPS for i in range(STEPS)])
    return weights, gradients, factors, rates


def run_ours(name, args, decay, betas, eps, problem, peak):
    weights, gradients, factors, rates = problem
    shapes = ["x".join(map(str, s)) for s in SHAPES]
    data = b"".join(w.tobytes() for w in weights)
    for step in range(STEPS):
        data += struct.pack("<ff", np.float32(rates[step] * peak), factors[step])
        data += b"".join(g.tobytes() for g in gradients[step])
    out = subprocess.run([TOOL, BACKEND, name, args, repr(decay), repr(betas[0]), repr(betas[1]), repr(eps),
                          str(STEPS), *shapes], input=data, capture_output=True, check=True).stdout
    n = sum(w.size for w in weights)
    sets = [np.frombuffer(out, np.float32, n, i * n * 4).astype(np.float64) for i in range(4)]
    return sets, struct.unpack("<d", out[-8:])[0]


def groups_of(params, decay):
    return [{"params": [p for p in params if p.dim() == 2], "weight_decay": decay},
            {"params": [p for p in params if p.dim() == 1], "weight_decay": 0.0}]


def run_theirs(make, decay, problem, peak, dtype, sets_rate=True, after=None):
    """The library's weights behind the last step, flat, in our order."""
    weights, gradients, factors, rates = problem
    params = [torch.nn.Parameter(torch.tensor(w, dtype=dtype)) for w in weights]
    with contextlib.redirect_stdout(io.StringIO()):
        optimizer = make(groups_of(params, decay))
        if hasattr(optimizer, "train"):
            optimizer.train()
        for step in range(STEPS):
            for group in optimizer.param_groups:
                if sets_rate:
                    group["lr"] = float(np.float32(rates[step] * peak))
            for p, g in zip(params, gradients[step]):
                p.grad = torch.tensor(g, dtype=dtype) * float(factors[step])
            optimizer.step()
            if after:
                after(params, step + 1)
        if hasattr(optimizer, "eval"):
            optimizer.eval()
    return flat(params)


def flat(params):
    return np.concatenate([p.detach().double().numpy().ravel() for p in params])


def compare(name, ours, theirs, start, rounded=None):
    """Within the tolerance; or, where float32 cannot hold the change as closely (a small change of a
    large weight), no farther off than the library's own float32."""
    change = np.linalg.norm(theirs - start)
    error = np.linalg.norm(ours - theirs) / change
    own = np.linalg.norm(rounded - theirs) / change if rounded is not None else 0
    check(name, error <= max(TOLERANCE, 1.05 * own),
          f"{error:.1e} of the change" + (f" (the library's own float32: {own:.1e})" if own else ""))


def check_optimizer(name, make, peak, args="", decay=0.01, betas=(0.9, 0.999), eps=1e-8, warmup=0,
                    sets_rate=True):
    problem = make_problem(len(name) + len(args), warmup)
    start = np.concatenate([w.ravel() for w in problem[0]]).astype(np.float64)
    (ours, *_), _ = run_ours(name, args, decay, betas, eps, problem, peak)
    theirs, rounded = (run_theirs(make, decay, problem, peak, dtype, sets_rate)
                       for dtype in (torch.float64, torch.float32))
    compare(f"{name} {args}".strip(), ours, theirs, start, rounded)


def check_torch():
    check_optimizer("sgd", lambda g: torch.optim.SGD(g, lr=1), 0.1)
    check_optimizer("sgd", lambda g: torch.optim.SGD(g, lr=1, momentum=0.9), 0.1, "momentum=0.9")
    check_optimizer("sgd", lambda g: torch.optim.SGD(g, lr=1, momentum=0.8, nesterov=True), 0.1,
                    "momentum=0.8,nesterov=true")
    check_optimizer("adamw_torch", lambda g: torch.optim.AdamW(g, lr=1), 1e-3)
    check_optimizer("adamw_torch_fused", lambda g: torch.optim.AdamW(g, lr=1, betas=(0.8, 0.95), eps=1e-6, fused=True),
                    1e-2, betas=(0.8, 0.95), eps=1e-6, decay=0.1)


def check_adafactor():
    from transformers import Adafactor
    check_optimizer("adafactor", lambda g: Adafactor(g, lr=1, scale_parameter=False, relative_step=False), 1e-3)
    check_optimizer("adafactor", lambda g: Adafactor(g, lr=1, scale_parameter=True, relative_step=False,
                                                     clip_threshold=0.7, decay_rate=-0.6), 1e-1,
                    "scale_parameter=true,clip_threshold=0.7,decay_rate=-0.6")
    check_optimizer("adafactor", lambda g: Adafactor(g), 1, "scale_parameter=true,relative_step=true",
                    sets_rate=False)
    check_optimizer("adafactor", lambda g: Adafactor(g, warmup_init=True), 1,
                    "scale_parameter=true,relative_step=true,warmup_init=true", sets_rate=False)


def check_lion():
    from lion_pytorch import Lion
    check_optimizer("lion_32bit", lambda g: Lion(g, lr=1, betas=(0.9, 0.99)), 1e-4, betas=(0.9, 0.99), decay=0.1)
    check_optimizer("lion", lambda g: Lion(g, lr=1, betas=(0.9, 0.999)), 1e-3)


def check_schedule_free():
    from schedulefree import AdamWScheduleFree
    from schedulefree.adamw_schedulefree_reference import AdamWScheduleFreeReference
    for make in (AdamWScheduleFree, AdamWScheduleFreeReference):
        check_optimizer("schedule_free_adamw", lambda g: make(g, lr=1, foreach=False), 2.5e-3, warmup=10)


def check_prodigy():
    from prodigyopt import Prodigy
    check_optimizer("prodigy", lambda g: Prodigy(g, lr=1, weight_decay=0.01), 1)
    check_optimizer("prodigy", lambda g: Prodigy(g, lr=1, d_coef=2, growth_rate=1.5, d0=1e-5), 0.5,
                    "d_coef=2,growth_rate=1.5,d0=1e-5", betas=(0.9, 0.999), decay=0.05)


def adamw_8bit(problem, peak, decay):
    """The method in numpy, from its description (arXiv:2110.02861): the nearest code, v without a
    zero; float32 in the order of torch's AdamW."""
    f = np.float32
    books = [dynamic_map(True), dynamic_map(False)[1:]]
    weights, gradients, factors, rates = problem
    out = []
    for i, w in enumerate(weights):
        n, state = w.size, [np.zeros(w.size, f), np.zeros(w.size, f)]
        p = w.ravel().copy()
        for t in range(STEPS):
            rate = float(f(rates[t] * peak))
            g, (m, v) = gradients[t][i].ravel() * factors[t], state
            m = m + f(1 - 0.9) * (g - m)
            v = v * f(0.999) + f(1 - 0.999) * g * g
            p = p * f(1 - rate * (decay if w.ndim == 2 else 0)) - f(rate / (1 - 0.9 ** (t + 1))) * (
                m / (np.sqrt(v) / f(np.sqrt(1 - 0.999 ** (t + 1))) + f(1e-8)))
            state = [m, v] if n < 4096 else [coded(x, b) for x, b in zip((m, v), books)]
        out.append(p)
    return np.concatenate(out).astype(np.float64)


def dynamic_map(signed):
    positive = [(0.1 + 0.9 * (np.arange(n) + 0.5) / n) / 10 ** (6 - e)
                for e in range(7) for n in [2 ** e if signed else 2 ** (e + 1)]]
    positive = np.concatenate(positive)
    both = [positive, -positive] if signed else [positive]
    return np.sort(np.concatenate(both + [[0, 1]])).astype(np.float32)


def coded(x, book):
    """x as its codes give it back."""
    blocks = np.zeros((-(-x.size // 256), 256), np.float32)
    blocks.ravel()[:x.size] = x
    scale = np.abs(blocks).max(1, keepdims=True)
    y = blocks / np.where(scale > 0, scale, 1)
    right = np.clip(np.searchsorted(book, y), 1, len(book) - 1)
    nearest = np.where(book[right] - y < y - book[right - 1], right, right - 1)
    return (book[nearest] * scale).ravel()[:x.size]


def check_8bit():
    """bitsandbytes' search on a processor does not always give the nearest code, so it is compared
    by how far each is from AdamW in 32 bits."""
    from bitsandbytes.functional import create_dynamic_map
    from bitsandbytes.optim import AdamW
    for signed in (True, False):
        map_error = np.abs(dynamic_map(signed) - create_dynamic_map(signed=signed).numpy()).max()
        check(f"adamw_8bit, bitsandbytes' table, {'m' if signed else 'v'}", map_error < 1e-7, f"{map_error:.1e}")
    problem = make_problem(11)
    start = np.concatenate([w.ravel() for w in problem[0]]).astype(np.float64)
    (ours, *_), _ = run_ours("adamw_8bit", "", 0.01, (0.9, 0.999), 1e-8, problem, 1e-3)
    (plain, *_), _ = run_ours("adamw_torch", "", 0.01, (0.9, 0.999), 1e-8, problem, 1e-3)
    compare("adamw_8bit, the method in numpy", ours, adamw_8bit(problem, 1e-3, 0.01), start)
    theirs = run_theirs(lambda g: AdamW(g, lr=1, optim_bits=8), 0.01, problem, 1e-3, torch.float32)
    change = np.linalg.norm(plain - start)
    off, off_theirs = np.linalg.norm(ours - plain) / change, np.linalg.norm(theirs - plain) / change
    check("adamw_8bit, no farther from 32 bits than bitsandbytes", off <= off_theirs, f"{off:.2f}, {off_theirs:.2f}")


def check_averages():
    problem = make_problem(5)
    start = np.concatenate([w.ravel() for w in problem[0]]).astype(np.float64)
    (_, *ours), norm = run_ours("adamw_torch", "", 0.01, (0.9, 0.999), 1e-8, problem, 1e-2)
    path = []
    run_theirs(lambda g: torch.optim.AdamW(g, lr=1), 0.01, problem, 1e-2, torch.float64,
               after=lambda params, step: path.append(flat(params)))
    ema, bema_mean = path[0].copy(), start.copy()
    for i, w in enumerate(path):
        ema += 0.02 * (w - ema) if i else 0
        bema_mean += (10 + i + 1) ** -0.5 * (w - bema_mean)
    wanted = {"suffix mean": np.mean(path, 0), "ema": ema,
              "bema": bema_mean + (10 + STEPS) ** -0.2 * (path[-1] - start)}
    for (name, w), found in zip(wanted.items(), ours):
        compare(name, found, w, start)
    compare("bema, trl", ours[2], trl_bema(path, start), start)
    grads = [torch.nn.Parameter(torch.zeros(g.shape, dtype=torch.float64)) for g in problem[1][-1]]
    for p, g in zip(grads, problem[1][-1]):
        p.grad = torch.tensor(g, dtype=torch.float64)
    theirs = float(torch.nn.utils.clip_grad_norm_(grads, 1.0))
    check("norm, clip_grad_norm_", abs(norm / theirs - 1) < 1e-6, f"{norm / theirs - 1:.1e}")


def trl_bema(path, start):
    """TRL's callback on a model that is one vector."""
    from trl import BEMACallback
    class Model(torch.nn.Module):
        def __init__(self, config=None):
            super().__init__()
            self.w = torch.nn.Parameter(torch.tensor(start))
            self.config = config
    model, callback = Model(), BEMACallback(update_freq=1)
    callback.on_train_begin(None, None, None, model)
    state = type("State", (), {})()
    for i, w in enumerate(path):
        model.w.data.copy_(torch.tensor(w))
        state.global_step = i + 1
        callback.on_step_end(None, state, None, model)
    return callback.running_model.w.detach().numpy()


for part in (check_torch, check_adafactor, check_lion, check_schedule_free, check_prodigy, check_8bit, check_averages):
    part()
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
