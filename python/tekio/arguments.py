"""TrainingArguments: every option of training, with the names of Hugging Face transformers."""

import json

from tekio import _tekio
from tekio._bytes import text_bytes
from tekio._options import described, texts_of
from tekio.errors import UsageError


def set_option(arguments, name, value):
    """Sets it in the library's. Errors: UsageError (there is none, or it does not take that)."""
    texts = texts_of(value, name)
    if name == "report_to":
        texts = [b",".join(texts) or b"none"]
    arguments.set(text_bytes("prompt" if name == "prompts" else name, "the name of an argument"), texts)


# What Trainer heeds by itself; to the library it would be without effect.
OWN = {"disable_tqdm"}


def _documented(arguments):
    lines = [
        "Every option of training. Names and defaults are those of Hugging Face transformers where it has them; what that has and Tekio "
        "does not is accepted where it changes nothing, and refused with the reason where it would. Values are checked when they are set. "
        "Pickles.",
    ]
    return "\n".join(lines + described(arguments, "The run folder"))


class TrainingArguments:
    def __init__(self, output_dir=None, **options):
        object.__setattr__(self, "_inner", _tekio.Arguments())
        object.__setattr__(self, "_given", {})
        if output_dir is not None:
            options = {"output_dir": output_dir, **options}
        for name, value in options.items():
            self._set(name, value)
        self._inner.check()

    def _set(self, name, value):
        if value is None:
            return  # as where it is not given
        if name not in OWN:
            set_option(self._inner, name, value)
        self._given[name] = value

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        if name in OWN:
            return self._given.get(name, False)
        try:
            value = self._inner.get(text_bytes("prompt" if name == "prompts" else name, "the name of an argument"))
        except UsageError as error:
            raise AttributeError(str(error)) from None
        return value

    def __setattr__(self, name, value):
        self._set(name, value)

    def __dir__(self):
        return [*super().__dir__(), *self._inner.names]

    def to_dict(self):
        """All options by name."""
        return {name: self._inner.get(name) for name in self._inner.names if not name.endswith("token")}

    def to_json_string(self):
        return json.dumps(self.to_dict(), indent=2)

    def __repr__(self):
        shown = {name: value for name, value in self._given.items() if not name.endswith("token")}
        return f"TrainingArguments({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    def __eq__(self, other):
        return isinstance(other, TrainingArguments) and self.to_dict() == other.to_dict()

    __hash__ = None

    def __reduce__(self):
        return _remade, (dict(self._given),)


def _remade(given):
    return TrainingArguments(**given)


TrainingArguments.__doc__ = _documented(_tekio.Arguments())
