"""What the library says, in Python: the logger, and bars where somebody looks."""

import contextlib
import io
import logging
import os
import pathlib
import signal
import tempfile
import threading
import time
import unittest

import support

import tekio
from tekio import log


class Log(unittest.TestCase):
    def test_notes_and_warnings_go_to_the_logger(self):
        with tempfile.TemporaryDirectory() as folder:
            data = pathlib.Path(folder) / "text.txt"
            data.write_text("a b c d e f g h\n" * 60)
            said = io.StringIO()
            with contextlib.redirect_stderr(said), self.assertLogs("tekio", "INFO") as caught:
                tekio.adapt(support.MODEL, data, output_dir=folder + "/run", chunk_size=8, max_steps=1, general_data="none", no_cache=True)
        self.assertRegex("\n".join(caught.output), r"INFO:tekio:before   perplexity \d")
        self.assertEqual(said.getvalue(), "")

    def test_threads_may_speak(self):
        with self.assertLogs("tekio", "WARNING") as caught:
            threads = [threading.Thread(target=log.line, args=("warning", " a thing")) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(caught.output, ["WARNING:tekio:a thing"] * 8)

    def test_ctrl_c_that_meets_the_log_is_not_lost(self):
        class Interrupts(logging.Handler):
            met = 0

            def emit(self, record):
                if self.met == 0:
                    self.met = 1
                    os.kill(os.getpid(), signal.SIGINT)
                    time.sleep(1)  # Python's handler of the signal runs here

        logger, handler = logging.getLogger("tekio"), Interrupts(logging.INFO)
        level = logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        self.addCleanup(logger.setLevel, level)
        self.addCleanup(logger.removeHandler, handler)
        with tempfile.TemporaryDirectory() as folder:
            data = pathlib.Path(folder) / "text.txt"
            data.write_text("a b c d e f g h\n" * 60)
            with self.assertRaises(KeyboardInterrupt):
                tekio.adapt(support.MODEL, data, output_dir=folder + "/run", chunk_size=8, max_steps=2, general_data="none", no_cache=True)
            self.assertFalse((pathlib.Path(folder) / "run").exists())  # before the first update
        self.assertEqual(handler.met, 1)

    def test_a_bar_is_drawn_and_cleared(self):
        drawn = io.StringIO()
        with contextlib.redirect_stderr(drawn):
            log.progress(" training", "tokens", "loss 2.61", 5, 20, 0, 1000, 2.0, 75.0, False)
            log.line("note", "between")
            log.progress("fetching", "bytes", "", 1_000_000, 4_000_000, 0, 1_000_000, 1.0, None, False)
            log.progress("fetching", "bytes", "", 4_000_000, 4_000_000, 0, 4_000_000, 4.0, None, True)
        text = drawn.getvalue()
        self.assertIn("\rtraining:  25%|█████               | 5/20 [00:02<01:15, 500 tokens/s, loss 2.61]", text)
        self.assertIn("| 1.0 MB of 4.0 MB [00:01<00:03, 1.0 MB/s]", text)
        self.assertTrue(text.endswith(("\r\033[K", "\n")))


if __name__ == "__main__":
    unittest.main()
