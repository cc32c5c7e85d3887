// The options of a struct on the command line: a walker (base/option_text.h).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "base/option_text.h"
#include "options.h"

namespace tekio::cli {

class BindOptions {
 public:
  /// What is bound in another way, each by what binds it with its description; empty: it is left out.
  using Instead = std::map<std::string_view, std::function<void(const OptionText&)>>;
  explicit BindOptions(OptionTable& table, Instead instead = {}) : table_(table), instead_(std::move(instead)) {}

  template <typename Value>
  void option(const OptionText& text, Value& member) {
    if (!is_bound_otherwise(text)) table_.add(text.name, &member, text.help).range = text.range;
  }
  /// A character: itself, tab, or auto ('\0').
  void option(const OptionText& text, char& member);
  template <typename Enum>
  void choice(const OptionText& text, Enum& member, const Names<Enum>& names) {
    if (!is_bound_otherwise(text)) table_.add(text.name, &member, names, text.help);
  }
  void changing(const OptionText& text, std::optional<double>& first, double& last) {
    if (!is_bound_otherwise(text)) table_.add(text.name, &first, &last, text.help).range = text.range;
  }

 private:
  bool is_bound_otherwise(const OptionText& text) const {
    const auto own = instead_.find(text.name);
    if (own == instead_.end()) return false;
    if (own->second) own->second(text);
    return true;
  }

  OptionTable& table_;
  Instead instead_;
};

}  // namespace tekio::cli
