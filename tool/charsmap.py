"""Builds SentencePiece's precompiled map of characters, for tables and tests that question the library with one."""
import base64
import struct


def charsmap(entries):
    """Base64 of a double array over {bytes: text}, in the layout that src/text/charsmap.c describes."""
    blob, places, trie = b"", {}, {}
    for key, text in entries.items():
        places[key] = len(blob)
        blob += text.encode() + b"\0"
    for key in entries:
        node = trie
        for byte in key:
            node = node.setdefault(byte, {})
        node[None] = places[key]
    units, used = {}, {0}

    def place(node, at):
        """Puts the children of the node at unit `at`; returns the offset that its unit needs."""
        labels = [0 if k is None else k for k in node]
        base = 1
        while any((base ^ label) in used for label in labels):
            base += 1
        used.update(base ^ label for label in labels)
        for key, child in node.items():
            if key is None:
                units[base] = child | 1 << 31
            else:
                units[base ^ key] = key | (1 << 8 if None in child else 0)
                units[base ^ key] |= place(child, base ^ key) << 10
        return base ^ at

    units[0] = place(trie, 0) << 10
    packed = b"".join(struct.pack("<I", units.get(i, 0)) for i in range((max(units) | 255) + 1))
    return base64.b64encode(struct.pack("<I", len(packed)) + packed + blob).decode()
