// Chunks: views over a token store. Word ids are not stored: they are counted from the bits that say where words begin.
#include "data/chunks.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "base/error.h"
#include "base/log.h"
#include "base/random/numpy_permutation.h"

namespace tekio {

Chunks::View Chunks::View::whole(std::shared_ptr<const TokenStore> store, int64_t block, bool line_by_line) {
  std::vector<int64_t> first = {0};
  for (const TokenStore::Batch& batch : store->batches())
    first.push_back(first.back() +
                    (line_by_line ? static_cast<int64_t>(batch.row_ends.size()) : batch.ids.size() / block));
  View view;
  view.store = std::move(store);
  view.block = block;
  view.line_by_line = line_by_line;
  view.first = std::make_shared<const std::vector<int64_t>>(std::move(first));
  return view;
}

Chunks::View::Place Chunks::View::place(int64_t i) const {
  const int64_t chunk = number(i);
  const auto batch = std::upper_bound(first->begin(), first->end(), chunk) - first->begin() - 1;
  const TokenStore::Batch& tokens = store->batches()[static_cast<size_t>(batch)];
  const int64_t within = chunk - (*first)[static_cast<size_t>(batch)];
  if (!line_by_line) return {&tokens, within * block, (within + 1) * block};
  const auto [begin, end] = tokens.row(within);
  return {&tokens, begin, end};
}

TokenSpan Chunks::View::ids(int64_t i) const {
  const Place at = place(i);
  return at.batch->ids.subspan(at.begin, at.end - at.begin);
}

namespace {

bool bit(std::span<const uint64_t> bits, int64_t i) { return bits[static_cast<size_t>(i / 64)] >> (i % 64) & 1; }

int32_t count_bits(std::span<const uint64_t> bits, int64_t begin, int64_t end) {
  int32_t count = 0;
  while (begin < end) {
    const int64_t stop = std::min(end, (begin / 64 + 1) * 64);
    uint64_t word = bits[static_cast<size_t>(begin / 64)] >> (begin % 64);
    if (stop - begin < 64) word &= (uint64_t{1} << (stop - begin)) - 1;
    count += std::popcount(word);
    begin = stop;
  }
  return count;
}

}  // namespace

void Chunks::View::word_ids(int64_t i, std::vector<int32_t>& out) const {
  const Place at = place(i);
  const TokenStore::Batch& tokens = *at.batch;
  out.clear();
  auto row = std::upper_bound(tokens.row_ends.begin(), tokens.row_ends.end(), static_cast<uint64_t>(at.begin)) -
             tokens.row_ends.begin();
  for (int64_t token = at.begin; token < at.end; ++row) {
    const auto [row_begin, row_end] = tokens.row(row);
    const int64_t words_begin = row_begin + store->prefix(), words_end = row_end - store->suffix(),
                  stop = std::min(row_end, at.end);
    for (; token < std::min(words_begin, stop); ++token) out.push_back(Encoding::kNoWord);
    int32_t word = token > words_begin ? count_bits(tokens.word_starts, words_begin, token) - 1 : -1;
    for (; token < std::min(words_end, stop); ++token) {
      word += bit(tokens.word_starts, token);
      out.push_back(word);
    }
    for (; token < stop; ++token) out.push_back(Encoding::kNoWord);
  }
}

Chunks::Chunks(std::shared_ptr<const View> view) : view_(std::move(view)) {}

int64_t Chunks::size() const { return view_->size(); }
int64_t Chunks::chunk_size() const { return view_->block; }
int64_t Chunks::rows() const { return view_->store->rows(); }
int64_t Chunks::tokens() const { return view_->store->tokens(); }

namespace {

void check_number(int64_t i, int64_t size) {
  if (i < 0 || i >= size)
    fail(ErrorKind::usage, "chunk {} was asked for, but the data has {} (numbers from 0)", i, counted(size, "chunk"));
}

}  // namespace

std::vector<int32_t> Chunks::ids(int64_t i) const {
  check_number(i, size());
  const TokenSpan tokens = view_->ids(i);
  std::vector<int32_t> ids(static_cast<size_t>(tokens.size()));
  tokens.copy_to(ids.data());
  return ids;
}

std::vector<int32_t> Chunks::word_ids(int64_t i) const {
  check_number(i, size());
  std::vector<int32_t> words;
  view_->word_ids(i, words);
  return words;
}

Chunks Chunks::select(std::vector<int64_t> chunks) const {
  for (int64_t& i : chunks) {
    check_number(i, size());
    i = view_->number(i);
  }
  auto view = std::make_shared<View>(*view_);
  view->picked = std::make_shared<const std::vector<int64_t>>(std::move(chunks));
  return Chunks(std::move(view));
}

Chunks::Split Chunks::train_test_split(const SplitOptions& options) const {
  const int64_t count = size();
  int64_t test = options.test_size, train = options.train_size;
  for (const auto& [name, value] : {std::pair("train_size", train), std::pair("test_size", test)})
    if (value < 0 || value > count || (value == count && value > 0))
      fail(ErrorKind::usage, "--{} {} does not leave a train and a test part of {}", name, value,
           counted(count, "chunk"));
  if (train == 0 && test == 0) test = (count + 3) / 4;  // the reference's default: a quarter, rounded up
  if (test == 0) test = count - train;
  if (train == 0) train = count - test;
  if (train > count - test)
    fail(ErrorKind::usage, "--train_size {} and --test_size {} together are more than the {} there", train, test,
         counted(count, "chunk"));
  if (train == 0 || test == 0)
    fail(ErrorKind::usage, "{} cannot be split into a train and a test part", counted(count, "chunk"));
  std::vector<int64_t> order = numpy_permutation(options.seed, count);
  std::vector<int64_t> train_part(order.begin() + test, order.begin() + test + train);
  order.resize(static_cast<size_t>(test));
  return {select(std::move(train_part)), select(std::move(order))};
}

}  // namespace tekio
