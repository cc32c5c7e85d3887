// What the benchmarks of the text path run on: a small corpus and vocabulary that are committed, and, where TEKIO_DATA
// names their folder, 100,000 reviews and the original vocabulary of 30,522 entries.
#pragma once

#include <benchmark/benchmark.h>
#include <tekio/dataset.h>
#include <tekio/tokenizer.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace tekio::bench {

struct Corpus {
  std::string name;
  std::string rows;       // load_dataset() opens it
  std::string tokenizer;  // a folder
};

/// Says on standard error what is left out.
inline std::vector<Corpus> corpora() {
  const std::string root = TEKIO_ROOT;
  std::vector<Corpus> all = {{"small", root + "/examples/reviews", root + "/examples/tiny-model"}};
  if (const char* data = std::getenv("TEKIO_DATA"))
    all.push_back({"reviews", data + std::string("/imdb"), data + std::string("/tokenizers/distilbert-base-uncased")});
  else
    std::fputs("skipped: the benchmarks on 100,000 reviews; TEKIO_DATA is not set\n", stderr);
  return all;
}

/// Registers `body(state, corpus)` for every corpus, as NAME/CORPUS. CPU time is that of all threads.
template <typename Body>
void add(const std::vector<Corpus>& corpora, const std::string& name, Body body) {
  for (const Corpus& corpus : corpora)
    benchmark::RegisterBenchmark((name + "/" + corpus.name).c_str(),
                                 [corpus, body](benchmark::State& state) { body(state, corpus); })
        ->MeasureProcessCPUTime()
        ->Unit(benchmark::kMillisecond);
}

/// Bytes and tokens of one iteration, as rates of the time that the benchmark reports.
inline void set_rates(benchmark::State& state, size_t bytes, size_t tokens) {
  const auto each = benchmark::Counter::kIsIterationInvariantRate;
  state.counters["MB/s"] = benchmark::Counter(static_cast<double>(bytes) * 1e-6, each);
  if (tokens > 0) state.counters["Mtokens/s"] = benchmark::Counter(static_cast<double>(tokens) * 1e-6, each);
}

}  // namespace tekio::bench
