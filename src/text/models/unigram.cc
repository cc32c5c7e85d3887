// The pieces that begin at a place are found along the text, by the hash of what has been read (see Vocabulary), until
// no piece begins so: a table of bits, which stays in the caches, says that. So nothing waits for a tree's nodes.
#include "text/models/unigram.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <limits>

#include "base/error.h"

namespace tekio {
namespace {

constexpr double kUnknownPenalty = 10;

// Powers of ten, each the double next to it.
const std::vector<double>& powers_of_ten() {
  static const std::vector<double> kPowers = [] {
    std::vector<double> powers;
    for (int exponent = 0; exponent <= std::numeric_limits<double>::max_exponent10; ++exponent) {
      const std::string text = fmt::format("1e{}", exponent);
      std::from_chars(text.data(), text.data() + text.size(), powers.emplace_back());
    }
    return powers;
  }();
  return kPowers;
}

// What the reference's JSON reader makes of a score: its digits as a whole number, then a division or multiplication by
// a power of ten, each rounded. The digits are the fewest that say the number, which is how files are written.
double divided(double score) {
  char text[32];
  const char* const end = std::to_chars(text, text + sizeof text, std::abs(score), std::chars_format::scientific).ptr;
  uint64_t digits = 0;
  int exponent = 0;
  const char* at = text;
  for (bool fraction = false; at < end && *at != 'e'; ++at) {
    if (*at == '.') {
      fraction = true;
      continue;
    }
    digits = digits * 10 + static_cast<uint64_t>(*at - '0');
    exponent -= fraction;
  }
  int written = 0;
  if (at < end) std::from_chars(at + (at[1] == '+' ? 2 : 1), end, written);
  exponent += written;
  const std::vector<double>& powers = powers_of_ten();
  const int largest = static_cast<int>(powers.size()) - 1;
  auto value = static_cast<double>(digits);
  for (; exponent < -largest; exponent += largest) value /= powers.back();
  value = exponent < 0 ? value / powers[static_cast<size_t>(-exponent)] : value * powers[static_cast<size_t>(exponent)];
  return std::signbit(score) ? -value : value;
}

}  // namespace

Unigram::Unigram(std::span<const Piece> pieces, Options options) : options_(options) {
  size_t bytes = 0;
  for (const Piece& piece : pieces) bytes += piece.token.size();
  vocabulary_.reserve(pieces.size(), bytes);
  scores_.resize(pieces.size());
  prefixes_.assign(std::bit_ceil(bytes / 16 + 1), 0);
  prefix_mask_ = prefixes_.size() - 1;
  constexpr size_t kAhead = 32;  // pieces whose places in the table are fetched
  std::array<uint64_t, kAhead> hashes;
  const auto fetch = [&](size_t id) {
    hashes[id % kAhead] = Vocabulary::hash(Vocabulary::kHashStart, pieces[id].token);
    vocabulary_.prefetch(hashes[id % kAhead]);
  };
  for (size_t id = pieces.size() - std::min(pieces.size(), kAhead); id < pieces.size(); ++id) fetch(id);
  for (size_t id = pieces.size(); id-- > 0;) {
    const auto& [token, score] = pieces[id];
    scores_[id] = score;
    if (!vocabulary_.add(hashes[id % kAhead], token, static_cast<int32_t>(id)))
      vocabulary_.add_twin(token, static_cast<int32_t>(id));
    if (id >= kAhead) fetch(id - kAhead);
    uint64_t hash = Vocabulary::kHashStart;
    for (size_t begin = 0, end = 0; begin < token.size(); begin = end) {
      end = begin + utf8_length(token[begin]);
      hash = Vocabulary::hash(hash, token.substr(begin, end - begin));
      prefixes_[hash >> 6 & prefix_mask_] |= uint64_t{1} << (hash & 63);
    }
  }
  prepare();
}

Unigram Unigram::with_options(Options options) && {
  options_ = options;
  prepare();
  return std::move(*this);
}

void Unigram::prepare() {
  weights_ = scores_;
  if (options_.divided_scores) std::transform(weights_.begin(), weights_.end(), weights_.begin(), divided);
  double least = std::numeric_limits<double>::infinity();
  for (const double weight : weights_) least = std::min(least, weight);
  unknown_weight_ = least - kUnknownPenalty;
  largest_weight_ = std::abs(unknown_weight_);
  for (const double weight : weights_) largest_weight_ = std::max(largest_weight_, std::abs(weight));
  for (size_t byte = 0; byte < byte_ids_.size(); ++byte)
    byte_ids_[byte] = vocabulary_.find(fmt::format("<0x{:02X}>", byte));
}

// Extends the best way to `begin` by every piece that begins there.
template <bool kLeads>
void Unigram::look_ahead(std::string_view text, size_t begin, Scratch& scratch) const {
  Scratch::Node* const nodes = scratch.nodes.data();
  const double score = nodes[begin].score;
  const auto extend = [&](size_t end, double weight, int32_t id) {
    Scratch::Node& node = nodes[end];
    const double sum = score + weight;
    const bool first = node.id == kNowhere, better = first || sum > node.score;
    if constexpr (kLeads) {
      double& lead = scratch.leads[end];
      lead = first    ? std::numeric_limits<double>::infinity()
             : better ? sum - node.score
                      : std::min(lead, node.score - sum);
    }
    if (better) node = {sum, static_cast<uint32_t>(begin), id};
    return better;
  };
  const size_t next = begin + utf8_length(text[begin]);
  bool spelt = false;
  for_each_piece(text, begin, [&](size_t end, int32_t id) {
    extend(end, weights_[static_cast<size_t>(id)], id);
    spelt = spelt || end == next;
  });
  if (spelt || !extend(next, unknown_weight_, options_.unknown_id.value_or(0)) || options_.unknown_id) return;
  fail(ErrorKind::input,
       "the text holds the character {}, which no piece of the vocabulary spells, and the model names no unknown token "
       "(unk_id)",
       printable(text.substr(begin, next - begin)));
}

// Leaves the tokens of scratch.bytes, which end before room to read a short token, in scratch.tokens.
template <bool kLeads>
Unigram::Way Unigram::find_way(double before, Scratch& scratch) const {
  const std::string_view text(scratch.bytes.data(), scratch.bytes.size() - Vocabulary::kReadable);
  scratch.nodes.assign(text.size() + 1, {0, 0, kNowhere});
  scratch.nodes[0].score = before;
  if constexpr (kLeads) scratch.leads.resize(text.size() + 1);
  for (size_t begin = 0; begin < text.size(); begin += utf8_length(text[begin]))
    look_ahead<kLeads>(text, begin, scratch);
  Way way{scratch.nodes[text.size()].score, std::numeric_limits<double>::infinity(), false};
  scratch.tokens.clear();
  for (auto end = static_cast<uint32_t>(text.size()); end > 0;) {
    const Scratch::Node& node = scratch.nodes[end];
    const bool unknown = node.id == options_.unknown_id;
    if constexpr (kLeads) way.lead = std::min(way.lead, scratch.leads[end]);
    way.holds_unknown |= unknown;
    if (unknown && !scratch.tokens.empty() && scratch.tokens.back().id == node.id)
      scratch.tokens.back().begin = node.begin;
    else
      scratch.tokens.push_back({node.begin, end, node.id});
    end = node.begin;
  }
  return way;
}

// Calls put(id, token) from the first token to the last.
template <typename Put>
void Unigram::put_tokens(Scratch& scratch, Put&& put) const {
  for (size_t i = scratch.tokens.size(); i-- > 0;) {
    const Scratch::Token& token = scratch.tokens[i];
    if (token.id != options_.unknown_id) {
      put(token.id, token);
      continue;
    }
    // Characters that are unknown one by one may be a piece together.
    const std::string_view text = std::string_view(scratch.bytes).substr(token.begin, token.end - token.begin);
    if (const int32_t id = vocabulary_.find(text); id >= 0)
      put(id, token);
    else if (falls_back(text))
      for (const char byte : text) put(byte_ids_[static_cast<unsigned char>(byte)], token);
    else
      put(token.id, token);
  }
}

void Unigram::tokenize(std::span<const AlignedChar> split, std::vector<SubwordPiece>& pieces, Scratch& scratch) const {
  pieces.clear();
  scratch.bytes.clear();
  scratch.character_at.clear();
  for (size_t i = 0; i < split.size(); ++i) {
    append_utf8(scratch.bytes, split[i].c);
    scratch.character_at.resize(scratch.bytes.size(), static_cast<uint32_t>(i));
  }
  scratch.bytes.append(Vocabulary::kReadable, '\0');
  find_way<false>(0, scratch);
  put_tokens(scratch, [&](int32_t id, const Scratch::Token& token) {
    pieces.push_back({id, scratch.character_at[token.begin], scratch.character_at[token.end - 1] + 1});
  });
}

void Unigram::tokenize_utf8(std::string_view split, std::vector<int32_t>& ids, Scratch& scratch) const {
  ids.clear();
  scratch.bytes.assign(split).append(Vocabulary::kReadable, '\0');
  find_way<false>(0, scratch);
  put_tokens(scratch, [&](int32_t id, const Scratch::Token&) { ids.push_back(id); });
}

Unigram::Way Unigram::tokenize_part(std::string_view part, double before, std::vector<int32_t>& ids,
                                    Scratch& scratch) const {
  ids.clear();
  scratch.bytes.assign(part).append(Vocabulary::kReadable, '\0');
  const Way way = find_way<true>(before, scratch);
  put_tokens(scratch, [&](int32_t id, const Scratch::Token&) { ids.push_back(id); });
  return way;
}

}  // namespace tekio
