"""A run's event files, opened by TensorBoard itself.

    tensorboard_test.py TEKIO MODEL    TEKIO: the program; MODEL: a small model's folder

Skipped where this Python has no tensorboard.
"""

import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from program import make_run, run_suite

try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util import tensor_util
except ImportError:
    EventAccumulator = None

PREFIX = "eval_"


def tag_of(key):
    """As the reference's TensorBoardCallback writes it."""
    return "eval/" + key[len(PREFIX):] if key.startswith(PREFIX) else "train/" + key


@unittest.skipUnless(EventAccumulator, "there is no TensorBoard (scripts/setup.sh --ci brings it)")
class TensorBoardTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.run_folder = make_run(cls, "run", "--max_steps", "12", "--logging_steps", "3", "--eval_steps", "6", "--report_to", "tensorboard")
        (folder,) = (cls.run_folder / "runs").iterdir()
        cls.events = EventAccumulator(str(folder))
        cls.events.Reload()

    def test_every_number_of_the_log_history_is_there_at_its_step(self):
        expected = {}
        for entry in json.loads((self.run_folder / "trainer_state.json").read_text(encoding="utf-8"))["log_history"]:
            for key, value in entry.items():
                if key != "step":
                    expected.setdefault(tag_of(key), []).append((entry["step"], value))
        shown = {tag: [(event.step, event.value) for event in self.events.Scalars(tag)] for tag in self.events.Tags()["scalars"]}
        self.assertEqual(sorted(shown), sorted(expected))
        for tag, points in expected.items():
            self.assertEqual([step for step, _ in shown[tag]], [step for step, _ in points], tag)
            for (_, value), (_, wanted) in zip(shown[tag], points):
                self.assertAlmostEqual(value, wanted, delta=1e-6 * abs(wanted), msg=tag)  # float32 there

    def test_options_and_configuration_are_texts(self):
        for tag, member in (("args", "learning_rate"), ("model_config", "dim")):
            (event,) = self.events.Tensors(f"{tag}/text_summary")
            self.assertIn(member, json.loads(tensor_util.make_ndarray(event.tensor_proto).reshape(-1)[0]))


sys.exit(run_suite(unittest.TestLoader().loadTestsFromTestCase(TensorBoardTest), "tensorboard"))
