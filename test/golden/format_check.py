"""format_check.py: safetensors, GGUF, quantised blocks and CSV against Python's libraries.

Files that pace writes are read by the libraries, files that the libraries write are read by pace;
bytes and numbers are compared exactly. PACE_BUILD: the build folder; PACE_DATA: the test data.
"""
import csv
import io
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import gguf
import numpy as np
import safetensors
import safetensors.torch
import torch
import yaml
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.util import tensor_util

TOOL = os.path.join(os.environ["PACE_BUILD"], "test/golden/format_tool")
DATA = pathlib.Path(os.environ["PACE_DATA"])
WORK = pathlib.Path(tempfile.mkdtemp())

passed = failed = 0


def check(name, ok, detail=""):
    global passed, failed
    passed += bool(ok)
    failed += not ok
    if not ok:
        print(f"FAILED {name} {detail}")


def tool(*args, ok=True):
    run = subprocess.run([TOOL, *map(str, args)], capture_output=True)
    if ok and run.returncode != 0:
        raise SystemExit(f"{args}: {run.stderr.decode()}")
    return run


def tool_json(*args):
    return json.loads(tool(*args).stdout)


# ------------------------------------------------------------------------------------ 16 bits --

def convert(verb, dtype, raw):
    source, target = WORK / "in.raw", WORK / "out.raw"
    source.write_bytes(raw)
    tool(verb, dtype, source, target)
    return target.read_bytes()


def check_halves():
    every = np.arange(65536, dtype=np.uint16)
    ours = np.frombuffer(convert("decode", "F16", every.tobytes()), np.uint32)
    check("every f16 widened as numpy does",
          np.array_equal(ours, every.view(np.float16).astype(np.float32).view(np.uint32)))
    ours = np.frombuffer(convert("decode", "BF16", every.tobytes()), np.uint32)
    check("every bf16 widened", np.array_equal(ours, every.astype(np.uint32) << 16))

    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**32, 2_000_000, dtype=np.uint64).astype(np.uint32)
    ends = (np.arange(65536, dtype=np.uint32) << 16)
    bits = np.concatenate([bits, ends, ends + 0x7fff, ends + 0x8000, ends + 0x8001,
                           np.arange(0x33000000, 0x33000000 + 4096, dtype=np.uint32),
                           np.arange(0x47700000, 0x47800010, 97, dtype=np.uint32)])
    values = bits.view(np.float32)
    nan = np.isnan(values)
    source = torch.from_numpy(values)
    for dtype, kind in (("F16", torch.float16), ("BF16", torch.bfloat16)):
        ours = np.frombuffer(convert("encode", dtype, bits.tobytes()), np.uint16)
        theirs = source.to(kind).view(torch.int16).numpy().view(np.uint16)
        check(f"{dtype} rounded as torch does", np.array_equal(ours[~nan], theirs[~nan]))
        back = torch.from_numpy(ours[nan].copy().view(np.int16)).view(kind)
        check(f"{dtype} keeps NaN", bool(torch.isnan(back).all()))


# ------------------------------------------------------------------------------------- blocks --

def weights(seed, rows=64, columns=1024):
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 0.03, (rows, columns))
    x[rng.random(x.shape) < 0.002] *= 12
    x[0, :64] = 0
    x[1, :512] = 0.25
    x[2] *= 1e-6
    x[3] = np.abs(x[3])
    x[4] = -np.abs(x[4])
    return np.ascontiguousarray(x, np.float32)


def check_blocks():
    types = gguf.GGMLQuantizationType
    rng = np.random.default_rng(1)
    for name in "Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q4_K Q5_K Q6_K BF16".split():
        _, size = gguf.GGML_QUANT_SIZES[types[name]]
        raw = rng.integers(0, 256, (2000, size), dtype=np.uint8)
        # Scales that are finite: their exponent's upper bit is cleared.
        places = {"Q6_K": [209], "Q4_1": [1, 3], "Q5_1": [1, 3], "Q4_K": [1, 3], "Q5_K": [1, 3]}
        for place in places.get(name, [1]):
            raw[:, place] &= 0xbf
        with np.errstate(all="ignore"):
            theirs = gguf.quants.dequantize(raw.reshape(-1), types[name])
        ours = np.frombuffer(convert("decode", name, raw.tobytes()), np.uint32)
        check(f"{name} decoded", np.array_equal(ours, theirs.reshape(-1).view(np.uint32)))
    for name in "Q8_0 Q4_0 BF16".split():
        for seed in range(4):
            x = weights(seed)
            theirs = gguf.quants.quantize(x, types[name]).tobytes()
            check(f"{name} encoded", convert("encode", name, x.tobytes()) == theirs, f"seed {seed}")
    check_searched()


def relative_loss(name, x):
    raw = np.frombuffer(convert("encode", name, x.tobytes()), np.uint8)
    back = gguf.quants.dequantize(raw, gguf.GGMLQuantizationType[name]).reshape(x.shape)
    return np.sqrt(((back - x) ** 2).mean(axis=1) / (x ** 2).mean(axis=1)), back


def plain_q4_k_loss(x):
    """What rounding with the range alone, without a search and with exact scales, would lose."""
    sub = x.reshape(-1, 32)
    low = np.minimum(sub.min(axis=1, keepdims=True), 0)
    scale = (sub.max(axis=1, keepdims=True) - low) / 15
    scale[scale == 0] = 1
    back = (np.round((sub - low) / scale) * scale + low).reshape(x.shape)
    return np.sqrt(((back - x) ** 2).mean() / (x ** 2).mean())


def plain_q6_k_loss(x):
    sub = x.reshape(-1, 16)
    extreme = np.take_along_axis(sub, np.abs(sub).argmax(axis=1)[:, None], axis=1)
    scale = extreme / -32
    scale[scale == 0] = 1
    back = (np.clip(np.round(sub / scale), -32, 31) * scale).reshape(x.shape)
    return np.sqrt(((back - x) ** 2).mean() / (x ** 2).mean())


def check_searched():
    """The scales are stored in 6 or 8 bits; the search must win back more than that costs."""
    for seed in range(4):
        x = weights(seed)[5:]
        for name, plain, bound in (("Q4_K", plain_q4_k_loss(x), 0.11),
                                   ("Q6_K", plain_q6_k_loss(x), 0.035)):
            loss, back = relative_loss(name, x)
            whole = np.sqrt(((back - x) ** 2).mean() / (x ** 2).mean())
            print(f"  {name} loses {whole:.4f} of the root mean square; "
                  f"exact scales without a search {plain:.4f}")
            check(f"{name} against exact scales", whole < plain, f"{whole} {plain}")
            check(f"{name} loss a row", loss.max() < bound, f"{loss.max()}")


# ------------------------------------------------------------------------------- safetensors --

DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8,
    "U64": torch.uint64, "U32": torch.uint32, "U16": torch.uint16, "U8": torch.uint8,
    "BOOL": torch.bool, "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2,
    "F8_E8M0": torch.float8_e8m0fnu, "F8_E4M3FNUZ": torch.float8_e4m3fnuz,
    "F8_E5M2FNUZ": torch.float8_e5m2fnuz, "C64": torch.complex64,
}


def random_tensors(rng, metadata):
    tensors = {}
    for i in range(rng.randrange(0, 40)):
        name = rng.choice(["model.layers.%d.weight", "b%d", "é%d", 'q"%d', "tab\t%d", "\x7f%d"]) % i
        dtype = rng.choice(list(DTYPES))
        shape = [rng.randrange(0, 5) for _ in range(rng.randrange(0, 5))]
        count = int(np.prod(shape)) * DTYPES[dtype].itemsize
        raw = torch.frombuffer(bytearray(rng.randbytes(count)) or bytearray(1), dtype=torch.uint8)
        raw = raw[:count]
        if dtype == "BOOL":
            raw = raw & 1
        tensors[name] = raw.view(DTYPES[dtype]).reshape(shape)
    return tensors


def check_safetensors():
    rng = random.Random(2)
    source, target = WORK / "a.safetensors", WORK / "b.safetensors"
    for i in range(60):
        metadata = rng.choice([None, {"format": "pt"}, {"k\n": "v\u2028\"\\/"}])
        tensors = random_tensors(rng, metadata)
        safetensors.torch.save_file(tensors, source, metadata)
        tool("safetensors-copy", source, target)
        check("safetensors copied byte for byte", source.read_bytes() == target.read_bytes(), i)
        listed = tool_json("safetensors-list", source)
        check("metadata", listed["metadata"] == (metadata or {}), i)
        wanted = {name: [next(n for n, d in DTYPES.items() if d == t.dtype), list(t.shape),
                         t.numel() * t.dtype.itemsize] for name, t in tensors.items()}
        check("tensors", listed["tensors"] == wanted, i)
    files = sorted(DATA.glob("models/**/*.safetensors"))
    for path in files:
        listed = tool_json("safetensors-list", path)["tensors"]
        with safetensors.safe_open(path, "pt") as f:
            names = set(f.keys())
            shapes = {name: f.get_slice(name).get_shape() for name in names}
        check(f"{path}", {n: v[1] for n, v in listed.items()} == shapes)
        tool("safetensors-copy", path, target)
        with safetensors.safe_open(path, "pt") as a, safetensors.safe_open(target, "pt") as b:
            check(f"{path} copied", all(torch.equal(a.get_tensor(n).view(torch.uint8),
                                                    b.get_tensor(n).view(torch.uint8))
                                        for n in names if a.get_tensor(n).dim() > 0))
            check(f"{path} metadata copied", a.metadata() == b.metadata())
    check("files of the data folder", len(files) >= 10, len(files))
    check_refusals(rng)


def check_refusals(rng):
    """Files broken at random: pace accepts what the library accepts, and nothing else."""
    tensors = {"a": torch.arange(6, dtype=torch.float32).reshape(2, 3), "b": torch.ones(4)}
    good = safetensors.torch.save(tensors, {"format": "pt"})
    path = WORK / "broken.safetensors"
    same = 0
    different = []
    for i in range(1500):
        bad = bytearray(good)
        for _ in range(rng.randrange(1, 3)):
            place = rng.randrange(0, len(bad) if rng.random() < 0.2 else min(200, len(bad)))
            bad[place] = rng.choice(b'0123456789,:{}[]"abF \\\xff')
        if rng.random() < 0.1:
            bad = bad[:rng.randrange(len(bad))]
        path.write_bytes(bad)
        try:
            safetensors.deserialize(bytes(bad))
            theirs = True
        except Exception:
            theirs = False
        ours = tool("safetensors-list", path, ok=False).returncode == 0
        same += ours == theirs
        if ours != theirs:
            different.append((theirs, bytes(bad)))
    for theirs, bad in different[:5]:
        print(f"  the library {'accepts' if theirs else 'refuses'} {bad[:220]}")
    check("broken files judged as the library does", not different, len(different))


# --------------------------------------------------------------------------------------- gguf --

def normal(value):
    if isinstance(value, (list, np.ndarray)):
        return [normal(v) for v in value]
    if isinstance(value, (bool, np.bool_)):
        return int(value)
    if isinstance(value, (np.integer,)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value)
    return value


def read_reference(path):
    reader = gguf.GGUFReader(path)
    metadata = {}
    for key, field in reader.fields.items():
        if key.startswith("GGUF."):
            continue
        value = field.contents()
        metadata[key] = normal(value if isinstance(value, list) else [value])
    tensors = {t.name: [t.tensor_type.name, [int(d) for d in reversed(t.shape)], int(t.n_bytes)]
               for t in reader.tensors}
    data = {t.name: t.data.tobytes() for t in reader.tensors}
    return metadata, tensors, data


def check_gguf_file(path, name):
    metadata, tensors, data = read_reference(path)
    listed = tool_json("gguf-list", path)
    check(f"{name} metadata", {k: v[1:] for k, v in listed["metadata"].items()} == metadata)
    check(f"{name} tensors", listed["tensors"] == tensors)
    copy = WORK / "copy.gguf"
    tool("gguf-copy", path, copy)
    listed["metadata"].pop("general.alignment", None)
    check(f"{name} copied", tool_json("gguf-list", copy) == listed)
    if path.stat().st_size < 2_000_000:  # the reader takes seconds for a large vocabulary
        metadata.pop("general.alignment", None)
        check(f"{name} copy read", read_reference(copy) == (metadata, tensors, data))


def write_reference(path, seed, alignment):
    rng = np.random.default_rng(seed)
    w = gguf.GGUFWriter(path, "llama")
    if alignment:
        w.add_custom_alignment(alignment)
    w.add_uint8("u8", 255)
    w.add_int8("i8", -128)
    w.add_uint16("u16", 65535)
    w.add_int16("i16", -32768)
    w.add_uint32("u32", 2**32 - 1)
    w.add_int32("i32", -2**31)
    w.add_uint64("u64", 2**62)
    w.add_int64("i64", -2**63)
    w.add_float32("f32", 0.1)
    w.add_float64("f64", 0.1)
    w.add_bool("yes", True)
    w.add_bool("no", False)
    w.add_string("text", "Zoë\n\u0000 \U0001f600")
    w.add_array("tokens", [f"t{i}" for i in range(5000)] + ["", "é"])
    w.add_array("types", [1, 2, -3])
    w.add_array("scores", [0.5, -1e-9])
    w.add_array("flags", [True, False])
    w.add_tensor("a", rng.normal(size=(3, 5)).astype(np.float32))
    w.add_tensor("b", rng.normal(size=(2, 3, 4, 5)).astype(np.float16))
    w.add_tensor("c", rng.integers(-9, 9, size=(7,), dtype=np.int32))
    q = gguf.quants.quantize(rng.normal(size=(4, 64)).astype(np.float32),
                             gguf.GGMLQuantizationType.Q8_0)
    w.add_tensor("q", q, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    w.add_tensor("d", rng.normal(size=(2, 2)).astype(np.float64))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def check_gguf():
    for seed, alignment in enumerate((0, 64, 8)):
        path = WORK / f"reference{seed}.gguf"
        write_reference(path, seed, alignment)
        check_gguf_file(path, f"file of GGUFWriter, alignment {alignment}")
    copy = WORK / "copy.gguf"
    path = WORK / "reference0.gguf"
    tool("gguf-copy", path, copy)
    check("a copied file is the same bytes", path.read_bytes() == copy.read_bytes())
    files = sorted(DATA.glob("**/*.gguf"))
    for path in files:
        check_gguf_file(path, path.relative_to(DATA))
    check("files of the data folder", len(files) >= 10, len(files))


# ---------------------------------------------------------------------------------------- csv --

def check_csv():
    rng = random.Random(3)
    path = WORK / "t.csv"
    pieces = ["a", "é", ",", '"', "\n", "\r\n", " ", "\t", "", "1.5", "'", "x y"]
    for i in range(200):
        width = rng.randrange(1, 5)
        rows = [["".join(rng.choices(pieces, k=rng.randrange(1, 6))) + "." for _ in range(width)]
                for _ in range(rng.randrange(1, 20))]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator=rng.choice(["\n", "\r\n"]),
                            quoting=rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
        writer.writerows(rows)
        path.write_bytes(text.getvalue().encode())
        check("csv of Python read back", tool_json("csv-list", path, ",") == rows, i)
    for i in range(600):
        text = "h,i\n" + "".join(rng.choices('"",,ab\n\r ', k=rng.randrange(1, 14)))
        path.write_bytes(text.encode())
        try:
            list(csv.reader(io.StringIO(text, newline=""), strict=True))
            wanted = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
        except csv.Error:
            wanted = None
        ours = tool("csv-list", path, ",", ok=False)
        check("csv judged as Python's strict reader does",
              (json.loads(ours.stdout) if ours.returncode == 0 else None) == wanted, repr(text))
    for path in sorted(DATA.glob("**/*.csv")):
        with open(path, newline="", encoding="utf-8-sig") as f:
            wanted = [row for row in csv.reader(f) if row]
        check(f"{path}", tool_json("csv-list", path, ",") == wanted)
    for path in sorted(DATA.glob("datasets/**/*.tsv")):
        lines = path.read_text().split("\n")
        wanted = [line.split("\t") for line in lines if line]
        check(f"{path}", tool_json("csv-list", path, "tab") == wanted)


# --------------------------------------------------------------------------------------- yaml --

def random_scalar(rng):
    alphabet = rng.choice(["01234567", "0123456789", "0123456789._", "0123456789:.", "01b_", "ef0x1A",
                           "0123456789eE+-.", "yesnoYESNOtruefalse", "~null", ".infINFnaN+-"])
    return "".join(rng.choices(alphabet, k=rng.randrange(1, 7)))


def differs_by_design(text, theirs):
    """Numbers that YAML 1.1 wants a point or a sign for; dates; what PyYAML cannot build."""
    if isinstance(theirs, str):
        try:
            float(text)
            return "_" not in text and not text.lstrip("+-").isalpha()
        except ValueError:
            return "_" in text
    return not isinstance(theirs, (type(None), bool, int, float))


def same(a, b):
    return type(a) is type(b) and (a == b or (a != a and b != b))


def check_yaml():
    rng = random.Random(4)
    path = WORK / "t.yaml"
    texts = {random_scalar(rng) for _ in range(6000)}
    texts |= {"yes", "No", "on", "OFF", "null", "Null", "1:30", "190:20:30.15", "0x1f", "-0b11", "017",
              "1_000.5", "-.inf", ".NaN", "~", "=", "1.5e+3", "-1.5E-3", "12e03", "0.", "-0", "+0"}
    wanted = {}
    for text in sorted(texts):
        try:
            theirs = yaml.safe_load(f"v: {text}")["v"]
        except Exception:
            continue
        if isinstance(theirs, int) and abs(theirs) >= 2**53 or differs_by_design(text, theirs):
            continue
        wanted[f"k{len(wanted)}"] = (text, theirs)
    path.write_text("".join(f"{key}: {text}\n" for key, (text, _) in wanted.items()))
    ours = tool_json("yaml-list", path)
    for key, (text, theirs) in wanted.items():
        check("scalar", same(ours[key], theirs), f"{text!r}: {ours[key]!r}, PyYAML {theirs!r}")
    for i in range(100):
        value = random_value(rng, 0)
        path.write_text(yaml.safe_dump(value, default_flow_style=rng.choice([None, True, False]),
                                       allow_unicode=rng.random() < 0.5))
        check("document of PyYAML", tool_json("yaml-list", path) == value, value)


def random_value(rng, depth):
    kind = rng.randrange(0, 4 if depth > 3 else 6)
    if kind == 4:
        return [random_value(rng, depth + 1) for _ in range(rng.randrange(0, 4))]
    if kind == 5 or depth == 0:
        return {f"k{i}": random_value(rng, depth + 1) for i in range(rng.randrange(0, 5))}
    return rng.choice([None, True, 7, -0.25, 1e-5, "", "12", "no", "a: b", "é\n", " x ", "#", "'", "<<",
                       "2024-01-01", "line one\nline two\n", "~"])


# ----------------------------------------------------------------------------------- tfevents --

def accumulate(path):
    """tag -> [(step, wall time, value)] as TensorBoard sees them."""
    events = event_accumulator.EventAccumulator(str(path), size_guidance={"scalars": 0, "tensors": 0},
                                                purge_orphaned_data=False)
    events.Reload()
    found = {tag: [(e.step, e.wall_time, float(np.float32(e.value))) for e in events.Scalars(tag)]
             for tag in events.Tags()["scalars"]}
    for tag in events.Tags()["tensors"]:
        if events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
            found[tag] = [(e.step, e.wall_time, float(tensor_util.make_ndarray(e.tensor_proto)))
                          for e in events.Tensors(tag)]
    return found


def grouped(path):
    found = {}
    for tag, step, wall_time, value in tool_json("tfevents-list", path):
        found.setdefault(tag, []).append((step, wall_time, value))
    return found


def check_event_file(path, name):
    wanted = accumulate(path)
    check(f"{name} read", repr(grouped(path)) == repr({tag: wanted[tag] for tag in grouped(path)})
          and set(grouped(path)) == set(wanted), f"{set(grouped(path)) ^ set(wanted)}")
    folder = WORK / "copy"
    folder.mkdir(exist_ok=True)
    copy = folder / "events.out.tfevents.1.pace"
    tool("tfevents-copy", path, copy)
    check(f"{name} written", repr(accumulate(copy)) == repr(wanted))


def check_tfevents():
    from torch.utils.tensorboard import SummaryWriter
    rng = np.random.default_rng(5)
    for new_style in (False, True):
        folder = WORK / f"torch{new_style}"
        with SummaryWriter(folder) as w:
            for step in range(200):
                w.add_scalar("train/loss", float(rng.normal()), step, walltime=1e9 + step,
                             new_style=new_style)
                w.add_scalar("é", float(10.0 ** rng.integers(-30, 30)), -step, new_style=new_style)
            w.add_scalar("nan", float("nan"), 1, new_style=new_style)
            w.add_scalar("inf", float("inf"), 2**40, new_style=new_style)
            w.add_text("note", "a text", 3)
            w.add_histogram("h", rng.normal(size=100), 4)
            w.add_hparams({"lr": 0.1}, {"metric": 0.5}, run_name=".")
        path = max(folder.glob("events*"), key=lambda p: p.stat().st_size)
        check_event_file(path, f"SummaryWriter, new style {new_style}")
    files = [p for p in sorted(DATA.glob("logs/tfevents/*")) if p.is_file()]
    for path in files:
        check_event_file(path, path.name)
    check("event files of the data folder", len(files) >= 6, len(files))


check_halves()
check_blocks()
check_safetensors()
check_gguf()
check_csv()
check_yaml()
check_tfevents()
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
