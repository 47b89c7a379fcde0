"""pace inspect from outside: what it lists, what it refuses, and that hostile names do no harm.

    test_inspect.py PROGRAM
"""
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

PROGRAM = None


def safetensors(tensors, metadata=None):
    """tensors: name -> (dtype, shape, bytes)"""
    header, data = ({"__metadata__": metadata} if metadata else {}), b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape,
                        "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def string(text):
    raw = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(raw)) + raw


def gguf(entries, tensors):
    """entries: (key, type, value bytes); tensors: (name, dims fastest first, type, bytes)"""
    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries))
    for key, kind, value in entries:
        out += string(key) + struct.pack("<I", kind) + value
    data = b""
    for name, dims, kind, content in tensors:
        out += string(name) + struct.pack(f"<I{len(dims)}Q", len(dims), *dims)
        out += struct.pack("<IQ", kind, len(data))
        data += content + bytes(-len(content) % 32)
    return out + bytes(-len(out) % 32) + data


class Inspect(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def write(self, name, content):
        path = pathlib.Path(self.folder.name) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return str(path)

    def run_inspect(self, *words):
        done = subprocess.run([PROGRAM, "inspect", *words], capture_output=True, timeout=60)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def report(self, path):
        code, out, err = self.run_inspect(path, "--json")
        self.assertEqual((code, err), (0, ""))
        return json.loads(out)

    def test_a_safetensors_file_is_listed(self):
        path = self.write("a.safetensors", safetensors(
            {"w": ("F32", [2, 3], bytes(24)), "b": ("BF16", [], bytes(2))}, {"format": "pt"}))
        report = self.report(path)
        self.assertEqual(report["format"], "safetensors")
        self.assertEqual(report["files"], ["a.safetensors"])
        self.assertEqual(report["metadata"], {"format": "pt"})
        self.assertEqual(report["tensors"], [
            {"name": "w", "dtype": "F32", "shape": [2, 3], "bytes": 24},
            {"name": "b", "dtype": "BF16", "shape": [], "bytes": 2}])
        self.assertEqual(report["total"], {"tensors": 2, "elements": 7, "bytes": 26,
                                           "dtypes": {"F32": 1, "BF16": 1}})
        code, out, _ = self.run_inspect(path)
        self.assertEqual(code, 0)
        self.assertRegex(out, r"w +F32 +\[2, 3\] +24\n")
        self.assertIn("total: 7 elements in 26 bytes (F32: 1, BF16: 1)\n", out)

    def test_a_gguf_file_is_known_by_its_magic(self):
        tokens = struct.pack("<IQ", 8, 20) + b"".join(string(f"t{i}") for i in range(20))
        path = self.write("model.bin", gguf(
            [("general.architecture", 8, string("llama")), ("tokens", 9, tokens),
             ("eps", 6, struct.pack("<f", 1e-5)), ("on", 7, b"\1"), ("n", 4, b"\7\0\0\0")],
            [("w", [32, 2], 8, bytes(68)), ("odd", [256], 16, bytes(66))]))
        report = self.report(path)
        self.assertEqual((report["format"], report["version"]), ("gguf", 3))
        self.assertEqual(report["metadata"], {
            "general.architecture": "llama", "eps": 1e-5, "on": True, "n": 7,
            "tokens": {"type": "string", "count": 20, "first": [f"t{i}" for i in range(8)]}})
        self.assertEqual(report["tensors"], [
            {"name": "w", "dtype": "Q8_0", "shape": [2, 32], "bytes": 68},
            {"name": "odd", "dtype": "IQ2_XXS", "shape": [256], "bytes": 66}])
        code, out, _ = self.run_inspect(path)
        self.assertEqual(code, 0)
        self.assertRegex(out, r'tokens +array +20 x string \["t0", "t1"')

    def test_shards_and_adapters_are_found_in_their_folder(self):
        shard = safetensors({"a": ("U8", [1], b"x")})
        self.write("m/1.safetensors", shard)
        self.write("m/2.safetensors", safetensors({"b": ("U8", [1], b"x")}))
        index = {"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}
        path = self.write("m/model.safetensors.index.json", json.dumps(index).encode())
        report = self.report(str(pathlib.Path(path).parent))
        self.assertEqual(report["files"], ["1.safetensors", "2.safetensors"])
        self.assertEqual([t["file"] for t in report["tensors"]], report["files"])
        adapter = self.write("p/adapter_model.safetensors", shard)
        self.assertEqual(len(self.report(str(pathlib.Path(adapter).parent))["tensors"]), 1)

    def test_what_is_wrong_is_named_with_code_3(self):
        good = gguf([("k", 8, string("v"))], [("w", [4], 0, bytes(16))])
        for name, content, what in (
                ("a.gguf", good[:-20], "the file ends after"),
                ("b.gguf", good.replace(b"GGUF\3", b"GGUF\1"), "version 1 is not supported"),
                ("c.safetensors", b"hello", "too short"),
                ("d.txt", b"a text and no weights at all", "not a safetensors file")):
            code, out, err = self.run_inspect(self.write(name, content))
            self.assertEqual((code, out), (3, ""))
            self.assertIn(name, err)
            self.assertIn(what, err)
        code, _, err = self.run_inspect(self.folder.name)
        self.assertEqual(code, 3)
        self.assertIn("no model.safetensors", err)
        self.assertEqual(self.run_inspect(self.folder.name + "/none")[0], 3)
        self.assertEqual(self.run_inspect()[0], 2)

    def test_hostile_names_cannot_command_the_terminal(self):
        name = "w\x1b[2J\u202e\n" + "x" * 500
        path = self.write("h.gguf", gguf([("k\x1b]0;t\a", 8, string(b"\x1b[31m\xff\n" * 50))],
                                         [(name, [1], 0, bytes(4))]))
        code, out, _ = self.run_inspect(path)
        self.assertEqual(code, 0)
        self.assertFalse({"\x1b", "\a", "\u202e"} & set(out))
        self.assertEqual(out.count("\n"), 6)
        report = self.report(path)
        self.assertEqual(report["tensors"][0]["name"], name)
        path = self.write("h.safetensors", safetensors({name: ("U8", [1], b"x")}, {name: name}))
        code, out, _ = self.run_inspect(path)
        self.assertFalse({"\x1b", "\a", "\u202e"} & set(out))
        code, _, err = self.run_inspect(self.write("x\x1b[2J", b"bad"))
        self.assertEqual(code, 3)
        self.assertNotIn("\x1b", err)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop()
    unittest.main()
