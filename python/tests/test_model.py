"""Models, pipeline, collators: shapes and values of the reference, beside it where it is installed."""

import os
import pickle
import tempfile
import unittest
import warnings

import numpy as np
import support

import tekio

TEXT = "this is a great [MASK]."


class Models(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = tekio.AutoModelForMaskedLM.from_pretrained(support.MODEL)
        cls.tokenizer = tekio.AutoTokenizer.from_pretrained(support.MODEL)

    def test_the_walkthroughs_prediction(self):
        inputs = self.tokenizer(TEXT, return_tensors="np")
        token_logits = self.model(**inputs).logits
        self.assertEqual(token_logits.shape, (*inputs["input_ids"].shape, self.model.info()["vocabulary"]))
        self.assertEqual(token_logits.dtype, np.float32)
        index = np.where(inputs["input_ids"] == self.tokenizer.mask_token_id)[1]
        best = np.argsort(-token_logits[0, index, :], axis=1)[0, :5].tolist()
        filled = tekio.pipeline("fill-mask", model=self.model, tokenizer=self.tokenizer)(TEXT)
        self.assertEqual([each["token"] for each in filled], best)

    def test_padding_changes_nothing(self):
        both = self.tokenizer([TEXT, "a film"], padding=True, return_tensors="np")
        together = self.model(**both).logits
        alone = self.model(**self.tokenizer("a film", return_tensors="np")).logits
        length = alone.shape[1]
        np.testing.assert_allclose(together[1, :length], alone[0], atol=1e-5)
        self.assertEqual(np.abs(together[1, length:]).max(), 0)
        with self.assertRaisesRegex(tekio.UsageError, "a 1 behind a 0"):
            self.model(input_ids=both["input_ids"], attention_mask=both["attention_mask"][:, ::-1])
        with self.assertRaisesRegex(tekio.UsageError, "expected .sequences, tokens."):
            self.model(input_ids=[2, 3])
        with self.assertRaisesRegex(tekio.InputError, "vocabulary"):
            self.model(input_ids=[[99999]])

    def test_loss(self):
        inputs = self.tokenizer(TEXT, return_tensors="np")
        labels = np.full_like(inputs["input_ids"], -100)
        labels[0, 3] = 7
        output = self.model(**inputs, labels=labels)
        row = output.logits[0, 3].astype(np.float64)
        self.assertAlmostEqual(float(output.loss), float(np.log(np.exp(row).sum()) - row[7]), places=5)
        self.assertEqual(output[0], output.loss)
        for label in (99999, -1):
            labels[0, 3] = label
            with self.assertRaisesRegex(tekio.InputError, rf"labels lie between {label} and {label}; expected ids of the vocabulary, 0 to \d+, or -100"):
                self.model(**inputs, labels=labels)

    def test_weights_are_not_copied(self):
        weights = self.model.state_dict()
        self.assertEqual(sum(array.size for array in weights.values()), self.model.num_parameters())
        again = self.model.state_dict()
        for name, array in weights.items():
            self.assertEqual(array.__array_interface__["data"][0], again[name].__array_interface__["data"][0])
            self.assertFalse(array.flags.writeable)
            self.assertFalse(array.flags.owndata)
        model = tekio.MaskedLM.from_pretrained(support.MODEL)
        first = next(iter(model.state_dict().values()))
        before = first.copy()
        with self.assertRaisesRegex(tekio.UsageError, "state_dict"):
            model.resize_token_embeddings(len(self.tokenizer) + 1000)
        del model
        np.testing.assert_array_equal(first, before)

    def test_weights_while_another_thread_computes(self):
        # In a process of its own, since a lock that both wait for stops all of Python.
        said = support.run_python(
            f"""
import threading, tekio
model = tekio.AutoModelForMaskedLM.from_pretrained({support.MODEL!r}, threads=1)
thread = threading.Thread(target=lambda: [model(input_ids=[[2, 5, 6, 7] * 8] * 200) for _ in range(10)])
thread.start()
count = 0
while thread.is_alive():
    count = len(model.state_dict())
print(count)
""",
            timeout=120,
        )
        self.assertEqual(int(said), len(self.model.state_dict()))

    def test_saving(self):
        with tempfile.TemporaryDirectory() as folder:
            self.model.save_pretrained(folder)
            again = tekio.MaskedLM.from_pretrained(folder)
            for name, array in self.model.state_dict().items():
                np.testing.assert_array_equal(again.state_dict()[name], array)
            fresh = tekio.MaskedLM.from_config(os.path.join(folder, "config.json"), seed=1)
            self.assertEqual(fresh.num_parameters(), self.model.num_parameters())

    def test_the_pipelines_shapes(self):
        fill = tekio.pipeline("fill-mask", model=support.MODEL)
        one = fill(TEXT)
        self.assertEqual(len(one), 5)
        self.assertEqual(list(one[0]), ["score", "token", "token_str", "sequence"])
        self.assertEqual(fill([TEXT])[0], one[0])
        self.assertEqual([len(masks) for masks in fill([TEXT, "[MASK] [MASK]"], top_k=2)], [2, 2])
        self.assertEqual([len(mask) for mask in fill("[MASK] [MASK]", top_k=3)], [3, 3])
        self.assertEqual({each["token_str"] for each in fill(TEXT, targets=["this", "a"])}, {"this", "a"})
        self.assertEqual(fill([]), [])
        with self.assertRaisesRegex(tekio.InputError, r"text 2 of 2: no \[MASK\]"):
            fill([TEXT, "a film"])
        with self.assertRaisesRegex(tekio.UsageError, "the task is 'summarization'"):
            tekio.pipeline("summarization")

    @support.needs("torch", "transformers")
    def test_beside_transformers(self):
        import torch
        import transformers

        reference = transformers.AutoModelForMaskedLM.from_pretrained(support.MODEL, dtype=torch.float32).eval()
        self.assertEqual(self.model.num_parameters(), reference.num_parameters())
        inputs = self.tokenizer([TEXT, "a film"], padding=True, return_tensors="pt")
        self.assertIsInstance(inputs["input_ids"], torch.Tensor)
        with torch.no_grad():
            expected = reference(**inputs).logits
        logits = self.model(**inputs).logits
        self.assertIsInstance(logits, torch.Tensor)
        kept = inputs["attention_mask"] == 1
        torch.testing.assert_close(logits[kept], expected[kept], atol=1e-4, rtol=1e-4)
        theirs = reference.state_dict()
        for name, array in self.model.state_dict().items():
            np.testing.assert_array_equal(theirs[name].numpy(), array)
        labels = inputs["input_ids"].clone()
        labels[inputs["attention_mask"] == 0] = -100
        torch.testing.assert_close(self.model(**inputs, labels=labels).loss, reference(**inputs, labels=labels).loss.detach(), atol=1e-4, rtol=1e-4)
        fill = tekio.pipeline("fill-mask", model=support.MODEL)
        other = transformers.pipeline("fill-mask", model=support.MODEL, dtype=torch.float32)
        for given in (TEXT, [TEXT], [TEXT, "[MASK] is good"], "[MASK] and [MASK]"):
            here, there = fill(given), other(given)
            self.assertEqual(str(_words(here)), str(_words(there)))


def _words(answer):
    if isinstance(answer, dict):
        return (answer["token"], answer["token_str"], answer["sequence"], round(answer["score"], 4))
    return [_words(each) for each in answer]


class Collators(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tokenizer = tekio.AutoTokenizer.from_pretrained(support.MODEL)
        cls.chunks = tekio.chunk(tekio.load_dataset(support.REVIEWS)["train"], cls.tokenizer, chunk_size=32)

    def samples(self, count=4, *without):
        samples = [self.chunks[i] for i in range(count)]
        for sample in samples:
            for name in without:
                sample.pop(name)
        return samples

    def test_shapes(self):
        collator = tekio.DataCollatorForLanguageModeling(tokenizer=self.tokenizer, mlm_probability=0.15, seed=3)
        batch = collator(self.samples(4, "word_ids"))
        self.assertEqual(list(batch), ["input_ids", "attention_mask", "labels"])
        self.assertEqual(batch["input_ids"].shape, (4, 32))
        self.assertEqual(batch["labels"].dtype, np.int64)
        hidden = batch["labels"] != -100
        original = np.array([chunk["input_ids"] for chunk in self.samples()])
        np.testing.assert_array_equal(batch["labels"][hidden], original[hidden])
        np.testing.assert_array_equal(batch["input_ids"][~hidden], original[~hidden])
        self.assertFalse(np.array_equal(batch["input_ids"], collator(self.samples(4, "word_ids"))["input_ids"]), "each call draws anew")
        again = pickle.loads(pickle.dumps(collator))
        np.testing.assert_array_equal(again(self.samples(4, "word_ids"))["input_ids"], batch["input_ids"])
        padded = collator([{"input_ids": [2, 9, 9, 3]}, {"input_ids": [2, 3]}])
        self.assertEqual(padded["labels"][1, 2:].tolist(), [-100, -100])

    def test_shared_stream(self):
        collator = tekio.DataCollatorForLanguageModeling(self.tokenizer)
        batches = []
        for _ in range(2):
            tekio.set_seed(5)
            batches.append(collator(self.samples(4, "word_ids"))["input_ids"].tolist())
        self.assertEqual(*batches)

    def test_wrong_arguments(self):
        for options, said in (
            ({"mlm_probability": 1.5}, "mlm_probability is 1.5"),
            ({"mlm": False}, "masked ones"),
            ({"mask_replace_prob": 0.9, "random_replace_prob": 0.2}, "together"),
        ):
            with self.assertRaisesRegex(tekio.UsageError, said):
                tekio.DataCollatorForLanguageModeling(self.tokenizer, **options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            whole = tekio.DataCollatorForLanguageModeling(self.tokenizer, whole_word_mask=True)
        with self.assertRaisesRegex(tekio.UsageError, "needs offset_mapping"):
            whole(self.samples())

    def test_stacking(self):
        batch = tekio.default_data_collator(self.samples(3, "word_ids"))
        self.assertEqual(list(batch), ["input_ids", "attention_mask", "labels"])
        self.assertEqual(batch["labels"].shape, (3, 32))
        with self.assertRaisesRegex(tekio.UsageError, "word_ids"):
            tekio.default_data_collator(self.samples(3))

    @support.needs("torch", "transformers")
    def test_beside_transformers(self):
        import torch
        import transformers

        reference = transformers.AutoTokenizer.from_pretrained(support.MODEL)
        ragged = [{"input_ids": chunk["input_ids"][: 5 + 7 * i]} for i, chunk in enumerate(self.samples(4))]
        for options in ({}, {"mlm_probability": 0.4}, {"mask_replace_prob": 0.5, "random_replace_prob": 0.5}, {"mask_replace_prob": 1.0, "random_replace_prob": 0.0},
                        {"mask_replace_prob": 0.0, "random_replace_prob": 0.9}, {"pad_to_multiple_of": 8}):  # fmt: skip
            mine = tekio.DataCollatorForLanguageModeling(self.tokenizer, seed=11, return_tensors="pt", **options)
            other = transformers.DataCollatorForLanguageModeling(reference, seed=11, **options)
            for rows in (self.samples(4, "word_ids"), self.samples(2, "word_ids"), ragged, [row["input_ids"] for row in ragged]):
                here, there = mine(rows), other(rows)
                self.assertEqual(list(here), list(there))
                for name in here:
                    torch.testing.assert_close(here[name], there[name], atol=0, rtol=0)
        tekio.set_seed(9)
        torch.manual_seed(9)
        here = tekio.DataCollatorForLanguageModeling(self.tokenizer, return_tensors="pt")(self.samples(4, "word_ids"))
        there = transformers.DataCollatorForLanguageModeling(reference)(self.samples(4, "word_ids"))
        torch.testing.assert_close(here["input_ids"], there["input_ids"], atol=0, rtol=0)

        texts = tekio.load_dataset(support.REVIEWS)["train"][:6]["text"]
        encoded = reference(texts, return_offsets_mapping=True, truncation=True, max_length=40)
        rows = [{name: encoded[name][i] for name in ("input_ids", "attention_mask", "offset_mapping")} for i in range(len(texts))]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mine = tekio.DataCollatorForLanguageModeling(self.tokenizer, whole_word_mask=True, seed=2, return_tensors="pt")
            other = transformers.DataCollatorForLanguageModeling(reference, whole_word_mask=True, seed=2)
        for _ in range(2):
            here, there = mine([dict(row) for row in rows]), other([dict(row) for row in rows])
            for name in here:
                torch.testing.assert_close(here[name], there[name], atol=0, rtol=0)
        default = transformers.default_data_collator(self.samples(2, "word_ids"))
        for name, array in tekio.default_data_collator(self.samples(2, "word_ids"), return_tensors="pt").items():
            torch.testing.assert_close(array, default[name], atol=0, rtol=0)


if __name__ == "__main__":
    unittest.main()
