// A model may lack hundreds of tensors for one reason: names that differ by their layer are told as one, and of many
// the first ones. 'tekio info' lists them all.
#include "model/load_report.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"

namespace tekio {
namespace {

// "a.3.b" as {"a.*.b", 3}; {name, -1} if no part is a number.
std::pair<std::string, int64_t> split_number(const std::string& name) {
  for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
    const size_t end = name.find_first_not_of("0123456789", dot + 1);
    if (end == std::string::npos || end == dot + 1 || end - dot > 7 || name[end] != '.') continue;
    return {name.substr(0, dot + 1) + "*" + name.substr(end), std::stoll(name.substr(dot + 1, end - dot - 1))};
  }
  return {name, -1};
}

// Names that differ only by their layer become one: "layer.{0-5}.x".
std::vector<std::string> collapse_layers(const std::vector<std::string>& names) {
  std::vector<std::pair<std::string, std::set<int64_t>>> groups;
  for (const std::string& name : names) {
    const auto [pattern, number] = split_number(name);
    auto group = std::ranges::find(groups, pattern, &std::pair<std::string, std::set<int64_t>>::first);
    if (group == groups.end()) group = groups.insert(groups.end(), {pattern, {}});
    if (number >= 0) group->second.insert(number);
  }
  std::vector<std::string> collapsed;
  for (auto& [pattern, numbers] : groups) {
    if (!numbers.empty()) {
      std::string ranges;
      for (auto at = numbers.begin(); at != numbers.end();) {
        const int64_t first = *at;
        int64_t last = first;
        while (++at != numbers.end() && *at == last + 1) last = *at;
        ranges += fmt::format("{}{}", ranges.empty() ? "" : ",",
                              first == last ? std::to_string(first) : fmt::format("{}-{}", first, last));
      }
      pattern.replace(pattern.find('*'), 1, numbers.size() > 1 ? "{" + ranges + "}" : ranges);
    }
    collapsed.push_back(printable(pattern, 200));
  }
  return collapsed;
}

// The first names; "…" where there are more.
std::string listed(const std::vector<std::string>& names) {
  constexpr size_t kShown = 3;
  std::vector<std::string> shown = collapse_layers(names);
  const bool more = shown.size() > kShown;
  shown.resize(std::min(shown.size(), kShown));
  return fmt::format("{}{}", fmt::join(shown, ", "), more ? ", …" : "");
}

// "random (normal, deviation 0.02, seed 42), biases with 0"
std::string described(const std::set<Start>& starts, const ModelConfig& config, uint64_t seed) {
  std::vector<std::string> parts;
  const bool only = starts.size() == 1;
  if (starts.contains(Start::random))
    parts.push_back(
        config.initializer_cutoff > 0
            ? fmt::format("initialised randomly (normal, deviation {} or less, cut off at {} of them, seed {})",
                          config.initializer_range, config.initializer_cutoff, seed)
            : fmt::format("initialised randomly (normal, deviation {}, seed {})", config.initializer_range, seed));
  if (starts.contains(Start::sinusoidal)) parts.emplace_back("positions initialised with sines");
  if (starts.contains(Start::ones)) parts.emplace_back(only ? "initialised with 1" : "norms with 1");
  if (starts.contains(Start::zeros)) parts.emplace_back(only ? "initialised with 0" : "biases with 0");
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace

std::string LoadReport::missing_sentence(const ModelConfig& config, const std::string& where, uint64_t seed) const {
  if (missing.empty()) return "";
  const std::string what = head_missing
                               ? "has no masked-LM head"
                               : fmt::format("lacks {} of the model's tensors ({})", missing.size(), listed(missing));
  return fmt::format("{} {}: {}{}", where, what, described(starts, config, seed),
                     head_missing || decoder_missing ? "; predictions mean nothing before training" : "");
}

std::string LoadReport::unexpected_sentence(const std::string& where) const {
  if (unexpected.empty()) return "";
  return fmt::format("{} holds {} that the model does not use: {}", where,
                     counted(static_cast<int64_t>(unexpected.size()), "tensor"), listed(unexpected));
}

}  // namespace tekio
