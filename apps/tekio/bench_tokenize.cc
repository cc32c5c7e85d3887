// tekio bench tokenize: the data path's encoder alone, on texts that are in memory already.

#include "base/file.h"
#include "base/log.h"
#include "base/stopwatch.h"
#include "base/thread_pool.h"
#include "bench.h"
#include "data/source.h"
#include "inputs.h"
#include "text/text_encoder.h"

namespace tekio::cli {
namespace {

class BenchTokenize final : public Command {
 public:
  CommandText text() const override {
    return {
        .name = "bench tokenize",
        .summary = "measures how fast texts become token ids",
        .usage = "FILE [--model M] [--threads 1]",
        .description =
            "Reads all texts of FILE into memory, then encodes them, special tokens included, as training does; each "
            "time from a cold word cache. Megabytes are a million bytes of UTF-8. --compare_reference runs the "
            "tokenizers crate on the same texts in alternation.",
        .examples = {"tekio bench tokenize imdb/train.jsonl.zst --model distilbert-base-uncased",
                     "tekio bench tokenize reviews.txt --model M --threads 2 --json"},
        .max_positionals = 1};
  }

  void add_options(OptionTable& table) override {
    common.threads = 1;
    model_.add_to(table, false);
    add_read_options(table, read_);
    add_repeats(table, &repeats_);
    reference_.add_to(table);
  }

  void check(const OptionTable& table, const std::vector<std::string>& positionals) override {
    if (positionals.empty()) fail(ErrorKind::usage, "tekio bench tokenize needs a file of text");
    reference_.check(table);
  }

  int run(const OptionTable& table, const std::vector<std::string>& positionals, Output& out) override {
    const fs::path folder = model_.tokenizer_folder(common.hub);
    const Tokenizer tokenizer = Tokenizer::from_pretrained(folder.string());
    const DatasetDict data = open_data(positionals, read_, common.hub);
    if (reference_.wanted()) {
      reference_.compare(*this, table, positionals, reference_job(data, folder), out);
      return 0;
    }
    std::vector<std::string> texts;
    size_t bytes = 0;
    for (const auto& [name, split] : data.splits())
      for_each_text(split, [&](std::string_view text) {
        bytes += text.size();
        texts.emplace_back(text);
      });
    if (bytes == 0) fail(ErrorKind::input, "there is no text in {}", printable(positionals[0], 300));

    ThreadPool pool(common.threads);
    std::vector<double> seconds;
    int64_t tokens = 0;
    for (int64_t i = 0; i < repeats_; ++i) {
      const Stopwatch watch;
      tokens = encode_all(tokenizer, texts, pool);
      seconds.push_back(watch.seconds());
    }
    const double each = median(seconds), mb = static_cast<double>(bytes) * 1e-6;
    if (common.json) {
      out.json({{"what", "tokenize"},
                {"mb_per_second", mb / each},
                {"tokens_per_second", static_cast<double>(tokens) / each},
                {"seconds", each},
                {"mb", mb},
                {"texts", texts.size()},
                {"tokens", tokens},
                {"threads", pool.threads()},
                {"repeats", repeats_},
                {"peak_mib", peak_memory_mib()}});
    } else {
      out.line(
          fmt::format("{:.1f} MB/s · {} tokens/s · {:.4g} s, median of {} · {:.2f} MB, {} texts, {} tokens · {} "
                      "threads",
                      mb / each, with_commas(static_cast<int64_t>(static_cast<double>(tokens) / each)), each, repeats_,
                      mb, with_commas(static_cast<int64_t>(texts.size())), with_commas(tokens), pool.threads()));
    }
    return 0;
  }

 private:
  // Every text to ids, in blocks on all threads; returns how many ids.
  static int64_t encode_all(const Tokenizer& tokenizer, const std::vector<std::string>& texts, ThreadPool& pool) {
    constexpr int64_t kBlock = 256;
    struct Worker {
      TextEncoder encoder;
      std::vector<int32_t> ids = {};
      std::vector<uint8_t> word_starts = {};
      int64_t tokens = 0;
    };
    std::vector<Worker> workers;
    for (int i = 0; i < pool.threads(); ++i) workers.push_back({.encoder = TextEncoder(tokenizer)});
    const auto count = static_cast<int64_t>(texts.size());
    pool.for_each((count + kBlock - 1) / kBlock, [&](int64_t block, int number) {
      Worker& worker = workers[static_cast<size_t>(number)];
      worker.ids.clear();
      worker.word_starts.clear();
      for (int64_t i = block * kBlock; i < std::min(count, (block + 1) * kBlock); ++i)
        worker.encoder.append(texts[static_cast<size_t>(i)], worker.ids, worker.word_starts);
      worker.tokens += static_cast<int64_t>(worker.ids.size());
    });
    int64_t tokens = 0;
    for (const Worker& worker : workers) tokens += worker.tokens;
    return tokens;
  }

  ReferenceJob reference_job(const DatasetDict& data, const fs::path& tokenizer) const {
    ReferenceJob job{.script = "encode.py",
                     .arguments = files_of(data),
                     .figures = {{"mb_per_second", "MB/s", true},
                                 {"tokens_per_second", "tokens/s", true},
                                 {"seconds", "s", false},
                                 {"peak_mib", "MiB at most", false}},
                     .equal = {"texts", "tokens"}};
    job.arguments.insert(job.arguments.end(), {"--tokenizer", tokenizer.string(), "--column", text_column_of(data),
                                               "--threads", std::to_string(ThreadPool(common.threads).threads())});
    return job;
  }

  ModelOptions model_;
  ReadOptions read_;
  int64_t repeats_ = 5;
  ReferenceOptions reference_;
};

}  // namespace

std::unique_ptr<Command> make_bench_tokenize() { return std::make_unique<BenchTokenize>(); }

}  // namespace tekio::cli
