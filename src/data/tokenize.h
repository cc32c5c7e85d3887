// Text to a token store: one thread reads and unpacks, several parse and tokenize, the calling one writes in order.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "data/record_parser.h"
#include "data/source.h"
#include "data/token_store.h"

namespace tekio {

/// Appends one text's ids and word starts. One for each thread.
using EncodeText =
    std::function<void(std::string_view text, std::vector<int32_t>& ids, std::vector<uint8_t>& word_starts)>;

struct TokenizeOptions {
  bool skip_blank = false;  ///< leave out rows that are empty or white space alone
  int64_t max_tokens = 0;   ///< cut rows to this many, template tokens included; 0: not at all
  int64_t suffix = 0;       ///< template tokens at a row's end, which cutting keeps
  int threads = 0;          ///< that tokenize; 0: all processors
};

/// What is made of a block's rows; `rows` is overwritten.
void encode_rows(const Block& block, const TokenizeOptions& options, RecordParser& parser, const EncodeText& encoder,
                 EncodedRows& rows);

/// Appends all rows of `source` to `writer`, which comes out the same for any number of threads.
/// Errors: what reading and encoding throw; of several rows the first one's.
void tokenize(const DatasetSource& source, const std::function<EncodeText()>& make_encoder,
              const TokenizeOptions& options, TokenStoreWriter& writer);

/// Python's str.isspace(), or empty: the rows that the reference's line_by_line leaves out. `text` is valid UTF-8;
/// kWordMark counts as white space.
bool is_blank(std::string_view text);
/// Where the white space ends that stands at `at`: a character that is none, or the text's end.
size_t after_space(std::string_view text, size_t at);

}  // namespace tekio
