"""Adapts masked language models to a domain's text, with the names and shapes of Hugging Face transformers.

    from tekio import AutoModelForMaskedLM, AutoTokenizer, load_dataset, chunk, pipeline

Nothing of it is loaded before it is used.
"""

from importlib import import_module as _import_module

_WHERE = {
    "tekio.errors": ["CommunicationError", "DeviceError", "Error", "FileError", "InputError", "InternalError", "UsageError"],
    "tekio.tokenizer": ["AutoTokenizer", "BatchEncoding", "Tokenizer"],
    "tekio.model": ["AutoModelForMaskedLM", "MaskedLM", "MaskedLMOutput"],
    "tekio.data": ["Chunks", "Dataset", "DatasetDict"],
    "tekio.loading": ["chunk", "load_dataset"],
    "tekio.collators": ["DataCollatorForLanguageModeling", "DataCollatorForWholeWordMask", "default_data_collator", "set_seed"],
    "tekio.fill": ["FillMaskPipeline", "pipeline"],
    "tekio.log": ["disable_progress_bar", "enable_progress_bar"],
    "tekio.program": ["bench", "doctor"],
    "tekio.arguments": ["TrainingArguments"],
    "tekio.callbacks": ["EarlyStoppingCallback", "TrainerCallback", "TrainerControl", "TrainerState"],
    "tekio.trainer": ["TrainOutput", "Trainer", "adapt"],
}
_MODULE_OF = {name: module for module, names in _WHERE.items() for name in names}

__all__ = sorted(_MODULE_OF) + ["__version__"]


def __getattr__(name):
    if name == "__version__":
        from tekio._tekio import __version__

        return __version__
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module 'tekio' has no attribute {name!r}")
    value = getattr(_import_module(module), name)
    globals()[name] = value
    return value


def __dir__():
    return __all__
