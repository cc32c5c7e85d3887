"""What errors are to Python (the table in docs/python.md), what their sentences call things, and names of files and texts that are no
Unicode."""

import errno
import os
import pathlib
import pickle
import shutil
import tempfile
import unittest

import support

import tekio

ODD = os.fsdecode(b"odd-\xff--seed\n")  # a name that the system has and Unicode has not
HALF = "half \ud83d"  # of a pair of UTF-16: in no file's name either

BYTE = "a \udcff"  # what no UTF-8 is, in a file's name: in no text


class InFolder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tokenizer = tekio.AutoTokenizer.from_pretrained(support.MODEL)
        cls.model = tekio.AutoModelForMaskedLM.from_pretrained(support.MODEL, threads=1)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, name, content=b"a b c d e f g h\n" * 40):
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    def model_without(self, *names, **changed):
        folder = self.folder / "-".join(["model", *names, *changed])
        shutil.copytree(support.MODEL, folder)
        for name in names:
            (folder / name).unlink()
        for name, content in changed.items():
            (folder / name.replace("_json", ".json")).write_bytes(content)
        return str(folder)

    def trainer(self, output_dir, **options):
        chunks = tekio.chunk(["a b c d e f g h " * 40], self.tokenizer, 16)
        args = tekio.TrainingArguments(output_dir, max_steps=2, disable_tqdm=True, **options)
        return tekio.Trainer(model=self.model, args=args, train_dataset=chunks, processing_class=self.tokenizer)


class Kinds(InFolder):
    """What is named and is not there is an OSError, what is there and is wrong a ValueError."""

    def raised(self, action):
        with self.assertRaises(tekio.Error) as caught:
            action()
        return caught.exception

    def test_what_is_not_there(self):
        nothing, file = str(self.folder / "nothing"), self.write("file.txt")
        for named, action in (
            (nothing, lambda: tekio.AutoModelForMaskedLM.from_pretrained(nothing)),
            (nothing, lambda: tekio.AutoTokenizer.from_pretrained(nothing)),
            (nothing, lambda: tekio.AutoModelForMaskedLM.from_config(nothing)),
            (nothing, lambda: tekio.pipeline("fill-mask", nothing)),
            (nothing, lambda: tekio.load_dataset(nothing)),
            (nothing + "*", lambda: tekio.load_dataset(nothing + "*")),
            (nothing, lambda: tekio.load_dataset("json", data_files=nothing)),
            (nothing, lambda: self.trainer(str(self.folder / "run")).train(resume_from_checkpoint=nothing)),
            (nothing, lambda: tekio.adapt(nothing, file)),
            (nothing, lambda: tekio.adapt(support.MODEL, nothing)),
        ):
            error = self.raised(action)
            self.assertIsInstance(error, FileNotFoundError)
            self.assertEqual((error.kind, error.errno, error.strerror, error.filename), ("io", errno.ENOENT, os.strerror(errno.ENOENT), named))
        for error in (
            self.raised(lambda: tekio.AutoModelForMaskedLM.from_pretrained("org/nothing", local_files_only=True)),
            self.raised(lambda: tekio.AutoTokenizer.from_pretrained("org/nothing", local_files_only=True)),
            self.raised(lambda: tekio.load_dataset("org/nothing", local_files_only=True)),
        ):
            self.assertIsInstance(error, FileNotFoundError)
            self.assertEqual((error.errno, error.filename), (errno.ENOENT, None))

    def test_what_is_something_else(self):
        file = self.write("file.txt")
        for action in (
            lambda: tekio.AutoModelForMaskedLM.from_pretrained(file),
            lambda: tekio.AutoTokenizer.from_pretrained(file),
            lambda: self.model.save_pretrained(file + "/under"),
            lambda: self.tokenizer.save_pretrained(file + "/under"),
            lambda: self.trainer(str(self.folder / "run")).train(resume_from_checkpoint=file),
        ):
            error = self.raised(action)
            self.assertIsInstance(error, NotADirectoryError)
            self.assertTrue(error.filename.startswith(file), error.filename)
            again = pickle.loads(pickle.dumps(error))
            self.assertEqual((str(again), again.filename, again.strerror), (str(error), error.filename, error.strerror))

    def test_what_is_there_and_wrong(self):
        (self.folder / "empty").mkdir()
        empty = str(self.folder / "empty")
        for said, action in (
            ("has no config.json", lambda: tekio.AutoModelForMaskedLM.from_pretrained(self.model_without("config.json"))),
            ("has no config.json", lambda: tekio.AutoModelForMaskedLM.from_pretrained(empty)),
            ("has no config.json", lambda: tekio.AutoModelForMaskedLM.from_config(empty)),
            ("no weights", lambda: tekio.AutoModelForMaskedLM.from_pretrained(self.model_without("model.safetensors"))),
            ("neither tokenizer.json", lambda: tekio.AutoTokenizer.from_pretrained(empty)),
            ("not valid JSON", lambda: tekio.AutoModelForMaskedLM.from_pretrained(self.model_without(config_json=b"{"))),
            ("not valid JSON", lambda: tekio.AutoTokenizer.from_pretrained(self.model_without(tokenizer_json=b"{"))),
            ("empty", lambda: tekio.load_dataset(empty)),
            ("no file of text", lambda: tekio.load_dataset(self.write("a.pdf"))),
            ("no split", lambda: tekio.load_dataset(self.write("a.txt"), split="test")),
            ("column", lambda: tekio.chunk(tekio.load_dataset(self.write("a.csv", b"a,b\n1,2\n"), text_column="c")["train"], self.tokenizer)),
            ("no text", lambda: tekio.chunk(tekio.load_dataset(self.write("blank.txt", b"\n"))["train"], self.tokenizer)),
            ("JSON", lambda: tekio.load_dataset(self.write("a.jsonl", b"{\n"))["train"][0]),
            ("UTF-8", lambda: tekio.load_dataset(self.write("b.txt", b"ab\xffcd\n"))["train"][0]),
            ("no [MASK]", lambda: tekio.pipeline("fill-mask", self.model, self.tokenizer)("abc")),
            ("outside the model's vocabulary", lambda: self.model(input_ids=[[10**6]])),
            ("is no checkpoint", lambda: self.trainer(str(self.folder / "run")).train(resume_from_checkpoint=empty)),
        ):
            with self.subTest(said):
                error = self.raised(action)
                self.assertIsInstance(error, tekio.InputError, error)
                self.assertIsInstance(error, ValueError)
                self.assertEqual(error.kind, "input")
                self.assertIn(said, str(error))

    def test_what_is_asked_for_wrongly(self):
        run = self.write("run")
        for action in (
            lambda: tekio.TrainingArguments("run", learning_rate=-1),
            lambda: tekio.adapt(support.MODEL, self.write("a.txt"), learning_rat=1),
            lambda: self.trainer(run).train(),
            lambda: self.trainer(str(self.folder / "new")).train(resume_from_checkpoint=True),
            lambda: tekio.adapt(self.write("a.txt"), self.write("a.txt")),
        ):
            error = self.raised(action)
            self.assertIsInstance(error, tekio.UsageError, error)
            self.assertIsInstance(error, ValueError)
            self.assertEqual(error.kind, "usage")


class Advice(InFolder):
    """Sentences name options as Python calls them, and what the user wrote as he wrote it."""

    def test_options_have_pythons_names(self):
        table = self.write("table.csv", b"this is a long sentence of words\nthis is another one of these sentences\n")
        columns = self.write("columns.csv", b"a,b\none x,two y\n")
        for program, names in (
            (f"tekio.chunk(tekio.load_dataset({table!r})['train'], tokenizer, 4)", "header=False"),
            (f"tekio.chunk(tekio.load_dataset({columns!r})['train'], tokenizer)", "text_column"),
            ("tekio.chunk(['a b c'], tokenizer, 2)", "use_cache=False"),
            ("tekio.AutoTokenizer.from_pretrained('org/nothing', local_files_only=True)", "local_files_only=True or HF_HUB_OFFLINE"),
        ):
            with self.subTest(names):
                said = support.run_python(
                    f"""
import logging, sys, tekio
logging.basicConfig(format="%(message)s", stream=sys.stdout)
tokenizer = tekio.AutoTokenizer.from_pretrained({support.MODEL!r})
try: {program}
except tekio.Error as error: print(error)
""",
                    more={"TEKIO_CACHE": "/dev/null/cache"},
                )
                self.assertIn(names, said)
                self.assertNotIn("--", said)
                self.assertNotIn("text_column_name", said)

    def test_what_the_user_wrote_stays(self):
        for action, said in (
            (lambda: tekio.adapt(support.MODEL, str(self.folder / "a --data file.txt")), "a --data file.txt"),
            (lambda: tekio.adapt(support.MODEL, "x", learning_rate="--seed"), "learning_rate is '--seed', expected a number"),
            (lambda: tekio.adapt(support.MODEL, "x", lr_scheduler_type=" --help"), "lr_scheduler_type is ' --help', expected one of"),
            (lambda: tekio.adapt(support.MODEL, "x", train_size=5, validation_file="--v"), "train_size contradicts validation_file"),
            (lambda: tekio.adapt(support.MODEL, "x", optim=" --seed"), "optim  --seed cannot be honoured: the optimiser is AdamW"),
            (lambda: tekio.adapt(support.MODEL, "x", fp16=True), "fp16 true cannot be honoured: arithmetic is in f32 or bf16: dtype bf16"),
            (lambda: tekio.adapt(support.MODEL, "x", learnin_rate=1), "unknown option learnin_rate, did you mean learning_rate?"),
            (lambda: tekio.adapt("org/nothing", "x", offline=True), "fetch it with 'tekio pull org/nothing' where"),
            (lambda: tekio.adapt(support.MODEL, "org/nothing", offline=True), "tekio pull org/nothing --repo_type dataset"),
            (lambda: tekio.TrainingArguments("run", eval_strategy=" --x"), "eval_strategy is ' --x', expected one of"),
        ):
            with self.subTest(said), self.assertRaises(tekio.Error) as caught:
                action()
            self.assertIn(said, str(caught.exception))

    def test_adapt_takes_the_names_of_the_other_calls(self):
        table = self.write("table.csv", b"a b c d e f g h,x\n" * 300)
        plan = tekio.adapt(
            support.MODEL, table, output_dir=str(self.folder / "run"), header=False, text_column="column0", use_cache=False, local_files_only=True, prompts=["a [MASK]"],
            name=None, chunk_size=16, max_steps=1, general_data="none", threads=1
        )  # fmt: skip
        self.assertEqual(plan["prompts"][0]["text"], "a [MASK]")
        with open(self.folder / "run" / "options.toml") as file:
            recorded = file.read()
        for option in ('text_column_name = "column0"', "no_header = true", "no_cache = true", "offline = true"):
            self.assertIn(option, recorded)


    def test_adapt_turns_no_value_into_its_contrary(self):
        for options, said in (
            ({"header": 3}, "header is 3; expected True or False"),
            ({"header": "no"}, "header is 'no'; expected True or False"),
            ({"use_cache": "no"}, "use_cache is 'no'; expected True or False"),
            ({"local_files_only": 0}, "local_files_only is 0; expected True or False"),
            ({"text_column": "a", "text_column_name": "b"}, "text_column and text_column_name are two names of one option; pass one of them"),
            ({"header": False, "no_header": False}, "header and no_header are two names of one option; pass one of them"),
            ({"prompts": ["a"], "prompt": ["b"]}, "prompts and prompt are two names of one option; pass one of them"),
            ({"no_cache": True, "no-cache": False}, "no_cache and no-cache are two names of one option; pass one of them"),
        ):
            with self.subTest(said), self.assertRaises(tekio.UsageError) as caught:
                tekio.adapt(support.MODEL, "x", **options)
            self.assertEqual(str(caught.exception), said)
        for open_it in (tekio.AutoTokenizer.from_pretrained, tekio.AutoModelForMaskedLM.from_pretrained, tekio.load_dataset):
            with self.assertRaisesRegex(tekio.UsageError, "local_files_only is 'maybe'; expected True or False"):
                open_it(support.MODEL, local_files_only="maybe")
        table = self.write("table.csv", b"a b c d e f g h,x\n" * 300)
        tekio.adapt(
            support.MODEL, table, output_dir=str(self.folder / "run"), header="false", text_column="column0", use_cache="False", local_files_only="false",
            chunk_size=16, max_steps=1, general_data="none", threads=1
        )  # fmt: skip
        recorded = (self.folder / "run" / "options.toml").read_text()
        for option in ("no_header = true", "no_cache = true", "offline = false"):
            self.assertIn(option, recorded)


class OddNames(InFolder):
    def test_every_name_that_the_system_has_works(self):
        folder = self.folder / ODD
        shutil.copytree(support.MODEL, folder)
        (folder / "texts").mkdir()
        text = folder / "texts" / (ODD + ".txt")
        text.write_text("a b c d e f g h\n" * 300)
        model = tekio.AutoModelForMaskedLM.from_pretrained(folder, threads=1)
        tokenizer = tekio.AutoTokenizer.from_pretrained(str(folder))
        tekio.AutoModelForMaskedLM.from_config(folder, threads=1)
        pickle.loads(pickle.dumps(tokenizer))
        model.save_pretrained(folder / "model")
        tokenizer.save_pretrained(folder / "model")
        tekio.pipeline("fill-mask", str(folder / "model"))("a [MASK]")
        for rows in (tekio.load_dataset(str(text)), tekio.load_dataset("text", data_files=[text]), tekio.load_dataset(str(folder / "texts"))):
            self.assertEqual(rows["train"][0], {"text": "a b c d e f g h"})
        chunks = tekio.chunk(rows["train"], tokenizer, 16)
        args = tekio.TrainingArguments(folder / "run", max_steps=2, save_strategy="steps", save_steps=1, disable_tqdm=True)
        self.assertEqual(args.output_dir, str(folder / "run"))
        self.assertEqual(pickle.loads(pickle.dumps(args)).output_dir, args.output_dir)
        saved = []

        class Keeps(tekio.TrainerCallback):
            def on_save(self, *_, **__):
                saved.append(True)

        trainer = tekio.Trainer(model=model, args=args, train_dataset=chunks, processing_class=tokenizer, callbacks=[Keeps()])
        self.assertEqual(trainer.train().global_step, 2)
        self.assertTrue(saved)
        trainer.save_model(folder / "saved")
        args.max_steps = 3
        self.assertEqual(trainer.train(resume_from_checkpoint=str(folder / "run" / "checkpoint-2")).global_step, 3)
        report = tekio.adapt(folder, text, output_dir=folder / "adapted", chunk_size=16, max_steps=1, general_data="none", threads=1)
        self.assertGreater(report["perplexity"]["before"], 1)
        self.assertTrue((folder / "adapted" / "model.safetensors").exists())
        with self.assertRaises(tekio.FileError) as caught:
            tekio.load_dataset(str(folder / "nothing"))
        self.assertEqual(caught.exception.filename, str(folder / "nothing"))
        with tempfile.TemporaryDirectory() as cache, self.assertRaisesRegex(tekio.FileError, "no request is made"):
            tekio.AutoTokenizer.from_pretrained("org/nothing", local_files_only=True, cache_dir=os.path.join(cache, ODD))

    def test_names_come_back_as_they_were_given(self):
        """Also those that JSON and TOML do not hold."""
        folder = os.path.join(self.folder, ODD)
        report = tekio.adapt(support.MODEL, self.write("a.txt", b"a b c d e f g h\n" * 300), output_dir=folder, prompts=["a \0 [MASK]"], chunk_size=16, max_steps=1,
                             general_data="none", threads=1)  # fmt: skip
        self.assertEqual(report["run_dir"], folder)
        again = tekio.adapt(config=os.path.join(folder, "options.toml"), dump_config=True)
        self.assertEqual((again["chunk_size"], again["output_dir"], again["prompt"]), (16, None, ["a \0 [MASK]"]))
        self.assertEqual(tekio.adapt(output_dir=folder, dump_config=True)["output_dir"], folder)
        chunks = tekio.chunk(["a b c d e f g h " * 40], self.tokenizer, 16)
        args = tekio.TrainingArguments(
            os.path.join(self.folder, "run-" + ODD), max_steps=2, eval_strategy="steps", eval_steps=1, save_steps=1, load_best_model_at_end=True, disable_tqdm=True
        )
        trainer = tekio.Trainer(model=self.model, args=args, train_dataset=chunks, eval_dataset=chunks, processing_class=self.tokenizer)
        trainer.train()
        self.assertTrue(os.path.isdir(trainer.state.best_model_checkpoint), trainer.state.best_model_checkpoint)
        self.assertEqual(os.path.dirname(trainer.state.best_model_checkpoint), args.output_dir)

    def test_half_a_pair_in_a_text_or_path_is_told(self):
        tokenizer, model = self.tokenizer, self.model
        fill = tekio.pipeline("fill-mask", model, tokenizer)
        byte = "character 2 of it is half a pair of UTF-16, '\\udcff'"
        at = "character 5 of it is half a pair of UTF-16, '\\ud83d'"
        for action, said in (
            (lambda: tokenizer(HALF), f"text 0 is no Unicode: {at}"),
            (lambda: tokenizer(["a", HALF]), f"text 1 is no Unicode: {at}"),
            (lambda: tokenizer(["a", "b"], ["c", HALF]), f"text_pair 1 is no Unicode: {at}"),
            (lambda: tokenizer([["a"], ["b", HALF]], is_split_into_words=True), f"word 1 of text 1 is no Unicode: {at}"),
            (lambda: tokenizer.encode(HALF), f"text 0 is no Unicode: {at}"),
            (lambda: tokenizer.tokenize(HALF), f"text 0 is no Unicode: {at}"),
            (lambda: tokenizer.convert_tokens_to_ids(["a", HALF]), f"token 0 is no Unicode: {at}"),
            (lambda: fill(["a [MASK]", HALF + "[MASK]"]), f"text 1 is no Unicode: {at}"),
            (lambda: fill("a [MASK]", targets=["a", HALF]), f"target 1 is no Unicode: {at}"),
            (lambda: tekio.chunk(["a", HALF], tokenizer), f"row 1 is no Unicode: {at}"),
            (lambda: tekio.chunk([{"text": HALF}], tokenizer), f"row 0 is no Unicode: {at}"),
            (lambda: tekio.AutoModelForMaskedLM.from_pretrained(HALF), f"pretrained_model_name_or_path is no path: {at}"),
            (lambda: tekio.AutoTokenizer.from_pretrained("org/a", HALF), f"revision is no path: {at}"),
            (lambda: tekio.AutoTokenizer.from_pretrained("org/a", cache_dir=HALF), f"cache_dir is no path: {at}"),
            (lambda: tekio.AutoModelForMaskedLM.from_config(HALF), f"config is no path: {at}"),
            (lambda: model.save_pretrained(HALF), f"save_directory is no path: {at}"),
            (lambda: tokenizer.save_pretrained(HALF), f"save_directory is no path: {at}"),
            (lambda: tekio.load_dataset(HALF), f"path is no path: {at}"),
            (lambda: tekio.load_dataset("text", data_files=HALF), f"path is no path: {at}"),
            (lambda: tekio.load_dataset("a.csv", text_column=HALF), f"text_column is no Unicode: {at}"),
            (lambda: tekio.TrainingArguments(HALF), f"output_dir is no path: {at}"),
            (lambda: tekio.TrainingArguments("run", prompts=["a", HALF]), f"prompts is no Unicode: {at}"),
            (lambda: self.trainer("run").train(resume_from_checkpoint=HALF), f"resume_from_checkpoint is no path: {at}"),
            (lambda: tekio.adapt(support.MODEL, HALF), f"data is no path: {at}"),
            (lambda: tekio.load_dataset("a\0b"), "path is no path: character 1 of it is NUL"),
            (lambda: tekio.load_dataset("a.csv", column_names=["x", BYTE]), f"column_names is no Unicode: {byte}"),
            (lambda: tekio.load_dataset("a.csv", text_column=BYTE), f"text_column is no Unicode: {byte}"),
            (lambda: tekio.load_dataset("a.csv", BYTE), f"name is no Unicode: {byte}"),
            (lambda: tekio.load_dataset("a.csv", word_column=BYTE), f"word_column is no Unicode: {byte}"),
            (lambda: tekio.load_dataset("a.json", field=BYTE), f"field is no Unicode: {byte}"),
            (lambda: tekio.load_dataset("a.json", name=3), "name is 3; expected a text"),
            (lambda: tekio.TrainingArguments("run", prompts=[BYTE]), f"prompts is no Unicode: {byte}"),
            (lambda: tekio.TrainingArguments("run", hub_model_id=BYTE), f"hub_model_id is no Unicode: {byte}"),
            (lambda: tekio.TrainingArguments("run", **{BYTE: 1}), f"the name of an argument is no Unicode: {byte}"),
            (lambda: tekio.adapt(support.MODEL, "a", prompts=[BYTE]), f"prompts is no Unicode: {byte}"),
            (lambda: tekio.adapt(support.MODEL, "a", text_column=BYTE), f"text_column is no Unicode: {byte}"),
            (lambda: tekio.adapt(support.MODEL, "a", **{BYTE: 1}), f"the name of an argument is no Unicode: {byte}"),
            (lambda: tokenizer(BYTE), f"text 0 is no Unicode: {byte}"),
        ):
            with self.subTest(said), self.assertRaises(tekio.UsageError) as caught:
                action()
            self.assertIn(said, str(caught.exception))

    def test_no_path_has_a_nul_and_a_text_may(self):
        for action, name in (
            (lambda: tekio.TrainingArguments("a\0b"), "output_dir"),
            (lambda: tekio.TrainingArguments("run", logging_dir="a\0b"), "logging_dir"),
            (lambda: tekio.TrainingArguments("run", trace="a\0b"), "trace"),
            (lambda: tekio.adapt("a\0b", "a"), "model"),
            (lambda: tekio.adapt(support.MODEL, "a\0b"), "data"),
            (lambda: tekio.adapt(support.MODEL, "a", validation_file=["a", "a\0b"]), "validation_file"),
            (lambda: tekio.adapt(support.MODEL, "a", **{"cache-dir": "a\0b"}), "cache-dir"),
        ):
            with self.subTest(name), self.assertRaisesRegex(tekio.UsageError, f"^{name} is no path: character 1 of it is NUL$"):
                action()
        args = tekio.TrainingArguments("run", prompts=["a \0 [MASK]"])
        self.assertEqual(args.prompts, ["a \0 [MASK]"])
        self.assertEqual(pickle.loads(pickle.dumps(args)), args)
        rows = tekio.load_dataset(self.write("a.jsonl", b'{"x": "b\\u0000c"}\n'), word_column="x", word_separator="\0")["train"]
        chunks = tekio.chunk(rows, self.tokenizer, line_by_line=True, use_cache=False)
        self.assertEqual(set(chunks[0]["word_ids"]), {None, 0, 1})

    def test_every_name_of_an_option_that_names_files_is_one(self):
        """What the program's help calls a file or folder takes any name that the system has."""
        for name in ("output_dir", "logging_dir", "trace", "resume_from_checkpoint"):
            for given in (ODD, os.fsencode(ODD), pathlib.Path(ODD)):
                self.assertEqual(getattr(tekio.TrainingArguments(**{"output_dir": "run", name: given}), name), ODD)
        for name in ("tokenizer", "general_data", "train_file"):
            with self.assertRaisesRegex(tekio.FileError, "odd-"):
                tekio.adapt(support.MODEL, None if name == "train_file" else self.write("a.txt"), chunk_size=16, threads=1, **{name: ODD})

    def test_an_encoding_of_names_that_has_few_characters(self):
        """Texts are UTF-8 all the same, and paths are as the system has them."""
        said = support.run_python(
            """
import os, sys, tekio
assert sys.getfilesystemencoding() == "ascii"
umlaut = chr(252)
args = tekio.TrainingArguments(os.fsdecode(b"\\xc3\\xbc"), prompts=[umlaut + " [MASK]"], hub_model_id=umlaut)
print([ascii(args.prompts), ascii(args.hub_model_id), ascii(args.output_dir)])
for call in (lambda: tekio.TrainingArguments(umlaut), lambda: tekio.AutoTokenizer.from_pretrained(umlaut), lambda: tekio.adapt(data="a" + chr(0xD83D))):
    try: call()
    except tekio.UsageError as error: print(ascii(str(error)))
""",
            more={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        ).splitlines()
        self.assertEqual(said[0], str([ascii(["\xfc [MASK]"]), ascii("\xfc"), ascii("\udcc3\udcbc")]))
        at = "character 0 of it, '\\xfc', is not in the encoding that names of files have here (ascii, by LC_ALL or LANG)"
        self.assertEqual(said[1:3], [ascii(f"{name} is no path: {at.replace(chr(92) + 'xfc', chr(252))}") for name in ("output_dir", "pretrained_model_name_or_path")])
        self.assertIn("character 1 of it is half a pair of UTF-16", said[3])


if __name__ == "__main__":
    unittest.main()
