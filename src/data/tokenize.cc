// What is made of a block: rows of ids, which are cut, left out where blank, and written in order.
#include "data/tokenize.h"

#include <algorithm>

#include "base/log.h"
#include "data/block_pipeline.h"
#include "data/record_parser.h"

namespace tekio {
namespace {

/// What Python's str.isspace() takes for white space.
bool is_space(uint32_t c) {
  return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

}  // namespace

void encode_rows(const Block& block, const TokenizeOptions& options, RecordParser& parser, const EncodeText& encoder,
                 EncodedRows& rows) {
  rows.clear();
  const auto limit = static_cast<size_t>(options.max_tokens), suffix = static_cast<size_t>(options.suffix);
  for (const Record& record : block.records) {
    const std::string_view text = parser.text(block, record);
    if (options.skip_blank && is_blank(text)) {
      rows.left_out.push_back(rows.row_ends.size());
      continue;
    }
    const size_t begin = rows.ids.size();
    encoder(text, rows.ids, rows.word_starts);
    if (limit > 0 && rows.ids.size() > begin + limit) {
      std::copy_n(rows.ids.end() - static_cast<std::ptrdiff_t>(suffix), suffix,
                  rows.ids.begin() + static_cast<std::ptrdiff_t>(begin + limit - suffix));
      std::fill_n(rows.word_starts.begin() + static_cast<std::ptrdiff_t>(begin + limit - suffix), suffix, uint8_t{0});
      rows.ids.resize(begin + limit);
      rows.word_starts.resize(begin + limit);
    }
    rows.row_ends.push_back(rows.ids.size());
  }
}

bool is_blank(std::string_view text) { return after_space(text, 0) == text.size(); }

size_t after_space(std::string_view text, size_t at) {
  while (at < text.size()) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const size_t length = text[at] == kWordMark || lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    uint32_t c = length == 1 ? lead : lead & (0x7Fu >> length);
    for (size_t i = 1; i < length && at + i < text.size(); ++i)
      c = c << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3F);
    if (!is_space(c) && text[at] != kWordMark) break;
    at += length;
  }
  return at;
}

void tokenize(const DatasetSource& source, const std::function<EncodeText()>& make_encoder,
              const TokenizeOptions& options, TokenStoreWriter& writer) {
  for (size_t group = 0; group < source.files->groups(); ++group)
    source.files->text_column(group);  // a wrong name is told first
  const BlockPipeline pipeline(source, options.threads);
  std::vector<EncodedRows> rows(pipeline.slots());
  Progress progress("tokenize %", 100, "tokens");
  pipeline.run(
      [&](int) -> BlockPipeline::Worker {
        const auto parser = std::make_shared<RecordParser>(*source.files);
        return [&, parser, encoder = make_encoder()](const Block& block, size_t slot) {
          encode_rows(block, options, *parser, encoder, rows[slot]);
        };
      },
      [&](size_t slot, double done) {
        writer.append(rows[slot]);
        progress.update(static_cast<int64_t>(done * 100), writer.tokens());
      });
}

}  // namespace tekio
