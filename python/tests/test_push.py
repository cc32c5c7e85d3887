"""Trainer and the Hub: beside the Hub of tests/hub, on this machine."""

import ctypes
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
import urllib.request

import support

import tekio

TOKEN = "hf_write_0123456789"


class Pushing(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        try:
            ctypes.CDLL("libcurl.so.4")
        except OSError as error:
            raise unittest.SkipTest(f"nothing goes to the Hub here: {error}") from None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "repositories").mkdir()
        command = [sys.executable, support.ROOT / "tests" / "hub" / "server.py", self.folder / "repositories", "--token", TOKEN]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(server.communicate)  # which ends it
        self.urls = json.loads(server.stdout.readline())
        settings = {"HF_ENDPOINT": self.urls["endpoint"], "HF_HOME": str(self.folder / "home"), "HF_HUB_OFFLINE": "0", "HF_TOKEN": TOKEN}
        environment = unittest.mock.patch.dict(os.environ, settings)
        environment.start()
        self.addCleanup(environment.stop)

    def repositories(self):
        with urllib.request.urlopen(self.urls["control"] + "/_repositories") as answer:
            return json.load(answer)

    def trainer(self, **more):
        tokenizer = tekio.AutoTokenizer.from_pretrained(support.MODEL)
        chunks = tekio.chunk(tekio.Dataset.from_texts(["a good film and a better one"] * 40), tokenizer, 16, use_cache=False)
        args = tekio.TrainingArguments(self.folder / "run", max_steps=1, per_device_train_batch_size=2, save_strategy="no", disable_tqdm=True, **more)
        model = tekio.AutoModelForMaskedLM.from_pretrained(support.MODEL, threads=1, dtype="float32")
        return tekio.Trainer(model=model, args=args, train_dataset=chunks, processing_class=tokenizer)

    def test_a_run_is_pushed_at_its_end(self):
        trainer = self.trainer(push_to_hub=True, hub_model_id="org/films")
        self.assertEqual(trainer.train().global_step, 1)
        there = self.repositories()["models/org/films"]
        self.assertEqual(there["history"][-1]["summary"], "End of training")
        self.assertLessEqual({"model.safetensors", "config.json", "tokenizer.json", "README.md"}, set(there["files"]))
        again = trainer.push_to_hub()
        self.assertEqual(again, {"repository": "org/films", "url": again["url"], "commit": there["history"][-1]["commit"]})
        self.assertEqual(len(self.repositories()["models/org/films"]["history"]), len(there["history"]))

    def test_one_is_pushed_when_asked(self):
        with self.assertNoLogs("tekio"):  # push_to_hub() takes it, so it is not without effect
            trainer = self.trainer(hub_model_id="org/films")
        with self.assertRaisesRegex(tekio.FileError, "run.* was not pushed"):
            trainer.push_to_hub()
        trainer.save_model()
        trainer.push_to_hub("As it was before training")
        self.assertEqual(self.repositories()["models/org/films"]["history"][-1]["summary"], "As it was before training")

    def test_what_cannot_be_pushed_is_not_trained(self):
        for token, options, kind, said in (
            ("hf_other", {}, tekio.FileError, "does not accept the token"),
            (None, {}, tekio.UsageError, "token"),
            (TOKEN, {"hub_model_id": "a/b/c"}, tekio.UsageError, "hub_model_id a/b/c is no name of a repository"),
        ):
            if token is None:
                del os.environ["HF_TOKEN"]
            else:
                os.environ["HF_TOKEN"] = token
            with self.subTest(said), self.assertRaises(kind) as caught:
                self.trainer(push_to_hub=True, **options).train()
            self.assertIn(said, str(caught.exception))
            self.assertFalse((self.folder / "run").exists())
        os.environ["HF_TOKEN"] = "hf_other"
        self.trainer(push_to_hub=True, hub_token=TOKEN, hub_model_id="org/films").train()
        self.assertIn("models/org/films", self.repositories())


if __name__ == "__main__":
    unittest.main()
