// The whole job on one screen: open a model, see what it says, adapt it to a corpus, see what it says now.
//
//   quickstart MODEL DATA RUN      a model folder, text (a file or a folder), and where the adapted model is to go
#include <fmt/format.h>
#include <tekio/tekio.h>

#include <algorithm>

int run(const std::string& model_folder, const std::string& data, const std::string& run_folder) {
  auto model = tekio::MaskedLM::from_pretrained(model_folder);
  auto tokenizer = tekio::Tokenizer::from_pretrained(model_folder);
  fmt::print("{:.1f} M parameters\n", model.num_parameters() / 1e6);

  tekio::FillMask fill(model, tokenizer);
  for (const auto& p : fill("This is a great [MASK].", {.top_k = 5})) fmt::print("{:.3f} {}\n", p.score, p.sequence);

  auto corpus = tekio::load_dataset(data);  // its splits: train, and perhaps others
  auto chunks =
      tekio::chunk(corpus["train"], tokenizer, {.chunk_size = 64});  // tokenized once, memory-mapped from then on
  const int64_t test_size = std::max<int64_t>(1, chunks.size() / 10);
  auto split = chunks.train_test_split({.test_size = test_size, .seed = 42});

  tekio::TrainingOptions options;
  options.output_dir = run_folder;
  options.overwrite_output_dir = true;
  options.learning_rate = 5e-4;
  options.per_device_train_batch_size = 8;
  options.on_evaluation = [](const tekio::EvaluationPoint& r, tekio::RunControl&) {
    fmt::print("epoch {}: perplexity {:.2f}\n", r.epoch, r.evaluation.perplexity);
  };
  tekio::adapt(model, tokenizer, split, options);  // trains, evaluates, saves what from_pretrained opens

  for (const auto& p : fill("This is a great [MASK].", {.top_k = 5})) fmt::print("{:.3f} {}\n", p.score, p.sequence);
  return 0;
}

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "usage: {} MODEL DATA RUN\n", argv[0]);
    return 2;
  }
  try {
    return run(argv[1], argv[2], argv[3]);
  } catch (const tekio::Error& e) {
    fmt::print(stderr, "{}\n", e.what());
    return tekio::exit_code(e.kind());
  }
}
