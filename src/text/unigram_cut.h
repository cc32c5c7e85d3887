// How texts of a Unigram tokenizer fall into regions whose tokens depend on their own bytes alone.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "text/tables.h"

namespace tekio {

class UnigramCut {
 public:
  enum class Kind {
    none,    ///< they do not, or it is not known
    words,   ///< what stands between ASCII white space
    spaces,  ///< a space and what follows it
    whole    ///< they do not, but are one split each
  };

  /// `tables` must outlive it.
  explicit UnigramCut(const TokenizerTables& tables);

  Kind kind() const { return kind_; }
  /// Whether regions of this text, valid UTF-8, depend on one another all the same.
  bool is_joined(std::string_view text) const;
  /// Whether a visible space is put before a text that begins with none, at the beginning of the whole text or later.
  bool adds_space(bool at_beginning) const;
  /// Puts the split that a region of ASCII alone is into `split`, as the model gets it. False where it is not certain
  /// at a glance what that is.
  bool make_split(std::string_view region, std::string& split) const;
  /// Whether a region that begins with this byte may be such a one.
  bool is_plain(char c) const { return plain_[static_cast<unsigned char>(c)] != 0; }
  /// The split that a whole text in its normal form is, if the kind is `whole`.
  void make_whole_split(std::string_view normalized, bool at_beginning, std::string& split) const;

 private:
  Kind kind_of();
  bool is_local() const;
  bool squeezes_words() const;
  bool keeps_words_apart() const;
  void note_plain_characters();

  const TokenizerTables& tables_;
  const MetaspacePreTokenization* metaspace_ = nullptr;  // the last pre-tokenizer, if it is that
  std::string space_;                                    // what spaces become
  bool has_charsmap_ = false;
  bool squeezes_ = false;  // words are told apart by visible spaces, of which several in a row are one
  Kind kind_;
  std::array<char, 256> plain_{};  // what ASCII characters become, whatever stands beside them; 0: anything else
};

}  // namespace tekio
