"""Trainer, with the names and returned shapes of Hugging Face transformers, and adapt(), the whole of it in one call."""

import json
import os
from collections.abc import Mapping
from typing import NamedTuple

from tekio import _places, _tekio
from tekio._bytes import checked, path_bytes, text_bytes
from tekio._options import texts_of, true_or_false
from tekio.arguments import OWN, TrainingArguments, set_option
from tekio.callbacks import CallbackList, TrainerControl, TrainerState
from tekio.collators import DataCollatorForLanguageModeling, DataCollatorForWholeWordMask
from tekio.data import Chunks, Dataset
from tekio.errors import UsageError
from tekio.loading import chunks_of, dataset_of
from tekio.model import MaskedLM
from tekio.tokenizer import as_tokenizer


class TrainOutput(NamedTuple):
    """global_step: updates; training_loss: the mean over all of them, in nats per masked token; metrics: train_loss,
    train_runtime (s), train_samples_per_second, train_steps_per_second, total_flos, epoch."""

    global_step: int
    training_loss: float
    metrics: dict


class Trainer:
    """Trains a model in place and evaluates it.

    model: a MaskedLM. args: TrainingArguments. train_dataset, eval_dataset: what chunk() gives, or any Dataset with token ids in
    a column "input_ids" (whole words can be masked in chunks alone). data_collator: DataCollatorForLanguageModeling or
    DataCollatorForWholeWordMask, whose rule and share count; without one, the arguments' do. processing_class: the tokenizer.
    callbacks: objects with any of TrainerCallback's methods.

    `state.log_history` has what was logged. The evaluation chunks are masked once, so that evaluations can be compared
    (eval_masking="fresh" in the arguments masks them anew in training).
    """

    def __init__(
        self, model=None, args=None, data_collator=None, train_dataset=None, eval_dataset=None, processing_class=None, model_init=None,
        compute_loss_func=None, compute_metrics=None, callbacks=None, optimizers=(None, None), tokenizer=None,
        preprocess_logits_for_metrics=None
    ):  # fmt: skip
        for name, value, why in (
            ("compute_metrics", compute_metrics, "logits are never kept, only sums of losses and hits; evaluate() gives eval_loss and eval_accuracy"),
            ("preprocess_logits_for_metrics", preprocess_logits_for_metrics, "logits are never kept"),
            ("compute_loss_func", compute_loss_func, "the loss is the cross entropy of the masked tokens"),
            ("model_init", model_init, "pass a model"),
        ):
            if value is not None:
                raise UsageError(f"{name} is not supported: {why}")
        if any(each is not None for each in optimizers or ()):
            raise UsageError("optimizers is not supported: the optimizer is AdamW, with the arguments' settings")
        if not isinstance(model, MaskedLM):
            raise UsageError(f"model is a {type(model).__name__}; expected a MaskedLM (AutoModelForMaskedLM.from_pretrained(…))")
        processing_class = processing_class if processing_class is not None else tokenizer
        if processing_class is None and data_collator is not None:
            processing_class = getattr(data_collator, "tokenizer", None)
        if processing_class is None:
            raise UsageError("processing_class is missing: pass the model's tokenizer")
        self.model, self.processing_class = model, as_tokenizer(processing_class, "processing_class")
        self.args = args if args is not None else TrainingArguments()
        if not isinstance(self.args, TrainingArguments):
            raise UsageError(f"args is a {type(args).__name__}; expected tekio.TrainingArguments")
        if self.args._given.get("bf16"):
            raise UsageError('bf16 is chosen when the model is opened: from_pretrained(…, dtype="bfloat16"); leave it out of the arguments')
        self.data_collator = data_collator
        self.train_dataset, self.eval_dataset = train_dataset, eval_dataset
        if eval_dataset is None and self.args.eval_strategy != "no":
            raise UsageError(f'eval_strategy is "{self.args.eval_strategy}", but there is no eval_dataset to evaluate on')
        self.state, self.control = TrainerState(), TrainerControl()
        self._settled()  # refuses what cannot be honoured before anything is done
        self._callbacks = CallbackList(callbacks, self)
        self._callbacks.call("on_init_end")

    @property
    def tokenizer(self):
        return self.processing_class

    def add_callback(self, callback):
        self._callbacks.add(callback)

    def pop_callback(self, callback):
        return self._callbacks.remove(callback)

    def remove_callback(self, callback):
        self._callbacks.remove(callback)

    def is_world_process_zero(self):
        return _tekio.rank() == 0

    # --- What there is to do ---

    def train(self, resume_from_checkpoint=None):
        """Trains, evaluates and keeps checkpoints as the arguments say, and leaves the model in output_dir. Gives a TrainOutput.
        With push_to_hub in the arguments the run is pushed then; whether it can be is asked of the Hub before anything is trained.

        resume_from_checkpoint: True for the newest checkpoint in output_dir, or a checkpoint's folder; the run that it is of stays,
        whatever overwrite_output_dir says. Ctrl-C lets the update under way finish, saves a checkpoint and raises
        KeyboardInterrupt. Errors: UsageError (output_dir holds a run already),
        FileError (the disk, the Hub), InputError (training diverged).
        """
        if self.train_dataset is None:
            raise UsageError("train_dataset is missing: there is nothing to train on")
        arguments = self._settled()
        train, evaluation = self._chunks(self.train_dataset, "train_dataset"), self._chunks(self.eval_dataset, "eval_dataset")
        if not isinstance(resume_from_checkpoint, (bool, str, os.PathLike, type(None))):
            raise UsageError(f"resume_from_checkpoint is {resume_from_checkpoint!r}; expected True, or a checkpoint's folder")
        resume = resume_from_checkpoint or ""
        checkpoint = ""
        if resume:
            arguments.set("overwrite_output_dir", ["false"])
            checkpoint = _tekio.checkpoint_to_resume(arguments, "auto" if resume is True else path_bytes(resume, "resume_from_checkpoint"))
        if checkpoint is None:
            raise UsageError(f"there is no checkpoint in output_dir {self.args.output_dir} to resume from; call train() without resume_from_checkpoint to begin")
        hub = None
        if self.args.push_to_hub and self.is_world_process_zero():
            hub = _tekio.Push(arguments, "End of training")
            hub.prepare()
        with self.model._to_itself("trained"):
            if resume:
                self._take_up(checkpoint)
            else:
                self.state = TrainerState()  # a history of its own, as the reference's
            flow = _Flow(self, len(train))
            self._callbacks.call("on_train_begin")
            try:
                done = _tekio.train(
                    self.model._usable(), self.processing_class._inner, train, evaluation, arguments, checkpoint,
                    self.model.name_or_path, flow
                )  # fmt: skip
                self._take_up(done["run_dir"])
            except BaseException:
                if flow.saved[1] >= max(1, self.state.global_step):  # as Ctrl-C leaves it, which comes out once that is written
                    self._take_up(flow.saved[0])
                raise
        self._callbacks.call("on_train_end")
        if hub is not None:
            hub.push(done["run_dir"])
        return TrainOutput(done["steps"], done["train_loss"], flow.metrics)

    def evaluate(self, eval_dataset=None, ignore_keys=None, metric_key_prefix="eval"):
        """Perplexity's logarithm and more on the evaluation chunks, masked once: {"eval_loss", "eval_accuracy", "eval_runtime",
        "eval_samples_per_second", "eval_steps_per_second"}; eval_loss is in nats per masked token, so that math.exp() of it is the
        perplexity. "epoch" too, where the model was trained. Of a dict of datasets: of each, by "eval_NAME_loss"."""
        dataset = eval_dataset if eval_dataset is not None else self.eval_dataset
        if dataset is None:
            raise UsageError("eval_dataset is missing: there is nothing to evaluate on")
        if isinstance(dataset, Mapping):
            metrics = {}
            for name, each in dataset.items():
                metrics.update(self.evaluate(each, metric_key_prefix=f"{metric_key_prefix}_{name}"))
            return metrics
        chunks = self._chunks(dataset, "eval_dataset")
        report = _tekio.evaluate(self.model._usable(), self.processing_class._inner, chunks, self._settled())
        batches = -(-report["chunks"] // self.args.per_device_eval_batch_size)
        seconds = max(report["seconds"], 1e-9)
        metrics = {
            "loss": report["loss"], "accuracy": report["accuracy"], "runtime": round(seconds, 4),
            "samples_per_second": round(report["chunks"] / seconds, 3), "steps_per_second": round(batches / seconds, 3),
        }  # fmt: skip
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in metrics.items()}
        if self.state.global_step > 0:
            metrics["epoch"] = self.state.epoch
        self.log(metrics)
        self._callbacks.call("on_evaluate", metrics=metrics)
        return metrics

    def save_model(self, output_dir=None):
        """The model and its tokenizer, as from_pretrained() opens them, in output_dir (without it: the arguments')."""
        folder = output_dir if output_dir is not None else self.args.output_dir
        self.model.save_pretrained(folder)
        self.processing_class.save_pretrained(folder)

    def push_to_hub(self, commit_message="End of training"):
        """Sends the run in output_dir to the Hub, as `tekio push` does: to the arguments' hub_model_id, or a repository of the
        folder's name; train() does that by itself where the arguments say push_to_hub. What is there already is not sent again.
        Gives {"repository", "url", "commit"}; None where another process does it. Errors: UsageError (no token, no such name),
        FileError (nothing was trained or saved there; what the Hub refuses)."""
        if not self.is_world_process_zero():
            return None
        hub = checked(lambda: _tekio.Push(self._settled(), commit_message), commit_message=[commit_message])
        hub.prepare()
        return json.loads(hub.push(self.args.output_dir))

    def save_state(self):
        """Nothing is left to do: the run folder has trainer_state.json."""

    def log(self, logs):
        """Adds an entry to state.log_history, and tells callbacks."""
        self.state.log_history.append({**logs, "step": self.state.global_step})
        self._callbacks.call("on_log", logs=dict(logs))

    def predict(self, *_, **__):
        raise UsageError("predict() is not supported: call the model, or pipeline(\"fill-mask\")")

    # --- For the library ---

    def _settled(self):
        """The arguments with what the collator says of masks."""
        arguments = _tekio.Arguments()
        for name, value in self.args._given.items():
            if name not in OWN:
                set_option(arguments, name, value)
        collator = self.data_collator
        if collator is None:
            return arguments
        kinds = {DataCollatorForLanguageModeling: "offsets", DataCollatorForWholeWordMask: "legacy"}
        rule = kinds.get(type(collator))
        if rule is None:
            raise UsageError(
                f"data_collator is {getattr(collator, '__name__', type(collator).__name__)}, but batches are made by the library, on threads of "
                "its own; pass tekio's DataCollatorForLanguageModeling or DataCollatorForWholeWordMask"
            )
        whole = rule == "legacy" or collator.whole_word_mask
        usual = {"mask_replace_prob": 1.0, "random_replace_prob": 0.0} if rule == "offsets" and whole else {"mask_replace_prob": 0.8, "random_replace_prob": 0.1}
        for name, value in usual.items():
            if getattr(collator, name, value) != value:
                raise UsageError(f"{name} of data_collator is {getattr(collator, name)}, which training has not; it masks with {value}")
        if whole:
            arguments.set("whole_word_mask", ["true"])
            arguments.set("whole_word_rule", [rule])
        set_option(arguments, "mlm_probability", collator.mlm_probability)
        return arguments

    def _chunks(self, dataset, name):
        """Token ids for the library."""
        if dataset is None:
            return None
        if not isinstance(dataset, Chunks):
            dataset = dataset_of(dataset)
            columns = dataset.column_names
            words = isinstance(self.data_collator, DataCollatorForWholeWordMask) or getattr(self.data_collator, "whole_word_mask", False)
            if words and "word_ids" not in columns:
                raise UsageError(f"{name} has no column word_ids, but whole words are to be masked; pass what chunk(dataset, tokenizer) gives")
            if "labels" in columns and any(-100 in row for row in dataset[:8]["labels"]):
                raise UsageError(f"{name} is masked already (labels of -100); pass it as it was before, and it is masked here")
        return chunks_of(dataset)._inner

    def _take_up(self, folder):
        """The state that the run was left in, of a run's folder or a checkpoint's, with all of its history."""
        place = os.path.join(folder, "trainer_state.json")
        if not os.path.exists(place):  # else the library says what is wrong
            return
        self.state = state = TrainerState.load_from_json(place)
        if state.best_model_checkpoint:  # JSON has no names that are no Unicode
            state.best_model_checkpoint = os.path.join(self.args.output_dir, os.path.basename(state.best_model_checkpoint))


class _Flow:
    """Turns what the library calls into what callbacks expect."""

    def __init__(self, trainer, chunks):
        self.trainer = trainer
        self.metrics = {}
        self.saved = (None, 0)  # the newest checkpoint, and its update
        self.epoch_begins = True  # with the next update
        args, state = trainer.args, trainer.state
        size = args.per_device_train_batch_size * args.gradient_accumulation_steps
        per_epoch = max(1, -(-chunks // size))
        total = args.max_steps if args.max_steps > 0 else -int(-args.num_train_epochs * per_epoch // 1)
        state.is_world_process_zero = state.is_local_process_zero = trainer.is_world_process_zero()
        state.max_steps, state.train_batch_size = int(total), args.per_device_train_batch_size
        state.num_train_epochs = -(-state.max_steps // per_epoch)
        trainer.control = TrainerControl()

    def on_phase(self, phase, step):
        if phase != "updating":
            return
        self.trainer.state.global_step = step
        if self.epoch_begins:
            self.epoch_begins = False
            self.trainer._callbacks.call("on_epoch_begin")
        self.trainer._callbacks.call("on_step_begin")

    def on_update(self, update, wishes):
        state = self.trainer.state
        state.global_step, state.epoch, state.max_steps = update["step"], update["epoch"], update["steps"]
        state.num_input_tokens_seen = update["tokens"]
        self._take(wishes)
        self.trainer._callbacks.call("on_step_end")
        return self._wishes()

    def on_epoch_end(self, wishes):
        self.epoch_begins = True
        self._take(wishes)
        self.trainer._callbacks.call("on_epoch_end")
        return self._wishes()

    def on_log(self, entry):
        trainer = self.trainer
        trainer.state.log_history.append(entry)
        logs = {name: value for name, value in entry.items() if name != "step"}
        if "train_runtime" in entry:
            self.metrics = logs
        self.evaluated = logs
        if not trainer.args.disable_tqdm:
            print({name: round(value, 6) if isinstance(value, float) else value for name, value in logs.items()})
        trainer._callbacks.call("on_log", logs=logs)

    def on_evaluation(self, epoch, step, wishes):
        self._take(wishes)
        self.trainer._callbacks.call("on_evaluate", metrics=self.evaluated)
        if self.trainer.args.load_best_model_at_end:
            self._compare(step)
        return self._wishes()

    def _compare(self, step):
        """The best evaluation so far, which on_evaluate saw without this one, as the reference has it."""
        args, state = self.trainer.args, self.trainer.state
        name = args.metric_for_best_model or "loss"
        value = self.evaluated.get(name if name.startswith("eval_") else f"eval_{name}")
        greater = args.greater_is_better if args.greater_is_better is not None else not name.endswith("loss")
        if value is None:
            return
        if state.best_metric is None or (value > state.best_metric if greater else value < state.best_metric):
            state.best_metric, state.best_global_step = value, step

    def on_save(self, folder, step):
        self.saved = (folder, step)
        if self.trainer.state.best_global_step == step:
            self.trainer.state.best_model_checkpoint = folder
        self.trainer._callbacks.call("on_save")

    def _take(self, wishes):
        control = self.trainer.control
        control.should_log, control.should_evaluate, control.should_save, control.should_training_stop = wishes

    def _wishes(self):
        control = self.trainer.control
        return (control.should_log, control.should_evaluate, control.should_save, control.should_training_stop)


def _of_program(name, value):
    """The program's option, and its value, for one that other calls of Python have by another name. Errors: UsageError."""
    for python, program in _tekio.option_names().items():
        called, _, stands_for = python.partition("=")
        if called == name:
            return program, value if not stands_for else true_or_false(value, name) is (stands_for == "True")
    return name, value


def adapt(model=None, data=None, **options):
    """The main job in one call, as `tekio adapt` does it: evaluates a model, trains it on a domain's text, evaluates it again, and
    saves it. Options are the program's (`tekio adapt --help`), with its defaults; model and data are folders, files or names
    (without them: the bundled ones), data may be several; what load_dataset() and chunk() call otherwise (text_column, name,
    header, use_cache, local_files_only) may be called so here. Gives what `tekio adapt --json` prints, as a dict: run_dir, perplexity
    {before, epochs, after}, train, prompts and more.

    Ctrl-C saves a checkpoint and raises KeyboardInterrupt. Errors: of the kinds that the program has.
    """
    for name, value in {"model": model, "data": data, **options}.items():
        if isinstance(value, (MaskedLM, Dataset)):
            raise UsageError(f"{name} is a {type(value).__name__}, but adapt() takes folders, files and names; Trainer takes opened models and chunks")
    for name in ("help", "version"):
        if name in options:
            raise UsageError(f"adapt() has no argument {name!r}: help(tekio.adapt) tells of it, `tekio adapt --help` of its options")
    words, names = [b"adapt", b"--json"], {}
    for name, value in {"model": model, "data": data, **options}.items():
        if value is None:
            continue
        option, value = _of_program(name, value)
        before = names.setdefault(option.replace("-", "_"), name)
        if before != name:
            raise UsageError(f"{before} and {name} are two names of one option; pass one of them")
        words += [b"--" + text_bytes(option, "the name of an argument") + b"=" + text for text in texts_of(value, name, option)]
    return _tekio.run_here(words, None)
