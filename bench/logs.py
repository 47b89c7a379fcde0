"""logs.py: reading a training log of a million points in each format: seconds of processor time, which
other work on the machine does not stretch, and peak memory.

Reading alone (the program of test/golden), and `pace doctor` from start to end. BENCH_POINTS: points in each log (1,000,000).
"""
import json
import math
import os
import pathlib
import random
import struct
import subprocess
import tempfile

PACE = os.environ["PACE"]
TOOL = pathlib.Path(os.environ["PACE_BUILD"]) / "test/golden/logs_tool"
POINTS = int(os.environ.get("BENCH_POINTS", 1_000_000))


def values(n):
    r = random.Random(1)
    for i in range(n):
        yield i + 1, 1.5 + 2 * math.exp(-5 * i / n) + 0.1 * (r.random() - 0.5), 0.5 + r.random(), 2e-4 * (1 - i / n)


def trainer_state(out, n):
    out.write('{"best_global_step": null, "log_history": [')
    for i, loss, norm, rate in values(n):
        entry = {"epoch": 3 * i / n, "grad_norm": norm, "learning_rate": rate, "loss": round(loss, 4), "step": i}
        out.write(("" if i == 1 else ",") + "\n    " + json.dumps(entry))
    out.write(f'], "max_steps": {n}, "num_train_epochs": 3}}')


def json_lines(out, n):
    for i, loss, norm, rate in values(n):
        out.write(json.dumps({"current_steps": i, "total_steps": n, "loss": round(loss, 4), "lr": rate,
                              "epoch": 3 * i / n, "percentage": round(100 * i / n, 2), "elapsed_time": "0:32:48",
                              "remaining_time": "9 days, 21:39:23"}) + "\n")


def table(out, n):
    out.write("step,loss,grad_norm,lr\n")
    for i, loss, norm, rate in values(n):
        out.write(f"{i},{loss},{norm},{rate}\n")


def dicts(out, n):
    for i, loss, norm, rate in values(n):
        out.write(str({"loss": round(loss, 4), "grad_norm": norm, "learning_rate": rate, "epoch": round(3 * i / n, 2)}) + "\n")


def bars(out, n):
    for i, loss, norm, rate in values(n):
        bar = f"\r {100 * i // n}%|##        | {i}/{n} [13:55<1:39:52, 27.24s/it]"
        out.write(bar + "\r" + str({"loss": f"{loss:.4g}", "grad_norm": f"{norm:.4g}", "learning_rate": f"{rate:.4g}"}) + "\n")


def nanogpt(out, n):
    for i, loss, norm, rate in values(n):
        out.write(f"iter {i}: loss {loss:.4f}, time 193.77ms, mfu 107.52%\n")


def llm_c(out, n):
    for i, loss, norm, rate in values(n):
        out.write(f"step {i:4d}/{n} | loss {loss:7.6f} (+0.10z)| norm {norm:6.4f} (-1.00z)| lr {rate:.2e} | "
                  "3045.26 ms | 45.2% bf16 MFU | 172164 tok/s\n")


def llama_cpp(out, n):
    mean = 0
    for i, loss, norm, rate in values(n):
        mean += (loss - mean) / i
        out.write(f"train: [=====>    | data={4 * i:06d}/{4 * n:06d}, loss={mean:.6f}+-0.012345, accuracy=41.20+-0.50%, "
                  "t=00:00:01, ETA=00:00:10]\r")


def tensorboard(out, n):
    table = [0]
    for i in range(256):
        crc = i
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    table = table[1:]

    def masked(data):
        crc = 0xFFFFFFFF
        for byte in data:
            crc = table[(crc ^ byte) & 255] ^ crc >> 8
        crc ^= 0xFFFFFFFF
        return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)

    def varint(x):
        data = b""
        while x > 127:
            data += bytes([x & 127 | 128])
            x >>= 7
        return data + bytes([x])

    for i, loss, norm, rate in values(n):
        for tag, value in ((b"train/loss", loss), (b"train/learning_rate", rate)):
            scalar = b"\x0a" + bytes([len(tag)]) + tag + b"\x15" + struct.pack("<f", value)
            summary = b"\x0a" + bytes([len(scalar)]) + scalar
            data = b"\x09" + struct.pack("<d", 1.7e9 + i) + b"\x10" + varint(i) + b"\x2a" + bytes([len(summary)]) + summary
            head = struct.pack("<Q", len(data))
            out.buffer.write(head + masked(head) + data + masked(data))


FORMATS = [trainer_state, json_lines, table, dicts, bars, nanogpt, llm_c, llama_cpp, tensorboard]


def measure(command):
    """Processor seconds and the peak of memory in MB; None where the program failed."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = usage.ru_utime + usage.ru_stime
    return (seconds, usage.ru_maxrss / 1024) if status == 0 else (None, None)


def shown(value, form):
    return "" if value is None else format(value, form)


print(f"| {POINTS:,} points | file, MB | read, s | memory, MB | pace doctor, s | memory, MB |")
print("|---|---|---|---|---|---|")
slowest = 0
with tempfile.TemporaryDirectory() as work:
    for write in FORMATS:
        path = os.path.join(work, "log")
        with open(path, "w") as out:
            write(out, POINTS)
        read, read_mb = measure([TOOL, "--quiet", path])
        doctor, doctor_mb = measure([PACE, "doctor", path, "--json"])
        print(f"| {write.__name__} | {os.path.getsize(path) / 1e6:.0f} | {shown(read, '.2f')} | {shown(read_mb, '.0f')} "
              f"| {shown(doctor, '.2f')} | {shown(doctor_mb, '.0f')} |", flush=True)
        slowest = max(slowest, doctor or 0)
if slowest:
    print(f"\nslowest: {slowest:.2f} s")
