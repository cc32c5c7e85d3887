// Options by name, as library and command line describe them: set from texts, read as JSON's values.
#pragma once

#include <string>
#include <vector>

#include "binding.h"
#include "options.h"
#include "path.h"

namespace tekio::python {

std::string json_text(const OrderedJson& json);

class NamedOptions {
 public:
  /// Errors: usage (no such option, no such value).
  void set(const Path& given, const std::vector<Path>& texts);
  nb::object get(const Path& name);
  std::vector<std::string> names() const;
  /// What there is to know of each: its name, its heading, what it does, what it takes, its default as JSON.
  std::vector<std::vector<std::string>> described() const;

 protected:
  explicit NamedOptions(const char* whose) : table_(whose) {}

  cli::OptionTable table_;

 private:
  std::vector<cli::Option*> found(const std::string& name);
};

}  // namespace tekio::python
