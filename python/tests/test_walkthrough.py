"""The walkthrough, as a script and as a notebook that a real kernel runs, on invented reviews and a tiny model; and a notebook that is interrupted."""

import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap
import unittest

import support

import tekio

SCRIPT = support.ROOT / "examples" / "walkthrough.py"
NOTEBOOK = SCRIPT.with_suffix(".ipynb")


class Walkthrough(unittest.TestCase):
    def test_the_script(self):
        with tempfile.TemporaryDirectory() as folder:
            said = support.run_python(
                str(SCRIPT), "--data", support.REVIEWS, "--model", support.MODEL, "--train_size", "24", "--test_size", "6", "--max_steps", "4", cwd=folder
            )
        chunks = tekio.chunk(tekio.load_dataset(support.REVIEWS), tekio.AutoTokenizer.from_pretrained(support.MODEL), chunk_size=128)
        self.assertIn("number of parameters: 0M", said)
        self.assertEqual(said.count("'>>> This is a great "), 5)
        self.assertIn(repr(tekio.load_dataset(support.REVIEWS)), said)
        self.assertIn("'>>> Label: 0'", said)
        self.assertIn("features: ['input_ids', 'attention_mask', 'word_ids'],\n        num_rows: 120", said)
        self.assertIn("'>>> Chunk length: 128'\n'>>> Chunk length: 128'\n'>>> Chunk length: 27'", said)
        self.assertIn(repr(chunks), said)
        self.assertIn("[MASK]", said)
        self.assertIn("num_rows: 24", said)
        self.assertRegex(said, r"(?s)(>>> Perplexity: \d+\.\d\d.*){2}(>>> Epoch \d: Perplexity: \d+\.\d+.*){4}(>>> [^>]+){5}$")

    def test_the_notebook_is_the_script(self):
        done = subprocess.run([sys.executable, str(support.ROOT / "scripts/release/make_notebook.py"), "--check"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    @support.needs("nbclient", "ipykernel")
    def test_the_notebook_in_a_kernel(self):
        import nbformat
        from nbclient import NotebookClient

        made = nbformat.read(NOTEBOOK, as_version=4)
        environment = {
            "WALKTHROUGH_DATA": support.REVIEWS, "WALKTHROUGH_MODEL": support.MODEL, "WALKTHROUGH_TRAIN_SIZE": "24", "WALKTHROUGH_TEST_SIZE": "6",
            "WALKTHROUGH_MAX_STEPS": "4", "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            os.environ.update(environment)
            try:
                NotebookClient(made, timeout=300, resources={"metadata": {"path": folder}}).execute()
            finally:
                for name in environment:
                    del os.environ[name]
        said = "".join(output.get("text", "") for cell in made.cells if cell.cell_type == "code" for output in cell.outputs)
        self.assertIn("num_rows: 24", said)
        self.assertEqual(said.count("'>>> This is a great "), 5)
        self.assertNotIn("Error", json.dumps(said))

    @support.needs("jupyter_client", "ipykernel")
    def test_a_notebook_is_interrupted_and_resumed(self):
        from jupyter_client.manager import start_new_kernel

        first = """
            import time, tekio
            tokenizer = tekio.AutoTokenizer.from_pretrained(MODEL)
            chunks = tekio.chunk(tekio.load_dataset(REVIEWS, split="train"), tokenizer, chunk_size=16)

            class Slowly:
                def on_step_end(self, args, state, control, **kwargs):
                    print("update", state.global_step, flush=True)
                    time.sleep(0.02)

            def trainer(folder, *callbacks):
                # The walkthrough's, but for the sizes.
                args = tekio.TrainingArguments(
                    output_dir=folder, overwrite_output_dir=True, eval_strategy="no", learning_rate=2e-5, weight_decay=0.01,
                    per_device_train_batch_size=4, per_device_eval_batch_size=4, push_to_hub=False, logging_steps=10, max_steps=60,
                )
                model = tekio.AutoModelForMaskedLM.from_pretrained(MODEL, threads=1, dtype="float32")
                return tekio.Trainer(model=model, args=args, train_dataset=chunks, processing_class=tokenizer, callbacks=callbacks)

            interrupted = trainer("run", Slowly())
            interrupted.train()
            """
        cells = [
            "import sys; sys.path[:0] = " + repr(sys.path) + f"\nMODEL, REVIEWS = {support.MODEL!r}, {support.REVIEWS!r}",
            textwrap.dedent(first),
            "import os\nprint('there were', interrupted.state.global_step, os.listdir('run'))\nprint('then', trainer('run').train(resume_from_checkpoint=True).global_step)",
            "trainer('whole').train()\nprint('same:', open('run/model.safetensors', 'rb').read() == open('whole/model.safetensors', 'rb').read())",
        ]
        with tempfile.TemporaryDirectory() as folder:
            manager, client = start_new_kernel(cwd=folder)
            said, ended = [], []

            def heard(message):
                content = message["content"]
                said.append(content.get("text", ""))
                if content.get("ename"):
                    ended.append(content["ename"])
                if "update 3\n" in said[-1] and "KeyboardInterrupt" not in ended and not ended.append("asked"):
                    manager.interrupt_kernel()

            try:
                for cell in cells:
                    client.execute_interactive(cell, output_hook=heard, timeout=120)
            finally:
                client.stop_channels()
                manager.shutdown_kernel(now=True)
        said = "".join(said)
        self.assertEqual(ended, ["asked", "KeyboardInterrupt"], said)
        done, folders = re.search(r"there were (\d+) (.*)", said).groups()
        self.assertLess(int(done), 60)
        self.assertIn(f"'checkpoint-{done}'", folders)
        self.assertIn("then 60\n", said)
        self.assertIn("same: True\n", said)


if __name__ == "__main__":
    unittest.main()
