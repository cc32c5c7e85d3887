// Micro benchmarks of the way from files to chunks, stage by stage and whole, by CPU time of all threads. MB are those
// of the unpacked files.
//   build/…/data_bench [--benchmark_filter=reviews] [--benchmark_min_time=2]
#include <filesystem>

#include "corpora.h"
#include "data/byte_stream.h"
#include "data/record_parser.h"
#include "data/source.h"
#include "data/store_cache.h"
#include "text/text_encoder.h"

namespace {

using namespace tekio;
using bench::Corpus;

template <typename Use>
void for_each_block(const DatasetDict& data, const Use& use) {
  for (const auto& [split, rows] : data.splits()) {
    SourceReader reader(DatasetSource::of(rows), Columns::text);
    for (Block block; reader.next(block);) use(*DatasetSource::of(rows).files, block);
  }
}

void unpack(benchmark::State& state, const Corpus& corpus) {
  const DatasetDict data = load_dataset(corpus.rows);
  std::vector<char> into(Block::kBytes);
  size_t bytes = 0;
  for (auto _ : state) {
    bytes = 0;
    for (const auto& [split, rows] : data.splits())
      for (const DataFile& file : DatasetSource::of(rows).files->list()) {
        const auto stream = ByteStream::open(file.path, file.packing);
        while (const size_t got = stream->read(into.data(), into.size())) bytes += got;
      }
  }
  bench::set_rates(state, bytes, 0);
}

void records(benchmark::State& state, const Corpus& corpus) {
  const DatasetDict data = load_dataset(corpus.rows);
  size_t bytes = 0;
  for (auto _ : state) {
    bytes = 0;
    for_each_block(data, [&](const Files&, const Block& block) { bytes += block.size; });
  }
  bench::set_rates(state, bytes, 0);
}

/// Of blocks that are at hand already.
void parse(benchmark::State& state, const Corpus& corpus) {
  const DatasetDict data = load_dataset(corpus.rows);
  std::vector<std::pair<const Files*, Block>> blocks;
  size_t bytes = 0, text_bytes = 0;
  for_each_block(data, [&](const Files& files, const Block& block) {
    blocks.emplace_back(&files, block);
    bytes += block.size;
  });
  for (auto _ : state)
    for (const auto& [files, block] : blocks) {
      RecordParser parser(*files);
      for (const Record& record : block.records) text_bytes += parser.text(block, record).size();
    }
  benchmark::DoNotOptimize(text_bytes);
  bench::set_rates(state, bytes, 0);
}

/// Of rows that are encoded already.
void write_store(benchmark::State& state, const Corpus& corpus) {
  const Tokenizer tokenizer = Tokenizer::from_pretrained(corpus.tokenizer);
  TextEncoder encoder(tokenizer);
  std::vector<EncodedRows> blocks;
  size_t bytes = 0, tokens = 0;
  for_each_block(load_dataset(corpus.rows), [&](const Files& files, const Block& block) {
    RecordParser parser(files);
    EncodedRows& rows = blocks.emplace_back();
    for (const Record& record : block.records) {
      encoder.append(parser.text(block, record), rows.ids, rows.word_starts);
      rows.row_ends.push_back(rows.ids.size());
    }
    bytes += block.size;
    tokens += rows.ids.size();
  });
  const std::filesystem::path path = std::filesystem::temp_directory_path() / "tekio-data-bench.tokens";
  for (auto _ : state) {
    TokenStoreWriter writer(path, {}, {.id_bytes = 2, .prefix = 1, .suffix = 1});
    for (const EncodedRows& rows : blocks) writer.append(rows);
    writer.commit();
  }
  std::filesystem::remove(path);
  bench::set_rates(state, bytes, tokens);
}

/// Tokenizer included, without the cache.
void whole(benchmark::State& state, const Corpus& corpus) {
  const DatasetDict data = load_dataset(corpus.rows);
  int64_t tokens = 0;
  for (auto _ : state) {
    tokens = 0;
    const Tokenizer tokenizer = Tokenizer::from_pretrained(corpus.tokenizer);
    for (const auto& [split, rows] : data.splits()) tokens += chunk(rows, tokenizer, {.use_cache = false}).tokens();
  }
  bench::set_rates(state, 0, static_cast<size_t>(tokens));
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  const std::vector<Corpus> corpora = bench::corpora();
  bench::add(corpora, "unpack", unpack);
  bench::add(corpora, "records", records);
  bench::add(corpora, "parse", parse);
  bench::add(corpora, "write", write_store);
  bench::add(corpora, "whole", whole);
  benchmark::RunSpecifiedBenchmarks();
}
