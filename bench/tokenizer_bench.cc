// Micro benchmarks of the tokenizer, on one thread, by CPU time: opening one, then a corpus as the data path encodes it
// (by an encoder that is new, and by one that has seen the corpus), and with word ids and offsets.
//   build/…/tokenizer_bench [--benchmark_filter=reviews] [--benchmark_min_time=2]
#include "corpora.h"
#include "data/record_parser.h"
#include "data/source.h"
#include "text/text_encoder.h"

namespace {

using namespace tekio;
using bench::Corpus;

std::vector<std::string> texts_of(const Corpus& corpus) {
  std::vector<std::string> texts;
  const DatasetDict data = load_dataset(corpus.rows);
  for (const auto& [split, rows] : data.splits()) {
    const Files& files = *DatasetSource::of(rows).files;
    SourceReader reader(DatasetSource::of(rows), Columns::text);
    RecordParser parser(files);
    for (Block block; reader.next(block);)
      for (const Record& record : block.records) texts.emplace_back(parser.text(block, record));
  }
  return texts;
}

void open_tokenizer(benchmark::State& state, const Corpus& corpus) {
  for (auto _ : state) benchmark::DoNotOptimize(Tokenizer::from_pretrained(corpus.tokenizer));
}

void digest(benchmark::State& state, const Corpus& corpus) {
  const Tokenizer tokenizer = Tokenizer::from_pretrained(corpus.tokenizer);
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer.digest());
}

/// `known`: the encoder has seen every text before.
void ids(benchmark::State& state, const Corpus& corpus, bool known) {
  const Tokenizer tokenizer = Tokenizer::from_pretrained(corpus.tokenizer);
  const std::vector<std::string> texts = texts_of(corpus);
  size_t bytes = 0, tokens = 0;
  std::vector<int32_t> ids;
  std::vector<uint8_t> starts;
  const auto encode_all = [&](TextEncoder& encoder) {
    bytes = tokens = 0;
    for (const std::string& text : texts) {
      ids.clear();
      starts.clear();
      encoder.append(text, ids, starts);
      benchmark::DoNotOptimize(ids.data());
      bytes += text.size();
      tokens += ids.size();
    }
  };
  TextEncoder kept(tokenizer);
  if (known) encode_all(kept);
  for (auto _ : state) {
    if (known) {
      encode_all(kept);
    } else {
      TextEncoder fresh(tokenizer);
      encode_all(fresh);
    }
  }
  bench::set_rates(state, bytes, tokens);
}

void offsets(benchmark::State& state, const Corpus& corpus) {
  const Tokenizer tokenizer = Tokenizer::from_pretrained(corpus.tokenizer);
  std::vector<std::string> texts = texts_of(corpus);
  texts.resize(std::min<size_t>(texts.size(), 1000));
  size_t bytes = 0, tokens = 0;
  for (auto _ : state) {
    bytes = tokens = 0;
    for (const std::string& text : texts) {
      tokens += tokenizer.encode(text).ids.size();
      bytes += text.size();
    }
  }
  bench::set_rates(state, bytes, tokens);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  const std::vector<Corpus> corpora = bench::corpora();
  bench::add(corpora, "open", open_tokenizer);
  bench::add(corpora, "digest", digest);
  bench::add(corpora, "ids/new", [](benchmark::State& state, const Corpus& corpus) { ids(state, corpus, false); });
  bench::add(corpora, "ids/known", [](benchmark::State& state, const Corpus& corpus) { ids(state, corpus, true); });
  bench::add(corpora, "offsets", offsets);
  benchmark::RunSpecifiedBenchmarks();
}
