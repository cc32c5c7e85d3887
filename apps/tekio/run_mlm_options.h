// The options of the reference stack's run_mlm.py that Tekio has no use for, so that its command lines work unchanged
// after `tekio adapt`. Two rules: what cannot change the result (workers, logging style, caches) is accepted and told
// in one line; what would change the result, or asks for something that this version has not, is refused with the
// reason.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <vector>

#include "options.h"

namespace tekio::cli {

struct ForeignOption;  // a row of the table

class RunMlmOptions {
 public:
  /// Adds them all, unlisted in --help; but for those that the table has as options of its own.
  void add_to(OptionTable& table);
  /// A sentence for each that asks for what is not to be had; if there is none, notes on stderr which have no effect
  /// here.
  std::vector<std::string> problems(const OptionTable& table) const;
  /// Whether this flag was given as true.
  bool is_true(std::string_view name) const;
  /// The table as Markdown rows, for docs/cli.md.
  static std::string markdown();

 private:
  struct Taken {
    const ForeignOption* option;
    std::string value;
  };
  std::list<Taken> taken_;  // a list: addresses stay
};

}  // namespace tekio::cli
