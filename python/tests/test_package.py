"""The package itself: what importing it costs, its names, its errors, the program."""

import contextlib
import errno
import inspect
import multiprocessing
import os
import pathlib
import pickle
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest
import unittest.mock

import support

import tekio


@contextlib.contextmanager
def unprivileged():
    """Permissions hold, also for tests that root runs."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


class Package(unittest.TestCase):
    def test_importing_loads_nothing(self):
        code = "import sys, tekio; print(sorted(m for m in sys.modules if m.startswith(('numpy', 'tekio', 'torch'))))"
        self.assertEqual(support.run_python(code).strip(), "['tekio']")

    def test_every_name_is_there_and_documented(self):
        for name in tekio.__all__:
            value = getattr(tekio, name)
            if name != "__version__" and (inspect.isclass(value) or inspect.isfunction(value)):
                self.assertTrue(value.__doc__, name)
        with self.assertRaisesRegex(AttributeError, "no attribute 'AutoModel'"):
            tekio.AutoModel  # noqa: B018

    def test_the_stubs_have_every_name(self):
        """scripts/release/make_stubs.py makes them anew."""
        from tekio import _tekio

        folder = support.ROOT / "python" / "tekio"
        inner, outer = (folder / "_tekio.pyi").read_text(), (folder / "__init__.pyi").read_text()
        for name, value in vars(_tekio).items():
            if name.startswith("_"):
                continue
            self.assertIn(f"class {name}" if inspect.isclass(value) else f"def {name}(", inner)
            for member in vars(value) if inspect.isclass(value) else ():
                if not member.startswith("_"):
                    self.assertRegex(inner, rf"\n    def {member}\(self|@staticmethod\n    def {member}\(")
        for name in tekio.__all__:
            self.assertRegex(outer, rf" as {name}\n|{name}: str")

    def test_errors_are_what_python_calls_them(self):
        with self.assertRaises(FileNotFoundError) as caught:
            tekio.AutoModelForMaskedLM.from_pretrained("/nowhere/at-all")
        self.assertIsInstance(caught.exception, tekio.Error)
        self.assertEqual(caught.exception.kind, "io")
        with self.assertRaises(ValueError) as caught:
            tekio.AutoModelForMaskedLM.from_pretrained(support.MODEL, dtype="float16")
        self.assertEqual(caught.exception.kind, "usage")
        self.assertRegex(str(caught.exception), "float16.*its range is too small")
        with self.assertRaisesRegex(tekio.UsageError, "no argument 'use_auth'"):
            tekio.AutoTokenizer.from_pretrained(support.MODEL, use_auth=True)
        again = pickle.loads(pickle.dumps(caught.exception))
        self.assertEqual((type(again), str(again)), (type(caught.exception), str(caught.exception)))

    def test_what_the_system_refuses(self):
        """Is what Python raises of it, with its number."""
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            file, closed = folder / "file.txt", folder / "closed.txt"
            file.write_text("a b c\n")
            closed.write_text("a b c\n")
            closed.chmod(0)
            folder.chmod(0o755)
            tokenizer = tekio.AutoTokenizer.from_pretrained(support.MODEL)
            args = tekio.TrainingArguments(folder / "none", disable_tqdm=True)
            chunks = tekio.chunk(["a b c d " * 40], tokenizer, 8)
            model = tekio.AutoModelForMaskedLM.from_pretrained(support.MODEL, threads=1)
            trainer = tekio.Trainer(model=model, args=args, train_dataset=chunks, processing_class=tokenizer)
            for action, expected, code in (
                (lambda: tekio.load_dataset(str(folder / "none.txt"))["train"][0], FileNotFoundError, errno.ENOENT),
                (lambda: tekio.load_dataset(str(folder / "*.csv"))["train"][0], FileNotFoundError, errno.ENOENT),
                (lambda: tekio.AutoTokenizer.from_pretrained(folder / "none"), FileNotFoundError, errno.ENOENT),
                (lambda: tekio.adapt(folder / "none", file), FileNotFoundError, errno.ENOENT),
                (lambda: trainer.train(resume_from_checkpoint=folder / "none"), FileNotFoundError, errno.ENOENT),
                (lambda: tekio.AutoTokenizer.from_pretrained(file), NotADirectoryError, errno.ENOTDIR),
                (lambda: tekio.AutoModelForMaskedLM.from_pretrained(file), NotADirectoryError, errno.ENOTDIR),
                (lambda: model.save_pretrained(file / "under"), NotADirectoryError, errno.ENOTDIR),
                (lambda: tokenizer.save_pretrained(file / "under"), NotADirectoryError, errno.ENOTDIR),
                (lambda: tekio.load_dataset(str(closed))["train"][0], PermissionError, errno.EACCES),
                (lambda: model.save_pretrained(folder / "new"), PermissionError, errno.EACCES),
                (lambda: tekio.AutoModelForMaskedLM.from_config("/" + "a" * 300), OSError, errno.ENAMETOOLONG),
            ):
                # The others are root's: a package that root installed for itself cannot be read by anybody else.
                with self.assertRaises(expected) as caught, unprivileged() if expected is PermissionError else contextlib.nullcontext():
                    action()
                error = caught.exception
                self.assertEqual((error.errno, error.kind), (code, "io"))
                self.assertIsInstance(error, tekio.FileError)
                again = pickle.loads(pickle.dumps(error))
                self.assertEqual((type(again), again.errno, str(again)), (type(error), code, str(error)))
                self.assertNotIn("Errno", str(error))

    def test_what_a_wrong_argument_says(self):
        tokenizer = tekio.AutoTokenizer.from_pretrained(support.MODEL)
        model = tekio.AutoModelForMaskedLM.from_pretrained(support.MODEL, threads=1)
        fill = tekio.pipeline("fill-mask", model=model, tokenizer=tokenizer)
        collate = tekio.DataCollatorForLanguageModeling(tokenizer)
        for action, said in (
            (lambda: tekio.AutoModelForMaskedLM.from_pretrained(support.MODEL, threads="two"), "threads is 'two', expected an integer from 0 to 1024"),
            (lambda: tekio.AutoModelForMaskedLM.from_pretrained(support.MODEL, device="tpu"), "device is 'tpu', expected one of auto, cpu, cuda, ref"),
            (lambda: tekio.load_dataset(support.REVIEWS, bad_rows="skipp"), "bad_rows is 'skipp', expected one of stop, skip, did you mean skip?"),
            (lambda: tekio.load_dataset(support.REVIEWS, csv_separator="ab"), "csv_separator is 'ab', expected one character"),
            (lambda: tekio.chunk(["a"], tokenizer, chunk_size=0), "chunk_size is '0', expected an integer from 1 to 1048576"),
            (lambda: tekio.chunk(["a"], tokenizer, words="x"), "words is 'x', expected one of tokenizer, offsets"),
            (lambda: tekio.chunk(["a"], support.MODEL), "tokenizer is a str; expected a Tokenizer"),
            (lambda: tekio.chunk([], tokenizer), "there is no row"),
            (lambda: tekio.Dataset.from_list([1]), "row 0 is int; expected a dict of columns"),
            (lambda: tokenizer(3), "text is int; expected a string, or a list of them"),
            (lambda: tokenizer(["a", "b\ud800"]), "text 1 is no Unicode: character 1 of it is half a pair"),
            (lambda: tokenizer("a", truncation=True, max_length=2.5), "max_length is 2.5; expected a whole number"),
            (lambda: tokenizer.decode("abc"), "token_ids are no list of whole numbers"),
            (lambda: tokenizer.decode([2**40]), "token_ids are no list of whole numbers"),
            (lambda: fill(["a [MASK]", None]), "text 1 is NoneType; expected a string"),
            (lambda: fill("a [MASK]", top_k="3"), "top_k is '3'; expected a whole number"),
            (lambda: fill("a [MASK]", targets=[3]), "target 0 is int; expected a string"),
            (lambda: tekio.FillMaskPipeline(model, "there"), "tokenizer is a str; expected a Tokenizer"),
            (lambda: model(input_ids=[[2, 3], [2]]), "input_ids do not make one array"),
            (lambda: model(input_ids=[[2.5, 3]]), "input_ids are of the type float64; expected whole numbers"),
            (lambda: collate([]), "features are empty"),
            (lambda: tekio.default_data_collator([]), "features are empty"),
            (lambda: tekio.default_data_collator([3]), "row 0 of features is int; expected a dict"),
            (lambda: tekio.set_seed(-1), "seed is -1; expected a whole number from 0"),
            (lambda: tekio.set_seed("a"), "seed is 'a'; expected a whole number"),
            (lambda: tekio.DataCollatorForLanguageModeling(tokenizer, seed=-5), "seed is -5; expected a whole number from 0"),
            (lambda: tekio.DataCollatorForWholeWordMask(tokenizer, mlm_probability="a"), "mlm_probability is 'a'; expected a number between 0 and 1"),
            (lambda: tekio.DataCollatorForLanguageModeling(tokenizer, mlm_probability="a"), "mlm_probability is 'a'; expected a number between 0 and 1"),
            (lambda: tekio.DataCollatorForLanguageModeling(tokenizer, mlm_probability=None), "mlm_probability is None; expected a number between 0 and 1"),
            (lambda: tekio.Dataset.from_texts(["a", "b"]).shuffle(seed=-1), "seed is -1; expected a whole number from 0"),
            (lambda: tekio.Dataset.from_texts(["a", "b"]).select([1.5]), "the number of a row is 1.5; expected a whole number"),
            (lambda: tekio.Dataset.from_texts(["a", "b"]).select(1), "indices are int; expected a list"),
            (lambda: tekio.Dataset.from_texts(["a", "b"])[1.5], "the numbers of rows are float; expected a list"),
            (lambda: tekio.Dataset.from_list(None), "rows are NoneType; expected a list"),
            (lambda: tekio.Dataset.from_texts("abc"), "texts are str; expected a list"),
            (lambda: tekio.Dataset.from_dict(None), "mapping is NoneType; expected a dict of columns"),
            (lambda: tekio.Dataset.from_dict({"a": "xyz"}), "the column 'a' is str; expected a list of values"),
            (lambda: tekio.Dataset.from_pandas(range(3)), "a range is no DataFrame; of a column, pass its to_frame()"),
            (lambda: model.resize_token_embeddings("x"), "new_num_tokens is 'x'; expected a whole number"),
            (lambda: model.resize_token_embeddings(-1), "new_num_tokens is -1 and seed 42; expected whole numbers"),
            (lambda: tekio.AutoModelForMaskedLM.from_pretrained(None), "pretrained_model_name_or_path is None; expected a folder, or a name on the Hub"),
            (lambda: tekio.AutoTokenizer.from_pretrained(3), "pretrained_model_name_or_path is 3; expected a folder"),
            (lambda: tekio.load_dataset(None), "path is None; expected a file"),
        ):
            with self.subTest(said), self.assertRaises(tekio.UsageError) as caught:
                action()
            self.assertIn(said, str(caught.exception))

    def test_arguments_that_would_change_something_are_not_passed_over(self):
        tokenizer = tekio.AutoTokenizer.from_pretrained(support.MODEL, token=None, use_fast=True)
        model = tekio.AutoModelForMaskedLM.from_pretrained(support.MODEL, threads=1, low_cpu_mem_usage=True, device_map="auto")
        fill = tekio.pipeline("fill-mask", model=model, tokenizer=tokenizer, framework="pt")
        reviews = tekio.load_dataset(support.REVIEWS, split="train", num_proc=2)
        for action, said in (
            (lambda: tekio.AutoModelForMaskedLM.from_pretrained(support.MODEL, token="hf_x"), "token is not supported by from_pretrained(): the Hub's token is"),
            (lambda: tekio.AutoTokenizer.from_pretrained(support.MODEL, cache_dir=3), "cache_dir is 3; expected a path"),
            (lambda: tekio.AutoModelForMaskedLM.from_pretrained(support.MODEL, revision="v2"), "revision is 'v2', but"),
            (lambda: tekio.AutoTokenizer.from_pretrained(support.MODEL, "v2"), "is a folder here"),
            (lambda: tekio.pipeline("fill-mask", model=support.MODEL, revision="v2"), "revision is 'v2', but"),
            (lambda: tekio.pipeline("fill-mask", model=support.MODEL, torch_dtype="float16"), "float16"),
            (lambda: tekio.pipeline("fill-mask", model=model, tokenizer=tokenizer, dtype="bfloat16"), "revision and dtype are of a model that is named"),
            (lambda: fill("a [MASK]", tokenizer_kwargs={"truncation": True}), "tokenizer_kwargs is not supported by a pipeline's call: texts are filled whole"),
            (lambda: model(input_ids=[[2, 3]], output_hidden_states=True), "output_hidden_states is not supported by a model's call: the logits alone"),
            (lambda: model(input_ids=[[2, 3]], output_attentions=True), "output_attentions is not supported"),
            (lambda: model.save_pretrained("there", push_to_hub=True), "push_to_hub is not supported by save_pretrained()"),
            (lambda: tokenizer.save_pretrained("there", push_to_hub=True), "push_to_hub is not supported by save_pretrained()"),
            (lambda: tekio.load_dataset(support.REVIEWS, token="hf_x"), "token is not supported by load_dataset()"),
            (lambda: reviews.map(lambda batch: batch, batched=True, drop_last_batch=True), "drop_last_batch is not supported by map()"),
            (lambda: reviews.filter(lambda row: True, with_indices=True), "filter() has no argument 'with_indices'"),
        ):
            with self.subTest(said), self.assertRaises(tekio.UsageError) as caught:
                action()
            self.assertIn(said, str(caught.exception))
        for action in (
            lambda: tekio.AutoModelForMaskedLM.from_pretrained("org/nothing", local_files_only=True),
            lambda: tekio.AutoTokenizer.from_pretrained("org/nothing", local_files_only=True),
            lambda: tekio.pipeline("fill-mask", model="org/nothing", revision="v2", local_files_only=True),
            lambda: tekio.load_dataset("org/nothing", local_files_only=True),
        ):
            with self.assertRaisesRegex(tekio.FileError, "no request is made"):
                action()
        self.assertNotIn("HF_HUB_OFFLINE", os.environ)

    def test_what_pickles_and_what_says_why_not(self):
        tokenizer = tekio.AutoTokenizer.from_pretrained(support.MODEL)
        texts = tekio.load_dataset(support.REVIEWS)["train"].select(range(3))
        rows = texts.map(lambda batch: tokenizer(batch["text"]), batched=True, remove_columns=["text"])
        self.assertEqual(pickle.loads(pickle.dumps(rows))[:], rows[:])
        model = tekio.AutoModelForMaskedLM.from_pretrained(support.MODEL, threads=1)
        for value, said in ((model, "a model does not pickle"), (texts, "a dataset of files does not pickle"),
                            (tekio.chunk(texts, tokenizer, chunk_size=8), "chunks do not pickle")):  # fmt: skip
            with self.assertRaisesRegex(tekio.UsageError, said):
                pickle.dumps(value)

    def test_the_program_is_in_it(self):
        from tekio import program

        try:
            found = program.path()
        except tekio.FileError as error:
            self.skipTest(str(error))
        with unittest.mock.patch.dict(os.environ):
            os.environ.pop("LD_PRELOAD", None)  # a sanitizer's runtime, which the program has itself
            said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
            self.assertIn(tekio.__version__, said)
            with self.assertRaisesRegex(tekio.UsageError, "nothing-of-that-name"):
                tekio.bench("nothing-of-that-name")

    def test_bench_measures_and_its_errors_are_those_of_other_calls(self):
        from tekio import program

        try:
            program.path()
        except tekio.FileError as error:
            self.skipTest(str(error))
        with tempfile.TemporaryDirectory() as folder, unittest.mock.patch.dict(os.environ):
            os.environ.pop("LD_PRELOAD", None)
            text = os.path.join(folder, os.fsdecode(b"\xff--model.txt"))
            with open(text, "w") as file:
                file.write("a b c d e f g h\n" * 1000)
            for what in ("tokenize", "data"):
                self.assertEqual(tekio.bench(what, text, model=support.MODEL, repeats=1, threads=1)["what"], what)
            step = tekio.bench("step", model=support.MODEL, max_steps=1, chunk_size=8, per_device_train_batch_size=1, threads=1)
            self.assertEqual(step["what"], "step")
            nothing = os.path.join(folder, "nothing--model")
            for action, kind, said, filename in (
                (lambda: tekio.bench("step", max_steps=0), tekio.UsageError, "max_steps is '0', expected an integer", None),
                (lambda: tekio.bench("step", frob=1), tekio.UsageError, "unknown option frob", None),
                (lambda: tekio.bench("step", model="a\ud800"), tekio.UsageError, "model is no path: character 1 of it is half", None),
                (lambda: tekio.bench("step", frob="\ud800"), tekio.UsageError, "frob is no Unicode: character 0 of it is half", None),
                (lambda: tekio.bench("fill", "a\ud800"), tekio.UsageError, "input 0 is no Unicode", None),
                (lambda: tekio.bench("tokenize", "a\0"), tekio.UsageError, "input 0 is no path: character 1 of it is NUL", None),
                (lambda: tekio.bench("step", help=True), tekio.UsageError, "bench() has no argument 'help'", None),
                (lambda: tekio.bench("tokenize"), tekio.UsageError, "needs a file", None),
                (lambda: tekio.bench("fill", model=nothing), FileNotFoundError, nothing, nothing),
                (lambda: tekio.bench("data", nothing, model=support.MODEL), FileNotFoundError, nothing, nothing),
                (lambda: tekio.bench("step", model="org/nothing", offline=True), FileNotFoundError, "no request is made (offline", None),
                (lambda: tekio.bench("step", model=folder), tekio.InputError, "has no config.json", None),
            ):
                with self.subTest(said), self.assertRaises(kind) as caught:
                    action()
                self.assertIn(said, str(caught.exception))
                self.assertEqual(getattr(caught.exception, "filename", None), filename)
                self.assertIsInstance(caught.exception, tekio.Error)
            with unittest.mock.patch.dict(os.environ, {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0", "HF_HOME": folder}), self.assertRaises(tekio.FileError) as caught:
                tekio.bench("step", model="org/nothing")
            self.assertNotIsInstance(caught.exception, FileNotFoundError)

    def test_several_threads_use_one_model(self):
        fill = tekio.pipeline("fill-mask", model=support.MODEL)
        expected = fill("this is a great [MASK].")
        answers = [None] * 4

        def ask(i):
            answers[i] = fill("this is a great [MASK].")

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(answers, [expected] * 4)

    def test_the_extension_is_there_once(self):
        code = "import sys, tekio; tekio.AutoTokenizer\nfor name in [m for m in sys.modules if m.startswith('tekio')]: del sys.modules[name]\n"
        code += "import tekio\ntry: tekio.AutoTokenizer\nexcept ImportError as error: print(error)"
        self.assertIn("cannot be imported anew", support.run_python(code))

    def test_a_subinterpreter_is_refused_and_the_main_one_goes_on(self):
        inner = "try: import tekio; tekio.AutoTokenizer\nexcept ImportError as error: print(error, flush=True)\nelse: print('imported')"
        code = (
            "try: import _interpreters as interpreters\n"
            "except ImportError: import _xxsubinterpreters as interpreters\n"
            "other = interpreters.create()\n"
            f"interpreters.run_string(other, {inner!r})\n"
            "interpreters.destroy(other)\n"
            f"import tekio\nprint(len(tekio.AutoTokenizer.from_pretrained({support.MODEL!r})('a b')['input_ids']))\n"
        )
        said = support.run_python(code).splitlines()
        self.assertRegex(said[0], "cannot be imported in a subinterpreter|does not support loading in subinterpreters")
        self.assertEqual(said[1:], ["4"])

    def test_two_threads_may_have_different_caches(self):
        """offline and cache_dir are a call's own."""
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
            said = {one: set(), other: set()}

            def ask(cache):
                for open_it in (tekio.AutoTokenizer.from_pretrained, tekio.AutoModelForMaskedLM.from_pretrained, tekio.load_dataset) * 50:
                    try:
                        open_it("org/nothing", local_files_only=True, cache_dir=cache)
                    except tekio.FileError as error:
                        said[cache].add(str(error).partition("(")[2].partition(")")[0])
                    try:
                        tekio.adapt(support.MODEL, "org/nothing", offline=True, cache_dir=cache)
                    except tekio.FileError as error:
                        said[cache].add(str(error).partition("(")[2].partition(")")[0])

            threads = [threading.Thread(target=ask, args=(cache,)) for cache in (one, other)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(said, {one: {one}, other: {other}})

    def test_what_was_opened_keeps_where_it_is_from(self):
        """revision, local_files_only and cache_dir of a call hold for what is made of its tokenizer or model: copies, also in another
        process, collators, pipelines."""
        commit = "0123456789abcdef0123456789abcdef01234567"
        with tempfile.TemporaryDirectory() as cache:
            repository = pathlib.Path(cache, "models--org--tiny")
            shutil.copytree(support.MODEL, repository / "snapshots" / commit)
            (repository / "refs").mkdir()
            (repository / "refs" / "v2").write_text(commit)
            hub = {"revision": "v2", "local_files_only": True, "cache_dir": pathlib.Path(cache)}
            tokenizer = tekio.AutoTokenizer.from_pretrained("org/tiny", **hub)
            model = tekio.AutoModelForMaskedLM.from_pretrained("org/tiny", threads=1, **hub)
            for fill in (tekio.pipeline("fill-mask", model), tekio.pipeline("fill-mask", model, local_files_only=True, cache_dir=cache)):
                self.assertEqual((fill.tokenizer.revision, fill.tokenizer("a b")["input_ids"]), ("v2", tokenizer("a b")["input_ids"]))
            collator = tekio.DataCollatorForLanguageModeling(tokenizer, seed=1)
            said = support.run_python(
                f"""
import pickle
collator = pickle.loads(pickle.loads({pickle.dumps(pickle.dumps(collator))!r}))
again = pickle.loads(pickle.dumps(pickle.loads({pickle.dumps(tokenizer)!r})))
print(collator.tokenizer.name_or_path, again.revision, again("a b")["input_ids"] == {tokenizer("a b")["input_ids"]})
""",
                more={"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0"},
            )
            self.assertEqual(said, "org/tiny v2 True\n")
            with tempfile.TemporaryDirectory() as other, self.assertRaisesRegex(tekio.FileError, other):
                tekio.pipeline("fill-mask", model, cache_dir=other)

    def test_a_hub_that_does_not_answer_is_no_missing_file(self):
        code = "import tekio\ntry: tekio.AutoTokenizer.from_pretrained('some/model')\nexcept tekio.FileError as error: print(type(error).__name__, error.errno, isinstance(error, FileNotFoundError), error)"
        with tempfile.TemporaryDirectory() as home:
            said = support.run_python(code, more={"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": home, "HF_HUB_OFFLINE": "0"})
        self.assertTrue(said.startswith("FileError None False"), said)

    def test_a_forked_process_is_told_to_open_its_own(self):
        fill = tekio.pipeline("fill-mask", model=support.MODEL)
        fill("a [MASK] film")
        context = multiprocessing.get_context("fork")
        queue = context.Queue()

        def child():
            try:
                fill("a [MASK] film")
            except tekio.UsageError as error:
                said = str(error)
            for forked in (fill.model.state_dict, lambda: fill.model.save_pretrained("/nonexistent/folder")):
                try:
                    forked()
                    said = "a model of the parent's was used"
                except tekio.UsageError:
                    pass
            fill.model = fill._inner = None  # what is left of the parent's: nobody waits for its threads
            own = tekio.pipeline("fill-mask", model=support.MODEL)
            queue.put((said, own("a [MASK] film"), own.tokenizer("a film")["input_ids"]))

        process = context.Process(target=child)
        process.start()
        said, answer, ids = queue.get(timeout=60)
        process.join()
        self.assertRegex(said, "forked after the model was opened.*open the model here")
        self.assertEqual(answer, fill("a [MASK] film"))
        self.assertEqual(ids, fill.tokenizer("a film")["input_ids"])

    def test_the_lock_is_free_while_it_computes(self):
        """Another thread goes on while a model computes."""
        if (os.cpu_count() or 1) < 2:
            self.skipTest("one processor: nothing goes on beside anything")
        fill = tekio.pipeline("fill-mask", model=support.MODEL)
        done, counted = threading.Event(), [0]

        def count():
            while not done.is_set():
                counted[0] += 1

        thread = threading.Thread(target=count)
        thread.start()
        fill(["this is a great [MASK]."] * 300)
        done.set()
        thread.join()
        self.assertGreater(counted[0], 0)


if __name__ == "__main__":
    unittest.main()
