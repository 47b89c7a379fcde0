#!/usr/bin/env python3
"""Writes src/text/unicode_data.c: what each part of the `tokenizers` library knows of each character.

    python3 tool/unicode_tables.py > src/text/unicode_data.c

The parts of the library (Oniguruma, Rust's char, several crates) follow different versions of
Unicode, and none of them is that of PCRE2 or utf8proc. So nothing is taken from the standard's
files: every table is made by asking the library about every code point. The packages `tokenizers`
and `regex` (whose list of property names is tried on the library) must be installed.

Sets of code points are written as pairs of numbers, "skip this many, then take this many", seven
bits a byte, lowest first, the eighth bit set where more follow.
"""
import base64
import sys
import unicodedata

import regex
import tokenizers
from regex import _regex_core
from tokenizers import Regex, normalizers, pre_tokenizers

from charsmap import charsmap

END = 0x110000
ALL = [c for c in range(END) if not 0xD800 <= c < 0xE000]


def is_uniform(c):
    """Inside a plane that holds nothing but unassigned or private characters, but for its edges."""
    plane, low = c >> 16, c & 0xFFFF
    return (4 <= plane <= 13 or plane >= 15) and 0x10 <= low < 0xFFF0


PROBES = [c for c in ALL if not is_uniform(c)]
PROBE_TEXT = "".join(map(chr, PROBES))
FULL_TEXT = "".join(map(chr, ALL))


def matched_ranges(pattern, text, points):
    """Ranges [start, end) of code points that the pattern matches one at a time."""
    split = pre_tokenizers.Split(Regex(f"(?:{pattern})+"), "removed", True)
    ranges = []
    for _, (start, end) in split.pre_tokenize_str(text):
        first, last = points[start], points[end - 1]
        ranges.append((first, last + 1))
    return ranges


def regex_set(pattern):
    """The set of a one-character pattern; a run may step over a gap in the probes, so runs are cut there."""
    ranges = []
    for start, end in matched_ranges(pattern, PROBE_TEXT, PROBES):
        ranges.append((start, end))
    # Ranges that join over the surrogates or over a uniform plane are right as they are: such a plane is all in or
    # all out, which its sampled edges tell, and no text holds a surrogate.
    joined = []
    for start, end in ranges:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple(joined)


def check_uniform(names):
    for name in names:
        full = tuple(matched_ranges(rf"\p{{{name}}}", FULL_TEXT, ALL))
        if full != regex_set(rf"\p{{{name}}}"):
            sys.exit(f"the sampled planes are not uniform for {name}")


# ------------------------------------------------------------------------------ properties --


def is_property(name):
    try:
        pre_tokenizers.Split(Regex(rf"\p{{{name}}}"), "removed")
        return True
    except Exception:
        return False


def property_names():
    """Groups of names that mean the same: [[name, alias, ...], ...]."""
    groups = []
    tables = _regex_core.PROPERTIES
    for key, prefix in (("GENERALCATEGORY", ""), ("SCRIPT", ""), ("BLOCK", "in")):
        values = {}
        for name, number in tables[key][1].items():
            values.setdefault(number, []).append(prefix + name.lower())
        groups += values.values()
    binary = {}
    for name, (number, values) in tables.items():
        if "YES" in values:
            binary.setdefault(number, []).append(name.lower())
    groups += binary.values()
    groups += [["any"], ["assigned"], ["lc", "casedletter"], ["punct"], ["ascii"], ["word"], ["alpha"], ["alnum"],
               ["blank"], ["cntrl"], ["digit"], ["graph"], ["lower"], ["print"], ["space"], ["upper"], ["xdigit"],
               ["other", "c"], ["letter", "l"], ["mark", "m", "combiningmark"], ["number", "n"],
               ["punctuation", "p"], ["symbol", "s"], ["separator", "z"]]
    return groups


def properties():
    """name -> set, for every name that the library's regular expressions know."""
    sets = {}
    for group in property_names():
        known = [name for name in group if is_property(name) and name not in sets]
        found = {}
        for name in known:
            # An alias of one meaning in `regex` may have another in Oniguruma: compare on a sample.
            sample = tuple(p for p, _ in pre_tokenizers.Split(Regex(rf"\p{{{name}}}+"), "removed", True)
                           .pre_tokenize_str(PROBE_TEXT[:0x3000]))
            if sample not in found:
                found[sample] = regex_set(rf"\p{{{name}}}")
            sets[name] = found[sample]
    # Inside brackets Oniguruma takes two of them differently: \w without six characters of Latin-1, and [:punct:]
    # with the symbols. In capitals, so that no name in a pattern finds them.
    sets["WORD"] = regex_set("[[:word:]]")
    sets["PUNCT"] = regex_set("[[:punct:]]")
    for pattern, name in ((r"\w", "word"), (r"\s", "space"), (r"\d", "digit"), (r"\h", "xdigit"),
                          (r"[\w]", "WORD"), (r"[\p{word}]", "WORD"), (r"[\s]", "space"), (r"[\p{punct}]", "punct")):
        if regex_set(pattern) != sets[name]:
            sys.exit(f"{pattern} is not {name}")
    for name in "alnum alpha ascii blank cntrl digit graph lower print space upper xdigit".split():
        if regex_set(f"[[:{name}:]]") != sets[name]:
            sys.exit(f"[[:{name}:]] is not \\p{{{name}}}")
    return sets


# -------------------------------------------------------------------------------- folding --


def cased():
    points = set()
    for start, end in regex_set(r"\p{Changes_When_Casemapped}"):
        points.update(range(start, end))
    for start, end in regex_set(r"\p{Cased}"):
        points.update(range(start, end))
    return sorted(points)


def fold_groups():
    """Sets of two or more single characters that match each other without regard to case."""
    points = cased()
    text = "\n".join(map(chr, points))
    groups = set()
    for c in points:
        split = pre_tokenizers.Split(Regex(rf"(?i:\x{{{c:x}}})"), "removed", True)
        group = frozenset(ord(p) for p, _ in split.pre_tokenize_str(text) if len(p) == 1)
        if len(group) > 1:
            groups.add(group)
    for a in groups:
        for b in groups:
            if a != b and a & b:
                sys.exit(f"fold groups overlap: {a} {b}")
    return sorted(sorted(g) for g in groups)


def multi_folds():
    """Characters whose folding is several characters: [(code point, string)]."""
    found = []
    for c in cased():
        folded = chr(c).casefold()
        if len(folded) > 1:
            split = pre_tokenizers.Split(Regex(rf"(?i:{folded})"), "removed", True)
            if [p for p, _ in split.pre_tokenize_str(chr(c))] == [chr(c)]:
                found.append((c, folded))
    return found


# ----------------------------------------------------------------------------------- flags --

FLAGS = ("SPACE NUMERIC PUNCTUATION WORD CONTROL NONSPACING MARK LOWERS "
         "NFC NFD NFKC NFKD EXTENDS PREPENDS").split()


def split_points(step):
    """The characters that the pre-tokenizer takes away from between two letters."""
    out = set()
    for c in ALL:
        if "".join(p for p, _ in step.pre_tokenize_str("a" + chr(c) + "a")) == "aa":
            out.add(c)
    return out


def isolated_points(step):
    return {c for c in ALL if [p for p, _ in step.pre_tokenize_str("a" + chr(c) + "a")] == ["a", chr(c), "a"]}


def word_points():
    step = pre_tokenizers.Whitespace()
    return {c for c in ALL if len(step.pre_tokenize_str("a" + chr(c) + "a")) == 1}


def dropped_points(step):
    return {c for c in ALL if step.normalize_str("a" + chr(c) + "a") == "aa"}


def lower_table():
    step = normalizers.Lowercase()
    return {c: low for c in ALL for low in (step.normalize_str(chr(c)),) if low != chr(c)}


def combining_classes():
    """Code point -> canonical combining class, where it is not 0.

    Marks are sorted by class, stably, so a mark's class shows in its order beside marks of known class. The known
    ones are assigned since Unicode 3; their classes can never change.
    """
    step = normalizers.NFD()
    known = {}
    for c in range(0x300, 0x3100):
        if unicodedata.ucd_3_2_0.combining(chr(c)):
            known.setdefault(unicodedata.ucd_3_2_0.combining(chr(c)), chr(c))
    lowest, highest = chr(0x334), chr(0x345)
    classes = {}
    for c in ALL:
        if step.normalize_str(chr(c)) != chr(c) or step.normalize_str(highest + chr(c) + lowest)[0] == highest:
            continue
        # The class k for which it goes neither before a mark of class k nor lets it go before itself.
        fits = [k for k, m in known.items()
                if step.normalize_str(m + chr(c))[0] == m and step.normalize_str(chr(c) + m)[0] == chr(c)]
        if not fits:
            # A class that no older mark has: today's standard names it, if the order agrees.
            fits = [unicodedata.combining(chr(c))]
            if any((step.normalize_str(m + chr(c))[0] == m) != (k < fits[0]) for k, m in known.items()):
                fits = []
        if len(fits) != 1:
            sys.exit(f"combining class of U+{c:04X}: {fits}")
        classes[c] = fits[0]
    for c in ALL:
        parts = step.normalize_str(chr(c))
        if parts != chr(c) and ord(parts[0]) in classes:
            classes[c] = classes[ord(parts[0])]
    return classes


def compose_seconds(nfd):
    """Characters that may join one before them."""
    out = set()
    nfc, step = normalizers.NFC(), normalizers.NFD()
    for c in ALL:
        parts = step.normalize_str(chr(c))
        if len(parts) > 1 and nfc.normalize_str(chr(c)) == chr(c):
            out.update(map(ord, parts[1:]))
    return out


def normal_points():
    combining = combining_classes()
    changed = {}
    for name in ("NFC", "NFD", "NFKC", "NFKD"):
        step = getattr(normalizers, name)()
        changed[name] = {c for c in ALL if step.normalize_str(chr(c)) != chr(c)}
    seconds = compose_seconds(changed["NFD"])
    for name in changed:
        changed[name] |= set(combining)
    for name in ("NFC", "NFKC"):
        changed[name] |= seconds
    return changed, combining


def cluster_points():
    """Characters that belong to the character before them, and those that belong to the one behind them.

    A map makes an 'x' of every cluster of at most five bytes, so one 'x' for two characters is one cluster.
    """
    lead_bytes = list(range(1, 0x80)) + list(range(0xC2, 0xF5))
    step = normalizers.Precompiled(base64.b64decode(charsmap({bytes([b]): "x" for b in lead_bytes})))
    extends = {c for c in ALL if c and step.normalize_str("a" + chr(c)) == "x"}
    prepends = {c for c in ALL if c and step.normalize_str(chr(c) + "a") == "x"}
    return extends, prepends


# --------------------------------------------------------------------------------- scripts --


def scripts():
    """Code point -> number; 0 is the script that joins any other."""
    step = pre_tokenizers.UnicodeScripts()

    def joined(a, b):
        return len(step.pre_tokenize_str(chr(a) + chr(b))) == 1

    number = [0] * END
    representatives = []
    previous = None
    for c in ALL:
        if [p for p, _ in step.pre_tokenize_str(chr(c) + "a")] == ["a"]:
            continue  # Any: dropped at the start
        if previous is not None and joined(previous, c):
            number[c] = number[previous]
        else:
            for i, r in enumerate(representatives):
                if joined(r, c):
                    number[c] = i + 1
                    break
            else:
                representatives.append(c)
                number[c] = len(representatives)
        previous = c
    if len(representatives) > 255:
        sys.exit("more than 255 scripts")
    return number


# ---------------------------------------------------------------------------------- output --


def varint(n):
    out = []
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return out + [n]


def put_array(kind, name, values, width=100):
    print(f"\n{kind} {name}[] = {{")
    line = ""
    for v in values:
        item = f"{v},"
        if len(line) + len(item) > width:
            print(line)
            line = ""
        line += item
    print(line + "\n};")


def put_sets(sets):
    data, place = [], {}
    for ranges in sets.values():
        if ranges in place:
            continue
        place[ranges] = len(data)
        at = 0
        for start, end in ranges:
            data += varint(start - at) + varint(end - start)
            at = end
    put_array("const uint8_t", "unicode_set_bytes", data)
    print("\nconst struct unicode_property unicode_properties[] = {")
    for name in sorted(sets):
        print(f'    {{"{name}", {place[sets[name]]}, {len(sets[name])}}},')
    print("};\nconst size_t unicode_n_properties = sizeof unicode_properties / sizeof unicode_properties[0];")


def put_flags(values, bits):
    """A two-stage table of numbers of flag combinations, which a third table holds."""
    size = 1 << bits
    combinations = sorted(set(values))
    numbers = {v: i for i, v in enumerate(combinations)}
    blocks, index = {}, []
    for start in range(0, END, size):
        block = tuple(values[start:start + size])
        index.append(blocks.setdefault(block, len(blocks)))
    if len(blocks) > 255 or len(combinations) > 255:
        sys.exit("the flag tables outgrew a byte")
    put_array("const uint8_t", "unicode_flag_index", index)
    put_array("const uint8_t", "unicode_flag_blocks", [numbers[v] for block in blocks for v in block])
    put_array("const uint16_t", "unicode_flag_values", combinations)


def put_ranges(name, values):
    """Where a number that goes with each code point changes: start, number."""
    print(f"\nconst struct unicode_range {name}[] = {{")
    line, n = "", 0
    for c in range(END):
        if c == 0 or values[c] != values[c - 1]:
            item = f"{{{c},{values[c]}}},"
            n += 1
            if len(line) + len(item) > 100:
                print(line)
                line = ""
            line += item
    print(line + f"\n}};\nconst size_t {name}_len = {n};")


def put_runs(name, pairs):
    """Pairs (from, to) as runs: start, count, step between the starts, distance."""
    runs = []
    for a, b in pairs:
        if runs:
            start, count, step, distance = runs[-1]
            gap = a - (start + (count - 1) * step)
            if distance == b - a and (count == 1 and gap <= 2 or gap == step):
                runs[-1] = (start, count + 1, gap, distance)
                continue
        runs.append((a, 1, 1, b - a))
    print(f"\nconst struct unicode_run {name}[] = {{")
    for r in runs:
        print("    {%d, %d, %d, %d}," % r)
    print(f"}};\nconst size_t {name}_len = sizeof {name} / sizeof {name}[0];")


def main():
    check_uniform(["L", "Cn", "Co", "Any", "Noncharacter_Code_Point", "Default_Ignorable_Code_Point"])
    print("/* Generated by tool/unicode_tables.py from tokenizers " + tokenizers.__version__ + ": do not edit. */")
    print('#include "text/unicode_data.h"')
    put_sets(properties())

    pairs, groups = [], []
    for group in fold_groups():
        if len(group) == 2:
            pairs.append(tuple(group))
        else:
            groups += group + [0]
    put_runs("unicode_fold_pairs", pairs)
    put_array("const uint32_t", "unicode_fold_groups", groups)
    print("const size_t unicode_fold_groups_len = sizeof unicode_fold_groups / sizeof unicode_fold_groups[0];")
    multi = []
    for c, folded in multi_folds():
        multi += [c] + list(map(ord, folded)) + [0]
    put_array("const uint32_t", "unicode_multi_folds", multi)
    print("const size_t unicode_multi_folds_len = sizeof unicode_multi_folds / sizeof unicode_multi_folds[0];")

    lower = lower_table()
    put_runs("unicode_lowers", sorted((c, ord(low)) for c, low in lower.items() if len(low) == 1))
    several = [c for c, low in lower.items() if len(low) > 1]
    if several != [0x130] or lower[0x130] != "i\u0307":
        sys.exit(f"unexpected lowercase of several characters: {several}")

    changed, combining = normal_points()
    extends, prepends = cluster_points()
    members = {
        "SPACE": split_points(pre_tokenizers.WhitespaceSplit()),
        "NUMERIC": isolated_points(pre_tokenizers.Digits(individual_digits=True)),
        "PUNCTUATION": isolated_points(pre_tokenizers.Punctuation()),
        "WORD": word_points(),
        "CONTROL": dropped_points(normalizers.BertNormalizer(True, False, False, False)),
        "NONSPACING": dropped_points(normalizers.BertNormalizer(False, False, True, False)),
        "MARK": dropped_points(normalizers.StripAccents()),
        "LOWERS": set(lower),
        "EXTENDS": extends,
        "PREPENDS": prepends,
        **changed,
    }
    flags = [0] * END
    for bit, name in enumerate(FLAGS):
        for c in members[name]:
            flags[c] |= 1 << bit
    put_flags(flags, 7)
    put_ranges("unicode_scripts", scripts())
    put_ranges("unicode_combining", [combining.get(c, 0) for c in range(END)])


if __name__ == "__main__":
    main()
