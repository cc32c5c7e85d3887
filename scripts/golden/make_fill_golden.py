"""Makes tests/golden/model/fill-mask: a tiny BERT with a small vocabulary, and what the reference's fill-mask pipeline says.

    PYTHON scripts/golden/make_fill_golden.py [OUT]

A model that OUT already holds is kept: with transformers 4.57 this shows that the answers are the same.
"""
import json, os, pathlib, sys, warnings

os.environ["HF_HUB_OFFLINE"] = "1"
warnings.filterwarnings("ignore")
import torch
from tokenizers import BertWordPieceTokenizer
from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast, pipeline

torch.set_num_threads(1)
out = sys.argv[1] if len(sys.argv) > 1 else str(pathlib.Path(__file__).resolve().parents[2] / "tests/golden/model/fill-mask")
os.makedirs(out, exist_ok=True)
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", ",", "!", "'", "-", "a", "i", "it", "is", "this", "the", "great", "good", "bad", "film", "movie",
         "was", "watch", "##ed", "##ing", "##s", "##ly", "very", "m", "s", "t", "don", "and", "or", "of", "story", "actor", "love", "hate", "idea", "##a", "##b"]
with open(os.path.join(out, "vocab.txt"), "w") as f:
    f.write("\n".join(words) + "\n")
backend = BertWordPieceTokenizer(os.path.join(out, "vocab.txt"), lowercase=True)
tokenizer = BertTokenizerFast(tokenizer_object=backend._tokenizer, do_lower_case=True, model_max_length=24)
torch.manual_seed(5)
model = BertForMaskedLM(BertConfig(vocab_size=len(words), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
                                   max_position_embeddings=24, initializer_range=0.4)).eval()
if os.path.exists(os.path.join(out, "model.safetensors")):
    model = BertForMaskedLM.from_pretrained(out).eval()
else:
    model.save_pretrained(out)
tokenizer.save_pretrained(out)

cases = [
    ("This is a great [MASK].", {}),
    ("[MASK]", {"top_k": 3}),
    ("it 's a [MASK] movie, i don't [MASK] it!", {}),
    ("i'm watching [PAD] the [MASK] of zzz", {"top_k": 2}),
    ("a very [MASK] film", {"targets": ["good", "bad", "great"]}),
    ("a very [MASK] film", {"targets": ["##ing", "watches", "good"], "top_k": 5}),
    ("a very [MASK] film", {"top_k": 0}),
    ("a very [MASK] film", {"top_k": len(words)}),
    ("[SEP] watch [MASK] [CLS]", {"top_k": 4}),
]
fill = pipeline("fill-mask", model=model, tokenizer=tokenizer, device=-1)
answers = []
for text, options in cases:
    got = fill(text, **options)
    answers.append({"text": text, "options": options, "masks": got if got and isinstance(got[0], list) else [got]})
with open(os.path.join(out, "fill.json"), "w") as f:
    json.dump(answers, f, indent=1)
for name in os.listdir(out):
    if name not in ("config.json", "model.safetensors", "vocab.txt", "tokenizer.json", "tokenizer_config.json", "fill.json"):
        os.remove(os.path.join(out, name))
