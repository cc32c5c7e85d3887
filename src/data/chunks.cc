// Chunks: views over a token store. Word ids are not stored: they are counted from the bits that say where words begin.
#include "data/chunks.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/random/numpy_permutation.h"

namespace tekio {

namespace {

/// Rows [begin, end), which are of one batch.
ChunksView::Stretch stretch(const TokenStore& store, int64_t begin, int64_t end) {
  if (begin == end) return {};
  const TokenStore::Batch& batch = store.batches()[static_cast<size_t>(begin / TokenStore::kBatchRows)];
  return {&batch, batch.begin_of(begin % TokenStore::kBatchRows), batch.end_of((end - 1) % TokenStore::kBatchRows)};
}

template <typename Id>
void join(const TokenSpan& a, const TokenSpan& b, std::vector<Id>& out) {
  for (const TokenSpan& part : {a, b})
    for (int64_t i = 0; i < part.size(); ++i) out.push_back(static_cast<Id>(part[i]));
}

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

ChunksView ChunksView::whole(std::shared_ptr<const TokenStore> store, int64_t block, bool line_by_line,
                             WordBounds words) {
  const int64_t rows = store->rows();
  ChunksView view = of_rows(std::move(store), block, line_by_line, 0, rows);
  view.words = words;
  return view;
}

ChunksView ChunksView::of_rows(std::shared_ptr<const TokenStore> store, int64_t block, bool line_by_line, int64_t begin,
                               int64_t end) {
  TEKIO_CHECK(0 <= begin && begin <= end && end <= store->rows(), "rows [{}, {})", begin, end);
  constexpr int64_t kRows = TokenStore::kBatchRows;
  Rows rows;
  rows.begin = begin;
  rows.end = end;
  for (int64_t first = begin; first < end; first += kRows) {
    const int64_t last = std::min(first + kRows, end), next = std::min((first / kRows + 1) * kRows, last);
    Batch batch;
    batch.first_chunk = rows.chunks;
    batch.front = stretch(*store, first, next);
    batch.back = stretch(*store, next, last);
    const int64_t front = batch.front.size(), tokens = front + batch.back.size();
    rows.tokens += tokens;
    rows.chunks += line_by_line ? last - first : tokens / block;
    const int64_t across = front / block * block;
    if (!line_by_line && across < front && across + block <= tokens) {
      const TokenSpan a = batch.front.batch->ids.subspan(batch.front.begin + across, front - across),
                      b = batch.back.batch->ids.subspan(batch.back.begin, across + block - front);
      store->id_bytes() == 2 ? join(a, b, batch.narrow_seam) : join(a, b, batch.wide_seam);
    }
    // Of a large store, a page of each batch that was looked into, and what the system maps around it, would stay.
    if (batch.back.size() > 0) drop_pages(batch.front.batch->bytes());
    rows.batches.push_back(std::move(batch));
  }
  ChunksView view;
  view.store = std::move(store);
  view.block = block;
  view.line_by_line = line_by_line;
  view.rows = std::make_shared<const Rows>(std::move(rows));
  return view;
}

ChunksView::Place ChunksView::place(int64_t i) const {
  const int64_t chunk = number(i);
  const Batch& batch = *std::prev(std::ranges::upper_bound(rows->batches, chunk, {}, &Batch::first_chunk));
  if (line_by_line) return {batch, stretch(*store, rows->begin + chunk, rows->begin + chunk + 1), {}};
  const Stretch &front = batch.front, &back = batch.back;
  const int64_t begin = (chunk - batch.first_chunk) * block, end = begin + block, seam = front.size();
  if (end <= seam) return {batch, {front.batch, front.begin + begin, front.begin + end}, {}};
  if (begin >= seam) return {batch, {back.batch, back.begin + begin - seam, back.begin + end - seam}, {}};
  return {batch, {front.batch, front.begin + begin, front.end}, {back.batch, back.begin, back.begin + end - seam}};
}

TokenSpan ChunksView::ids(int64_t i) const {
  const Place at = place(i);
  if (at.back.size() == 0) return at.front.batch->ids.subspan(at.front.begin, at.front.size());
  return at.batch.wide_seam.empty() ? TokenSpan(std::span(at.batch.narrow_seam))
                                    : TokenSpan(std::span(at.batch.wide_seam));
}

void ChunksView::word_ids(int64_t i, std::vector<int32_t>& out) const {
  const Place at = place(i);
  out.clear();
  if (given_words) {  // a row is a chunk
    const int64_t row = rows->begin + number(i), batch = row / TokenStore::kBatchRows;
    int64_t begin = at.front.begin;
    for (int64_t before = 0; before < batch; ++before)
      begin += store->batches()[static_cast<size_t>(before)].ids.size();
    out.assign(given_words->begin() + begin, given_words->begin() + begin + at.front.size());
    return;
  }
  add_word_ids(at.front, out);
  if (at.back.size() > 0) add_word_ids(at.back, out);
}

void ChunksView::add_word_ids(const Stretch& at, std::vector<int32_t>& out) const {
  const TokenStore::Batch& tokens = *at.batch;
  auto row = std::upper_bound(tokens.row_ends.begin(), tokens.row_ends.end(), static_cast<uint64_t>(at.begin)) -
             tokens.row_ends.begin();
  for (int64_t token = at.begin; token < at.end; ++row) {
    const int64_t row_begin = tokens.begin_of(row), row_end = tokens.end_of(row);
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

bool ChunksView::has_words() const {
  return std::ranges::any_of(rows->batches, [](const Batch& batch) {
    return std::ranges::any_of(std::array{batch.front, batch.back}, [](const Stretch& part) {
      return part.size() > 0 && count_bits(part.batch->word_starts, part.begin, part.end) > 0;
    });
  });
}

Chunks::Chunks(std::shared_ptr<const ChunksView> view) : view_(std::move(view)) {}

int64_t Chunks::size() const { return view_->size(); }
int64_t Chunks::chunk_size() const { return view_->block; }
int64_t Chunks::rows() const { return view_->rows->end - view_->rows->begin; }
int64_t Chunks::tokens() const { return view_->rows->tokens; }
int64_t Chunks::source_rows() const { return view_->store->source_rows(); }

Chunks Chunks::of_rows(int64_t begin, int64_t end) const {
  const TokenStore& store = *view_->store;
  if (begin < 0 || begin > end || end > source_rows())
    fail(ErrorKind::usage, "chunks of rows [{}, {}) were asked for, but the data has {}", begin, end,
         counted(source_rows(), "row"));
  auto view = ChunksView::of_rows(view_->store, view_->block, view_->line_by_line, store.rows_before(begin),
                                  store.rows_before(end));
  view.words = view_->words;
  view.given_words = view_->given_words;
  if (!view.has_words())
    fail(ErrorKind::input, "there is no text in rows {} to {} of the data: none of them has a word in it", begin + 1,
         end);
  return Chunks(std::make_shared<const ChunksView>(std::move(view)));
}

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
  auto view = std::make_shared<ChunksView>(*view_);
  view->picked = std::make_shared<const std::vector<int64_t>>(std::move(chunks));
  return Chunks(std::move(view));
}

namespace {

// A tenth to test on is a part that can be named where too many were asked for.
std::string fewer(std::string_view name, int64_t asked, int64_t count) {
  if (asked < 0 || count < 2) return {};
  const int64_t test = std::max<int64_t>(1, count / 10);
  return fmt::format("; take fewer, {} say", name == "test_size" ? test : count - test);
}

}  // namespace

Chunks::Split Chunks::train_test_split(const SplitOptions& options) const {
  const int64_t count = size();
  int64_t test = options.test_size, train = options.train_size;
  for (const auto& [name, value] : {std::pair("train_size", train), std::pair("test_size", test)})
    if (value < 0 || value > count || (value == count && value > 0))
      fail(ErrorKind::usage, "{} {} does not leave a train and a test part of {}{}", named_option(name), value,
           counted(count, "chunk"), fewer(name, value, count));
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
