"""Makes tests/golden/train/callbacks.json: which callbacks the reference's Trainer calls, in which order.

    PYTHON scripts/golden/make_callback_golden.py [OUT.json]

Per case the arguments of training, what a callback asks for (`wishes`: event, step, what it sets in control), whether a run is
resumed that was stopped so, and the calls of the last run as python/tests/callback_recorder.py writes them down.
"""
import json
import pathlib
import sys
import tempfile

from transformers import (
    AutoModelForMaskedLM, AutoTokenizer, DataCollatorForLanguageModeling, EarlyStoppingCallback, PrinterCallback, Trainer, TrainerCallback, TrainingArguments,
    set_seed
)  # fmt: skip

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "python" / "tests"))
from callback_recorder import ROWS, recorder

MODEL = ROOT / "examples" / "tiny-model"
EPOCHS = {"logging_strategy": "epoch", "eval_strategy": "epoch", "save_strategy": "epoch", "num_train_epochs": 2}
STEPS = {"logging_steps": 2, "eval_strategy": "steps", "eval_steps": 3, "save_strategy": "steps", "save_steps": 4, "num_train_epochs": 2}
CASES = {
    "by epochs": {"arguments": EPOCHS},
    "by updates": {"arguments": STEPS},
    "updates that end with epochs": {"arguments": {**STEPS, "logging_steps": 5, "eval_steps": 5, "save_steps": 5}},
    "log by updates, the rest by epochs": {"arguments": {**EPOCHS, "logging_strategy": "steps", "logging_steps": 5}},
    "nothing": {"arguments": {"save_strategy": "no", "num_train_epochs": 2}},
    "accumulated": {"arguments": {**EPOCHS, "gradient_accumulation_steps": 2}},
    "ends within an epoch": {"arguments": {**EPOCHS, "max_steps": 7}},
    "stopped within an epoch": {"arguments": EPOCHS, "wishes": [["on_step_end", 3, {"should_training_stop": True}]]},
    "stopped at an epoch's end": {"arguments": STEPS, "wishes": [["on_epoch_end", 5, {"should_training_stop": True}]]},
    "more asked for": {
        "arguments": EPOCHS,
        "wishes": [
            ["on_step_end", 2, {"should_log": True}], ["on_step_end", 3, {"should_evaluate": True}], ["on_step_end", 4, {"should_save": True}],
            ["on_step_end", 5, {"should_log": True, "should_evaluate": True, "should_save": True}],
        ],
    },  # fmt: skip
    "less asked for": {
        "arguments": {**STEPS, "eval_steps": 5, "save_steps": 5},
        "wishes": [["on_step_end", 2, {"should_log": False}], ["on_step_end", 5, {"should_evaluate": False}], ["on_epoch_end", 10, {"should_log": True}]],
    },
    "saved after an evaluation": {"arguments": {**EPOCHS, "save_strategy": "no"}, "wishes": [["on_evaluate", 5, {"should_save": True}]]},
    "stopped early": {"arguments": {**EPOCHS, "num_train_epochs": 4, "load_best_model_at_end": True}, "patience": 1},
    "stopped early by updates": {"arguments": {**STEPS, "save_steps": 3, "load_best_model_at_end": True}, "patience": 1},
    "resumed within an epoch": {
        "arguments": STEPS, "resumed": True,
        "wishes": [["on_step_end", 3, {"should_save": True, "should_training_stop": True}]],
    },  # fmt: skip
    "resumed after an epoch": {"arguments": EPOCHS, "resumed": True, "wishes": [["on_epoch_end", 5, {"should_training_stop": True}]]},
}


def run(case, folder, wishes, resume):
    set_seed(42)
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    model = AutoModelForMaskedLM.from_pretrained(MODEL)
    args = TrainingArguments(
        output_dir=folder, per_device_train_batch_size=4, per_device_eval_batch_size=4, use_cpu=True, report_to="none", disable_tqdm=True, **case["arguments"]
    )
    callbacks = [recorder(TrainerCallback, wishes)]
    if "patience" in case:
        callbacks.append(EarlyStoppingCallback(case["patience"], early_stopping_threshold=100.0))
    trainer = Trainer(
        model=model, args=args, train_dataset=ROWS[:20], eval_dataset=ROWS[20:], data_collator=DataCollatorForLanguageModeling(tokenizer), callbacks=callbacks
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=resume)
    trainer.evaluate()
    return callbacks[0].calls


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else ROOT / "tests/golden/train/callbacks.json"
    made = {}
    for name, case in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            calls = run(case, folder, case.get("wishes", []), None)
            if case.get("resumed"):
                calls = run(case, folder, [], True)
        made[name] = {**case, "calls": calls}
    with open(path, "w") as f:
        f.write("{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(case)}" for name, case in made.items()) + "\n}\n")


main()
