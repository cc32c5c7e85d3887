"""Trainer, its arguments and callbacks, adapt()."""

import json
import math
import os
import pathlib
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import warnings

import support
from callback_recorder import ROWS, recorder

import tekio


def texts(count=400):
    words = [chr(97 + i % 26) + chr(97 + i * 7 % 26) for i in range(60)]
    return [" ".join(words[(row + 7 * i) % 60] for i in range(14)) for row in range(count)]


def arguments(folder, **more):
    options = {
        "output_dir": folder, "overwrite_output_dir": True, "eval_strategy": "epoch", "save_strategy": "epoch", "learning_rate": 1e-3,
        "per_device_train_batch_size": 8, "per_device_eval_batch_size": 8, "num_train_epochs": 2, "logging_steps": 2, "dropout": 0.1, "disable_tqdm": True,
    }  # fmt: skip
    return tekio.TrainingArguments(**{**options, **more})


def fresh_model():
    return tekio.AutoModelForMaskedLM.from_pretrained(support.MODEL, threads=1, dtype="float32")


class Arguments(unittest.TestCase):
    def test_defaults_are_the_references(self):
        args = tekio.TrainingArguments("run")
        expected = {
            "output_dir": "run", "learning_rate": 5e-5, "weight_decay": 0, "num_train_epochs": 3, "per_device_train_batch_size": 8,
            "per_device_eval_batch_size": 8, "eval_strategy": "no", "save_strategy": "steps", "save_steps": 500, "logging_steps": 500,
            "max_steps": -1, "seed": 42, "lr_scheduler_type": "linear", "warmup_steps": 0, "max_grad_norm": 1,
        }  # fmt: skip
        self.assertEqual({name: getattr(args, name) for name in expected}, expected)

    def test_a_wrong_one_is_named(self):
        for options, said in (
            ({"learning_rate": -1}, "learning_rate is '-1', expected a number >= 0"),
            ({"learning_rate": "fast"}, "learning_rate is 'fast', expected a number >= 0"),
            ({"learnin_rate": 1}, "there is no argument learnin_rate; did you mean learning_rate?"),
            ({"eval_strategy": "epochs"}, "eval_strategy is 'epochs', expected one of no, steps, epoch, did you mean epoch?"),
            (
                {"load_best_model_at_end": True},
                "load_best_model_at_end needs a checkpoint of every evaluation: eval_strategy and save_strategy must be the same",
            ),
            ({"fp16": True}, "fp16 true cannot be honoured: arithmetic is in f32 or bf16: dtype bf16"),
            ({"optim": "adafactor"}, "optim adafactor cannot be honoured: the optimiser is AdamW"),
            ({"num_train_epochs": 0}, "num_train_epochs is '0', expected a number > 0"),
        ):
            with self.subTest(options=options), self.assertRaises(tekio.UsageError) as caught:
                tekio.TrainingArguments("run", **options)
            self.assertIn(said, str(caught.exception))

    def test_what_notebooks_pass_is_taken(self):
        args = tekio.TrainingArguments(
            output_dir=pathlib.Path("run"), overwrite_output_dir=True, evaluation_strategy="epoch", push_to_hub=False, report_to="none",
            remove_unused_columns=False, dataloader_num_workers=2, fp16=False, logging_dir=None, warmup_ratio=0.1, prompts=["a [MASK]"]
        )  # fmt: skip
        self.assertEqual((args.output_dir, args.eval_strategy, args.prompts), ("run", "epoch", ["a [MASK]"]))
        args.learning_rate = 1e-4
        self.assertEqual(args.learning_rate, 1e-4)
        with self.assertRaises(tekio.UsageError):
            args.learning_rate = -1
        self.assertFalse(hasattr(args, "nothing_of_that_name"))

    def test_they_pickle_and_are_documented(self):
        args = tekio.TrainingArguments("run", learning_rate=1e-4, prompts=["a [MASK]"])
        again = pickle.loads(pickle.dumps(args))
        self.assertEqual(again, args)
        self.assertEqual(again.learning_rate, 1e-4)
        self.assertNotEqual(again, tekio.TrainingArguments("run"))
        self.assertIn("learning_rate: a number >= 0 (default 5e-05): the highest rate", tekio.TrainingArguments.__doc__)
        self.assertEqual(repr(args), "TrainingArguments(output_dir='run', learning_rate=0.0001, prompts=['a [MASK]'])")
        self.assertEqual(args.to_dict()["learning_rate"], 1e-4)


class Training(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tokenizer = tekio.AutoTokenizer.from_pretrained(support.MODEL)
        chunks = tekio.chunk(tekio.Dataset.from_texts(texts()), cls.tokenizer, 16, use_cache=False)
        cls.split = chunks.train_test_split(train_size=40, test_size=12, seed=42)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.model = fresh_model()

    def trainer(self, args, model=None, split=None, **more):
        split = split or self.split
        options = {
            "model": model or self.model, "args": args, "train_dataset": split["train"], "eval_dataset": split["test"],
            "data_collator": tekio.DataCollatorForLanguageModeling(tokenizer=self.tokenizer, mlm_probability=0.15),
            "processing_class": self.tokenizer,
        }  # fmt: skip
        return tekio.Trainer(**{**options, **more})

    def expect_same(self, *runs):
        files = [(self.folder / run / "model.safetensors").read_bytes() for run in runs]
        self.assertTrue(all(file == files[0] for file in files), "the models differ")

    def test_it_gives_what_the_reference_gives(self):
        trainer = self.trainer(arguments(self.folder / "run"))
        before = trainer.evaluate()
        self.assertLessEqual({"eval_loss", "eval_runtime", "eval_samples_per_second", "eval_steps_per_second"}, set(before))
        self.assertNotIn("epoch", before)
        output = trainer.train()
        self.assertEqual((output.global_step, output[1]), (10, output.training_loss))
        self.assertLessEqual({"train_loss", "train_runtime", "train_samples_per_second", "train_steps_per_second", "epoch"}, set(output.metrics))
        self.assertEqual(output.metrics["train_loss"], output.training_loss)
        after = trainer.evaluate()
        self.assertLess(after["eval_loss"], before["eval_loss"])
        self.assertEqual(after["epoch"], 2)
        self.assertGreater(math.exp(after["eval_loss"]), 1)
        state = json.loads((self.folder / "run" / "trainer_state.json").read_text())
        history = trainer.state.log_history
        self.assertEqual(history[:-1], state["log_history"])
        self.assertEqual(history[-1]["eval_loss"], after["eval_loss"])
        self.assertEqual((trainer.state.global_step, trainer.state.max_steps), (10, 10))
        trainer.save_model(self.folder / "saved")
        opened = tekio.AutoModelForMaskedLM.from_pretrained(self.folder / "saved", threads=1, dtype="float32")
        self.assertEqual(self.trainer(arguments("other"), opened).evaluate()["eval_loss"], after["eval_loss"])

    def test_adapt_makes_the_same_model(self):
        self.trainer(arguments(self.folder / "run")).train()
        data = self.folder / "text.txt"
        data.write_text("\n".join(texts()) + "\n")
        report = tekio.adapt(
            support.MODEL, data, output_dir=self.folder / "adapted", chunk_size=16, train_size=40, test_size=12, learning_rate=1e-3,
            weight_decay=0, batch_size=8, num_train_epochs=2, logging_steps=2, dropout=0.1, no_cache=True, threads=1, dtype="f32",
            general_data="none", prompt=["ab [MASK]"]
        )  # fmt: skip
        self.assertLess(report["perplexity"]["after"], report["perplexity"]["before"])
        self.assertEqual((report["train"]["steps"], report["data"]["train_chunks"], len(report["prompts"][0]["after"])), (10, 40, 5))
        self.expect_same("run", "adapted")

    def test_callbacks_come_in_their_order(self):
        events, test = [], self

        class Noted:
            def __getattr__(self, name):
                if not name.startswith("on_"):
                    raise AttributeError(name)

                def note(args, state, control, model=None, processing_class=None, logs=None, metrics=None):
                    test.assertIs(model, test.model)
                    test.assertIs(processing_class, test.tokenizer)
                    test.assertEqual(metrics is not None, name == "on_evaluate")
                    events.append(name[3:] + (str(state.global_step) if name in ("on_step_end", "on_save", "on_evaluate") else ""))

                return note

            def __dir__(self):
                return ["on_step_end"]

        self.trainer(arguments(self.folder / "run", num_train_epochs=1, logging_steps=4), callbacks=[Noted()]).train()
        expected = "init_end train_begin epoch_begin step_begin step_end1 step_begin step_end2 step_begin step_end3 step_begin step_end4 log "
        expected += "step_begin step_end5 epoch_end log evaluate5 save5 log train_end"
        self.assertEqual(" ".join(events), expected)

    def test_callbacks_come_as_the_references_do(self):
        split = {"train": tekio.Dataset.from_list(ROWS[:20]), "test": tekio.Dataset.from_list(ROWS[20:])}

        def calls_of(case, run, wishes, resume):
            options = {"per_device_train_batch_size": 4, "per_device_eval_batch_size": 4, "disable_tqdm": True, "seed": 42, **case["arguments"]}
            callbacks = [recorder(tekio.TrainerCallback, wishes)]
            if "patience" in case:
                callbacks.append(tekio.EarlyStoppingCallback(case["patience"], early_stopping_threshold=100.0))
            trainer = self.trainer(tekio.TrainingArguments(run, **options), fresh_model(), split, callbacks=callbacks)
            trainer.train(resume_from_checkpoint=resume)
            trainer.evaluate()
            return callbacks[0].calls

        never = ("on_pre_optimizer_step", "on_optimizer_step", "on_substep_end", "on_prediction_step")
        for number, (name, case) in enumerate(json.loads((support.GOLDEN / "train" / "callbacks.json").read_text()).items()):
            with self.subTest(name):
                run = self.folder / str(number)
                calls = calls_of(case, run, case.get("wishes", []), None)
                if case.get("resumed"):
                    calls = calls_of(case, run, [], True)
                self.assertEqual(calls, [call for call in case["calls"] if not call.startswith(never)])

    def test_the_best_of_a_whole_run_is_known_when_it_is_resumed(self):
        class Stops(tekio.TrainerCallback):
            def on_epoch_end(self, args, state, control, **kwargs):
                control.should_training_stop = True

        # a model that stays as it is, on other masks each time, which are harder the second time
        options = {"load_best_model_at_end": True, "learning_rate": 1e-9, "eval_masking": "fresh", "seed": 1}
        self.trainer(arguments(self.folder / "run", **options), callbacks=[Stops]).train()
        best = self.folder / "run" / "checkpoint-5"
        left = json.loads((best / "trainer_state.json").read_text())
        self.assertEqual(left["best_model_checkpoint"], str(best))
        seen = []

        class Notes(tekio.TrainerCallback):
            def on_train_begin(self, args, state, control, **kwargs):
                seen.append((state.global_step, state.best_metric, state.best_model_checkpoint, len(state.log_history)))

            def on_save(self, args, state, control, **kwargs):
                seen.append((state.global_step, state.best_metric, state.best_model_checkpoint))

        again = self.trainer(arguments(self.folder / "run", **options), fresh_model(), callbacks=[Notes])
        again.train(resume_from_checkpoint=True)
        self.assertEqual(seen[0], (5, left["best_metric"], str(best), len(left["log_history"])))
        self.assertEqual(seen[1], (10, left["best_metric"], str(best)))
        self.assertGreater(again.state.log_history[-2]["eval_loss"], left["best_metric"])
        history = [entry["step"] for entry in again.state.log_history]
        self.assertEqual(history, [entry["step"] for entry in json.loads((self.folder / "run" / "trainer_state.json").read_text())["log_history"]])

    def test_a_callback_may_change_what_follows(self):
        class Changes(tekio.TrainerCallback):
            evaluated = []

            def on_step_end(self, args, state, control, **kwargs):
                control.should_evaluate = state.global_step == 3
                control.should_save = state.global_step == 2
                control.should_training_stop = state.global_step == 4

            def on_epoch_end(self, args, state, control, **kwargs):
                control.should_evaluate = control.should_save = False

            def on_evaluate(self, args, state, control, metrics, model, **kwargs):
                self.evaluated.append((state.global_step, model(input_ids=[[2, 5, 3]]).logits.shape[1]))

        output = self.trainer(arguments(self.folder / "run"), callbacks=[Changes]).train()
        self.assertEqual((output.global_step, Changes.evaluated), (4, [(3, 3)]))
        self.assertEqual([path.name for path in (self.folder / "run").glob("checkpoint-*")], ["checkpoint-2"])

    def test_callbacks_see_the_best_evaluation(self):
        seen, begun = [], []

        class Notes(tekio.TrainerCallback):
            def on_train_begin(self, args, state, control, **kwargs):
                begun.append((state.global_step, state.epoch, len(state.log_history)))

            def on_evaluate(self, args, state, control, metrics, **kwargs):
                seen.append((state.best_metric, metrics["eval_loss"]))

            def on_save(self, args, state, control, **kwargs):
                seen.append((state.best_metric, state.best_global_step, state.best_model_checkpoint))

        trainer = self.trainer(arguments(self.folder / "run", load_best_model_at_end=True), callbacks=[Notes])
        trainer.train()
        (none, first), best_then, (before, second), best_at_last = seen
        self.assertIsNone(none)
        self.assertEqual(best_then, (first, 5, str(self.folder / "run" / "checkpoint-5")))
        self.assertEqual(before, first)
        self.assertLess(second, first)
        self.assertEqual(best_at_last, (second, 10, str(self.folder / "run" / "checkpoint-10")))
        self.assertEqual((trainer.state.best_metric, trainer.state.best_global_step), (second, 10))
        trainer.train()
        self.assertIsNone(seen[4][0])  # another run
        self.assertEqual(begun, [(0, 0, 0)] * 2)

    def test_early_stopping(self):
        stops = tekio.EarlyStoppingCallback(early_stopping_patience=1, early_stopping_threshold=100)
        output = self.trainer(arguments(self.folder / "run", num_train_epochs=5), callbacks=[stops]).train()
        self.assertEqual(output.global_step, 10)  # the second evaluation is not better by 100

    def test_what_a_callback_raises_comes_out_and_the_model_is_free(self):
        class Raises:
            def on_step_end(self, args, state, control, **kwargs):
                raise KeyError("enough")

        with self.assertRaisesRegex(KeyError, "enough"):
            self.trainer(arguments(self.folder / "run"), callbacks=[Raises()]).train()
        self.assertEqual(self.model(input_ids=[[2, 5, 3]]).logits.shape[:2], (1, 3))

    def test_what_is_not_supported_is_refused_by_name(self):
        def masks(features):
            return features

        for more, said in (
            ({"compute_metrics": len}, "compute_metrics is not supported: logits are never kept"),
            ({"optimizers": (1, None)}, "optimizers is not supported"),
            ({"callbacks": [3]}, "has no method on_"),
            ({"data_collator": masks}, "data_collator is masks, but batches are made by the library"),
            ({"eval_dataset": None}, 'eval_strategy is "epoch", but there is no eval_dataset'),
            ({"model": "distilbert"}, "model is a str; expected a MaskedLM"),
            ({"args": arguments("run", bf16=True)}, 'dtype="bfloat16"'),
        ):
            with self.subTest(said), self.assertRaises(tekio.UsageError) as caught:
                self.trainer(**{"args": arguments(self.folder / "run"), **more})
            self.assertIn(said, str(caught.exception))

    def test_a_callback_that_is_never_called_is_told(self):
        class Steps(tekio.TrainerCallback):
            def on_optimizer_step(self, *_, **__):
                pass

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.trainer(arguments(self.folder / "run"), callbacks=[Steps()])
        self.assertRegex(str(caught[0].message), "Steps: on_optimizer_step is never called")

    def test_rows_of_ids_train_as_chunks_do(self):
        rows = {name: tekio.Dataset.from_list([{"input_ids": row["input_ids"]} for row in part]) for name, part in self.split.items()}
        self.trainer(arguments(self.folder / "rows", masking_rng="torch"), split=rows).train()
        self.trainer(arguments(self.folder / "chunks", masking_rng="torch"), fresh_model()).train()
        self.expect_same("rows", "chunks")
        masked = tekio.Dataset.from_list([{"input_ids": [2, 5, 3], "labels": [-100, 5, -100]}])
        with self.assertRaisesRegex(tekio.UsageError, "eval_dataset is masked already"):
            self.trainer(arguments(self.folder / "run")).evaluate(masked)

    def test_words_are_masked_in_rows_with_word_ids(self):
        collator = tekio.DataCollatorForWholeWordMask(tokenizer=self.tokenizer, mlm_probability=0.2)
        names = ["input_ids", "word_ids"]
        rows = {name: tekio.Dataset.from_list([{key: row[key] for key in names} for row in part]) for name, part in self.split.items()}
        self.trainer(arguments(self.folder / "rows", masking_rng="torch"), split=rows, data_collator=collator).train()
        self.trainer(arguments(self.folder / "chunks", masking_rng="torch"), fresh_model(), data_collator=collator).train()
        self.expect_same("rows", "chunks")
        bare = {name: part.remove_columns(["word_ids"]) for name, part in rows.items()}
        with self.assertRaisesRegex(tekio.UsageError, "train_dataset has no column word_ids"):
            self.trainer(arguments(self.folder / "run"), split=bare, data_collator=collator).train()

    def test_a_run_that_is_there_is_not_replaced_unasked(self):
        self.trainer(arguments(self.folder / "run")).train()
        with self.assertRaisesRegex(tekio.UsageError, "holds a finished run; .* pass overwrite_output_dir to replace it"):
            self.trainer(arguments(self.folder / "run", overwrite_output_dir=False)).train()

    def test_only_evaluations_of_training_are_in_its_history(self):
        for name, options, wanted in (("fresh", {"eval_masking": "fresh"}, 2), ("no", {"eval_strategy": "no"}, 0)):
            trainer = self.trainer(arguments(self.folder / name, **options))
            trainer.train()
            self.assertEqual(sum("eval_loss" in entry for entry in trainer.state.log_history), wanted)
            self.assertIn("train_loss", trainer.state.log_history[-1])

    def test_there_must_be_a_checkpoint_to_resume_from(self):
        with self.assertRaisesRegex(tekio.UsageError, "there is no checkpoint in output_dir"):
            self.trainer(arguments(self.folder / "run")).train(resume_from_checkpoint=True)

    def test_what_is_resumed_from_is_a_folder_or_true(self):
        with self.assertRaisesRegex(tekio.UsageError, "resume_from_checkpoint is 5; expected True, or a checkpoint's folder"):
            self.trainer(arguments(self.folder / "run")).train(resume_from_checkpoint=5)

    def test_a_model_that_is_trained_is_not_changed_otherwise(self):
        trainer, test, said = self.trainer, self, []

        class Meddles(tekio.TrainerCallback):
            def on_step_end(self, args, state, control, model, **kwargs):
                for action in (lambda: model.resize_token_embeddings(9000), trainer(arguments(test.folder / "other"), model).train):
                    try:
                        action()
                    except tekio.UsageError as error:
                        said.append(str(error))
                control.should_training_stop = True

        self.assertEqual(self.trainer(arguments(self.folder / "run"), callbacks=[Meddles]).train().global_step, 1)
        self.assertRegex(said[0], "the model cannot be resized while it is trained or resized, .* wait for its end, or open another")
        self.assertRegex(said[1], "the model cannot be trained while it is trained or resized")
        self.trainer(arguments(self.folder / "run")).train()  # it is free again

    def test_ctrl_c_saves_and_the_run_goes_on(self):
        main = threading.get_ident()

        class Interrupts:
            def on_step_end(self, args, state, control, **kwargs):
                if state.global_step == 3:
                    time.sleep(0.06)  # signals are looked for no more often than that
                    signal.pthread_kill(main, signal.SIGINT)

        interrupted = self.trainer(arguments(self.folder / "run"), callbacks=[Interrupts()])
        with self.assertRaises(KeyboardInterrupt):
            interrupted.train()
        self.assertFalse((self.folder / "run" / "model.safetensors").exists())
        checkpoints = [path.name for path in (self.folder / "run").glob("checkpoint-*")]
        self.assertEqual(checkpoints, [f"checkpoint-{interrupted.state.global_step}"])
        newer = self.folder / "run" / "checkpoint-9"  # begun, and never whole: the one before is gone on from
        newer.mkdir()
        (newer / "trainer_state.json").write_text("[")
        again = self.trainer(arguments(self.folder / "run"), fresh_model())  # overwrite_output_dir: what is resumed stays
        self.assertEqual(again.train(resume_from_checkpoint=True).global_step, 10)
        self.trainer(arguments(self.folder / "whole"), fresh_model()).train()
        self.expect_same("run", "whole")

    def test_a_wish_to_end_the_program_saves_a_checkpoint(self):
        """As a handler of SIGTERM raises it, wherever it is met."""

        class Ends:
            def on_step_end(self, args, state, control, **kwargs):
                if state.global_step == 3:
                    sys.exit(7)

        ended = self.trainer(arguments(self.folder / "run"), callbacks=[Ends()])
        with self.assertRaises(SystemExit) as caught:
            ended.train()
        self.assertEqual(caught.exception.code, 7)
        self.assertEqual([path.name for path in (self.folder / "run").glob("checkpoint-*")], ["checkpoint-3"])

    def test_two_threads_train_two_models_at_once_and_python_goes_on(self):
        made, ticks = {}, 0

        def train(name):
            made[name] = self.trainer(arguments(self.folder / name), fresh_model()).train()

        threads = [threading.Thread(target=train, args=(name,)) for name in ("one", "two")]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            ticks += 1
            time.sleep(0.001)
        self.assertGreater(ticks, 3)
        self.assertEqual(made["one"].training_loss, made["two"].training_loss)
        self.expect_same("one", "two")

    def test_adapt_says_what_is_wrong(self):
        for options, kind, said in (
            ({"data": "nowhere.txt"}, "io", "nowhere.txt"),
            ({"learnin_rate": 1}, "usage", "learnin_rate"),
            ({"learning_rate": -1}, "usage", "learning_rate is '-1', expected a number >= 0"),
            ({"help": True}, "usage", "adapt() has no argument 'help'"),
            ({"version": True}, "usage", "adapt() has no argument 'version'"),
        ):
            with self.subTest(said), self.assertRaises(tekio.Error) as caught:
                tekio.adapt(support.MODEL, **options)
            self.assertEqual(caught.exception.kind, kind)
            self.assertIn(said, str(caught.exception))
            self.assertNotIn(" --", str(caught.exception).replace("tekio adapt --help", ""))
        with self.assertRaisesRegex(tekio.UsageError, "model is a MaskedLM"):
            tekio.adapt(self.model)

    def test_adapt_leaves_the_environment_as_it_was(self):
        names = ("TEKIO_SHARE", "HF_HUB_OFFLINE", "HF_HUB_CACHE")
        program = (
            f"import os, subprocess, sys; sys.path[:0] = {sys.path!r}\n"
            "import tekio\n"
            f"try: tekio.adapt({support.MODEL!r}, 'nowhere.txt', offline=True, cache_dir='there')\n"
            "except tekio.Error: pass\n"
            f"print([name for name in {names!r} if name in os.environ], subprocess.run('env', capture_output=True, text=True).stdout)\n"
        )
        environment = {name: value for name, value in os.environ.items() if name not in names}
        said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment).stdout
        self.assertTrue(said.startswith("[] "), said)
        for name in names:
            self.assertNotIn(name, said)

    def test_ctrl_c_ends_adapt_after_its_checkpoint(self):
        data = self.folder / "text.txt"
        data.write_text("\n".join(texts()) + "\n")
        program = (
            f"import sys; sys.path[:0] = {sys.path!r}\n"
            "import tekio\n"
            f"tekio.adapt({support.MODEL!r}, {str(data)!r}, output_dir={str(self.folder / 'run')!r}, chunk_size=16, max_steps=1000000,"
            " eval_strategy='no', save_strategy='no', general_data='none', no_cache=True, threads=1)\n"
        )
        child = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, env=dict(os.environ))
        self.addCleanup(child.kill)
        metrics = self.folder / "run" / "metrics.jsonl"
        while child.poll() is None and not (metrics.exists() and metrics.stat().st_size > 500):
            time.sleep(0.005)
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=60)
        self.assertIn(b"KeyboardInterrupt", said)
        self.assertTrue(list((self.folder / "run").glob("checkpoint-*")))


if __name__ == "__main__":
    unittest.main()
