"""The reference stack's tutorial on adapting a masked language model (DistilBERT, film reviews), block by block, with the imports
swapped: what it takes from transformers and datasets comes from tekio, and NumPy stands for PyTorch where a block looks at numbers.

    python examples/walkthrough.py [--data D] [--model M] [--train_size N] [--test_size N] [--max_steps N]

D is a folder with reviews, or "imdb" on the Hub; M a model folder, or "distilbert-base-uncased" there. The sizes are the
tutorial's; smaller ones make a tour of a minute.
"""

# %% [markdown]
# # Fine-tuning a masked language model
# What is run here is the reference stack's tutorial, with its imports swapped.

# %%
import argparse
import os

parser = argparse.ArgumentParser(description="The walkthrough, with its imports swapped.")
parser.add_argument("--data", default=os.environ.get("WALKTHROUGH_DATA", "imdb"))
parser.add_argument("--model", default=os.environ.get("WALKTHROUGH_MODEL", "distilbert-base-uncased"))
parser.add_argument("--train_size", type=int, default=int(os.environ.get("WALKTHROUGH_TRAIN_SIZE", 10_000)))
parser.add_argument("--test_size", type=int, default=int(os.environ.get("WALKTHROUGH_TEST_SIZE", 0)))
parser.add_argument("--max_steps", type=int, default=int(os.environ.get("WALKTHROUGH_MAX_STEPS", -1)))
arguments, _ = parser.parse_known_args()

# %% [markdown]
# ## The pretrained model

# %%
from tekio import AutoModelForMaskedLM

model_checkpoint = arguments.model
model = AutoModelForMaskedLM.from_pretrained(model_checkpoint)

# %%
distilbert_num_parameters = model.num_parameters() / 1_000_000
print(f"'>>> DistilBERT number of parameters: {round(distilbert_num_parameters)}M'")
print("'>>> BERT number of parameters: 110M'")

# %%
text = "This is a great [MASK]."

# %%
from tekio import AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(model_checkpoint)

# %%
import numpy as np

inputs = tokenizer(text, return_tensors="np")
token_logits = model(**inputs).logits
# Where the [MASK] is, and its logits
mask_token_index = np.where(inputs["input_ids"] == tokenizer.mask_token_id)[1]
mask_token_logits = token_logits[0, mask_token_index, :]
# The five tokens with the highest logits
top_5_tokens = np.argsort(-mask_token_logits, axis=1)[0, :5].tolist()

for token in top_5_tokens:
    print(f"'>>> {text.replace(tokenizer.mask_token, tokenizer.decode([token]))}'")

# %% [markdown]
# ## The data

# %%
from tekio import load_dataset

imdb_dataset = load_dataset(arguments.data)
print(imdb_dataset)

# %%
sample = imdb_dataset["train"].shuffle(seed=42).select(range(3))

for row in sample:
    print(f"\n'>>> Review: {row['text']}'")
    print(f"'>>> Label: {row['label']}'")

# %% [markdown]
# ## Preprocessing


# %%
def tokenize_function(examples):
    result = tokenizer(examples["text"])
    if tokenizer.is_fast:
        result["word_ids"] = [result.word_ids(i) for i in range(len(result["input_ids"]))]
    return result


# batched=True: the tokenizer gets many texts at once, and takes all processors
tokenized_datasets = imdb_dataset.map(tokenize_function, batched=True, remove_columns=["text", "label"])
print(tokenized_datasets)

# %%
print(tokenizer.model_max_length)

# %%
chunk_size = 128

# %%
# Slices give a list of lists for each feature
tokenized_samples = tokenized_datasets["train"][:3]

for idx, sample in enumerate(tokenized_samples["input_ids"]):
    print(f"'>>> Review {idx} length: {len(sample)}'")

# %%
concatenated_examples = {k: sum(tokenized_samples[k], []) for k in tokenized_samples.keys()}
total_length = len(concatenated_examples["input_ids"])
print(f"'>>> Concatenated reviews length: {total_length}'")

# %%
chunks = {k: [t[i : i + chunk_size] for i in range(0, total_length, chunk_size)] for k, t in concatenated_examples.items()}

for chunk in chunks["input_ids"]:
    print(f"'>>> Chunk length: {len(chunk)}'")


# %%
def group_texts(examples):
    # All texts joined
    concatenated_examples = {k: sum(examples[k], []) for k in examples.keys()}
    total_length = len(concatenated_examples[list(examples.keys())[0]])
    # The last chunk is dropped where it is smaller than chunk_size
    total_length = (total_length // chunk_size) * chunk_size
    result = {k: [t[i : i + chunk_size] for i in range(0, total_length, chunk_size)] for k, t in concatenated_examples.items()}
    result["labels"] = result["input_ids"].copy()
    return result


lm_datasets = tokenized_datasets.map(group_texts, batched=True)
print(lm_datasets)

# %%
# What the two functions above do, Tekio does in one call, many times faster, and keeps for the next time:
from tekio import chunk as chunk_texts

assert chunk_texts(imdb_dataset, tokenizer, chunk_size=chunk_size).num_rows == lm_datasets.num_rows

# %%
print(tokenizer.decode(lm_datasets["train"][1]["input_ids"]))

# %%
print(tokenizer.decode(lm_datasets["train"][1]["labels"]))

# %% [markdown]
# ## Masking

# %%
from tekio import DataCollatorForLanguageModeling

data_collator = DataCollatorForLanguageModeling(tokenizer=tokenizer, mlm_probability=0.15)

# %%
samples = [lm_datasets["train"][i] for i in range(2)]
for sample in samples:
    _ = sample.pop("word_ids")

for chunk in data_collator(samples)["input_ids"]:
    print(f"\n'>>> {tokenizer.decode(chunk)}'")

# %%
import collections

from tekio import default_data_collator

wwm_probability = 0.2


def whole_word_masking_data_collator(features):
    for feature in features:
        word_ids = feature.pop("word_ids")

        # Which tokens each word has
        mapping = collections.defaultdict(list)
        current_word_index = -1
        current_word = None
        for idx, word_id in enumerate(word_ids):
            if word_id is not None:
                if word_id != current_word:
                    current_word = word_id
                    current_word_index += 1
                mapping[current_word_index].append(idx)

        # Words are masked at random
        mask = np.random.binomial(1, wwm_probability, (len(mapping),))
        input_ids = feature["input_ids"]
        labels = feature["labels"]
        new_labels = [-100] * len(labels)
        for word_id in np.where(mask)[0]:
            word_id = word_id.item()
            for idx in mapping[word_id]:
                new_labels[idx] = labels[idx]
                input_ids[idx] = tokenizer.mask_token_id
        feature["labels"] = new_labels

    return default_data_collator(features)


# %%
samples = [lm_datasets["train"][i] for i in range(2)]
batch = whole_word_masking_data_collator(samples)

for chunk in batch["input_ids"]:
    print(f"\n'>>> {tokenizer.decode(chunk)}'")

# %%
train_size = arguments.train_size
test_size = arguments.test_size or int(0.1 * train_size)

downsampled_dataset = lm_datasets["train"].train_test_split(train_size=train_size, test_size=test_size, seed=42)
print(downsampled_dataset)

# %% [markdown]
# ## Fine-tuning with the Trainer

# %%
from tekio import TrainingArguments

batch_size = 64
# The training loss is logged once an epoch
logging_steps = max(1, len(downsampled_dataset["train"]) // batch_size)
model_name = model_checkpoint.rstrip("/").split("/")[-1]

training_args = TrainingArguments(
    output_dir=f"{model_name}-finetuned-imdb",
    overwrite_output_dir=True,
    eval_strategy="epoch",
    learning_rate=2e-5,
    weight_decay=0.01,
    per_device_train_batch_size=batch_size,
    per_device_eval_batch_size=batch_size,
    push_to_hub=False,
    logging_steps=logging_steps,
    max_steps=arguments.max_steps,
)

# %%
from tekio import Trainer

trainer = Trainer(
    model=model,
    args=training_args,
    train_dataset=downsampled_dataset["train"],
    eval_dataset=downsampled_dataset["test"],
    data_collator=data_collator,
    processing_class=tokenizer,
)

# %%
import math

eval_results = trainer.evaluate()
print(f">>> Perplexity: {math.exp(eval_results['eval_loss']):.2f}")

# %%
trainer.train()

# %%
eval_results = trainer.evaluate()
print(f">>> Perplexity: {math.exp(eval_results['eval_loss']):.2f}")

# %% [markdown]
# ## An evaluation set that is masked once


# %%
def insert_random_mask(batch):
    features = [dict(zip(batch, t)) for t in zip(*batch.values())]
    masked_inputs = data_collator(features)
    # A column "masked_…" for each
    return {"masked_" + k: v for k, v in masked_inputs.items()}


# %%
downsampled_dataset = downsampled_dataset.remove_columns(["word_ids"])

eval_dataset = downsampled_dataset["test"].map(
    insert_random_mask,
    batched=True,
    remove_columns=downsampled_dataset["test"].column_names,
)
eval_dataset = eval_dataset.rename_columns(
    {
        "masked_input_ids": "input_ids",
        "masked_attention_mask": "attention_mask",
        "masked_labels": "labels",
    }
)

# %%
model = AutoModelForMaskedLM.from_pretrained(model_checkpoint)

# %%
# The tutorial's loop over batches, with PyTorch's optimizer and Accelerate, is what the Trainer does here; a callback stands where
# the loop evaluates and prints.
from tekio import TrainerCallback


class FrozenPerplexity(TrainerCallback):
    def on_epoch_end(self, args, state, control, model, **kwargs):
        losses = []
        for begin in range(0, len(eval_dataset), batch_size):
            rows = [eval_dataset[i] for i in range(begin, min(begin + batch_size, len(eval_dataset)))]
            loss = model(**default_data_collator(rows)).loss
            losses += [float(loss)] * len(rows)
        try:
            perplexity = math.exp(np.mean(losses))
        except OverflowError:
            perplexity = float("inf")
        print(f">>> Epoch {math.ceil(state.epoch) - 1}: Perplexity: {perplexity}")


output_dir = f"{model_name}-finetuned-imdb-accelerate"
trainer = Trainer(
    model=model,
    args=TrainingArguments(
        output_dir=output_dir,
        overwrite_output_dir=True,
        learning_rate=5e-5,
        weight_decay=0.01,
        lr_scheduler_type="linear",
        num_train_epochs=3,
        per_device_train_batch_size=batch_size,
        save_strategy="no",
        max_steps=arguments.max_steps,
    ),
    train_dataset=downsampled_dataset["train"],
    data_collator=data_collator,
    processing_class=tokenizer,
    callbacks=[FrozenPerplexity()],
)
trainer.train()

# %% [markdown]
# ## Using the fine-tuned model

# %%
from tekio import pipeline

mask_filler = pipeline("fill-mask", model=output_dir)

# %%
preds = mask_filler(text)

for pred in preds:
    print(f">>> {pred['sequence']}")
