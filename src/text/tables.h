// All that a Tokenizer is: immutable tables, built by the loaders (tokenizer_json.h, load.cc), shared by all copies and
// threads. One thing changes after loading: whether the length warning is still to be given.
#pragma once

#include <tekio/tokenizer.h>
#include <array>
#include <atomic>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/json.h"
#include "text/added_tokens.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/template.h"
#include "text/word_piece.h"

namespace tekio {

/// How tokens become text again.
struct WordPieceDecoder {
  std::string prefix = "##";
  bool cleanup = true;  // glue punctuation, token by token
};

/// The roles that a token can have, in the reference's order; `kRoleNames` are their keys in its files.
enum Role { kBos, kEos, kUnknown, kSep, kPad, kCls, kMask, kRoles };
inline constexpr std::array<const char*, kRoles> kRoleNames = {"bos_token", "eos_token", "unk_token", "sep_token",
                                                               "pad_token", "cls_token", "mask_token"};
/// The tokens that have these roles where nothing else is said; "": none.
inline constexpr std::array<const char*, kRoles> kBertRoles = {"", "", "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"};

/// What tokenizer.json says, component by component.
struct Pipeline {
  WordPiece model;
  std::vector<AddedToken> added;  // as the file lists them; ids are what the file says
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  Template templates;
  std::optional<WordPieceDecoder> decoder;
  bool has_pre_tokenizer = false, has_template = false;
};

struct Tokenizer::Tables {
  WordPiece model;
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  Template templates;
  std::optional<WordPieceDecoder> decoder;  // absent: tokens joined by spaces

  std::vector<AddedToken> added;                         // ascending ids
  std::unordered_map<std::string, size_t> added_number;  // by content
  std::unordered_map<int32_t, size_t> added_by_id;
  AddedTokenMatcher raw_matcher, normalized_matcher;
  bool ignore_special = false;  // "split_special_tokens": special tokens in a text are plain text

  std::array<std::string, kRoles> roles;     // the tokens' texts; empty: no such role
  std::vector<std::string> further_special;  // special tokens without a role, in the files' order
  std::vector<int32_t> all_special_ids;
  int64_t model_max_length = INT64_MAX;
  bool clean_up = false;

  std::string tokenizer_class;  // what save_pretrained writes
  bool bert_class = false;      // do_lower_case and its kin belong to tokenizer_config.json
  Json config;                  // tokenizer_config.json as read

  enum class Warning { off, armed, given };
  mutable std::atomic<Warning> length_warning{Warning::off};

  std::optional<int32_t> id_of(std::string_view token) const;
  std::optional<int32_t> id_of_role(Role role) const { return roles[role].empty() ? std::nullopt : id_of(roles[role]); }
  std::optional<std::string_view> token_of(int64_t id) const;
  /// Gives every token that the vocabulary lacks the next free id and builds the matchers. Called once, by the loader.
  void add_tokens(std::vector<AddedToken> tokens, const std::string& where);
  /// Fills all_special_ids from the roles and the further special tokens.
  void list_special_ids();
};

/// Says once per tokenizer that an encoding of `length` tokens is longer than the model takes, if that warning is on.
void warn_of_length(const Tokenizer::Tables& tables, int64_t length);

}  // namespace tekio
