"""The walkthrough, as a script and as a notebook that a real kernel runs, on invented reviews and a tiny model."""

import json
import os
import subprocess
import sys
import tempfile
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


if __name__ == "__main__":
    unittest.main()
