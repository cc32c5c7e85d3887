"""A Trainer in several processes, which mpirun started."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import support

import tekio

PACKAGE = pathlib.Path(tekio.__path__[0])
ENVIRONMENT = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
RANK = f"""
import os, signal, sys, tekio, time
signal.signal(signal.SIGINT, signal.default_int_handler)
tokenizer = tekio.AutoTokenizer.from_pretrained({support.MODEL!r})
model = tekio.AutoModelForMaskedLM.from_pretrained({support.MODEL!r}, threads=1)
chunks = tekio.chunk(["a film that is good and long and " * 9] * 60, tokenizer, 16, use_cache=False)
args = tekio.TrainingArguments(sys.argv[1], disable_tqdm=True, max_steps=1_000_000, save_strategy="no", eval_strategy="no")
trainer = tekio.Trainer(model=model, args=args, train_dataset=chunks, processing_class=tokenizer)
class Begun:
    def on_step_end(self, args, state, control, **more):
        if state.global_step == 3:
            print("begun", flush=True)
    def on_save(self, args, state, control, **more):
        time.sleep(2)  # the other one must not end meanwhile: its end would be this one's
        print("saved", flush=True)
trainer.add_callback(Begun())
open(sys.argv[1] + "." + str(os.getpid()), "w").close()
trainer.train()
"""


class Ranks(unittest.TestCase):
    def launcher(self, mpi):
        """The words before "-n"."""
        launcher, module = shutil.which(f"mpirun.{mpi}"), PACKAGE / "lib" / "tekio" / f"libtekio_mpi_{mpi}.so"
        if launcher is None or not module.exists():
            self.skipTest(f"not installed: {mpi if launcher is None else module.name}")
        return [launcher, *(["--oversubscribe", "--bind-to", "none"] if mpi == "openmpi" else [])]

    def expect_another_build_refused(self, mpi):
        launcher = self.launcher(mpi)
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "other" / "tekio").mkdir(parents=True)
            for part in PACKAGE.iterdir():
                if part.name == "_tekio.abi3.so":
                    (folder / "other" / "tekio" / part.name).write_bytes(part.read_bytes() + b" ")  # which changes nothing but its bytes
                else:
                    (folder / "other" / "tekio" / part.name).symlink_to(part.resolve())
            libraries = PACKAGE.with_name("tekio.libs")  # a repaired wheel's
            if libraries.is_dir():
                (folder / "other" / libraries.name).symlink_to(libraries)
            rank = ["-n", "1", "env"]
            program = [sys.executable, "-c", RANK, str(folder / "run")]
            own, other = (f"PYTHONPATH={os.pathsep.join(filter(None, [*first, *sys.path]))}" for first in ([], [str(folder / "other")]))
            command = [*launcher, *rank, own, *program, ":", *rank, other, *program]
            # In a folder that holds no package: with -c, Python looks where it stands before all of PYTHONPATH.
            done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("the program is another build on rank 1", done.stderr)

    def test_another_build_is_refused_with_open_mpi(self):
        self.expect_another_build_refused("openmpi")

    def test_another_build_is_refused_with_mpich(self):
        self.expect_another_build_refused("mpich")

    def expect_saved(self, mpi):
        launcher = self.launcher(mpi)
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            environment = {**ENVIRONMENT, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
            command = [*launcher, "-n", "2", sys.executable, "-c", RANK, str(folder / "run")]
            with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL) as launched:
                self.assertEqual(launched.stdout.readline(), "begun\n")
                processes = [int(path.suffix[1:]) for path in folder.glob("run.*")]
                self.assertEqual(len(processes), 2)
                for process in processes:
                    with contextlib.suppress(ProcessLookupError):  # the first one's ends both
                        os.kill(process, signal.SIGINT)
                printed, said = launched.communicate(timeout=60)
            self.assertEqual(printed.split()[:1], ["saved"], said)
            self.assertIn("KeyboardInterrupt", said)
            saved = list((folder / "run").glob("checkpoint-*"))
            self.assertEqual(len(saved), 1, said)
            self.assertTrue((saved[0] / "model.safetensors").exists(), said)

    def test_ctrl_c_saves_with_open_mpi(self):
        self.expect_saved("openmpi")

    def test_ctrl_c_saves_with_mpich(self):
        self.expect_saved("mpich")
