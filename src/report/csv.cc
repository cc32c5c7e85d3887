// A row for every update and every evaluation; what one of them has not is empty.
#include <fmt/format.h>

#include <cmath>

#include "report/page.h"

namespace tekio::report {
namespace {

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

std::string cell(double value) { return std::isfinite(value) ? fmt::format("{}", value) : ""; }

}  // namespace

std::string csv(std::span<const Run> runs) {
  std::string out = "run,step,epoch,loss,grad_norm,learning_rate,tokens,seconds,eval_loss,perplexity,accuracy\r\n";
  for (const Run& run : runs) {
    const std::string name = quoted(run.name);
    for (const Update& u : run.updates)
      out += fmt::format("{},{},{},{},{},{},{},{},,,\r\n", name, cell(u.step), cell(u.epoch), cell(u.loss),
                         cell(u.gradient_norm), cell(u.learning_rate), cell(u.tokens), cell(u.seconds));
    const auto evaluation = [&](const Json& of, double step, double epoch) {
      if (!of.is_object()) return;
      out += fmt::format("{},{},{},,,,,,{},{},{}\r\n", name, cell(step), cell(epoch), cell(number(of, {"loss"})),
                         cell(number(of, {"perplexity"})), cell(number(of, {"accuracy"})));
    };
    evaluation(member(run.record, {"before"}), 0, 0);
    for (const Json& each : list(run.record, {"evaluations"}))
      evaluation(each, number(each, {"step"}), number(each, {"epoch"}));
  }
  return out;
}

}  // namespace tekio::report
