// How the options of a struct are described, once for all who show them: the command line with its help and config
// files, options.json, Python's keywords, and the checks of what a caller set. A struct's description is a template,
//
//   template <typename Options, typename Walker>
//   void walk_NAME_options(Options& o, Walker& walk) { walk.option({"learning_rate", "the highest rate", …},
//   o.learning_rate); … }
//
// which calls, in the order in which help lists them,
//
//   walk.option(text, member)               a bool, integer, number or text, an optional one, or a list of texts
//   walk.choice(text, member, names)        an enumeration
//   walk.changing(text, first, last)        a number that may change over a run: `first`, where it does, is where it
//   begins
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/option_range.h"

namespace tekio {

struct OptionText {
  const char* name;  ///< the member's
  const char* help;
  OptionRange range = {};  ///< numbers only
  bool interval = false;   ///< a whole number of updates, or a share of all updates below 1
};

/// How the values of an enumeration are spelled.
template <typename Enum>
using Names = std::vector<std::pair<std::string, Enum>>;

}  // namespace tekio
