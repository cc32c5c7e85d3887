// tekio bench data: the whole way from files to chunks: reading, unpacking, parsing, tokenizing, writing the token
// store.

#include "base/file.h"
#include "base/log.h"
#include "base/stopwatch.h"
#include "base/thread_pool.h"
#include "bench.h"
#include "inputs.h"

namespace tekio::cli {
namespace {

// What one way through all splits comes to.
struct Counts {
  int64_t rows = 0, tokens = 0, chunks = 0;
};

class BenchData final : public Command {
 public:
  CommandText text() const override {
    return {
        .name = "bench data",
        .summary = "measures the way from files of text to chunks",
        .usage = "D [--model M] [--chunk_size 128]",
        .description =
            "Reads, tokenizes and cuts all splits of D as training does, each time from nothing: no cached store is "
            "used or kept. Megabytes are a million bytes of the texts' UTF-8. --compare_reference runs datasets.map "
            "and group_texts on the same files in alternation, with as many processes as there are threads here.",
        .examples = {"tekio bench data ./imdb --model distilbert-base-uncased",
                     "tekio bench data imdb/train.jsonl.zst --model M --json"},
        .max_positionals = -1};
  }

  void add_options(OptionTable& table) override {
    model_.add_to(table, false);
    add_read_options(table, read_);
    add_chunk_options(table, chunks_);
    add_repeats(table, &repeats_);
    reference_.add_to(table);
  }

  void check(const OptionTable& table, const std::vector<std::string>& positionals) override {
    if (positionals.empty()) fail(ErrorKind::usage, "tekio bench data needs {}", kDataKinds);
    reference_.check(table);
    if (reference_.wanted() && chunks_.line_by_line)
      fail(ErrorKind::usage,
           "--compare_reference contradicts --line_by_line: datasets.map and group_texts cut chunks from all text");
  }

  int run(const OptionTable& table, const std::vector<std::string>& positionals, Output& out) override {
    const fs::path folder = model_.tokenizer_folder(common.hub);
    const Tokenizer tokenizer = Tokenizer::from_pretrained(folder.string());
    const DatasetDict data = open_data(positionals, read_, common.hub);
    if (reference_.wanted()) {
      reference_.compare(*this, table, positionals, reference_job(data, folder), out);
      return 0;
    }
    size_t bytes = 0;  // counted beforehand, which also brings the files into the page cache
    for (const auto& [name, split] : data.splits())
      for_each_text(split, [&](std::string_view text) { bytes += text.size(); });

    chunks_.use_cache = false;
    chunks_.threads = common.threads;
    std::vector<double> seconds;
    Counts counts;
    for (int64_t i = 0; i < repeats_; ++i) {
      const Stopwatch watch;
      counts = {};
      for (const auto& [name, split] : data.splits()) {
        const Chunks cut = chunk(split, tokenizer, chunks_);
        counts.rows += cut.rows();
        counts.tokens += cut.tokens();
        counts.chunks += cut.size();
      }
      seconds.push_back(watch.seconds());
    }
    const double each = median(seconds), mb = static_cast<double>(bytes) * 1e-6;
    const int threads = ThreadPool(common.threads).threads();
    if (common.json) {
      out.json({{"what", "data"},
                {"mb_per_second", mb / each},
                {"tokens_per_second", static_cast<double>(counts.tokens) / each},
                {"seconds", each},
                {"mb", mb},
                {"rows", counts.rows},
                {"tokens", counts.tokens},
                {"chunks", counts.chunks},
                {"threads", threads},
                {"repeats", repeats_},
                {"peak_mib", peak_memory_mib()}});
    } else {
      out.line(fmt::format("{:.1f} MB/s · {} tokens/s · {:.4g} s, median of {} · {:.2f} MB, {}, {} of {} · {}",
                           mb / each, with_commas(static_cast<int64_t>(static_cast<double>(counts.tokens) / each)),
                           each, repeats_, mb, counted(counts.rows, "row"), counted(counts.chunks, "chunk"),
                           chunks_.chunk_size, counted(threads, "thread")));
    }
    return 0;
  }

 private:
  ReferenceJob reference_job(const DatasetDict& data, const fs::path& tokenizer) const {
    const int threads = ThreadPool(common.threads).threads();
    ReferenceJob job{
        .script = "data.py",
        .arguments = files_of(data),
        .figures = {{"mb_per_second", "MB/s", true}, {"seconds", "s", false}, {"peak_mib", "MiB at most", false}},
        .equal = {"rows"}};
    // Several processes of the reference each drop the remainders of batches of their own: its chunks depend on them.
    if (threads == 1) job.equal.push_back("chunks");
    job.arguments.insert(job.arguments.end(),
                         {"--tokenizer", tokenizer.string(), "--column", text_column_of(data), "--chunk_size",
                          std::to_string(chunks_.chunk_size), "--num_proc", std::to_string(threads)});
    return job;
  }

  ModelOptions model_;
  ReadOptions read_;
  ChunkOptions chunks_;
  int64_t repeats_ = 5;
  ReferenceOptions reference_;
};

}  // namespace

std::unique_ptr<Command> make_bench_data() { return std::make_unique<BenchData>(); }

}  // namespace tekio::cli
