"""Rows and chunks: from files, memory, Arrow; the shapes of Hugging Face datasets, beside it where it is installed."""

import json
import os
import pathlib
import random
import tempfile
import threading
import unittest

import numpy as np
import support

import tekio

ROWS = [{"text": f"this is film number {i}, and a good one", "label": i % 3} for i in range(2300)]


class Rows(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.path = os.path.join(cls.folder.name, "rows.jsonl")
        pathlib.Path(cls.path).write_text("".join(json.dumps(row) + "\n" for row in ROWS))

    def each(self):
        """The same rows of a file and in memory."""
        yield tekio.load_dataset("json", data_files=self.path, split="train")
        yield tekio.load_dataset(self.path)["train"]
        yield tekio.Dataset.from_list(ROWS)
        yield tekio.Dataset.from_dict({"text": [row["text"] for row in ROWS], "label": [row["label"] for row in ROWS]})

    def test_indexing(self):
        for rows in self.each():
            self.assertEqual(len(rows), 2300)
            self.assertEqual(rows.column_names, ["text", "label"])
            self.assertEqual(rows[0], ROWS[0])
            self.assertEqual(rows[-1], ROWS[-1])
            self.assertEqual(rows[700], ROWS[700])
            self.assertEqual(rows[np.int64(3)], ROWS[3])
            self.assertEqual(rows[1:3], {"text": [row["text"] for row in ROWS[1:3]], "label": [1, 2]})
            self.assertEqual(rows[[5, 2]]["label"], [2, 2])
            self.assertEqual(rows["label"][:4], [0, 1, 2, 0])
            self.assertEqual(sum(1 for _ in rows), 2300)
            self.assertEqual(repr(rows), "Dataset({\n    features: ['text', 'label'],\n    num_rows: 2300\n})")
            with self.assertRaisesRegex(IndexError, "row 2300 was asked for"):
                rows[2300]
            with self.assertRaisesRegex(KeyError, "Column nothing not in the dataset"):
                rows["nothing"]

    def test_threads_that_read_one_file_get_their_own_rows(self):
        dataset, wrong = tekio.load_dataset("json", data_files=self.path, split="train"), []

        def read(seed):
            places = random.Random(seed)
            for i in (places.randrange(len(ROWS)) for _ in range(400)):
                if dataset[i] != ROWS[i]:
                    wrong.append(i)

        threads = [threading.Thread(target=read, args=(seed,)) for seed in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_files_are_read_when_something_is_asked_of_them(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "train.jsonl").write_text('{"text": "a film"}\n')
            pathlib.Path(folder, "test.jsonl").write_text("no JSON\n")
            data = tekio.load_dataset(folder)
            self.assertEqual((data["train"].column_names, len(data["train"])), (["text"], 1))
            with self.assertRaisesRegex(tekio.InputError, "test.jsonl:1"):
                data["test"].column_names

    def test_a_kind_must_be_that_of_the_files_name(self):
        for kind in ("csv", "text"):
            with self.assertRaisesRegex(tekio.UsageError, f'"{kind}" contradicts the name of .*rows.jsonl, which is read as "json"'):
                tekio.load_dataset(kind, data_files={"train": [self.path]})
        log = pathlib.Path(self.folder.name) / "rows.log"
        log.write_text("a film\n")
        self.assertEqual(tekio.load_dataset("text", data_files=log, split="train")[0], {"text": "a film"})
        with self.assertRaisesRegex(tekio.UsageError, '"json" contradicts the name of .*rows.log, which is read as "text"'):
            tekio.load_dataset("json", data_files=log)

    def test_picking_and_naming(self):
        orders = []
        for rows in self.each():
            shuffled = rows.shuffle(seed=42)
            orders.append([shuffled[i]["text"] for i in range(5)])
            self.assertEqual(shuffled.select(range(3))["text"], orders[-1][:3])
            self.assertEqual(rows.select([7, 7, -1])["label"], [1, 1, ROWS[-1]["label"]])
            split = rows.train_test_split(test_size=0.1, seed=42)
            self.assertEqual(split.num_rows, {"train": 2070, "test": 230})
            named = rows.rename_columns({"text": "review"}).remove_columns(["label"])
            self.assertEqual(named[3], {"review": ROWS[3]["text"]})
            self.assertEqual(named["review"][:2], [ROWS[0]["text"], ROWS[1]["text"]])
            with self.assertRaisesRegex(tekio.UsageError, "no column 'labels'; there are: text, label"):
                rows.remove_columns("labels")
            with self.assertRaisesRegex(tekio.UsageError, "test_size is 2300"):
                rows.train_test_split(test_size=2300)
        self.assertEqual(orders, [orders[0]] * len(orders))

    def test_map(self):
        for rows in self.each():
            longer = rows.map(lambda batch: {"size": [len(text) for text in batch["text"]]}, batched=True)
            self.assertEqual(longer.column_names, ["text", "label", "size"])
            self.assertEqual(longer[5]["size"], len(ROWS[5]["text"]))
            one = rows.select(range(3)).map(lambda row, i: {"label": -i}, with_indices=True)
            self.assertEqual(one["label"], [0, -1, -2])
            twice = rows.map(lambda batch: {"ids": [[1, None], [2]] * len(batch["text"])}, batched=True, remove_columns=["text", "label"])
            self.assertEqual(len(twice), 4600)
            self.assertEqual(twice[:3], {"ids": [[1, None], [2], [1, None]]})
            with self.assertRaisesRegex(tekio.UsageError, "columns of different lengths"):
                rows.map(lambda batch: {"ids": [1]}, batched=True)
            self.assertEqual(len(rows.filter(lambda row: row["label"] == 2)), 766)

    def test_data_of_other_libraries(self):
        texts = [row["text"] for row in ROWS]
        self.assertEqual(tekio.Dataset.from_texts(texts)[2299], {"text": texts[-1]})
        with self.assertRaisesRegex(tekio.UsageError, "a int has no __arrow_c_stream__"):
            tekio.Dataset.from_arrow(3)

    @support.needs("pyarrow")
    def test_arrow(self):
        import pyarrow as pa

        tokenizer = tekio.AutoTokenizer.from_pretrained(support.MODEL)
        expected = tekio.chunk(tekio.load_dataset(self.path)["train"], tokenizer, 16)
        table = pa.table({"text": [row["text"] for row in ROWS], "label": [row["label"] for row in ROWS]})
        kinds = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
        for kind in kinds:
            text = table["text"].dictionary_encode() if kind == kinds[-1] else table["text"].cast(kind)
            for given in (table.set_column(0, "text", text), pa.Table.from_batches(table.set_column(0, "text", text).to_batches(100))):
                rows = tekio.Dataset.from_arrow(given)
                self.assertEqual(rows[17], ROWS[17])
                chunks = tekio.chunk(rows, tokenizer, 16)
                self.assertEqual(len(chunks), len(expected))
                self.assertEqual(chunks[len(chunks) - 1], expected[len(expected) - 1])
        sliced = tekio.Dataset.from_arrow(table.slice(100, 50))
        self.assertEqual(sliced[0], ROWS[100])
        nulls = tekio.Dataset.from_arrow(pa.table({"text": ["a film", None]}))
        with self.assertRaisesRegex(tekio.InputError, "row 2: .*null"):
            tekio.chunk(nulls, tokenizer, 4)

    @support.needs("pandas", "pyarrow")
    def test_pandas(self):
        import pandas as pd

        frame = pd.DataFrame(ROWS)
        with self.assertRaisesRegex(tekio.UsageError, "a Series is no DataFrame; of a column, pass its to_frame()"):
            tekio.chunk(frame["text"], tekio.AutoTokenizer.from_pretrained(support.MODEL), 16)
        self.assertEqual(tekio.Dataset.from_pandas(frame.iloc[5:9])[0], ROWS[5])
        tokenizer = tekio.AutoTokenizer.from_pretrained(support.MODEL)
        self.assertEqual(len(tekio.chunk(frame, tokenizer, 16)), len(tekio.chunk(tekio.Dataset.from_list(ROWS), tokenizer, 16)))

    @support.needs("datasets")
    def test_beside_datasets(self):
        import datasets

        reference = datasets.Dataset.from_list(ROWS)
        mine = tekio.Dataset.from_list(ROWS)
        self.assertEqual(repr(mine), repr(reference))
        self.assertEqual(mine.shuffle(seed=7)[:5], reference.shuffle(seed=7)[:5])
        for options in ({"test_size": 0.13}, {"train_size": 1000, "test_size": 100}, {"train_size": 0.5}, {}, {"test_size": 7, "shuffle": False}):
            here, there = mine.train_test_split(seed=42, **options), reference.train_test_split(seed=42, **options)
            self.assertEqual(repr(here), repr(there))
            self.assertEqual(here["train"][:9], there["train"][:9], options)
            self.assertEqual(here["test"][:9], there["test"][:9], options)
        taken = tekio.Dataset.from_arrow(reference.shuffle(seed=7))
        self.assertEqual(taken[:5], reference.shuffle(seed=7)[:5])


class Chunking(unittest.TestCase):
    """The walkthrough's own functions, and chunk(), make the same chunks."""

    @classmethod
    def setUpClass(cls):
        cls.tokenizer = tekio.AutoTokenizer.from_pretrained(support.MODEL)
        cls.reviews = tekio.load_dataset(support.REVIEWS)

    def tokenize(self, examples):
        result = self.tokenizer(examples["text"])
        if self.tokenizer.is_fast:
            result["word_ids"] = [result.word_ids(i) for i in range(len(result["input_ids"]))]
        return result

    @staticmethod
    def group_texts(examples, chunk_size=16):
        joined = {k: sum(examples[k], []) for k in examples}
        total = len(joined[list(examples)[0]]) // chunk_size * chunk_size
        result = {k: [t[i : i + chunk_size] for i in range(0, total, chunk_size)] for k, t in joined.items()}
        result["labels"] = result["input_ids"].copy()
        return result

    def test_both_ways(self):
        columns = self.reviews["train"].column_names
        tokenized = self.reviews.map(self.tokenize, batched=True, remove_columns=columns)
        grouped = tokenized.map(self.group_texts, batched=True)
        chunks = tekio.chunk(self.reviews, self.tokenizer, chunk_size=16)
        names = [name for name in grouped["train"].column_names if name != "token_type_ids"]
        self.assertEqual(chunks.num_rows, grouped.num_rows)
        for split in self.reviews:
            self.assertEqual(chunks[split].column_names, names)
            for i in range(len(chunks[split])):
                self.assertEqual(chunks[split][i], {name: grouped[split][i][name] for name in names})
        few = chunks["train"].train_test_split(train_size=20, test_size=5, seed=42)
        same = grouped["train"].train_test_split(train_size=20, test_size=5, seed=42)
        self.assertEqual(few["train"][3]["input_ids"], same["train"][3]["input_ids"])
        self.assertEqual(few["test"]["labels"], same["test"]["labels"])
        self.assertEqual(few["train"].chunk_size, 16)
        given = tekio.loading.chunks_of(grouped["train"])
        self.assertEqual(given[:], chunks["train"][:])
        self.assertEqual(tekio.loading.chunks_of(same["test"])[2], few["test"][2])
        self.assertEqual(tekio.loading.chunks_of([{"input_ids": [2, 7, 3]}, {"input_ids": [2, 3]}])["input_ids"], [[2, 7, 3], [2, 3]])
        for rows, said in (
            ([{"ids": [1]}], "no column 'input_ids'"),
            ([{"input_ids": [1, None]}], "None among"),
            ([{"input_ids": "ab"}], "lists of whole numbers"),
            ([{"input_ids": []}], "at least one"),
            ([{"input_ids": [1, 2], "word_ids": [1]}], "as many as input_ids"),
        ):
            with self.assertRaisesRegex(ValueError, said):
                tekio.loading.chunks_of(rows)

    def test_given_words(self):
        """Lists of words, and texts that are cut into them, are chunks of the same tokens; each word is one to whole-word masking."""
        rows = [["films", "goodbad", "good-bad"], ["a", "film"]] * 20
        with tempfile.TemporaryDirectory() as folder:
            lists, lines = os.path.join(folder, "lists.jsonl"), os.path.join(folder, "lines.txt")
            pathlib.Path(lists).write_text("".join(json.dumps({"words": row}) + "\n" for row in rows))
            pathlib.Path(lines).write_text("".join("\t".join(row) + "\n" for row in rows))
            made = tekio.chunk(tekio.load_dataset(lists, split="train", word_column="words"), self.tokenizer, 16, use_cache=False)
            same = tekio.chunk(tekio.load_dataset(lines, split="train", word_separator="tab"), self.tokenizer, 16, use_cache=False)
            with self.assertRaisesRegex(tekio.UsageError, "word_column contradicts text_column"):
                tekio.load_dataset(lists, word_column="words", text_column="words")
        self.assertEqual(made[:], same[:])
        ids = [self.tokenizer(word, add_special_tokens=False)["input_ids"] for word in rows[0]]
        self.assertEqual(made[0]["input_ids"][1 : 1 + sum(map(len, ids))], sum(ids, []))
        self.assertEqual(made[0]["word_ids"][1 : 1 + sum(map(len, ids))], [i for i, tokens in enumerate(ids) for _ in tokens])

    def test_texts_of_a_list(self):
        chunks = tekio.chunk(["a good film"] * 40, self.tokenizer, chunk_size=8)
        self.assertEqual(len(chunks[0]["input_ids"]), 8)
        self.assertEqual(chunks.num_texts, 40)
        with self.assertRaisesRegex(tekio.InputError, "no text"):
            tekio.chunk([""], self.tokenizer)
        with self.assertRaisesRegex(tekio.UsageError, "a int is no data"):
            tekio.chunk(3, self.tokenizer)
        with self.assertRaisesRegex(tekio.UsageError, "these are chunks already"):
            tekio.chunk(chunks, self.tokenizer)
        with self.assertRaisesRegex(tekio.FileError, "nothing-here"):
            tekio.load_dataset("./nothing-here.jsonl")


if __name__ == "__main__":
    unittest.main()
