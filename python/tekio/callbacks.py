"""What goes along with training: its state, what a callback may ask for, and callbacks."""

import json
from dataclasses import dataclass, field

from tekio.errors import UsageError


@dataclass
class TrainerState:
    """Where training is: what trainer_state.json holds of it, with the names of Hugging Face transformers."""

    epoch: float = 0.0
    global_step: int = 0
    max_steps: int = 0
    logging_steps: int = 500
    eval_steps: int = 500
    save_steps: int = 500
    train_batch_size: int = None
    num_train_epochs: int = 0
    num_input_tokens_seen: int = 0
    total_flos: float = 0
    log_history: list = field(default_factory=list)
    best_metric: float = None
    best_global_step: int = None
    best_model_checkpoint: str = None
    is_local_process_zero: bool = True
    is_world_process_zero: bool = True
    is_hyper_param_search: bool = False
    trial_name: str = None
    trial_params: dict = None
    stateful_callbacks: dict = field(default_factory=dict)

    def save_to_json(self, json_path):
        with open(json_path, "w", encoding="utf-8") as file:
            file.write(json.dumps(self.__dict__, indent=2, sort_keys=True) + "\n")

    @classmethod
    def load_from_json(cls, json_path):
        with open(json_path, encoding="utf-8") as file:
            found = json.load(file)
        return cls(**{name: value for name, value in found.items() if name in cls.__dataclass_fields__})


@dataclass
class TrainerControl:
    """What follows an update: as the arguments have it, until a callback changes it."""

    should_training_stop: bool = False
    should_epoch_stop: bool = False
    should_save: bool = False
    should_evaluate: bool = False
    should_log: bool = False


class TrainerCallback:
    """A base of callbacks. Each method gets (args, state, control) and keywords: model and processing_class, `logs` in on_log and
    `metrics` in on_evaluate. What it sets in `control` is done; it may also return another control.

    In on_step_end and on_epoch_end control says what is to follow the update, and may ask for more or call it off. All are called
    on the thread that trains, and what they raise ends the run.
    """

    def on_init_end(self, args, state, control, **kwargs):
        """The Trainer was made."""

    def on_train_begin(self, args, state, control, **kwargs):
        """Training begins."""

    def on_train_end(self, args, state, control, **kwargs):
        """Training is over, and the model saved."""

    def on_epoch_begin(self, args, state, control, **kwargs):
        """A pass over the training chunks begins."""

    def on_epoch_end(self, args, state, control, **kwargs):
        """A pass over the training chunks is over."""

    def on_step_begin(self, args, state, control, **kwargs):
        """An update begins, of all its batches."""

    def on_step_end(self, args, state, control, **kwargs):
        """An update is done."""

    def on_evaluate(self, args, state, control, **kwargs):
        """An evaluation is done: metrics={"eval_loss": …}."""

    def on_log(self, args, state, control, **kwargs):
        """An entry of the log history: logs={"loss": …}."""

    def on_save(self, args, state, control, **kwargs):
        """A checkpoint is written."""


# Of the reference's, those that have no place here: an update is one call, and nothing is predicted.
_NEVER = ("on_pre_optimizer_step", "on_optimizer_step", "on_substep_end", "on_prediction_step", "on_predict", "on_push_begin")


class EarlyStoppingCallback(TrainerCallback):
    """Stops training after so many evaluations whose loss is not better than the best by more than the threshold."""

    def __init__(self, early_stopping_patience=1, early_stopping_threshold=0.0):
        self.early_stopping_patience = early_stopping_patience
        self.early_stopping_threshold = early_stopping_threshold
        self.early_stopping_patience_counter = 0
        self._best = None

    def on_train_begin(self, args, state, control, **kwargs):
        self.early_stopping_patience_counter, self._best = 0, None

    def on_evaluate(self, args, state, control, metrics=None, **kwargs):
        loss = metrics["eval_loss"]
        if self._best is None or self._best - loss > self.early_stopping_threshold:
            self.early_stopping_patience_counter = 0
        else:
            self.early_stopping_patience_counter += 1
        self._best = loss if self._best is None else min(loss, self._best)
        if self.early_stopping_patience_counter >= self.early_stopping_patience:
            control.should_training_stop = True


class CallbackList:
    """Calls them one after another."""

    def __init__(self, callbacks, trainer):
        self.callbacks = []
        self._trainer = trainer
        for callback in callbacks or ():
            self.add(callback)

    def add(self, callback):
        callback = callback() if isinstance(callback, type) else callback
        has = [name for name in dir(callback) if name.startswith("on_")]
        if not has:
            raise UsageError(f"callbacks has {callback!r}, which has no method on_…; expected objects as TrainerCallback")
        never = [name for name in has if name in _NEVER and getattr(type(callback), "__module__", "").partition(".")[0] != "transformers"]
        if never:
            import warnings

            warnings.warn(f"{type(callback).__name__}: {', '.join(never)} is never called; an update is one call here", stacklevel=4)
        self.callbacks.append(callback)

    def remove(self, callback):
        """Takes out the one that it is, or the first of its type; returns it, or None."""
        for each in self.callbacks:
            if each is callback or (isinstance(callback, type) and type(each) is callback):
                self.callbacks.remove(each)
                return each
        return None

    def call(self, event, **more):
        trainer = self._trainer
        for callback in self.callbacks:
            method = getattr(callback, event, None)
            if method is None:
                continue
            answer = method(
                trainer.args, trainer.state, trainer.control, model=trainer.model, processing_class=trainer.processing_class, **more
            )
            if answer is not None:
                trainer.control = answer
        if trainer.control.should_epoch_stop:
            raise UsageError(f"control.should_epoch_stop was set in {event}, which is not supported; set should_training_stop")
