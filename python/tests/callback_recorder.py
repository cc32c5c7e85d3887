"""A callback that writes down what it is called for, for the reference's Trainer (scripts/golden/make_callback_golden.py) and for ours (test_trainer.py)."""

# 20 train, 8 evaluate; ids that the example model has.
ROWS = [{"input_ids": [5 + (7 * row + 3 * i) % 40 for i in range(8)]} for row in range(28)]
KINDS = ("eval_loss", "train_runtime", "loss")
FOLLOWS = ("should_log", "should_evaluate", "should_save")


def recorder(base, wishes):
    """A callback of the class `base` whose `calls` are event, global_step, what control has follow (in on_step_end and on_epoch_end) and what is logged.

    `wishes`: (event, step, what it then sets in control).
    """

    class Recorder(base):
        calls = []

        def __getattribute__(self, name):
            if not name.startswith("on_"):
                return super().__getattribute__(name)

            def note(args, state, control, logs=None, **_):
                call = f"{name} {state.global_step}"
                if name in ("on_step_end", "on_epoch_end"):
                    call += "".join(" " + each for each in FOLLOWS if getattr(control, each))
                if logs is not None:
                    call += " " + next(kind for kind in KINDS if kind in logs)
                self.calls.append(call)
                for event, step, sets in wishes:
                    if event == name and step == state.global_step:
                        for key, value in sets.items():
                            setattr(control, key, value)

            return note

    return Recorder()
