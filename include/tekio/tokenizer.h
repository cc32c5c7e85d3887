// Text to ids and back, as the reference stack's tokenizers do it, to the last id.
//
//   auto tokenizer = tekio::Tokenizer::from_pretrained("./distilbert-base-uncased");
//   auto e = tokenizer.encode("This is a great [MASK].");
//   e.ids;       // 101 2023 2003 1037 2307 103 1012 102
//   e.word_ids;  // -1 0 1 2 3 4 5 -1
//   tokenizer.decode(e.ids);
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tekio {

struct TokenizerTables;  // what a Tokenizer is inside

/// One encoded text (or pair). All vectors have the same length.
struct Encoding {
  std::vector<int32_t> ids;
  std::vector<int32_t> type_ids;  ///< 0 for the first text, 1 for the second (BERT's template)
  std::vector<int32_t> word_ids;  ///< index of the word in its text; kNoWord for template tokens and padding
  std::vector<std::pair<int32_t, int32_t>>
      offsets;  ///< begin and end in Unicode characters of the original text; (0,0) for template tokens
  std::vector<uint8_t>
      special_tokens_mask;              ///< 1 for template tokens and padding, not for a literal "[MASK]" in the text
  std::vector<uint8_t> attention_mask;  ///< 0 for padding
  static constexpr int32_t kNoWord = -1;
};

struct EncodeOptions {
  bool add_special_tokens = true;
  /// Cut to this many tokens, template tokens included (longest text first); no limit if absent.
  std::optional<int64_t> max_length;
  /// Cut off the beginning instead of the end.
  bool truncate_left = false;
  /// Pad to this many tokens; no padding if absent.
  std::optional<int64_t> pad_to_length;
  std::optional<int64_t> pad_to_multiple_of;
  bool pad_left = false;
};

struct DecodeOptions {
  bool skip_special_tokens = false;
  /// Glue punctuation and contractions ("i ' m" to "i'm"); absent: as the tokenizer's folder says (mostly no).
  std::optional<bool> clean_up;
};

/// What a WordPiece vocabulary is trained to be: the options of the reference's BertWordPieceTokenizer and its train().
struct WordPieceOptions {
  int64_t vocab_size = 30'000;    ///< entries wanted, special tokens and alphabet included
  int64_t min_frequency = 2;      ///< pairs of tokens that occur less often are not merged
  int64_t limit_alphabet = 1000;  ///< characters kept: the most frequent ones
  std::string initial_alphabet;   ///< characters kept however rare they are, UTF-8
  std::vector<std::string> special_tokens = {"[PAD]", "[UNK]", "[CLS]", "[SEP]",
                                             "[MASK]"};  ///< the first ids, in order
  bool lowercase = true;
  std::optional<bool> strip_accents;  ///< absent: as `lowercase`
  bool handle_chinese_chars = true;   ///< each Chinese character is a word
  int64_t model_max_length = 512;     ///< what the tokenizer's folder says of the model's longest input
  int threads = 0;                    ///< 0: all processors; the result does not depend on it
};

/// What a byte-level BPE is trained to be: the options of the reference's ByteLevelBPETokenizer and its train(). The
/// tokenizer is one of RoBERTa's kind; with `lowercase`, one that only tokenizer.json describes.
struct BpeOptions {
  int64_t vocab_size = 30'000;  ///< entries wanted, special tokens and the 256 bytes included
  int64_t min_frequency = 2;    ///< pairs of tokens that occur less often are not merged
  std::vector<std::string> special_tokens = {"<s>", "<pad>", "</s>", "<unk>", "<mask>"};  ///< the first ids, in order
  bool lowercase = false;
  bool add_prefix_space = false;   ///< the first word of a text is like any other
  int64_t model_max_length = 512;  ///< what the tokenizer's folder says of the model's longest input
  int threads = 0;                 ///< 0: all processors; the result does not depend on it
};

/// What a Unigram vocabulary is trained to be: the options of the reference's UnigramTrainer, with its defaults for the
/// rest (a million pieces to begin with, of at most 16 characters; two estimates between prunings to three quarters).
/// The tokenizer is one of XLM-RoBERTa's kind, without a charsmap; with `lowercase`, one that only tokenizer.json
/// describes.
struct UnigramOptions {
  int64_t vocab_size = 30'000;   ///< entries wanted, special tokens and all characters included
  std::string initial_alphabet;  ///< characters that are pieces whether or not the words have them, UTF-8
  std::vector<std::string> special_tokens = {"<s>", "<pad>", "</s>", "<unk>", "<mask>"};  ///< the first ids, in order
  bool lowercase = false;
  int64_t model_max_length = 512;  ///< what the tokenizer's folder says of the model's longest input
  int threads = 0;                 ///< 0: all processors; the result does not depend on it
};

/// An immutable tokenizer; copies share its tables, and all members may be called from several threads at once.
class Tokenizer {
 public:
  /// Reads a folder's, or by its id a Hub repository's, tokenizer.json, or else vocab.txt (WordPiece), vocab.json and
  /// merges.txt (byte-level BPE) or SentencePiece's file (Unigram) with tokenizer_config.json. As in Hugging Face
  /// transformers 5, BERT's, RoBERTa's and SentencePiece's classes take only tokens and merges (or scores and the
  /// charsmap) from tokenizer.json and make their pipeline from tokenizer_config.json; a warning says so where that
  /// makes a difference. Errors: io (no such folder), input (files missing or malformed, a
  /// class that is not known; the message names file and key).
  static Tokenizer from_pretrained(const std::string& folder);
  /// Whether a folder has tokenizer.json, vocab.txt, vocab.json or a file of SentencePiece's, one of which
  /// from_pretrained() needs.
  static bool is_in(const std::filesystem::path& folder);
  /// The same of a list of files' names.
  static bool is_among(std::span<const std::string> names);
  /// Names of the files that a tokenizer may consist of; what save_pretrained() writes is among them.
  static std::span<const char* const> files();

  Encoding encode(std::string_view text, const EncodeOptions& options = {}) const;
  Encoding encode_pair(std::string_view first, std::string_view second, const EncodeOptions& options = {}) const;
  /// Pads every encoding to the longest (rounded up to pad_to_multiple_of).
  void pad(std::vector<Encoding>& batch, const EncodeOptions& options = {}) const;
  std::string decode(std::span<const int32_t> ids, const DecodeOptions& options = {}) const;

  std::optional<int32_t> token_to_id(std::string_view token) const;
  /// Errors: usage (no such id).
  std::string id_to_token(int32_t id) const;

  /// Entries, added tokens included: the reference's len(tokenizer).
  int64_t vocabulary_size() const;
  /// Entries without those that were added behind them: the reference's tokenizer.vocab_size.
  int64_t base_vocabulary_size() const;
  /// Longest input the model takes, template tokens included; INT64_MAX if the folder does not say.
  int64_t model_max_length() const;
  /// The same tokenizer, for a model that takes inputs of `length` tokens (at least 1).
  Tokenizer with_model_max_length(int64_t length) const;
  std::optional<int32_t> mask_id() const, pad_id() const, unknown_id() const, cls_id() const, sep_id() const;
  /// The mask token's text, "[MASK]"; empty if there is none.
  std::string mask_token() const;
  /// Ids that are never chosen for masking: [UNK], [CLS], [SEP], [PAD], [MASK] and further special tokens; ascending.
  const std::vector<int32_t>& all_special_ids() const;
  /// Template tokens before and after a single text: 1 and 1 for BERT, RoBERTa and SentencePiece's classes.
  std::pair<int64_t, int64_t> template_lengths() const;

  /// Warns once per tokenizer, as the reference does, when an encoding is longer than model_max_length. Off by default.
  void set_length_warning(bool on);

  /// Writes tokenizer.json, tokenizer_config.json, special_tokens_map.json, and vocab.txt or vocab.json and merges.txt,
  /// which transformers 4 and 5 open.
  void save_pretrained(const std::filesystem::path& folder) const;

  /// 128 bits over everything that can change an id, as hex: the token store's key.
  std::string digest() const;

 private:
  friend struct TokenizerTables;
  explicit Tokenizer(std::shared_ptr<const TokenizerTables> tables) : tables_(std::move(tables)) {}
  std::shared_ptr<const TokenizerTables> tables_;
};

}  // namespace tekio
