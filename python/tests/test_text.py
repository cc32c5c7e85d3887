"""Tokenizers: shapes and values of the reference, beside it where it is installed."""

import os
import pathlib
import pickle
import tempfile
import unittest
import unittest.mock

import numpy as np
import support

import tekio

TEXTS = ["This is a great [MASK].", "", "a film that nobody should have made, however long it is"]
WORDS = [["This", "is", "unbelievable", "[MASK]."], [], ["made of", "", " long ", "it's"]]


class Encoding(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tokenizer = tekio.AutoTokenizer.from_pretrained(support.MODEL)

    def test_one_text_gives_its_numbers(self):
        made = self.tokenizer(TEXTS[0])
        self.assertEqual(list(made), self.tokenizer.model_input_names)
        self.assertIsInstance(made["input_ids"][0], int)
        self.assertEqual(made.input_ids, made["input_ids"])
        self.assertEqual(made.word_ids()[0], None)
        self.assertEqual(made.word_ids(0)[1:3], [0, 1])
        self.assertEqual(self.tokenizer.encode(TEXTS[0]), made["input_ids"])
        self.assertIn(self.tokenizer.mask_token_id, made["input_ids"])

    def test_several_give_rows(self):
        made = self.tokenizer(TEXTS)
        self.assertEqual([len(row) for row in made["input_ids"]], [len(self.tokenizer(text)["input_ids"]) for text in TEXTS])
        made["word_ids"] = [made.word_ids(i) for i in range(len(made["input_ids"]))]
        self.assertEqual([len(row) for row in made["word_ids"]], [len(row) for row in made["input_ids"]])

    def test_arrays(self):
        made = self.tokenizer(TEXTS, padding=True, return_tensors="np")
        self.assertEqual(made["input_ids"].dtype, np.int64)
        self.assertEqual(made["input_ids"].shape, made["attention_mask"].shape)
        self.assertEqual(self.tokenizer(TEXTS[0], return_tensors="np")["input_ids"].ndim, 2)
        with self.assertRaisesRegex(tekio.UsageError, "do not make one array: pass padding=True"):
            self.tokenizer(TEXTS, return_tensors="np")
        with self.assertRaisesRegex(tekio.UsageError, 'return_tensors is .tf.; expected "np" or "pt"'):
            self.tokenizer(TEXTS, return_tensors="tf")
        cut = self.tokenizer(TEXTS, truncation=True, max_length=4, padding="max_length", return_tensors="np")
        self.assertEqual(cut["input_ids"].shape, (3, 4))
        self.assertEqual(self.tokenizer(TEXTS, padding=True, pad_to_multiple_of=8, return_tensors="np")["input_ids"].shape[1] % 8, 0)

    def test_decoding(self):
        ids = self.tokenizer(TEXTS[0])["input_ids"]
        self.assertEqual(self.tokenizer.decode(ids, skip_special_tokens=True), "this is a great.")
        self.assertEqual(self.tokenizer.decode(np.array(ids)), self.tokenizer.decode(ids))
        self.assertEqual(self.tokenizer.batch_decode([ids, ids]), [self.tokenizer.decode(ids)] * 2)
        self.assertEqual(self.tokenizer.decode(ids[1]), "this")

    def test_padding_given_rows(self):
        rows = [{"input_ids": [2, 7, 3], "attention_mask": [1, 1, 1]}, {"input_ids": [2, 3], "attention_mask": [1, 1]}]
        padded = self.tokenizer.pad(rows, return_tensors="np")
        self.assertEqual(padded["input_ids"].tolist(), [[2, 7, 3], [2, 3, self.tokenizer.pad_token_id]])
        self.assertEqual(padded["attention_mask"].tolist(), [[1, 1, 1], [1, 1, 0]])

    def test_given_words(self):
        words = ["This", "unbelievable", "", "[MASK]."]
        made = self.tokenizer(words, is_split_into_words=True)
        alone = [self.tokenizer(word, add_special_tokens=False, return_offsets_mapping=True) for word in words]
        self.assertEqual(made["input_ids"][1:-1], [number for each in alone for number in each["input_ids"]])
        self.assertEqual(made.word_ids(), [None, *(i for i, each in enumerate(alone) for _ in each["input_ids"]), None])
        self.assertEqual(made.offsets()[1:-1], [pair for each in alone for pair in each["offset_mapping"]])
        rows = self.tokenizer([words, [], ("a",)], is_split_into_words=True, padding=True, return_tensors="np")
        self.assertEqual(rows["input_ids"].shape, (3, len(made["input_ids"])))
        self.assertEqual(rows.word_ids(2)[:3], [None, 0, None])
        self.assertEqual(self.tokenizer([], is_split_into_words=True)["input_ids"], self.tokenizer("")["input_ids"])
        for text, said in (("a film", "text 0 is str; with is_split_into_words expected a list of words"), (["a", 1], "word 1 of text 0 is int"),
                           ([["a"], "b"], "text 1 is str"), ([["a"], ["b", ["c"]]], "word 1 of text 1 is list")):  # fmt: skip
            with self.assertRaisesRegex(tekio.UsageError, said):
                self.tokenizer(text, is_split_into_words=True)

    def test_pairs(self):
        both = self.tokenizer("a film", "a book")
        self.assertEqual((both.n_sequences, self.tokenizer("a film").n_sequences), (2, 1))
        self.assertEqual(self.tokenizer([("a film", "a book")])["input_ids"], [both["input_ids"]])
        self.assertEqual(self.tokenizer([(["a", "film"], ["a", "book"])], is_split_into_words=True)["input_ids"], [both["input_ids"]])
        self.assertEqual(self.tokenizer("a film", "")["input_ids"], self.tokenizer("a film")["input_ids"])
        self.assertEqual((self.tokenizer.num_special_tokens_to_add(), self.tokenizer.num_special_tokens_to_add(pair=True)), (2, 3))
        with self.assertRaisesRegex(tekio.UsageError, "text_pair is one string, but text is a list"):
            self.tokenizer(["a", "b"], "cd")

    def test_wrong_arguments(self):
        for text, said in ((["a", None], "text 1 is NoneType"), ([["a"]], "text 0 is list")):
            with self.assertRaisesRegex(tekio.UsageError, said):
                self.tokenizer(text)
        with self.assertRaisesRegex(tekio.UsageError, "no argument 'strid'"):
            self.tokenizer("a", strid=2)

    def test_saving_and_pickling(self):
        with tempfile.TemporaryDirectory() as folder:
            self.tokenizer.save_pretrained(folder)
            again = tekio.AutoTokenizer.from_pretrained(folder)
            self.assertEqual(again(TEXTS)["input_ids"], self.tokenizer(TEXTS)["input_ids"])
            self.assertEqual(pickle.loads(pickle.dumps(again))(TEXTS)["input_ids"], again(TEXTS)["input_ids"])

    def test_pickling_keeps_the_revision(self):
        with tempfile.TemporaryDirectory() as folder:
            cache = pathlib.Path(folder, "models--org--name")
            (cache / "refs").mkdir(parents=True)
            (cache / "refs" / "v2").write_text("b" * 40)  # and of main there is nothing
            self.tokenizer.save_pretrained(cache / "snapshots" / ("b" * 40))
            with unittest.mock.patch.dict(os.environ, {"HF_HUB_CACHE": folder, "HF_HUB_OFFLINE": "1"}):
                opened = tekio.AutoTokenizer.from_pretrained("org/name", revision="v2")
                again = pickle.loads(pickle.dumps(opened))
                self.assertEqual((again.name_or_path, again.revision), ("org/name", "v2"))
                self.assertEqual(again(TEXTS)["input_ids"], self.tokenizer(TEXTS)["input_ids"])

    @support.needs("transformers")
    def test_beside_transformers(self):
        import transformers

        reference = transformers.AutoTokenizer.from_pretrained(support.MODEL)
        mine = self.tokenizer
        for options in (
            {},
            {"return_offsets_mapping": True, "return_special_tokens_mask": True},
            {"padding": True, "truncation": True, "max_length": 9},
            {"padding": "max_length", "max_length": 12, "add_special_tokens": False},
        ):
            here, there = mine(TEXTS, **options), reference(TEXTS, **options)
            self.assertEqual(list(here), list(there))
            self.assertEqual(dict(here), dict(there), options)
            for i in range(len(TEXTS)):
                self.assertEqual(here.word_ids(i), there.word_ids(i))
            for texts in (WORDS, WORDS[0], WORDS[1], list(zip(WORDS, reversed(WORDS)))):
                here, there = mine(texts, is_split_into_words=True, **options), reference(texts, is_split_into_words=True, **options)
                self.assertEqual(dict(here), dict(there), (texts, options))
                for i in range(1 if isinstance(here["input_ids"][0], int) else len(texts)):
                    self.assertEqual(here.word_ids(i), there.word_ids(i), (texts, options))
        for name in ("vocab_size", "model_max_length", "mask_token", "mask_token_id", "pad_token_id", "cls_token", "unk_token_id",
                     "is_fast", "padding_side", "model_input_names"):  # fmt: skip
            self.assertEqual(getattr(mine, name), getattr(reference, name), name)
        self.assertEqual(len(mine), len(reference))
        self.assertEqual(mine.get_vocab(), reference.get_vocab())
        self.assertEqual(sorted(mine.all_special_ids), sorted(reference.all_special_ids))
        ids = mine(TEXTS[2])["input_ids"]
        self.assertEqual(mine.convert_ids_to_tokens(ids), reference.convert_ids_to_tokens(ids))
        self.assertEqual(mine.tokenize(TEXTS[2]), reference.tokenize(TEXTS[2]))
        self.assertEqual(mine.convert_tokens_to_ids(["film", "xqz"]), reference.convert_tokens_to_ids(["film", "xqz"]))
        for skip in (False, True):
            self.assertEqual(mine.decode(ids, skip_special_tokens=skip), reference.decode(ids, skip_special_tokens=skip))


if __name__ == "__main__":
    unittest.main()
