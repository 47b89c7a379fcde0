"""Made-up training logs with a known cause, for doctor_check.py.

A clean run is a power law in the sum of its learning rates, with batch noise in proportion to the
level, epochs, a schedule, held-out losses now and then, and a trainer's habits (means of
logging_steps, rounding to four places). A cause is then put in where it would act. The sizes are
those of the real logs: 8 to 3000 lines, noise of 0.5 to 25 % a step, losses from 0.3 to 11.
"""
import math
import random


def log_uniform(r, low, high):
    return math.exp(r.uniform(math.log(low), math.log(high)))


class Run:
    """What a clean run would have logged, step by step, before its means are taken."""

    def __init__(self, r):
        self.r = r
        self.lines = int(log_uniform(r, 10, 1500))
        self.every = r.choice([1, 1, 1, 5, 10, 10, 25, 50])
        if self.lines * self.every > 30_000:
            self.every = 1
        self.steps = self.lines * self.every
        self.epochs = r.choice([1, 1, 2, 3, 3, 5])
        self.peak = float(f"{log_uniform(r, 2e-6, 5e-4):.1g}")
        self.schedule = r.choice(["linear", "cosine", "cosine", "constant", "constant_with_warmup", "wsd"])
        self.warmup = 0 if self.schedule == "constant" else int(self.steps * r.choice([0, 0.03, 0.05, 0.1]))
        self.is_pretraining = r.random() < 0.15
        if self.is_pretraining:
            self.start, self.end = r.uniform(8, 11), r.uniform(2.8, 4.5)
            self.epochs = 1
        else:
            self.start = log_uniform(r, 0.8, 5)
            self.end = self.start * r.uniform(0.25, 0.92)
        self.bend = log_uniform(r, 0.01, 0.15)     # share of the run in which most of the fall happens
        self.power = r.uniform(0.4, 1.2)
        self.sigma = log_uniform(r, 0.005, 0.25)   # of a step's loss, relative
        self.tails = r.choice([None, None, 6, 4])  # degrees of freedom of Student's t
        self.has_rate = r.random() < 0.9
        self.has_norm = r.random() < 0.6
        self.has_evals = r.random() < 0.35
        self.stair = r.uniform(0.03, 0.2) if self.epochs > 1 and r.random() < 0.6 else 0

    def rate(self, s):
        if s < self.warmup:
            return self.peak * (s + 1) / self.warmup
        p = (s - self.warmup) / max(1, self.steps - self.warmup)
        if self.schedule == "linear":
            return self.peak * (1 - p)
        if self.schedule == "cosine":
            return self.peak * 0.5 * (1 + math.cos(math.pi * p))
        if self.schedule == "wsd":
            return self.peak * min(1, (1 - p) / 0.2)
        return self.peak

    def noise(self):
        if self.tails is None:
            return self.r.gauss(0, 1)
        chi = self.r.gammavariate(self.tails / 2, 2)
        return self.r.gauss(0, 1) / math.sqrt(chi / self.tails) * math.sqrt((self.tails - 2) / self.tails)

    def levels(self):
        """The loss without noise at each step: a power law in the sum of the rates."""
        total = sum(self.rate(s) for s in range(self.steps))
        done, out, held = 0.0, [], []
        full = 1 - (1 + 1 / self.bend) ** -self.power
        for s in range(self.steps):
            share = done / total
            done += self.rate(s)
            fall = (1 - (1 + share / self.bend) ** -self.power) / full
            level = self.start - (self.start - self.end) * fall
            held.append(level * 1.03)
            out.append(level * (1 - self.stair) ** int(s * self.epochs / self.steps))
        return out, held


def means(run, levels, norms=None, hooks=None):
    """Lines as a trainer logs them: means of `every` steps, the rate and norm of the last."""
    hooks = hooks or {}
    lines = []
    for i in range(run.lines):
        steps = range(i * run.every, (i + 1) * run.every)
        noisy = [levels[s] * math.exp(run.sigma * run.noise() - run.sigma ** 2 / 2) if math.isfinite(levels[s])
                 else levels[s] for s in steps]
        last = steps[-1]
        norm = (norms[last] if norms else 1.0) * math.exp(run.r.gauss(0, 0.25))
        line = {"step": last + 1, "epoch": round((last + 1) * run.epochs / run.steps, 4),
                "loss": round(sum(noisy) / len(noisy), 4)}
        if run.has_norm:
            line["grad_norm"] = norm
        if run.has_rate:
            line["learning_rate"] = run.rate(last)
        line.update(hooks.get(i, {}))
        lines.append(line)
    return lines


def add_evals(run, lines, held, count=None):
    count = count or max(3, min(20, run.lines // 4))
    for k in range(1, count + 1):
        step = run.steps * k // count
        lines.append({"step": step, "epoch": round(step * run.epochs / run.steps, 4),
                      "eval_loss": round(held[step - 1] * math.exp(run.r.gauss(0, 0.001)), 4)})
    lines.sort(key=lambda line: (line["step"], "eval_loss" in line))


def healthy(r):
    run = Run(r)
    levels, held = run.levels()
    lines = means(run, levels)
    if run.has_evals:
        add_evals(run, lines, held)
    return run, lines


def outlier_batches(r):
    """Healthy: single hard batches, which leave no trace in the next step."""
    run = Run(r)
    run.every, run.lines = 1, max(run.lines, 60)
    run.steps = run.lines
    run.sigma = max(run.sigma, 0.02)
    levels, _ = run.levels()
    for _ in range(r.randint(1, 3)):
        s = r.randrange(run.steps)
        levels[s] *= 1 + r.uniform(3, 8) * run.sigma
    return run, means(run, levels)


def converged(r):
    """Healthy: one epoch of instructions; a quick fall, then slowly down."""
    run = Run(r)
    run.epochs, run.stair, run.is_pretraining = 1, 0, False
    run.start = r.uniform(1.2, 2.5)
    run.end = run.start * r.uniform(0.55, 0.75)
    run.bend, run.power = r.uniform(0.01, 0.02), r.uniform(0.8, 1.2)
    run.sigma = r.uniform(0.03, 0.15)
    levels, _ = run.levels()
    return run, means(run, levels)


def preference(r):
    """Healthy: DPO with few pairs a batch: from ln 2 down, more and more skewed."""
    run = Run(r)
    run.lines = max(run.lines, 30)
    run.every = r.choice([1, 5, 10])
    run.steps = run.lines * run.every
    run.epochs, run.has_evals = 1, False
    end = r.uniform(0.05, 0.5)
    lines = []
    for i in range(run.lines):
        share = i / run.lines
        margin = -math.log(math.exp(end) - 1) * min(1, 1.3 * share)
        losses = []
        for _ in range(run.every * 4):
            m = margin * abs(r.gauss(1, 0.6)) + r.gauss(0, 0.5 * share)
            losses.append(math.log1p(math.exp(-m)))
        s = (i + 1) * run.every
        lines.append({"step": s, "loss": round(sum(losses) / len(losses), 4), "epoch": round(share, 4),
                      "learning_rate": run.rate(s - 1), "rewards/margins": margin})
    return run, lines


def policy(r):
    """Healthy: a policy gradient, whose loss hovers about zero."""
    run = Run(r)
    scale = log_uniform(r, 1e-6, 0.1)
    lines = [{"step": (i + 1) * run.every, "loss": 0.0 if r.random() < 0.4 else r.gauss(0, scale),
              "learning_rate": run.rate(i * run.every), "grad_norm": log_uniform(r, 0.05, 0.5),
              "reward": r.uniform(0, 1)} for i in range(run.lines)]
    return run, lines


def burst(run, levels, norms, at, height, width):
    """Up within a few steps, then back with a half-life of `width`."""
    rise = max(1, width // 4)
    for s in range(at, min(run.steps, at + rise + 8 * width)):
        share = (s - at + 1) / rise if s < at + rise else 2 ** (-(s - at - rise) / width)
        levels[s] *= 1 + height * min(1, share)
        norms[s] *= 1 + 30 * min(1, share)


def visible(run, least_lines=24):
    """Large enough against the noise of a line to be seen at all."""
    run.lines = max(run.lines, least_lines)
    run.steps = run.lines * run.every
    return run.sigma / math.sqrt(run.every)


def spike(r):
    run = Run(r)
    noise = visible(run)
    run.has_evals = False
    levels, _ = run.levels()
    norms = [1.0] * run.steps
    width = max(2, int(run.every * r.uniform(1, 4)))
    height = max(r.uniform(0.6, 3), 12 * noise)
    burst(run, levels, norms, int(run.steps * r.uniform(0.15, 0.75)), height, width)
    return run, means(run, levels, norms)


def oscillation(r):
    run = Run(r)
    noise = visible(run, 60)
    levels, _ = run.levels()
    norms = [1.0] * run.steps
    period = run.every * r.randint(6, max(7, run.lines // 6))
    height = max(r.uniform(0.5, 1.5), 8 * noise)
    first = int(run.steps * r.uniform(0.05, 0.3))
    for s in range(first, run.steps):
        up = max(0.0, math.sin(2 * math.pi * (s - first) / period)) * r.uniform(0.8, 1.2)
        levels[s] *= 1 + height * up
        norms[s] *= 1 + 5 * up
    return run, means(run, levels, norms)


def diverged(r):
    run = Run(r)
    noise = visible(run, 12)
    levels, _ = run.levels()
    norms = [1.0] * run.steps
    at = int(run.steps * r.uniform(0.02, 0.7))
    top = max(run.start * r.uniform(1.2, 3), levels[at] * (1 + 8 * noise))
    width = max(1, run.steps * r.uniform(0.01, 0.15))
    for s in range(at, run.steps):
        levels[s] += (top - levels[s]) * (1 - math.exp(-(s - at) / width))
        norms[s] = r.uniform(5, 100)
    return run, means(run, levels, norms)


def partly_diverged(r):
    """It jumps up and goes down again slowly, far from where it was."""
    run = Run(r)
    noise = visible(run, 24)
    levels, _ = run.levels()
    at = int(run.steps * r.uniform(0.3, 0.7))
    jump = max((run.start - levels[at]) * r.uniform(0.5, 0.9), levels[at] * max(0.3, 10 * noise))
    for s in range(at, run.steps):
        levels[s] += jump * (1 - 0.4 * (s - at) / run.steps)
    return run, means(run, levels)


def with_nan(r):
    run = Run(r)
    visible(run, 8)
    levels, _ = run.levels()
    at = int(run.lines * r.uniform(0.1, 0.9))
    return run, means(run, levels, hooks={i: {"loss": math.nan, "grad_norm": math.nan} for i in range(at, run.lines)})


def with_hidden_nan(r):
    run = Run(r)
    visible(run, 8)
    run.has_norm = r.random() < 0.8
    levels, _ = run.levels()
    at = int(run.lines * r.uniform(0.2, 0.75))
    dead = {"loss": 0.0, "grad_norm": math.nan} if run.has_norm else {"loss": 0.0}
    return run, means(run, levels, hooks={i: dead for i in range(at, run.lines)})


def without_targets(r):
    run = Run(r)
    levels, _ = run.levels()
    dead = {"loss": 0.0}
    if r.random() < 0.7:
        dead["grad_norm"] = r.choice([math.nan, 0.0])
    run.has_norm = False
    return run, means(run, levels, hooks={i: dead for i in range(run.lines)})


def resumed(r):
    """The optimizer's state is lost at a resume: the loss jumps, the log goes back a little."""
    run = Run(r)
    noise = visible(run, 30)
    run.has_rate, run.has_evals = True, False
    levels, _ = run.levels()
    at = int(run.lines * r.uniform(0.3, 0.7)) * run.every
    jump = max(r.uniform(0.25, 0.8), 8 * noise)
    for s in range(at, run.steps):
        levels[s] *= 1 + jump * math.exp(-(s - at) / (0.3 * run.steps))
    lines = means(run, levels)
    cut = at // run.every
    if r.random() < 0.5:
        back = min(cut - 2, r.randint(1, 5))
        for line in lines[cut:]:
            line["step"] -= back * run.every
    else:
        again = max(2, run.lines // 20)
        for k, line in enumerate(lines[cut:]):
            line["learning_rate"] = run.peak * min(1, (k + 0.1) / again)
        for line in lines[:cut]:
            line["learning_rate"] = run.peak * (1 - 0.3 * line["step"] / run.steps)
    return run, lines


def flat(r):
    run = Run(r)
    run.lines = max(run.lines, 20)
    run.sigma = min(run.sigma, 0.03 * math.sqrt(run.every * run.lines / 20))
    run.steps = run.lines * run.every
    run.epochs, run.stair = 1, 0
    run.peak = float(f"{log_uniform(r, 1e-8, 1e-6):.1g}")
    run.end = run.start * r.uniform(0.995, 1)
    levels, held = run.levels()
    lines = means(run, levels)
    if run.has_evals:
        add_evals(run, lines, held)
    return run, lines


def plateau(r):
    run = Run(r)
    run.lines = max(run.lines, 40)
    run.steps = run.lines * run.every
    run.sigma = min(run.sigma, 0.008 * math.sqrt(run.every * run.lines / 40))  # else it may still fall
    run.epochs, run.stair, run.has_rate = 1, 0, True
    run.schedule = r.choice(["constant", "constant_with_warmup"])
    fall, until = r.uniform(0.1, 0.4), r.uniform(0.03, 0.12)
    levels = [run.start * (1 - fall * min(1, s / (until * run.steps))) for s in range(run.steps)]
    return run, means(run, levels)


def short_warmup(r):
    run = Run(r)
    run.lines = max(run.lines, 60)
    run.steps = run.lines * run.every
    noise = visible(run, 60)
    run.has_rate, run.has_evals, run.warmup = True, False, 0
    levels, _ = run.levels()
    norms = [1.0] * run.steps
    width = max(run.every * 2, int(run.steps * r.uniform(0.01, 0.03)))
    burst(run, levels, norms, r.randint(0, max(1, run.steps // 100)) + run.every, max(r.uniform(0.4, 2), 10 * noise), width)
    return run, means(run, levels, norms)


def fast_decay(r):
    run = Run(r)
    run.lines = max(run.lines, 40)
    run.steps = run.lines * run.every
    run.sigma = min(run.sigma, 0.03 * math.sqrt(run.every * run.lines / 40))
    run.has_rate, run.warmup, run.epochs, run.stair = True, 0, 1, 0
    run.end = run.start * r.uniform(0.4, 0.8)
    run.bend, run.power = r.uniform(0.3, 0.6), 1.0
    half = r.uniform(0.03, 0.1)
    if r.random() < 0.5:
        run.rate = lambda s: run.peak * 2 ** (-(s / run.steps) / half)
    else:
        run.rate = lambda s: run.peak * 0.1 ** int((s / run.steps) / (2.5 * half))
    levels, _ = run.levels()
    return run, means(run, levels)


def overfitted(r):
    run = Run(r)
    run.lines = max(run.lines, 15)
    run.steps = run.lines * run.every
    run.epochs, run.stair = r.choice([5, 8, 10, 20]), 0
    run.end = run.start * r.uniform(0.05, 0.4)
    run.bend = r.uniform(0.1, 0.4)
    levels, _ = run.levels()
    best = r.uniform(0.1, 0.6)
    floor, rise = run.start * r.uniform(0.5, 0.9), r.uniform(0.05, 0.8)
    held = []
    for s in range(run.steps):
        p = (s + 1) / run.steps
        fall = (1 - min(1, p / best)) ** 2
        held.append(floor * (1 + 0.3 * fall + rise * max(0, (p - best) / (1 - best))))
    lines = means(run, levels)
    add_evals(run, lines, held, r.randint(6, 20))
    return run, lines


def memorised(r):
    """No held-out loss: a stair that ends near zero."""
    run = Run(r)
    run.epochs, run.is_pretraining = r.choice([3, 4, 5]), False
    run.start = r.uniform(1, 3)
    run.lines = max(run.lines, 20 * run.epochs)
    run.steps = run.lines * run.every
    run.sigma = min(run.sigma, 0.1)
    first = run.start * r.uniform(0.5, 0.7)
    down = (r.uniform(0.02, 0.06) * run.start / first) ** (1 / (run.epochs - 1))
    levels = []
    for s in range(run.steps):
        p = s / run.steps
        levels.append(first * down ** int(p * run.epochs) + (run.start - first) * math.exp(-p * 60))
    return run, means(run, levels)


# cause: (maker, the verdict, another that an expert would let pass)
CAUSES = {
    "healthy": (healthy, "healthy", None),
    "outlier_batches": (outlier_batches, "healthy", None),
    "converged": (converged, "healthy", None),
    "preference": (preference, "healthy", None),
    "policy": (policy, "healthy", None),
    "spike": (spike, "too_high", None),
    "oscillation": (oscillation, "too_high", None),
    "diverged": (diverged, "diverged", None),
    "partly_diverged": (partly_diverged, "diverged", "too_high"),
    "nan": (with_nan, "diverged", None),
    "hidden_nan": (with_hidden_nan, "diverged", None),
    "no_targets": (without_targets, "not_learning_rate", None),
    "resumed_wrong": (resumed, "not_learning_rate", None),
    "flat": (flat, "too_low", None),
    "plateau": (plateau, "plateau", None),
    "short_warmup": (short_warmup, "warmup_too_short", "too_high"),
    "fast_decay": (fast_decay, "decays_too_fast", None),
    "overfit": (overfitted, "overfit", None),
    "memorised": (memorised, "overfit", None),
}


def make(cause, seed):
    """(run, lines) of a log with the cause; the same for the same seed."""
    return CAUSES[cause][0](random.Random(f"{cause} {seed}"))
