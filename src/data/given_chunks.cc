// Chunks::from_sequences: what somebody else cut, in a store like any other.
#include <algorithm>

#include "base/error.h"
#include "data/chunks.h"
#include "data/store_cache.h"
#include "data/token_store.h"

namespace tekio {
namespace {

constexpr int32_t kNarrowIds = 65'536;

void check_given(const TokenSequences& given) {
  const auto tokens = static_cast<int64_t>(given.input_ids.size());
  if (!given.word_ids.empty() && given.word_ids.size() != given.input_ids.size())
    fail(ErrorKind::usage, "{} word_ids for {} input_ids; expected as many", given.word_ids.size(), tokens);
  int64_t begin = 0;
  for (size_t i = 0; i < given.ends.size(); begin = given.ends[i++])
    if (given.ends[i] <= begin || given.ends[i] > tokens)
      fail(ErrorKind::usage,
           "sequence {} has the tokens [{}, {}) of {}; expected at least one, and no more than there are", i, begin,
           given.ends[i], tokens);
  if (begin != tokens) fail(ErrorKind::usage, "the sequences end at token {}, but there are {}", begin, tokens);
  for (int64_t i = 0; i < tokens; ++i)
    if (const int32_t id = given.input_ids[static_cast<size_t>(i)]; id < 0)
      fail(ErrorKind::input, "token {} of the sequences has the id {}; expected 0 or more", i, id);
}

void append(const TokenSequences& given, size_t begin, size_t end, EncodedRows& rows) {
  rows.ids.insert(rows.ids.end(), given.input_ids.begin() + static_cast<std::ptrdiff_t>(begin),
                  given.input_ids.begin() + static_cast<std::ptrdiff_t>(end));
  for (size_t i = begin; i < end; ++i)
    rows.word_starts.push_back(given.word_ids.empty() || (given.word_ids[i] != Encoding::kNoWord &&
                                                          (i == begin || given.word_ids[i] != given.word_ids[i - 1])));
  rows.row_ends.push_back(rows.ids.size());
}

}  // namespace

Chunks Chunks::from_sequences(const TokenSequences& sequences) {
  check_given(sequences);
  const auto ids = sequences.input_ids;
  const int32_t largest = ids.empty() ? 0 : *std::max_element(ids.begin(), ids.end());
  TokenStoreWriter writer(AtomicFile::Nameless{temporary_folder()}, StoreKey{},
                          {.id_bytes = largest < kNarrowIds ? 2 : 4, .data = "sequences in memory"});
  EncodedRows rows;
  int64_t begin = 0, longest = 1;
  for (const int64_t end : sequences.ends) {
    append(sequences, static_cast<size_t>(begin), static_cast<size_t>(end), rows);
    longest = std::max(longest, end - begin);
    begin = end;
    if (static_cast<int64_t>(rows.row_ends.size()) < TokenStore::kBatchRows) continue;
    writer.append(rows);
    rows.clear();
  }
  writer.append(rows);
  writer.commit(0);
  auto view =
      ChunksView::whole(std::make_shared<const TokenStore>(writer.path(), StoreKey{}), longest, /*line_by_line=*/true);
  if (!sequences.word_ids.empty())
    view.given_words =
        std::make_shared<const std::vector<int32_t>>(sequences.word_ids.begin(), sequences.word_ids.end());
  return Chunks(std::make_shared<const ChunksView>(std::move(view)));
}

}  // namespace tekio
