// The tokenizer classes of Hugging Face transformers that build a pipeline of their own: those that are BERT's, under
// its name or another (WordPiece after BERT's normalizer and pre-tokenizer; they differ in their special tokens and in
// what stands around a text), those that are RoBERTa's (byte-level BPE), SentencePiece's (Unigram), and
// BertJapaneseTokenizer.
#pragma once

#include <array>
#include <string_view>

#include "text/roles.h"

namespace tekio {

struct TokenizerClass {
  enum class Kind { bert, mpnet, funnel, splinter, roberta, japanese, xlm_roberta, camembert, albert };
  /// What counts of a tokenizer.json. Most constructors build everything but the vocabulary and the added tokens anew.
  enum class Keeps {
    vocabulary,
    steps,  ///< all but the template
    all     ///< classes that transformers 5 no longer has: it reads the file as it stands
  };

  std::string_view name;  // without "Fast", unless that makes a difference
  Kind kind = Kind::bert;
  Keeps keeps = Keeps::vocabulary;

  /// Whether the model is byte-level BPE, from vocab.json and merges.txt.
  bool is_byte_level() const { return kind == Kind::roberta; }
  /// Whether it is Unigram. Neither: WordPiece, from vocab.txt.
  bool is_unigram() const { return kind == Kind::xlm_roberta || kind == Kind::camembert || kind == Kind::albert; }
  /// Whether the template of a tokenizer.json counts, if there is one, although the class makes all else anew.
  bool keeps_template() const { return kind == Kind::albert; }
  /// The tokens that have the roles where nothing else is said; "": none.
  const RoleNames& roles() const;
};

/// The class of a name, with "Fast" at its end or without; nullptr if it is none of these.
const TokenizerClass* find_tokenizer_class(std::string_view name);

/// The class that a model_type of config.json implies where no class is named; nullptr if none of these.
const TokenizerClass* tokenizer_class_of_model(std::string_view model_type);

/// Whether a model_type's tokenizer is what tokenizer.json says, whichever class is named: the published ones are
/// wrong.
bool is_model_of_generic_class(std::string_view model_type);

/// Whether the name stands for "as tokenizer.json says".
bool is_generic_class(std::string_view name);
inline constexpr std::string_view kGenericClass = "PreTrainedTokenizerFast";

}  // namespace tekio
