"""Ctrl-C within one long call: heard soon, and what was called goes on as if nothing had been."""

import gzip
import os
import signal
import tempfile
import threading
import time
import unittest

import support

import tekio

LONG, SOON = 6.0, 1.0  # seconds of processors' time that a call would take, and in which it ends


class Interrupted(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tokenizer = tekio.AutoTokenizer.from_pretrained(support.MODEL)
        cls.model = tekio.AutoModelForMaskedLM.from_pretrained(support.MODEL, threads=2)

    def expect_interrupted(self, call, few, prepared=lambda n: n):
        """`call(prepared(n))` takes n / few times what it takes with `few`, which must give the same before and after."""
        call(prepared(few))
        given = prepared(few)
        begun = time.process_time()
        before = call(given)
        seconds = max(time.process_time() - begun, 1e-3)
        given, sent = prepared(int(few * LONG / seconds) + few), []

        def press():
            sent.append(time.process_time())
            os.kill(os.getpid(), signal.SIGINT)

        timer = threading.Timer(0.6, press)
        timer.start()
        try:
            with self.assertRaises(KeyboardInterrupt):
                call(given)
            heard = time.process_time()
        finally:
            timer.cancel()
            timer.join()
        self.assertLess(heard - sent[0], SOON)
        self.assertEqual(call(prepared(few)), before)

    def test_many_texts_tokenized(self):
        self.expect_interrupted(lambda n: len(self.tokenizer(["abc def gh " * 20] * n, return_tensors="np")["input_ids"]), 500)

    def test_many_masks_filled(self):
        fill = tekio.pipeline("fill-mask", model=self.model, tokenizer=self.tokenizer)
        self.expect_interrupted(lambda n: len(fill(["ab cd [MASK] ef"] * n, top_k=1)), 200)

    def test_many_logits(self):
        self.expect_interrupted(lambda n: self.model(input_ids=[[2, 5, 6, 7, 8, 9, 10, 3]] * n).logits.shape[1:], 200)

    def test_a_list_cut_into_chunks(self):
        def cut(texts):
            return tekio.chunk(texts, self.tokenizer, 16, use_cache=False)[0]

        different = [" ".join(str(row * 7919 * i % 999_983) for i in range(400)) for row in range(1, 101)]
        self.expect_interrupted(cut, 2, lambda n: different * n)

    def test_a_set_evaluated(self):
        few = tekio.chunk(["abc def gh ij kl mn " * 40] * 40, self.tokenizer, 16, use_cache=False)
        with tempfile.TemporaryDirectory() as folder:
            args = tekio.TrainingArguments(folder, disable_tqdm=True, per_device_eval_batch_size=len(few))  # one batch
            trainer = tekio.Trainer(model=self.model, args=args, eval_dataset=few, processing_class=self.tokenizer)

            def evaluate(n):
                args.per_device_eval_batch_size = n
                return trainer.evaluate(few.select([i % len(few) for i in range(n)]))["eval_loss"]

            self.expect_interrupted(evaluate, len(few))

    def test_rows_of_a_file_counted_and_read(self):
        with tempfile.TemporaryDirectory() as folder:
            part = gzip.compress("".join(f"row {i} " * 12 + "\n" for i in range(10_000)).encode())
            numbers = iter(range(100))

            def written(n):
                path = os.path.join(folder, f"{next(numbers)}.txt.gz")
                with open(path, "wb") as file:
                    for _ in range(n):
                        file.write(part)
                return path

            self.expect_interrupted(lambda path: len(tekio.load_dataset(path, split="train")) % 10_000, 10, written)
            rows = tekio.load_dataset(written(30), split="train")
            self.expect_interrupted(lambda n: [rows[i]["text"].split()[1] for i in range(299_999, 0, -300_000 // n)][:2], 5)
            self.assertEqual([rows[i]["text"].split()[1] for i in (299_999, 7, 8, 285_000)], ["9999", "7", "8", "5000"])

    def test_a_signal_harms_nothing_wherever_it_comes(self):
        program = (
            "import signal, time, tekio\n"
            f"model = tekio.AutoModelForMaskedLM.from_pretrained({support.MODEL!r}, threads=2)\n"
            "ids, heard = [[2, 5, 6, 7, 8, 9, 10, 3]] * 2000, []\n"
            "expected = model(input_ids=ids).logits\n"
            "signal.signal(signal.SIGALRM, lambda *_: heard.append(1))\n"
            "signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)\n"
            "end = time.monotonic() + 2\n"
            "while time.monotonic() < end: assert (model(input_ids=ids).logits == expected).all()\n"
            "signal.setitimer(signal.ITIMER_REAL, 0)\n"
            "print(len(heard) > 0)\n"
        )
        self.assertEqual(support.run_python(program), "True\n")

    def test_text_tokenized_within_adapt(self):
        with tempfile.TemporaryDirectory() as folder:
            path, runs = os.path.join(folder, "rows.txt"), iter(range(10))

            def written(n):
                with open(path, "w") as file:
                    file.writelines(f"{i} abc def gh " * 400 + "\n" for i in range(n))
                return path

            def adapt(path):
                run = os.path.join(folder, str(next(runs)))
                report = tekio.adapt(
                    support.MODEL, path, output_dir=run, chunk_size=16, train_size=8, test_size=8, max_steps=1, general_data="none", no_cache=True, threads=1
                )
                return report["perplexity"]["after"]

            self.expect_interrupted(adapt, 500, written)


if __name__ == "__main__":
    unittest.main()
