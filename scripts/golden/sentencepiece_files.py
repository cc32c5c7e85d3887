"""SentencePiece's files from what they are to hold, for goldens, comparisons and seeds: charsmaps, of which a few rules take a few kilobytes
where the one that SentencePiece ships takes a quarter of a megabyte, and models."""
import struct

# What the shipped one does, by one example each: what is dropped, becomes a space, gets longer or shorter, or is a part of another rule.
RULES = {"\x00\x01": "", "\x01": "", "\x1e": "", "\x7f": "", "\u200b": "", "\ufeff": "", "\t": " ", "\n": " ", "\r": " ", "\u00a0": " ", "\u3000": " ", "\u2028": " ", "™": "TM",
         "ﬁ": "fi", "ﬃ": "ffi", "½": "1⁄2", "²": "2", "…": "...", "㍿": "株式会社", "Ａ": "A", "ａ": "a", "１": "1", "！": "!", "ｱ": "ア", "ｶ": "カ", "ｶﾞ": "ガ", "か\u3099": "が", "e\u0301": "é",
         "\u00a8": " \u0308", "\u0344": "\u0308\u0301", "\u0340": "\u0300", "\u2126": "Ω", "\u212b": "Å", "\u1112\u1161\u11ab": "한", "\u0958": "\u0915\u093c", "\u0e33": "\u0e4d\u0e32", "©": "(c)",
         "\u2581": "▁", "￨": "│", "Ǆ": "DŽ", "\U0001d400": "A", "\U0001f600": ":)", "a": "a", "İ": "I\u0307"}


def charsmap(rules=RULES):
    """The bytes of a table with these replacements."""
    strings, begins = b"", {}
    root = {}
    for source, target in rules.items():
        if target not in begins:
            begins[target] = len(strings)
            strings += target.encode() + b"\0"
        node = root
        for byte in source.encode():
            if byte == 0:  # ends every look-up
                break
            node = node.setdefault(byte, {})
        else:
            node[0] = begins[target]
    units, taken = {}, {0}

    def place(node, at, unit):
        """Puts a node's children somewhere where they fit, and its unit, which says where, at `at`."""
        base = next(b for b in range(1, 1 << 20) if not any(b ^ label in taken for label in node))
        taken.update(base ^ label for label in node)
        units[at] = unit | (1 << 8 if 0 in node else 0) | (at ^ base) << 10
        for label, child in node.items():
            if label == 0:
                units[base] = 1 << 31 | child
            else:
                place(child, base ^ label, label)

    place(root, 0, 0)
    size = (max(units) // 256 + 1) * 256
    array = b"".join(struct.pack("<I", units.get(i, 0)) for i in range(size))
    return struct.pack("<I", len(array)) + array + strings


def varint(number):
    out = b""
    while number >= 128:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number, value):
    """A field of a message of protocol buffers: a whole number (that may be negative), a float, or bytes."""
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value & (1 << 64) - 1)
    data = value if isinstance(value, bytes) else value.encode()
    return varint(number << 3 | 2) + varint(len(data)) + data


NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6


def model(pieces, table=b"", kind=1, byte_fallback=False, unknown=0, bos=1, eos=2):
    """A model's file. `pieces`: (text, score, type)."""
    listed = b"".join(field(1, field(1, text) + field(2, float(score)) + (b"" if type == NORMAL else field(3, type))) for text, score, type in pieces)
    training = field(1, "text.txt") + field(3, kind) + field(35, int(byte_fallback)) + field(40, unknown) + field(41, bos) + field(42, eos)
    return listed + field(2, training) + field(3, field(1, "own") + (field(2, table) if table else b"") + field(3, 1) + field(4, 1))
