"""Python ends while threads that it does not wait for (daemon threads) are within calls: with its own exit code, soon, and without a
word."""

import os
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import support

SOON, NEVER_HEEDED = 4.0, 5.0  # seconds: calls end in less; what heeds nothing is waited for as long

PROGRAM = """
import atexit, os, pathlib, sys, threading, time

last = []  # what is called after all that tekio does before Python ends
atexit.register(lambda: [each() for each in last])

import tekio

started = threading.Event()
tokenizer = tekio.AutoTokenizer.from_pretrained(MODEL)
model = tekio.AutoModelForMaskedLM.from_pretrained(MODEL, threads=1)

def await_start():
    if not started.wait(60):
        os._exit(9)

def begin(call):
    threading.Thread(target=call, daemon=True).start()

def fill():
    fill_mask = tekio.pipeline("fill-mask", model=model, tokenizer=tokenizer)
    while True:
        fill_mask(["ab cd [MASK] ef"] * 5, top_k=1)
        started.set()
        fill_mask(["ab cd [MASK] ef"] * 100_000, top_k=1)

def chunk():
    texts = ["abc def gh " * 200] * 50_000
    tekio.chunk(texts[:10], tokenizer, 16, use_cache=False)
    started.set()
    while True:
        tekio.chunk(texts, tokenizer, 16, use_cache=False)

def train(at_step=lambda: None):
    class Tells(tekio.TrainerCallback):
        def on_step_end(self, *_, **__):
            started.set()
            at_step()
    chunks = tekio.chunk(["abc def gh ij kl mn " * 40] * 40, tokenizer, 16, use_cache=False)
    args = tekio.TrainingArguments("run", disable_tqdm=True, max_steps=1_000_000)
    tekio.Trainer(model=model, args=args, train_dataset=chunks, processing_class=tokenizer, callbacks=[Tells()]).train()

def adapt():
    pathlib.Path("rows.txt").write_text("a b c d e f g h\\n" * 2000)
    tekio.adapt(MODEL, "rows.txt", output_dir="adapted", chunk_size=8, max_steps=1_000_000, general_data="none", no_cache=True, threads=1, save_strategy="no")

def adapt_begun():
    while not pathlib.Path("adapted", "metrics.jsonl").exists():
        time.sleep(0.01)
    started.set()

def for_ever():
    while True:
        time.sleep(0.0001)  # asks for Python's lock again and again

"""


class Ending(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def ends(self, program, code=7):
        """Seconds from "end" on standard output, the last thing that the program does, until the process has ended."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        begun = None
        with subprocess.Popen(
            [sys.executable, "-c", f"MODEL = {support.MODEL!r}" + PROGRAM + program], cwd=self.folder, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:  # fmt: skip
            watch = threading.Timer(90, process.kill)
            watch.start()
            for line in process.stdout:
                if line == "end\n":
                    begun = time.monotonic()
            said = process.stderr.read()
            watch.cancel()
        seconds = time.monotonic() - (begun or 0)
        self.assertEqual((process.returncode, said), (code, ""))
        return seconds

    def test_within_each_call(self):
        last = 'await_start()\ntime.sleep(0.2)\nprint("end", flush=True)\nsys.exit(7)\n'
        for begin in ("begin(fill)", "begin(chunk)", "begin(adapt), begin(adapt_begun)", "begin(train)"):
            with self.subTest(begin):
                self.assertLess(self.ends(begin + "\n" + last), SOON)

    def test_training_leaves_a_checkpoint(self):
        self.ends('begin(train)\nawait_start()\nprint("end", flush=True)\nsys.exit(7)\n')
        self.assertRegex(" ".join(os.listdir(os.path.join(self.folder, "run"))), r"\bcheckpoint-\d")

    def test_all_at_once(self):
        self.ends(
            "for each in (fill, chunk, adapt, adapt_begun, lambda: train(lambda: tokenizer(['a b']))):\n    begin(each)\n"
            'await_start()\ntime.sleep(1)\nprint("end", flush=True)\nsys.exit(7)\n'
        )

    @unittest.skipIf("asan" in os.environ.get("LD_PRELOAD", ""), "sanitizers do not follow how Python before 3.14 ends a thread")
    def test_a_callback_that_never_returns(self):
        seconds = self.ends('begin(lambda: train(for_ever))\nawait_start()\nprint("end", flush=True)\nsys.exit(7)\n')
        self.assertGreater(seconds, NEVER_HEEDED - 1)
        self.assertLess(seconds, NEVER_HEEDED + SOON)

    def test_an_exception_ends_it(self):
        seconds = self.ends('begin(chunk)\nawait_start()\nsys.excepthook = lambda *_: print("end", flush=True)\nraise ValueError\n', code=1)
        self.assertLess(seconds, SOON)

    def test_a_forked_process_waits_for_no_thread_of_its_parent(self):
        seconds = self.ends(
            "import warnings\nwarnings.simplefilter('ignore')\n"
            "begin(lambda: train(for_ever))\nawait_start()\n"
            "child = os.fork()\n"
            "if child == 0:\n    sys.exit(3)\n"
            "begun = time.monotonic()\n"
            "code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])\n"
            "print(time.monotonic() - begun)\n"
            f"quick = time.monotonic() - begun < {SOON}\n"
            'print("end", flush=True)\nos._exit(7 if (code, quick) == (3, True) else 1)\n'
        )
        self.assertLess(seconds, SOON)

    def test_the_thread_that_ends_python_may_call(self):
        self.ends(
            "begin(fill)\nawait_start()\n"
            "last.append(lambda: tokenizer('a b c'))\n"
            "last.append(lambda: model(input_ids=[[2, 5, 3]]))\n"
            'last.append(lambda: print("end", flush=True))\nsys.exit(7)\n'
        )

    @unittest.skipIf("asan" in os.environ.get("LD_PRELOAD", ""), "sanitizers do not follow how Python before 3.14 ends a thread")
    def test_what_is_called_late_beside_what_never_ends_is_refused(self):
        """What it would wait for may be held by what computes on."""
        self.ends(
            "begin(lambda: train(for_ever))\nawait_start()\n"
            "def refused():\n"
            "    try: tokenizer('a b c')\n"
            "    except tekio.UsageError as error: return 'nothing more is computed' in str(error)\n"
            "last.append(lambda: refused() or os._exit(1))\n"
            'print("end", flush=True)\nsys.exit(7)\n'
        )

    def test_what_another_thread_calls_late_ends_that_thread(self):
        self.ends(
            "ending, called, heard = threading.Event(), threading.Event(), []\n"
            "def late():\n"
            "    ending.wait()\n"
            "    try: tokenizer('a b c')\n"
            "    except BaseException as error: heard.append(type(error))\n"
            "    called.set()\n"
            "begin(late)\n"
            "last.append(lambda: (ending.set(), called.wait(20), heard == [SystemExit] or os._exit(1)))\n"
            'last.append(lambda: print("end", flush=True))\nsys.exit(7)\n'
        )

    def test_what_is_called_while_modules_go(self):
        """Texts go through models to the last, arrays are refused, and errors are what they always are."""
        said = support.run_python(
            PROGRAM.replace("MODEL", repr(support.MODEL))
            + """
fill_mask, args = tekio.pipeline("fill-mask", model, tokenizer), tekio.TrainingArguments("run")
load_dataset, chunk, pipeline, made = tekio.load_dataset, tekio.chunk, tekio.pipeline, tekio.TrainingArguments
calls = [
    lambda: tokenizer("a b")["input_ids"], lambda: len(fill_mask("a [MASK]")), lambda: len(chunk(["a b c d e f"] * 9, tokenizer, 8, use_cache=False)) > 0,
    lambda: args.output_dir, lambda: pipeline("fill-mask", "/nope"), lambda: load_dataset("/nope"), lambda: model.save_pretrained("/dev/null/a"),
    lambda: fill_mask("a"), lambda: tokenizer("a" + chr(0xD800)), lambda: setattr(args, "learning_rate", -1), lambda: made("run", seed=-1),
    lambda: args.learning_rat, lambda: tokenizer("a b", return_tensors="np"), lambda: model(input_ids=[[2, 3]]), lambda: model.state_dict(),
]
class Late:
    def __init__(self):
        self.calls, self.print, self.is_finalizing = calls, print, sys.is_finalizing
    def __del__(self):
        for call in self.calls:
            try: told = call()
            except BaseException as error: told = [each.__name__ for each in type(error).__mro__[:2]] + str(error).splitlines()[1:]
            self.print(self.is_finalizing(), told, flush=True)
late = Late()
""",
            cwd=self.folder,
        )
        missing, wrong = "['MissingFileError', 'FileError']", "['UsageError', 'Error']"
        self.assertEqual(
            said.splitlines(),
            ["True " + told for told in ("[2, 70, 71, 3]", "5", "True", "run", missing, missing, "['NoFolderError', 'FileError']", "['InputError', 'Error']",
                                         wrong, wrong, wrong, "['AttributeError', 'Exception']", wrong, wrong, wrong)],
        )  # fmt: skip


if __name__ == "__main__":
    unittest.main()
