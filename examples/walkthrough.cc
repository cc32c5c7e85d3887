// A tour of the public interface in the order of the reference stack's tutorial on adapting a masked language model
// (DistilBERT, film reviews): one function for each of its steps, each a few lines, with what the tutorial writes in
// Python above it. quickstart.cc is the short form.
//
//   walkthrough MODEL DATA [--work DIR] [--chunk_size 128] [--train_size 10000] [--test_size 1000]
//               [--batch_size 64] [--epochs 3] [--rows 0] [--text "This is a great [MASK]."]
//
// MODEL is a folder (distilbert-base-uncased, say), DATA has a split `train` with columns `text` and, if any, `label`.
// The sizes are the tutorial's; smaller ones make a tour of a minute. --rows N looks at the first N rows of each split
// only.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <tekio/tekio.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <numeric>
#include <string>
#include <vector>

namespace {

struct Arguments {
  std::string model, data, work = "walkthrough-runs", text = "This is a great [MASK].";
  int64_t chunk_size = 128, train_size = 10'000, test_size = 1'000, batch_size = 64, epochs = 3, rows = 0;
};

// --- The model -------------------------------------------------------------------------------------------------------

// model = AutoModelForMaskedLM.from_pretrained(model_checkpoint)
// print(round(model.num_parameters() / 1_000_000))
tekio::MaskedLM open_model(const Arguments& a) {
  auto model = tekio::MaskedLM::from_pretrained(a.model);
  fmt::print(">>> parameters: {} ({} M)\n", model.num_parameters(), (model.num_parameters() + 500'000) / 1'000'000);
  return model;
}

// inputs = tokenizer(text, return_tensors="pt"); token_logits = model(**inputs).logits
// mask_token_index = torch.where(inputs["input_ids"] == tokenizer.mask_token_id)[1]
// torch.topk(token_logits[0, mask_token_index, :], 5)
void predict_by_hand(const tekio::MaskedLM& model, const tekio::Tokenizer& tokenizer, const std::string& text) {
  const auto ids = tokenizer.encode(text).ids;
  const auto vocabulary = static_cast<size_t>(model.info().vocabulary);
  const std::vector<float> logits = model.logits(ids);  // [ids.size() * vocabulary]

  const auto position = static_cast<size_t>(std::find(ids.begin(), ids.end(), *tokenizer.mask_id()) - ids.begin());
  if (position == ids.size()) throw tekio::Error(tekio::ErrorKind::input, "the text has no mask: " + text);
  const float* row = logits.data() + position * vocabulary;

  std::vector<int32_t> tokens(vocabulary);
  std::iota(tokens.begin(), tokens.end(), 0);
  const size_t best = std::min<size_t>(5, vocabulary);
  std::partial_sort(tokens.begin(), tokens.begin() + static_cast<ptrdiff_t>(best), tokens.end(),
                    [row](int32_t x, int32_t y) { return row[x] > row[y]; });
  const size_t mask_at = text.find(tokenizer.mask_token());
  for (size_t i = 0; i < best; ++i) {
    std::string filled = text;
    filled.replace(mask_at, tokenizer.mask_token().size(), tokenizer.decode(std::vector{tokens[i]}));
    fmt::print(">>> {}\n", filled);
  }
}

// --- The data --------------------------------------------------------------------------------------------------------

// imdb_dataset = load_dataset("imdb")
tekio::DatasetDict open_data(const Arguments& a) {
  auto dataset = tekio::load_dataset(a.data);
  if (a.rows > 0) {
    std::vector<std::pair<std::string, tekio::Dataset>> fewer;
    for (const auto& [name, split] : dataset.splits())
      fewer.emplace_back(name, split.slice(0, std::min(a.rows, split.size())));
    dataset = tekio::DatasetDict(std::move(fewer));
  }
  for (const auto& [name, split] : dataset.splits())
    fmt::print("{}: features [{}], num_rows {}\n", name, fmt::join(split.columns(), ", "), split.size());
  return dataset;
}

// sample = imdb_dataset["train"].shuffle(seed=42).select(range(3))
void show_reviews(const tekio::Dataset& train) {
  for (const auto& row : train.shuffle(42).take(3)) {
    fmt::print("\n>>> review: {}\n", row.text());
    for (const auto& [name, value] : row.columns)
      if (name == "label") fmt::print(">>> label: {}\n", value);
  }
}

// tokenized_datasets = imdb_dataset.map(tokenize_function, batched=True, …)  with word_ids beside the ids
// tokenizer.model_max_length
// The lengths of the first three reviews, their sum, and what cutting it into chunks leaves.
void show_tokens(const tekio::Dataset& train, const tekio::Tokenizer& tokenizer, int64_t chunk_size) {
  fmt::print("model_max_length: {}\n", tokenizer.model_max_length());
  int64_t total = 0;
  for (int64_t number = 0; const auto& row : train.take(3)) {
    const tekio::Encoding encoding = tokenizer.encode(row.text());
    fmt::print(">>> review {}: {} tokens, {} words\n", number++, encoding.ids.size(),
               *std::max_element(encoding.word_ids.begin(), encoding.word_ids.end()) + 1);
    total += static_cast<int64_t>(encoding.ids.size());
  }
  fmt::print(">>> joined: {} tokens\n", total);
  for (int64_t begin = 0; begin < total; begin += chunk_size)
    fmt::print(">>> chunk: {}\n", std::min(chunk_size, total - begin));
}

// lm_datasets = tokenized_datasets.map(group_texts, batched=True)
// Tokenizing and cutting are one call; the tokens lie in a file that the next call finds again.
std::map<std::string, tekio::Chunks> chunk_all(const tekio::DatasetDict& dataset, const tekio::Tokenizer& tokenizer,
                                               int64_t chunk_size) {
  std::map<std::string, tekio::Chunks> chunks;
  for (const auto& [name, split] : dataset.splits()) {
    const auto& made = chunks.emplace(name, tekio::chunk(split, tokenizer, {.chunk_size = chunk_size})).first->second;
    fmt::print("{}: {} chunks of {}\n", name, made.size(), made.chunk_size());
  }
  return chunks;
}

// tokenizer.decode(lm_datasets["train"][1]["input_ids"]); the labels are the same tokens until something is masked.
void show_chunk(const tekio::Chunks& chunks, const tekio::Tokenizer& tokenizer) {
  if (chunks.size() > 1) fmt::print("{}\n", tokenizer.decode(chunks.ids(1)));
}

// data_collator = DataCollatorForLanguageModeling(tokenizer=tokenizer, mlm_probability=0.15)
// whole_word_masking_data_collator, wwm_probability = 0.2
void show_masks(const tekio::Chunks& chunks, const tekio::Tokenizer& tokenizer, bool whole_words) {
  const auto masked = tekio::mask(chunks, {0, 1}, tokenizer,
                                  {.mlm_probability = 0.15, .whole_word_mask = whole_words, .wwm_probability = 0.2});
  for (const auto& chunk : masked) {
    const auto chosen = std::count_if(chunk.labels.begin(), chunk.labels.end(),
                                      [](int32_t l) { return l != tekio::MaskedChunk::kNotChosen; });
    fmt::print("\n>>> {} ({} of {} tokens to be predicted)\n", tokenizer.decode(chunk.input_ids), chosen,
               chunk.labels.size());
  }
}

// downsampled_dataset = lm_datasets["train"].train_test_split(train_size=10_000, test_size=1_000, seed=42)
tekio::Chunks::Split downsample(const tekio::Chunks& chunks, const Arguments& a) {
  auto split = chunks.train_test_split({.train_size = a.train_size, .test_size = a.test_size, .seed = 42});
  fmt::print("train: {} chunks, test: {} chunks\n", split.train.size(), split.test.size());
  return split;
}

// --- Training with the Trainer ---------------------------------------------------------------------------------------

// training_args = TrainingArguments(eval_strategy="epoch", learning_rate=2e-5, weight_decay=0.01, logging_steps=…, …)
tekio::TrainingOptions trainer_options(const Arguments& a) {
  tekio::TrainingOptions options;
  options.output_dir = (std::filesystem::path(a.work) / "finetuned").string();
  options.overwrite_output_dir = true;
  options.eval_strategy = tekio::Interval::epoch;
  options.learning_rate = 2e-5;
  options.weight_decay = 0.01;
  options.per_device_train_batch_size = a.batch_size;
  options.per_device_eval_batch_size = a.batch_size;
  options.num_train_epochs = static_cast<double>(a.epochs);
  options.logging_steps =
      static_cast<double>(std::max<int64_t>(1, a.train_size / a.batch_size));  // the loss of each epoch
  return options;
}

// trainer.evaluate(); trainer.train(); trainer.evaluate(); perplexity = math.exp(eval_loss)
// The Trainer masks anew for every evaluation, so its figure varies a little: EvalMasking::fresh does the same.
void train_with_trainer(tekio::MaskedLM& model, const tekio::Tokenizer& tokenizer, const tekio::Chunks::Split& split,
                        const Arguments& a) {
  auto options = trainer_options(a);
  options.eval_masking = tekio::EvalMasking::fresh;
  const auto report = tekio::adapt(model, tokenizer, split, options);
  fmt::print(">>> perplexity before: {:.2f}\n", report.before.perplexity);
  fmt::print(">>> perplexity after:  {:.2f}\n", report.after.perplexity);
}

// --- Training with one's own loop (Accelerate) -----------------------------------------------------------------------

// eval_dataset = downsampled_dataset["test"].map(insert_random_mask, …): masked once
// optimizer = AdamW(model.parameters(), lr=5e-5); get_scheduler("linear", num_warmup_steps=0, …)
// for epoch in range(num_train_epochs): … print(f">>> epoch {epoch}: perplexity: {perplexity}")
// What the tutorial writes out is what adapt() does: on_evaluation is called where its loop prints.
std::string train_with_own_loop(const tekio::Tokenizer& tokenizer, const tekio::Chunks::Split& split,
                                const Arguments& a) {
  auto model = tekio::MaskedLM::from_pretrained(a.model);  // a new one, not the one adapted above
  tekio::TrainingOptions options = trainer_options(a);
  options.output_dir = (std::filesystem::path(a.work) / "finetuned-own-loop").string();
  options.eval_masking = tekio::EvalMasking::frozen;
  options.learning_rate = 5e-5;
  options.lr_scheduler_type = tekio::LrScheduler::linear;
  options.warmup_steps = 0;
  options.on_evaluation = [](const tekio::EvaluationPoint& r, tekio::RunControl&) {
    fmt::print(">>> epoch {}: perplexity: {}\n", r.epoch - 1, r.evaluation.perplexity);
  };
  tekio::adapt(model, tokenizer, split, options);
  return options.output_dir;  // model.save_pretrained, tokenizer.save_pretrained: already done
}

// mask_filler = pipeline("fill-mask", model=…)
void fill(const std::string& folder, const std::string& text) {
  tekio::FillMask mask_filler(tekio::MaskedLM::from_pretrained(folder), tekio::Tokenizer::from_pretrained(folder));
  for (const auto& prediction : mask_filler(text)) fmt::print(">>> {}\n", prediction.sequence);
}

void tour(const Arguments& a) {
  auto model = open_model(a);
  auto tokenizer = tekio::Tokenizer::from_pretrained(a.model);
  predict_by_hand(model, tokenizer, a.text);

  const auto dataset = open_data(a);
  show_reviews(dataset["train"]);
  show_tokens(dataset["train"], tokenizer, a.chunk_size);
  const auto chunks = chunk_all(dataset, tokenizer, a.chunk_size);
  show_chunk(chunks.at("train"), tokenizer);
  show_masks(chunks.at("train"), tokenizer, /*whole_words=*/false);
  show_masks(chunks.at("train"), tokenizer, /*whole_words=*/true);

  const auto split = downsample(chunks.at("train"), a);
  train_with_trainer(model, tokenizer, split, a);
  fill(train_with_own_loop(tokenizer, split, a), a.text);
}

Arguments parse(int argc, char** argv) {
  Arguments a;
  const std::map<std::string, std::string*> texts = {{"--work", &a.work}, {"--text", &a.text}};
  const std::map<std::string, int64_t*> numbers = {{"--chunk_size", &a.chunk_size}, {"--train_size", &a.train_size},
                                                   {"--test_size", &a.test_size},   {"--batch_size", &a.batch_size},
                                                   {"--epochs", &a.epochs},         {"--rows", &a.rows}};
  std::vector<std::string> folders;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    const bool known = texts.contains(name) || numbers.contains(name);
    if (known && i + 1 == argc) throw tekio::Error(tekio::ErrorKind::usage, name + " needs a value");
    if (texts.contains(name))
      *texts.at(name) = argv[++i];
    else if (numbers.contains(name))
      *numbers.at(name) = std::atoll(argv[++i]);
    else
      folders.push_back(name);
  }
  if (folders.size() != 2)
    throw tekio::Error(tekio::ErrorKind::usage, "usage: walkthrough MODEL DATA [--work DIR] [--chunk_size N] …");
  a.model = folders[0], a.data = folders[1];
  return a;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    tour(parse(argc, argv));
  } catch (const tekio::Error& e) {
    fmt::print(stderr, "{}\n", e.what());
    return tekio::exit_code(e.kind());
  }
}
