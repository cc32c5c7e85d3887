#!/usr/bin/env python3
"""Writes src/text/unicode_tables.cc and unicode_step_tables.cc: what the reference's tokenizer knows of every code point, at
its versions of Unicode. The second file has what only single steps of a pipeline ask for (NFKC, UnicodeScripts, Digits,
Precompiled).

    python3 scripts/golden/make_unicode_tables.py            write the files
    python3 scripts/golden/make_unicode_tables.py --check    fail if the committed files differ
    PYTHON_WITH_TOKENIZERS scripts/golden/make_unicode_tables.py --verify
                                                      sweep every code point through the live `tokenizers` library

The tokenizer crate takes each property from another crate, hence from another version of Unicode (found by the sweep):
    8.0   general categories: punctuation, control (Cc Cf Co), Mn      (crate unicode_categories)
    9.0   decompositions, combining classes, category M                (crate unicode-normalization-alignments)
    9.0   scripts                                                      (a table of its own)
    16.0  \\w of regular expressions: Alphabetic, M, Nd, Pc, joiners    (crate regex-syntax)
    16.0  letters and numbers of ByteLevel's pattern                   (Oniguruma)
    17.0  lower case, White_Space, numbers                             (the Rust compiler)
    17.0  grapheme clusters                                            (crate unicode-segmentation)
The source is PyPI's unicodedata2 at those versions: the generated C tables inside its source packages are parsed, so that
no compiler is needed; scripts come from fonttools' source package, 13.0 less what came after 9.0, and grapheme clusters from the
regex module of that version. pip downloads them (once; --cache keeps them).
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
import unicodedata
import zipfile

OUTPUT = pathlib.Path(__file__).resolve().parents[2] / "src/text"
CATEGORIES, NORMALIZATION, WORDS, CASES = "8.0.0", "9.0.0", "16.0.0", "17.0.1"
OLDEST_PATTERNS = "14.0.0"  # what the oldest Oniguruma that we run with (Debian 12's) has; the reference's has WORDS
FONTTOOLS, SCRIPTS = "4.20.0", "13.0.0"
REGEX = "2026.1.15"  # its Unicode is 17.0
RECLASSIFIED = {0x589: "Zyyy", 0x61C: "Zyyy", 0x953: "Deva", 0x954: "Deva"}  # scripts of 9.0 that 13.0 changed
SURROGATES = range(0xD800, 0xE000)
HANGUL = range(0xAC00, 0xD7A4)
JAMO_BEHIND = [range(0x1161, 0x1176), range(0x11A8, 0x11C3)]  # vowels and trailing consonants: they compose with what is before
# Alphabetic but of category So, since Unicode 6.0 and 7.0: circled, parenthesised, squared and negative letters.
ALPHABETIC_SYMBOLS = [range(0x24B6, 0x24EA), range(0x1F130, 0x1F14A), range(0x1F150, 0x1F16A), range(0x1F170, 0x1F18A)]
# The normalizer's list, with the upstream typo 2B920 (for 2B820).
CHINESE = [range(0x4E00, 0xA000), range(0x3400, 0x4DC0), range(0x20000, 0x2A6E0), range(0x2A700, 0x2B740),
           range(0x2B740, 0x2B820), range(0x2B920, 0x2CEB0), range(0xF900, 0xFB00), range(0x2F800, 0x2FA20)]
FLAGS = ["kWhiteSpace", "kControl", "kPunctuation", "kNonspacingMark", "kChinese", "kDecomposes", "kCombiningMark",
         "kWordCharacter", "kLowercaseExpands", "kLetter", "kNumber", "kMayCompose"]


def source_package(name, version, cache):
    """The path of a source package of PyPI."""
    find = lambda: [*cache.glob(f"{name}-{version}*.tar.gz"), *cache.glob(f"{name}-{version}*.zip")]
    if not find():
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:",
                        f"{name}=={version}", "--dest", str(cache)], check=True)
    return find()[0]


def script_of_each(cache, assigned):
    """Number of each code point's script. 0 ("Any"): a space, and what is not `assigned`."""
    with zipfile.ZipFile(source_package("fonttools", FONTTOOLS, cache)) as package:
        source = package.read(next(n for n in package.namelist() if n.endswith("fontTools/unicodedata/Scripts.py"))).decode()
    assert f"# Scripts-{SCRIPTS}.txt" in source
    begins = [int(c, 16) for c in re.findall(r"^    0x([0-9A-F]+),  # \.\.", source, re.M)]
    codes = re.findall(r"^    '(\w{4})',  # ", source.split("VALUES = [")[1].split("]")[0], re.M)
    assert len(begins) == len(codes)
    # What the step says of them: Japanese is one script, and spaces belong to whatever stands beside them.
    same = {"Zzzz": "Any", "Hira": "Hani", "Kana": "Hani"}
    names = ["Any"] + sorted({same.get(code, code) for code in codes} - {"Any"})
    scripts = [0] * 0x110000
    for begin, end, code in zip(begins, begins[1:] + [0x110000], codes):
        scripts[begin:end] = [names.index(same.get(code, code))] * (end - begin)
    for c, code in RECLASSIFIED.items():
        scripts[c] = names.index(code)
    scripts[0x20], scripts[0x30FC] = 0, names.index("Hani")
    return [script if assigned(c) else 0 for c, script in enumerate(scripts)]


# In the order of unicode_steps.h; a character is of the last kind that has it.
GRAPHEME_KINDS = ["", r"\p{ExtPict}", r"\p{InCB=Consonant}", *(rf"\p{{GCB={name}}}" for name in (
    "CR", "LF", "Control", "Extend", "ZWJ", "Regional_Indicator", "Prepend", "SpacingMark", "L", "V", "T", "LV", "LVT")), r"\p{InCB=Linker}", r"\u200C"]


def grapheme_kinds(cache):
    """Each code point's number in GRAPHEME_KINDS."""
    if not (wheel := next(cache.glob(f"regex-{REGEX}-*.whl"), None)):
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", f"regex=={REGEX}", "--dest", str(cache)], check=True)
        wheel = next(cache.glob(f"regex-{REGEX}-*.whl"))
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(wheel).extractall(folder)
        program = f"""import regex, sys
kinds = bytearray(0x110000)
text = "".join("a" if 0xD800 <= c < 0xE000 else chr(c) for c in range(0x110000))
for number, pattern in enumerate({GRAPHEME_KINDS!r}):
    for match in regex.finditer(pattern, text) if pattern else ():
        kinds[match.start()] = number
sys.stdout.buffer.write(kinds)"""
        return list(subprocess.run([sys.executable, "-c", program], cwd=folder, env={"PYTHONPATH": folder}, stdout=subprocess.PIPE, check=True).stdout)


class Database:
    """One version of Unicode, read from unicodedata2's source package."""

    def __init__(self, version, cache):
        with tarfile.open(source_package("unicodedata2", version, cache)) as package:
            def text(name):
                return next(package.extractfile(m).read().decode() for m in package.getmembers() if m.name.endswith(name))
            database, types = text("unicodedata_db.h"), text("unicodetype_db.h")

        def array(source, name):
            body = re.search(rf"\b{name}\[\] = \{{(.*?)\}};", source, re.S).group(1)
            return [int(number, 0) for number in re.findall(r"-?\b(?:0x[0-9A-Fa-f]+|\d+)", body)]

        def shift(source, name):
            return int(re.search(rf"#define {name} (\d+)", source).group(1))

        def sixes(numbers):
            return [numbers[i:i + 6] for i in range(0, len(numbers), 6)]

        self.names = re.findall(r'"(\w+)"', re.search(r"CategoryNames\[\] = \{(.*?)\};", database, re.S).group(1))
        self.records = sixes(array(database, "_PyUnicode_Database_Records"))
        self.record_index = array(database, "index1"), array(database, "index2"), shift(database, "SHIFT")
        self.decompositions = array(database, "decomp_data")
        self.decomposition_index = (array(database, "decomp_index1"), array(database, "decomp_index2"),
                                    shift(database, "DECOMP_SHIFT"))
        self.types = sixes(array(types, "_PyUnicode_TypeRecords"))
        self.type_index = array(types, "index1"), array(types, "index2"), shift(types, "SHIFT")
        self.extended_case = array(types, "_PyUnicode_ExtendedCase")

    @staticmethod
    def look_up(index, c):
        first, second, bits = index
        return second[(first[c >> bits] << bits) + (c & ((1 << bits) - 1))]

    def category(self, c):
        return self.names[self.records[self.look_up(self.record_index, c)][0]]

    def combining_class(self, c):
        return self.records[self.look_up(self.record_index, c)][1]

    def mapping(self, c, compatible=False):
        """What the database says of `c` itself; [c] if there is no decomposition of that kind."""
        at = self.look_up(self.decomposition_index, c)
        count, compatibility = self.decompositions[at] >> 8, self.decompositions[at] & 255
        return [c] if not count or (compatibility and not compatible) else self.decompositions[at + 1:at + 1 + count]

    def decomposition(self, c, compatible=False):
        """The full decomposition; [c] if there is none. Hangul syllables are left to arithmetic."""
        parts = self.mapping(c, compatible)
        return parts if parts == [c] else [leaf for part in parts for leaf in self.decomposition(part, compatible)]

    def lower(self, c):
        _, lower, _, _, _, flags = self.types[self.look_up(self.type_index, c)]
        if flags & 0x4000:  # the record points into the table of longer mappings
            return self.extended_case[lower & 0xFFFF:(lower & 0xFFFF) + (lower >> 24)]
        return [c + lower]


def ranges(points):
    """Ascending numbers as (first, last)."""
    out = []
    for c in points:
        if out and out[-1][1] == c - 1:
            out[-1] = (out[-1][0], c)
        else:
            out.append((c, c))
    return out


class Properties:
    """What the tables say of each code point: (flags, combining class, offset to its lower case)."""

    def __init__(self, cache):
        categories, normal = Database(CATEGORIES, cache), Database(NORMALIZATION, cache)
        words, cases = Database(WORDS, cache), Database(CASES, cache)
        chinese = {c for block in CHINESE for c in block}
        symbols = {c for block in ALPHABETIC_SYMBOLS for c in block}
        self.rows, self.decomposition, self.expansion = [], {}, {}
        self.compatible, self.compositions, self.numeric = {}, {}, []
        before = Database(OLDEST_PATTERNS, cache)
        later = {kind: [c for c in range(0x110000) if words.category(c)[0] == kind != before.category(c)[0]] for kind in "LN"}
        assert not [c for c in range(0x110000) for kind in "LN" if before.category(c)[0] == kind != words.category(c)[0]]
        self.later_letters, self.later_numbers = ranges(later["L"]), ranges(later["N"])
        self.scripts = script_of_each(cache, lambda c: normal.category(c) != "Cn")
        self.graphemes = grapheme_kinds(cache)
        for c in range(0x110000):
            old, new, word = categories.category(c), cases.category(c), words.category(c)
            parts, lower = normal.decomposition(c), cases.lower(c)
            if parts != [c]:
                self.decomposition[c] = parts
            if len(lower) > 1:
                self.expansion[c] = lower
            if (compatible := normal.decomposition(c, True)) != parts:
                self.compatible[c] = compatible
            # Composed is what stays composed, which no later version of Unicode may change.
            if len(pair := normal.mapping(c)) == 2 and unicodedata.normalize("NFC", chr(c)) == chr(c):
                self.compositions[tuple(pair)] = c
            self.numeric.append(new[0] == "N")
            flags = dict.fromkeys(FLAGS, False)
            flags["kWhiteSpace"] = new in ("Zs", "Zl", "Zp") or 9 <= c <= 13 or c == 0x85
            flags["kControl"] = (old in ("Cc", "Cf", "Co") and c not in (9, 10, 13)) or c in (0, 0xFFFD)
            flags["kPunctuation"] = old[0] == "P" or (c < 128 and 33 <= c <= 126 and not chr(c).isalnum())
            flags["kNonspacingMark"] = old == "Mn"
            flags["kChinese"] = c in chinese
            flags["kDecomposes"] = parts != [c] or c in HANGUL
            flags["kCombiningMark"] = normal.category(c)[0] == "M"
            flags["kWordCharacter"] = (word[0] in "LM" or word in ("Nd", "Nl", "Pc") or c in (0x200C, 0x200D) or c in symbols)
            flags["kLowercaseExpands"] = len(lower) > 1
            flags["kLetter"], flags["kNumber"] = word[0] == "L", word[0] == "N"
            bits = sum(1 << i for i, name in enumerate(FLAGS) if flags[name])
            self.rows.append((bits, normal.combining_class(c), lower[0] - c))
        composed, second = set(self.compositions.values()), {b for _, b in self.compositions}
        for c, (bits, *rest) in enumerate(self.rows):
            if (c in self.decomposition and c not in composed) or c in second or any(c in jamo for jamo in JAMO_BEHIND):
                self.rows[c] = (bits | 1 << FLAGS.index("kMayCompose"), *rest)

    def has(self, c, flag):
        return bool(self.rows[c][0] >> FLAGS.index(flag) & 1)


def two_stages(values, bits):
    """Cuts `values` into blocks of 2^bits and keeps each distinct block once: (block of each page, the blocks)."""
    blocks, first, second = {}, [], []
    for begin in range(0, len(values), 1 << bits):
        block = tuple(values[begin:begin + (1 << bits)])
        if block not in blocks:
            blocks[block] = len(blocks)
            second.extend(block)
        first.append(blocks[block])
    return first, second


def c_array(type_name, name, values, width=118):
    lines, line = [], " "
    for value in values:
        item = f" {value},"
        if len(line) + len(item) > width:
            lines.append(line)
            line = " "
        line += item
    lines.append(line)
    return f"const {type_name} {name}[{len(values)}] = {{\n" + "\n".join(lines) + "\n};\n"


def render(properties):
    records = sorted(set(properties.rows), key=lambda row: (row != (0, 0, 0), row))
    number = {row: i for i, row in enumerate(records)}
    first, second = two_stages([number[row] for row in properties.rows], 7)
    data, position = [0], [0] * 0x110000  # at 0: nothing, so that 0 means "no decomposition"
    for c, parts in sorted(properties.decomposition.items()):
        position[c] = len(data)
        data += [len(parts), *parts]
    decomposition_first, decomposition_second = two_stages(position, 6)
    expansions = [c for c, parts in properties.expansion.items() for c in (c, len(parts), *parts)]
    assert list(properties.expansion) == [0x130] and max(first + second + decomposition_first) < 256 and len(data) < 65536
    return "".join([
        "// Generated by scripts/golden/make_unicode_tables.py from unicodedata2 ",
        f"{CATEGORIES}, {NORMALIZATION}, {WORDS} and {CASES}.\n",
        "// Do not edit. unicode.h tells what the tables mean and why four versions of Unicode meet here.\n",
        '#include "text/unicode.h"\n\n// clang-format off\nnamespace tekio::unicode {\n\n',
        c_array("uint8_t", "kRecordBlocks", first), c_array("uint8_t", "kRecordNumbers", second),
        f"const Record kRecords[{len(records)}] = {{\n",
        "".join(f"  {{{offset}, {flags}, {combining}}},\n" for flags, combining, offset in records), "};\n",
        c_array("uint8_t", "kDecompositionBlocks", decomposition_first),
        c_array("uint16_t", "kDecompositionPositions", decomposition_second),
        c_array("char32_t", "kDecompositions", data), c_array("char32_t", "kLowercaseExpansions", expansions),
        "\n}  // namespace tekio::unicode\n"])


def render_steps(properties):
    """The tables for NFC, NFKD, NFKC, UnicodeScripts, Digits and Precompiled, which BERT's own pipeline never reads."""
    records = sorted(set(zip(properties.scripts, properties.numeric)))
    number = {row: i for i, row in enumerate(records)}
    first, second = two_stages([number[row] for row in zip(properties.scripts, properties.numeric)], 7)
    grapheme_first, grapheme_second = two_stages(properties.graphemes, 7)
    data, position = [0], [0] * 0x110000
    for c, parts in sorted(properties.compatible.items()):
        position[c] = len(data)
        data += [len(parts), *parts]
    compatible_first, compatible_second = two_stages(position, 6)
    pairs = sorted((*pair, c) for pair, c in properties.compositions.items())
    assert max(first + second + compatible_first + grapheme_first) < 256 and len(data) < 65536
    return "".join([
        "// Generated by scripts/golden/make_unicode_tables.py from unicodedata2 ",
        f"{NORMALIZATION} and {CASES}, and from fonttools {FONTTOOLS} (scripts)\n// and regex {REGEX} (grapheme clusters).\n",
        "// Do not edit. unicode_steps.h tells what the tables mean.\n",
        '#include "text/unicode_steps.h"\n\n// clang-format off\nnamespace tekio::unicode {\n\n',
        c_array("uint8_t", "kStepRecordBlocks", first), c_array("uint8_t", "kStepRecordNumbers", second),
        f"const StepRecord kStepRecords[{len(records)}] = {{\n",
        "".join(f"  {{{script}, {str(numeric).lower()}}},\n" for script, numeric in records), "};\n",
        c_array("uint8_t", "kGraphemeBlocks", grapheme_first), c_array("uint8_t", "kGraphemeKinds", grapheme_second),
        c_array("uint8_t", "kCompatibleBlocks", compatible_first),
        c_array("uint16_t", "kCompatiblePositions", compatible_second), c_array("char32_t", "kCompatible", data),
        f"const Composition kCompositions[{len(pairs)}] = {{\n",
        "".join(f"  {{{a}, {b}, {c}}},\n" for a, b, c in pairs), "};\n",
        f"const size_t kCompositionCount = {len(pairs)};\n",
        *(f"const CodePoints {name}[{len(found)}] = {{\n" + "".join(f"  {{{first}, {last}}},\n" for first, last in found) + f"}};\nconst size_t {name[:-1]}Count = {len(found)};\n"
          for name, found in (("kLaterLetters", properties.later_letters), ("kLaterNumbers", properties.later_numbers))), "\n}  // namespace tekio::unicode\n"])


def verify_steps(properties):
    """The same for what render_steps() writes. Scripts, by the cuts in one text of all code points, in two orders."""
    import random
    from sentencepiece_files import charsmap
    from tokenizers import normalizers, pre_tokenizers
    points = [c for c in range(0x110000) if c not in SURROGATES]
    forms = {"NFC": normalizers.NFC(), "NFD": normalizers.NFD(), "NFKC": normalizers.NFKC(), "NFKD": normalizers.NFKD()}

    def decomposed(c, compatible):
        if c in HANGUL:
            return unicodedata.normalize("NFD", chr(c))
        return "".join(map(chr, properties.compatible.get(c) if compatible and c in properties.compatible else properties.decomposition.get(c, [c])))

    def composed(text):
        """Of a decomposed text that begins with a starter; all of one character's are canonically ordered."""
        out = []
        for c in map(ord, text):
            if out and (pair := properties.compositions.get((out[0], c))) and (len(out) == 1 or properties.rows[out[-1]][1] < properties.rows[c][1]):
                out[0] = pair
            else:
                out.append(c)
        return "".join(map(chr, out))

    digits, scripts = pre_tokenizers.Digits(), pre_tokenizers.UnicodeScripts()
    # One rule, for "a": what belongs to its cluster is replaced with it, unless the cluster has more than five bytes.
    replaced = normalizers.Precompiled(charsmap({"a": "b"})).normalize_str
    kinds = lambda *names: {i for i, pattern in enumerate(GRAPHEME_KINDS) if any(name in pattern for name in names)}
    extending, prepended = kinds("=Extend", "ZWJ", "SpacingMark", "Linker", "200C"), kinds("Prepend")
    checks = {
        "NFKD": lambda c: forms["NFKD"].normalize_str(chr(c)) == decomposed(c, True),
        "NFC of all that composes": lambda c: c not in composites or forms["NFC"].normalize_str(decomposed(c, False)) == chr(c),
        "NFC of what does not": lambda c: c in composites or c in HANGUL or len(parts := decomposed(c, False)) < 2 or forms["NFC"].normalize_str(chr(c)) != chr(c),
        "what extends a grapheme cluster": lambda c: (replaced("a" + chr(c)) == "b") == (properties.graphemes[c] in extending),
        "what a grapheme cluster goes on after": lambda c: c == ord("a") or (replaced(chr(c) + "a\u0301") == chr(c) + "b\u0301") == (properties.graphemes[c] in prepended),
        "numbers": lambda c: (len(digits.pre_tokenize_str("a" + chr(c))) == 2) == properties.numeric[c],
    }
    composites = set(properties.compositions.values())
    differences = 0
    for name, equal in checks.items():
        wrong = [c for c in points if not equal(c)]
        differences += len(wrong)
        print(f"{name}: {len(points)} code points, {len(wrong)} differ {[hex(c) for c in wrong[:8]]}")
    for seed in range(3):
        order = list(points)
        if seed:
            random.Random(seed).shuffle(order)
        cuts, last = [], None
        for i, c in enumerate(order):
            script = properties.scripts[c]
            if script and script != last:
                cuts.append(i)
            last = script or last
        got = [begin for _, (begin, _) in scripts.pre_tokenize_str("".join(map(chr, order)))]
        wrong = sorted(set(cuts) ^ set(got))
        differences += len(wrong)
        print(f"scripts, order {seed}: {len(cuts)} cuts, {len(wrong)} differ {[hex(order[i]) for i in wrong[:8]]}")
    print(f"steps: {differences} differences")
    return differences


def verify(properties):
    """Compares every code point with the live library's components; prints and returns the number of differences."""
    from tokenizers import __version__, normalizers, pre_tokenizers
    points = [c for c in range(0x110000) if c not in SURROGATES]
    clean = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    chinese = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=True, strip_accents=False, lowercase=False)
    strip = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
    lower, nfd, marks = normalizers.Lowercase(), normalizers.NFD(), normalizers.StripAccents()
    punctuation, words, spaces = pre_tokenizers.Punctuation(), pre_tokenizers.Whitespace(), pre_tokenizers.WhitespaceSplit()
    probe = chr(0x345)  # combining class 240, the highest: every other mark is sorted before it
    has, rows = properties.has, properties.rows

    def hangul(c):
        s = c - 0xAC00
        return [0x1100 + s // 588, 0x1161 + s % 588 // 28] + ([0x11A7 + s % 28] if s % 28 else [])

    def parts(c):
        return hangul(c) if c in HANGUL else properties.decomposition.get(c, [c])

    pattern = pre_tokenizers.ByteLevel(add_prefix_space=False)
    joins = lambda before, c: len(pattern.pre_tokenize_str(before + chr(c))) == 1
    checks = {
        "letters and numbers of ByteLevel": lambda c: (
            joins("a", c), joins("1", c), joins("!", c)) == (has(c, "kLetter"), has(c, "kNumber"), not (
                has(c, "kLetter") or has(c, "kNumber") or has(c, "kWhiteSpace"))),
        "control": lambda c: (clean.normalize_str(chr(c)) == "") == has(c, "kControl"),
        "white space": lambda c: (len(spaces.pre_tokenize_str("a" + chr(c) + "a")) == 2) == has(c, "kWhiteSpace"),
        "Chinese": lambda c: (chinese.normalize_str(chr(c)) != chr(c)) == has(c, "kChinese"),
        "nonspacing marks": lambda c: strip.normalize_str(chr(c)) == "".join(
            chr(p) for p in parts(c) if not has(p, "kNonspacingMark")),
        "decomposition": lambda c: nfd.normalize_str(chr(c)) == "".join(map(chr, parts(c))),
        "combining class": lambda c: len(parts(c)) > 1 or c == 0x345 or (
            nfd.normalize_str(probe + chr(c))[0] != probe) == (0 < rows[parts(c)[0]][1] < 240),
        "combining marks": lambda c: (marks.normalize_str(chr(c)) == "") == has(c, "kCombiningMark"),
        "lower case": lambda c: lower.normalize_str(chr(c)) == "".join(
            map(chr, properties.expansion.get(c, [c + rows[c][2]]))),
        "punctuation": lambda c: (len(punctuation.pre_tokenize_str("a" + chr(c) + "a")) == 3) == has(c, "kPunctuation"),
        "word characters": lambda c: (len(words.pre_tokenize_str("a" + chr(c) + "a")) == 1) == has(c, "kWordCharacter"),
    }
    differences = 0
    for name, equal in checks.items():
        wrong = [c for c in points if not equal(c)]
        differences += len(wrong)
        print(f"{name}: {len(points)} code points, {len(wrong)} differ {[hex(c) for c in wrong[:8]]}")
    print(f"tokenizers {__version__}: {differences} differences")
    return differences


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, default=OUTPUT, help="folder")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--verify", action="store_true")
    parser.add_argument("--cache", type=pathlib.Path, help="folder that holds or keeps the source packages")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        cache = arguments.cache or pathlib.Path(temporary)
        properties = Properties(cache)
    if arguments.verify:
        sys.exit(1 if verify(properties) + verify_steps(properties) else 0)
    for name, text in (("unicode_tables.cc", render(properties)), ("unicode_step_tables.cc", render_steps(properties))):
        if not arguments.check:
            (arguments.out / name).write_text(text)
            print(f"{arguments.out / name}: {len(text):,} bytes")
        elif (OUTPUT / name).read_text() != text:
            sys.exit(f"{OUTPUT / name} differs from what this script writes")


if __name__ == "__main__":
    main()
