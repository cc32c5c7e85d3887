#include "text/models/bpe.h"

#include "base/error.h"
#include "text/byte_level.h"
#include "text/utf8.h"

namespace tekio {
namespace {

std::string printable_merge(const Bpe::Merge& merge) {
  return fmt::format("\"{} {}\"", printable(merge.left), printable(merge.right));
}

std::vector<MergeTable::Pair> pairs_of(const Vocabulary& vocabulary, std::span<const Bpe::Merge> merges, size_t prefix,
                                       const std::string& where) {
  std::vector<MergeTable::Pair> pairs;
  pairs.reserve(merges.size());
  std::string merged;
  for (const Bpe::Merge& merge : merges) {
    const auto id = [&](std::string_view token) {
      const int32_t found = vocabulary.find(token);
      if (found < 0)
        fail(ErrorKind::input, "{}: the merge {} needs the token {}, which the vocabulary lacks", where,
             printable_merge(merge), printable(token));
      return found;
    };
    const int32_t left = id(merge.left), right = id(merge.right);
    if (merge.right.size() < prefix)
      fail(ErrorKind::input, "{}: the second part of the merge {} lacks the continuing_subword_prefix", where,
           printable_merge(merge));
    merged.assign(merge.left).append(merge.right.substr(prefix));
    pairs.push_back({left, right, id(merged)});
  }
  return pairs;
}

}  // namespace

Bpe::Bpe(Vocabulary vocabulary, std::span<const Merge> merges, Options options, const std::string& where)
    : vocabulary_(std::move(vocabulary)),
      merges_(pairs_of(vocabulary_, merges, options.prefix.value_or("").size(), where)),
      options_(std::move(options)) {
  prepare();
}

Bpe Bpe::with_options(Options options, const std::string& where) && {
  if (options.prefix.value_or("").size() != options_.prefix.value_or("").size()) {
    std::vector<Merge> merges;
    for (const MergeTable::Pair& pair : merges_.pairs())
      merges.push_back({*vocabulary_.token(pair.left), *vocabulary_.token(pair.right)});
    merges_ = MergeTable(pairs_of(vocabulary_, merges, options.prefix.value_or("").size(), where));
  }
  options_ = std::move(options);
  prepare();
  return std::move(*this);
}

void Bpe::prepare() {
  spells_bytes_ = options_.prefix.value_or("").empty() && options_.suffix.value_or("").empty();
  for (size_t byte = 0; byte < byte_ids_.size(); ++byte) {
    std::string character;
    append_utf8(character, byte_level::kCharacters[byte]);
    byte_ids_[byte] = vocabulary_.find(character);
    spells_bytes_ = spells_bytes_ && byte_ids_[byte] >= 0;
  }
}

int32_t Bpe::unknown_id() const {
  const int32_t id = vocabulary_.find(*options_.unknown_token);
  if (id < 0)
    fail(ErrorKind::input,
         "the text holds a character that the vocabulary cannot spell, and the vocabulary lacks the unknown token {}; "
         "add it to the vocabulary",
         printable(*options_.unknown_token));
  return id;
}

// All of its bytes or none.
bool Bpe::add_fallback(std::string_view character, std::vector<MergedSymbol>& symbols) const {
  const size_t before = symbols.size();
  for (const char byte : character) {
    const int32_t id = vocabulary_.find(fmt::format("<0x{:02X}>", static_cast<unsigned char>(byte)));
    if (id < 0) {
      symbols.resize(before);
      return false;
    }
    symbols.push_back({id, 1});
  }
  return true;
}

void Bpe::look_up_characters(std::span<const AlignedChar> split, Scratch& scratch) const {
  scratch.symbols.clear();
  scratch.bytes.clear();
  scratch.character_at.clear();
  uint32_t unknown = 0;  // bytes that an unknown token stands for which is still to be written
  int32_t id_of_unknown = -1;
  const auto write_unknown = [&] {
    if (unknown > 0) scratch.symbols.push_back({id_of_unknown, unknown});
    unknown = 0;
  };
  std::string& spelt = scratch.spelt;
  for (size_t i = 0; i < split.size(); ++i) {
    spelt.clear();
    append_utf8(spelt, split[i].c);
    const auto length = static_cast<uint32_t>(spelt.size());
    scratch.bytes += spelt;
    scratch.character_at.resize(scratch.bytes.size(), static_cast<uint32_t>(i));
    if (i > 0 && options_.prefix) spelt.insert(0, *options_.prefix);
    if (i + 1 == split.size() && options_.suffix) spelt += *options_.suffix;
    if (const int32_t id = vocabulary_.find(spelt); id >= 0) {
      write_unknown();
      scratch.symbols.push_back({id, length});
      continue;
    }
    if (options_.byte_fallback && add_fallback(spelt, scratch.symbols)) continue;
    if (!options_.unknown_token) continue;
    if (!options_.fuse_unknown) write_unknown();
    id_of_unknown = unknown_id();
    unknown += length;
  }
  write_unknown();
}

void Bpe::tokenize(std::span<const AlignedChar> split, std::vector<SubwordPiece>& pieces, Scratch& scratch) const {
  pieces.clear();
  look_up_characters(split, scratch);
  if (options_.ignore_merges)
    if (const int32_t id = vocabulary_.find(scratch.bytes); id >= 0) {
      pieces.push_back({id, 0, static_cast<uint32_t>(split.size())});
      return;
    }
  merges_.merge(scratch.symbols, scratch.merging);
  // As the reference counts: characters that were left out take no place.
  uint32_t begin = 0;
  for (const MergedSymbol& symbol : scratch.symbols) {
    const uint32_t end = begin + symbol.length;
    pieces.push_back({symbol.id, scratch.character_at[begin], scratch.character_at[end - 1] + 1});
    begin = end;
  }
}

void Bpe::tokenize_bytes(std::string_view split, std::vector<int32_t>& ids, Scratch& scratch) const {
  ids.clear();
  if (options_.ignore_merges) {
    scratch.spelt.clear();
    byte_level::append_spelt(split, scratch.spelt);
    if (const int32_t id = vocabulary_.find(scratch.spelt); id >= 0) {
      ids.push_back(id);
      return;
    }
  }
  scratch.symbols.clear();
  for (const char byte : split) scratch.symbols.push_back({byte_ids_[static_cast<unsigned char>(byte)], 1});
  merges_.merge(scratch.symbols, scratch.merging);
  for (const MergedSymbol& symbol : scratch.symbols) ids.push_back(symbol.id);
}

}  // namespace tekio
