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

#include "base/file.h"
#include "base/json.h"
#include "text/added_tokens.h"
#include "text/decoder.h"
#include "text/models/subword_model.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/roles.h"
#include "text/template.h"
#include "text/tokenizer_class.h"

namespace tekio {

/// What tokenizer.json says, component by component. Those that a class may overrule are still JSON (see step_json.h),
/// null where the file says null or nothing.
struct Pipeline {
  SubwordModel model;
  std::vector<AddedToken> added;  // as the file lists them; ids are what the file says
  Json normalizer, pre_tokenizer, post_processor, decoder;
};

struct TokenizerTables {
  static const TokenizerTables& of(const Tokenizer& tokenizer) { return *tokenizer.tables_; }
  static Tokenizer wrap(std::shared_ptr<const TokenizerTables> tables) { return Tokenizer(std::move(tables)); }

  SubwordModel model;
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  Template templates;
  Decoder decoder;

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

  const TokenizerClass* known_class = nullptr;  // one of BERT's: do_lower_case and its kin are its settings
  std::string tokenizer_class;                  // its name, or the generic one
  Json config;                                  // tokenizer_config.json as read

  enum class Warning { off, armed, given };
  struct LengthWarning : std::atomic<Warning> {
    LengthWarning() : std::atomic<Warning>(Warning::off) {}
    LengthWarning(const LengthWarning& other) : std::atomic<Warning>(other.load()) {}
    using std::atomic<Warning>::operator=;
  };
  mutable LengthWarning length_warning;

  std::optional<int32_t> id_of(std::string_view token) const;
  std::optional<int32_t> id_of_role(Role role) const { return roles[role].empty() ? std::nullopt : id_of(roles[role]); }
  std::optional<std::string_view> token_of(int64_t id) const;
  /// Whether the class is one of those that the reference writes in Python, with rules of their own for added tokens.
  bool is_slow() const { return known_class != nullptr && known_class->kind == TokenizerClass::Kind::japanese; }
  /// Gives every token that the vocabulary lacks the next free id and builds the matchers. Called once, by the loader.
  void add_tokens(std::vector<AddedToken> tokens, const std::string& where);
  /// Fills all_special_ids from the roles and the further special tokens.
  void list_special_ids();
  /// The normalizer that the class's settings (do_lower_case and its kin) describe; nullptr if there is another, or
  /// more.
  const BertNormalization* settings_of_class() const {
    return known_class != nullptr && normalizer.steps().size() == 1
               ? std::get_if<BertNormalization>(&normalizer.steps()[0])
               : nullptr;
  }
  /// What `known_class` puts around a text; the plain template where the vocabulary lacks a token for it.
  Template class_template() const;
};

/// Tokenizer::save_pretrained(); gives what it wrote.
std::vector<WrittenFile> save_tokenizer(const TokenizerTables& tables, const std::filesystem::path& folder);

/// Says once per tokenizer that an encoding of `length` tokens is longer than the model takes, if that warning is on.
void warn_of_length(const TokenizerTables& tables, int64_t length);

}  // namespace tekio
