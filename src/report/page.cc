#include "report/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "base/statistics.h"
#include "report/html.h"
#include "report/style.h"
#include "report/svg.h"

namespace tekio::report {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr size_t kMostPrompts = 50, kMostWords = 20;

/// "8.64 ± 0.68".
std::string with_half(double value, double half) {
  return std::isfinite(half) ? fmt::format("{} ± {}", figure(value), figure(half, 2)) : figure(value);
}

std::string perplexity(const Json& evaluation) {
  return with_half(number(evaluation, {"perplexity"}), number(evaluation, {"perplexity_interval"}));
}

/// A figure and the ends of its interval.
struct Figure {
  double value = kNone, low = kNone, high = kNone;
};

/// An evaluation's accuracy with Wilson's interval, where its count of masked tokens is known.
Figure accuracy(const Json& evaluation) {
  Figure share{.value = number(evaluation, {"accuracy"})};
  const double masked = number(evaluation, {"masked_tokens"});
  if (!(0 <= share.value && share.value <= 1) || !(masked > 0)) return share;
  const auto [low, high] = interval_of_share(share.value, masked);
  share.low = low, share.high = high;
  return share;
}

/// "55.6 % (54.3 to 56.8)".
std::string accuracy_text(const Json& evaluation) {
  const Figure share = accuracy(evaluation);
  if (!std::isfinite(share.low)) return percent(share.value);
  return fmt::format("{} ({:.1f} to {:.1f})", percent(share.value), 100 * share.low, 100 * share.high);
}

/// {"value", "low", "high"}; null where there is no accuracy, ends null where masked tokens were not counted.
OrderedJson accuracy_json(const Json& evaluation) {
  const Figure share = accuracy(evaluation);
  if (!std::isfinite(share.value)) return nullptr;
  return {{"value", share.value}, {"low", share.low}, {"high", share.high}};
}

/// How many times lower or higher the perplexity became; with the paired interval, where evaluation.json has it.
std::string change_of_perplexity(const Run& run) {
  const double before = number(run.record, {"before", "perplexity"}),
               after = number(run.record, {"after", "perplexity"});
  if (!std::isfinite(before / after)) return "";
  const bool lower = before >= after;
  const std::string times =
      fmt::format("{} times {}", figure(lower ? before / after : after / before), lower ? "lower" : "higher");
  // Of the losses' difference; a perplexity is e to a loss.
  double low = number(run.details, {"loss_difference", "low"}), high = number(run.details, {"loss_difference", "high"});
  if (!std::isfinite(low) || !std::isfinite(high)) return times;
  const bool by_chance = low <= 0 && 0 <= high;
  if (lower) low = -std::exchange(high, -low);
  return fmt::format("{} ({} to {}{})", times, figure(std::exp(low)), figure(std::exp(high)),
                     by_chance ? ": it may be chance" : "");
}

/// A run's name where there are several; they are told apart by a number where two are called the same.
std::vector<std::string> names_of(std::span<const Run> runs) {
  std::map<std::string, int> seen;
  std::vector<std::string> names;
  for (const Run& run : runs) {
    const int times = ++seen[run.name];
    names.push_back(times == 1 ? run.name : fmt::format("{} ({})", run.name, times));
  }
  return names;
}

/// Of the arithmetic that the machine can do, how much training's came to; empty where it was not measured.
std::string share_of_limit(const Json& record) {
  const double share = number(record, {"machine", "share_of_limit"});
  if (!std::isfinite(share)) return "";
  return fmt::format("{} %, {} of {} GFLOP/s of matrix products", figure(100 * share, 1),
                     figure(number(record, {"machine", "gflops"}), 1),
                     figure(number(record, {"machine", "limit_gflops"}), 1));
}

/// What rows that stand twice mean for the figures; empty where they were not counted.
std::string duplicates_text(const Json& record) {
  const double repeated = number(record, {"data", "duplicate_rows"}),
               known = number(record, {"data", "held_out_duplicates"});
  if (known > 0)
    return fmt::format("{} of the rows evaluated on {} trained on too: the figures are better than on new text.",
                       figure(known, 1), known > 1 ? "were" : "was");
  if (repeated > 0 && !std::isfinite(known))
    return fmt::format("{} of the rows {} an earlier one: some may be both trained on and evaluated on.",
                       figure(repeated, 1), repeated > 1 ? "repeat" : "repeats");
  if (repeated > 0)
    return fmt::format(
        "{} of the rows trained on {} an earlier one: what they say was learnt more often than the "
        "epochs tell.",
        figure(repeated, 1), repeated > 1 ? "repeat" : "repeats");
  if (known == 0) return "No row trained on stands twice, and none evaluated on was trained on.";
  return repeated == 0 ? "No row trained on stands twice." : "";
}

std::string processes(const Json& record) {
  const double number_of = number(record, {"machine", "processes"}), threads = number(record, {"machine", "threads"});
  return std::isfinite(number_of) ? fmt::format("{}, {}", figure(number_of, 1), figure(threads, 1)) : "";
}

class Page {
 public:
  explicit Page(std::span<const Run> runs) : runs_(runs), names_(names_of(runs)) {}

  std::string text() {
    head();
    figures();
    curves();
    prompts();
    if (!several()) words();
    settings();
    out_ += "</main>\n<footer><p>Made by Tekio. Intervals are those of 95 %.</p></footer>\n</body>\n</html>\n";
    return std::move(out_);
  }

 private:
  bool several() const { return runs_.size() > 1; }
  const Run& first() const { return runs_.front(); }
  /// A lone run has the colour that "after" has; the first colour is that of "before", which no run has.
  static int colour_of(size_t run) { return 1 + static_cast<int>(run % (kColours - 1)); }
  /// What several runs have each, told apart.
  std::string of_run(const char* caption, size_t run) const {
    return several() ? fmt::format("{}: {}", caption, names_[run]) : caption;
  }

  void section(const char* id, const char* heading) {
    out_ += fmt::format("</section>\n<section aria-labelledby=\"{}\">\n<h2 id=\"{}\">{}</h2>\n", id, id, heading);
  }

  /// A table that may be wider than the page. `head`: its columns' names; the first is the rows'.
  void table(const std::string& caption, const std::vector<std::string>& head,
             const std::vector<std::vector<std::string>>& rows) {
    out_ += fmt::format(
        "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"{}\"><table><caption>{}</caption><thead><tr>",
        escaped(caption), escaped(caption));
    for (const std::string& name : head) out_ += fmt::format("<th scope=\"col\">{}</th>", escaped(name));
    out_ += "</tr></thead><tbody>\n";
    for (const auto& row : rows) {
      out_ += fmt::format("<tr><th scope=\"row\">{}</th>", escaped(row.front()));
      for (size_t i = 1; i < row.size(); ++i) out_ += fmt::format("<td>{}</td>", escaped(row[i]));
      out_ += "</tr>\n";
    }
    out_ += "</tbody></table></div>\n";
  }

  void legend(const std::vector<Series>& series) {
    out_ += "<ul class=\"legend\">";
    for (const Series& s : series)
      out_ += fmt::format("<li><span class=\"key s{}\"></span>{}</li>", s.colour % kColours, escaped(s.name));
    out_ += "</ul>\n";
  }

  void chart(const LineChart& chart) {
    const bool empty = std::ranges::all_of(chart.series, [](const Series& s) {
      return std::ranges::none_of(s.y, [](double y) { return std::isfinite(y); });
    });
    if (empty) return;
    out_ += fmt::format("<figure><figcaption>{}</figcaption>{}", escaped(chart.title), svg(chart));
    if (chart.series.size() > 1) legend(chart.series);
    out_ += "</figure>\n";
  }

  std::string title() const {
    if (several()) return fmt::format("{} runs compared", runs_.size());
    const std::string model = report::text(first().record, {"model", "name"}),
                      data = report::text(first().record, {"data", "name"});
    return model.empty() || data.empty() ? first().name : fmt::format("{} adapted to {}", model, data);
  }

  void head() {
    out_ += fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"generator\" content=\"Tekio\">\n"
        "<title>{}</title>\n<style>\n{}</style>\n</head>\n<body>\n<main>\n<header><p class=\"over\">Tekio "
        "report</p><h1>{}</h1>",
        escaped(title()), kStyle, escaped(title()));
    if (!several()) {
      const Json& record = first().record;
      out_ += fmt::format(
          "<p>{} · {} parameters · {} training chunks of {} tokens · {} on {}</p>",
          escaped(report::text(record, {"model", "family"})), figure(number(record, {"model", "parameters"}), 1),
          figure(number(record, {"data", "train_chunks"}), 1), figure(number(record, {"data", "chunk_size"}), 1),
          escaped(report::text(record, {"dtype"})), escaped(report::text(record, {"device"})));
    }
    out_ += "</header>\n<section aria-labelledby=\"result\">\n<h2 id=\"result\">What came of it</h2>\n";
  }

  /// A figure before and after, as a tile.
  void tile(const std::string& name, const std::string& before, const std::string& after, const std::string& note) {
    const size_t range = std::min(after.find(" ("), after.size());  // smaller, as it may be longer than the figure
    out_ += fmt::format(
        "<div class=\"tile\"><dt>{}</dt><dd><span class=\"before\">{}</span> <span aria-hidden=\"true\">→</span>"
        "<span class=\"unseen\"> became </span> <strong>{}</strong><span class=\"range\">{}</span>"
        "<span class=\"note\">{}</span></dd></div>\n",
        escaped(name), escaped(before), escaped(after.substr(0, range)), escaped(after.substr(range)), escaped(note));
  }

  void figures() {
    if (several()) {
      std::vector<std::vector<std::string>> rows;
      for (size_t i = 0; i < runs_.size(); ++i) {
        const Json& r = runs_[i].record;
        rows.push_back({names_[i], perplexity(member(r, {"before"})), perplexity(member(r, {"after"})),
                        accuracy_text(member(r, {"after"})), perplexity(member(r, {"general", "after"})),
                        figure(number(r, {"train", "steps"}), 1), duration(number(r, {"train", "seconds"})),
                        figure(number(r, {"train", "tokens_per_second"}), 3)});
      }
      table(
          "Results of all runs",
          {"run", "perplexity before", "after", "accuracy after", "general text after", "updates", "time", "tokens/s"},
          rows);
      return;
    }
    const Json& r = first().record;
    out_ += "<dl class=\"tiles\">\n";
    const Json &before = member(r, {"before"}), &after = member(r, {"after"});
    if (std::isfinite(number(after, {"perplexity"})))
      tile("Perplexity on this text", perplexity(before), perplexity(after), change_of_perplexity(first()));
    if (std::isfinite(number(after, {"accuracy"})))
      tile("Masked words found", accuracy_text(before), accuracy_text(after),
           fmt::format("of {} masked tokens", figure(number(after, {"masked_tokens"}), 1)));
    if (std::isfinite(number(r, {"general", "after", "perplexity"})))
      tile("Perplexity on general text", perplexity(member(r, {"general", "before"})),
           perplexity(member(r, {"general", "after"})), "what the training cost elsewhere");
    out_ += fmt::format(
        "<div class=\"tile\"><dt>Training</dt><dd><strong>{}</strong><span class=\"note\">{} updates, {} "
        "tokens/s</span></dd></div>\n</dl>\n",
        duration(number(r, {"train", "seconds"})), figure(number(r, {"train", "steps"}), 1),
        figure(number(r, {"train", "tokens_per_second"}), 3));
  }

  /// A figure at each evaluation, the one before training first.
  template <typename Of>
  Series evaluations(size_t i, Of of) const {
    Series s{.name = names_[i], .marked = true, .colour = colour_of(i)};
    const auto add = [&](const Json& evaluation, double epoch) {
      const Figure at = of(evaluation);
      s.x.push_back(epoch), s.y.push_back(at.value), s.low.push_back(at.low), s.high.push_back(at.high);
    };
    add(member(runs_[i].record, {"before"}), 0);
    for (const Json& evaluation : list(runs_[i].record, {"evaluations"}))
      add(evaluation, number(evaluation, {"epoch"}));
    return s;
  }
  Series perplexities(size_t i) const {
    return evaluations(i, [](const Json& evaluation) -> Figure {
      const double value = number(evaluation, {"perplexity"}), half = number(evaluation, {"perplexity_interval"});
      return {value, value - half, value + half};
    });
  }

  template <typename Value>
  Series of_updates(size_t i, Value value) const {
    Series s{.name = names_[i], .colour = colour_of(i)};
    for (const Update& update : runs_[i].updates) s.x.push_back(update.epoch), s.y.push_back(value(update));
    return s;
  }
  template <typename Make>
  std::vector<Series> all(Make make) const {
    std::vector<Series> series;
    for (size_t i = 0; i < runs_.size(); ++i) series.push_back(make(i));
    return series;
  }

  void curves() {
    section("curves", "Curves");
    out_ += "<div class=\"charts\">\n";
    chart({.id = "perplexity",
           .title = "Perplexity on text that was not trained on",
           .description = spoken_perplexity(),
           .x_label = "epoch",
           .y_label = "perplexity",
           .series = all([&](size_t i) { return perplexities(i); }),
           .from_zero = true});
    chart({.id = "accuracy",
           .title = "Share of masked tokens that the model finds",
           .description = "Accuracy at each evaluation.",
           .x_label = "epoch",
           .y_label = "accuracy",
           .series = all([&](size_t i) { return evaluations(i, accuracy); }),
           .from_zero = true});
    chart(
        {.id = "loss",
         .title = "Training loss",
         .description = "Mean loss of the updates, in nats per masked token, a point for several updates.",
         .x_label = "epoch",
         .y_label = "loss",
         .series = all([&](size_t i) { return thinned(of_updates(i, [](const Update& u) { return u.loss; }), 80); })});
    chart({.id = "rate",
           .title = "Learning rate",
           .description = "The learning rate of each update.",
           .x_label = "epoch",
           .y_label = "learning rate",
           .series = all([&](size_t i) { return of_updates(i, [](const Update& u) { return u.learning_rate; }); }),
           .from_zero = true});
    chart({.id = "norm",
           .title = "Gradient norm",
           .description = "The norm of the gradients before clipping, a point for several updates.",
           .x_label = "epoch",
           .y_label = "norm",
           .series = all(
               [&](size_t i) { return thinned(of_updates(i, [](const Update& u) { return u.gradient_norm; }), 80); }),
           .from_zero = true});
    chart({.id = "speed",
           .title = "Speed",
           .description = "Tokens a second, a point for several updates.",
           .x_label = "epoch",
           .y_label = "tokens/s",
           .series = all([&](size_t i) {
             return thinned(of_updates(i, [](const Update& u) { return u.tokens / u.seconds; }), 80);
           }),
           .from_zero = true});
    out_ += "</div>\n";
  }

  std::string spoken_perplexity() const {
    std::string said;
    for (size_t i = 0; i < runs_.size(); ++i) {
      const Series s = perplexities(i);
      said += (several() ? names_[i] + ": " : "");
      for (size_t k = 0; k < s.x.size(); ++k)
        said += fmt::format("{}{} at epoch {}", k > 0 ? ", " : "", figure(s.y[k]), figure(s.x[k], 2));
      said += ". ";
    }
    return said;
  }

  /// The words that stand in a mask's place, with bars as long as they are likely.
  std::string words_of(const Json::array_t& predictions) {
    std::string cell = "<ol class=\"guesses\">";
    for (size_t i = 0; i < std::min<size_t>(predictions.size(), 10); ++i) {
      const double score = number(predictions[i], {"score"});
      cell += fmt::format(
          "<li><span class=\"word\">{}</span><span class=\"bar\"><span style=\"width:{:.1f}%\"></span></span><span "
          "class=\"share\">{}</span></li>",
          escaped(report::text(predictions[i], {"token_str"})),
          std::isfinite(score) ? 100 * std::clamp(score, 0.0, 1.0) : 0, percent(score));
    }
    return cell + "</ol>";
  }

  void prompts() {
    const Json::array_t& asked = list(first().record, {"prompts"});
    if (asked.empty()) return;
    section("prompts", "What it says now");
    for (size_t k = 0; k < std::min(asked.size(), kMostPrompts); ++k) {
      const std::string text = report::text(asked[k], {"text"});
      out_ += fmt::format("<h3>{}</h3>\n<div class=\"sides\">", escaped(text));
      out_ += fmt::format("<div><h4>before</h4>{}</div>", words_of(list(asked[k], {"before"})));
      for (size_t i = 0; i < runs_.size(); ++i)
        for (const Json& prompt : list(runs_[i].record, {"prompts"}))
          if (report::text(prompt, {"text"}) == text) {
            out_ += fmt::format("<div><h4>{}</h4>{}</div>", several() ? escaped(names_[i]) : "after",
                                words_of(list(prompt, {"after"})));
            break;
          }
      out_ += "</div>\n";
    }
  }

  static std::string interval(const Json& value) {
    const double low = number(value, {"low"}), high = number(value, {"high"});
    const std::string middle = figure(number(value, {"value"}));
    return std::isfinite(low) ? fmt::format("{} ({} to {})", middle, figure(low), figure(high)) : middle;
  }

  void word_table(const char* caption, const char* key) {
    std::vector<std::vector<std::string>> rows;
    const Json::array_t& words = list(first().details, {"words", key});
    for (size_t i = 0; i < std::min(words.size(), kMostWords); ++i) {
      const Json& word = words[i];
      rows.push_back({report::text(word, {"token"}), figure(number(word, {"masked"}), 1),
                      figure(number(word, {"in_training"}), 1), figure(number(word, {"log_probability", "before"})),
                      figure(number(word, {"log_probability", "after"})), interval(member(word, {"gain"}))});
    }
    if (!rows.empty())
      table(caption, {"word", "times masked", "in training text", "log-probability before", "after", "gain"}, rows);
  }

  /// What was gained by how often a token stands in the training text, with the words that gained most of each class.
  void class_table() {
    std::vector<std::vector<std::string>> rows;
    for (const Json& group : list(first().details, {"frequencies"})) {
      std::string words;
      for (const Json& word : list(group, {"gained"}))
        words += fmt::format("{}{} +{}", words.empty() ? "" : ", ", report::text(word, {"token"}),
                             figure(number(word, {"gain", "value"})));
      rows.push_back({report::text(group, {"name"}), figure(number(group, {"masked"}), 1),
                      fmt::format("{} → {}", figure(number(group, {"log_probability", "before"})),
                                  figure(number(group, {"log_probability", "after"}))),
                      interval(member(group, {"gain"})), words});
    }
    if (!rows.empty())
      table("Gain by how often a token stands in the training text",
            {"in training text", "times masked", "log-probability", "gain", "words that gained most"}, rows);
  }

  void group_chart(const char* id, const char* title, const char* key) {
    BarChart chart{.id = id, .title = title, .description = "", .groups = {}};
    for (const Json& group : list(first().details, {key})) {
      const auto of = [&](const char* when, const char* part) { return number(group, {"accuracy", when, part}); };
      chart.groups.push_back({report::text(group, {"name"}), of("before", "value"), of("before", "low"),
                              of("before", "high"), of("after", "value"), of("after", "low"), of("after", "high")});
      chart.description += fmt::format("{}: {} before, {} after. ", chart.groups.back().name,
                                       percent(chart.groups.back().first), percent(chart.groups.back().second));
      for (const double value : {of("before", "value"), of("after", "value")})
        if (!std::isfinite(value)) return;
    }
    if (chart.groups.empty()) return;
    out_ += fmt::format("<figure><figcaption>{}</figcaption>{}", title, svg(chart));
    legend({{.name = "before", .colour = 0}, {.name = "after", .colour = 1}});
    out_ += "</figure>\n";
  }

  Series calibration(const char* when, int colour) const {
    Series s{.name = fmt::format("{} (mean difference {})", when,
                                 percent(number(first().details, {"calibration", when, "error"}))),
             .marked = true,
             .colour = colour};
    for (const Json& bin : list(first().details, {"calibration", when, "bins"})) {
      s.x.push_back(number(bin, {"confidence"})), s.y.push_back(number(bin, {"accuracy", "value"}));
      s.low.push_back(number(bin, {"accuracy", "low"})), s.high.push_back(number(bin, {"accuracy", "high"}));
    }
    return s;
  }

  void words() {
    if (!first().details.is_object()) return;
    section("words", "Which words");
    word_table("Words that gained most", "gained");
    word_table("Words that lost most", "lost");
    class_table();
    out_ += "<div class=\"charts\">\n";
    group_chart("frequencies", "Masked tokens found, by how often they stand in the training text", "frequencies");
    group_chart("kinds", "Masked tokens found, by what they are", "kinds");
    chart({.id = "calibration",
           .title = "How often it is right when it is so sure",
           .description = "Accuracy by confidence, before and after.",
           .x_label = "confidence",
           .y_label = "accuracy",
           .series = {calibration("before", 0), calibration("after", 1)},
           .diagonal = true});
    out_ += "</div>\n";
    const Json::array_t& worse = list(first().details, {"chunks", "worse"});
    out_ += fmt::format("<h3>Chunks that became worse</h3>\n<p>{} of {} chunks have a higher loss than before.</p>\n",
                        figure(number(first().details, {"chunks", "worse_count"}), 1),
                        figure(number(first().details, {"chunks", "all"}), 1));
    for (const Json& chunk : worse)
      out_ += fmt::format(
          "<details><summary>chunk {}: log-probability {} → {}, {} masked tokens</summary><p>{}</p></details>\n",
          figure(number(chunk, {"chunk"}), 1), figure(number(chunk, {"log_probability", "before"})),
          figure(number(chunk, {"log_probability", "after"})), figure(number(chunk, {"masked"}), 1),
          escaped(report::text(chunk, {"text"})));
  }

  static std::string value_text(const Json& value) {
    if (value.is_string()) return value.get<std::string>();
    if (value.is_null()) return "–";
    if (value.is_number_float()) return fmt::format("{}", value.get<double>());
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
  }

  /// What runs were made of, as far as they differ, and then the options that do.
  std::vector<std::vector<std::string>> differences() const {
    std::vector<std::vector<std::string>> rows;
    const auto add = [&](const std::string& name, const auto& value_of) {
      std::vector<std::string> row = {name};
      for (const Run& run : runs_) row.push_back(value_text(value_of(run)));
      if (std::ranges::any_of(row.begin() + 2, row.end(), [&](const std::string& value) { return value != row[1]; }))
        rows.push_back(row);
    };
    add("model", [](const Run& run) { return member(run.record, {"model", "name"}); });
    add("data", [](const Run& run) { return member(run.record, {"data", "name"}); });
    for (const auto& [name, key] : {std::pair{"column of the text", "text_column"},
                                    {"tokens a chunk", "chunk_size"},
                                    {"chunks trained on", "train_chunks"},
                                    {"chunks evaluated on", "eval_chunks"}})
      add(name, [of = key](const Run& run) { return member(run.record, {"data", of}); });
    std::set<std::string> keys;
    for (const Run& run : runs_)
      for (const auto& [key, value] : run.options.items()) keys.insert(key);
    for (const std::string& key : keys) add(key, [&](const Run& run) { return member(run.options, {key.c_str()}); });
    return rows;
  }

  void settings() {
    section("settings", "How it was made");
    if (several()) {
      std::vector<std::string> names = {"what"};
      names.insert(names.end(), names_.begin(), names_.end());
      table("What differs", names, differences());
    }
    for (size_t i = 0; i < runs_.size(); ++i) {
      const Json& r = runs_[i].record;
      if (several()) out_ += fmt::format("<h3>{}</h3>\n", escaped(names_[i]));
      std::vector<std::vector<std::string>> rows = {
          {"model", report::text(r, {"model", "name"})},
          {"data", report::text(r, {"data", "name"})},
          {"column of the text", report::text(r, {"data", "text_column"})},
          {"rows", figure(number(r, {"data", "rows"}), 1)},
          {"rows left out", figure(number(r, {"data", "skipped_rows"}), 1)},
          {"rows to train on that repeat an earlier one", figure(number(r, {"data", "duplicate_rows"}), 1)},
          {"rows evaluated on that are trained on too", figure(number(r, {"data", "held_out_duplicates"}), 1)},
          {"tokens", figure(number(r, {"data", "tokens"}), 1)},
          {"tokens a chunk", figure(number(r, {"data", "chunk_size"}), 1)},
          {"chunks trained on", figure(number(r, {"data", "train_chunks"}), 1)},
          {"chunks evaluated on", figure(number(r, {"data", "eval_chunks"}), 1)},
          {"whom the data's licence names", report::text(r, {"data", "attribution"})},
          {"computed", fmt::format("in {} on {}", report::text(r, {"dtype"}), report::text(r, {"device"}))},
          {"processor", report::text(r, {"machine", "processor"})},
          {"processes, threads of each", processes(r)},
          {"share of the machine's limit", share_of_limit(r)},
          {"version", report::text(r, {"version"})}};
      std::erase_if(rows, [](const auto& row) { return row[1].empty(); });
      table(of_run("Data and machine", i), {"what", "value"}, rows);
      if (const std::string said = duplicates_text(r); !said.empty()) out_ += fmt::format("<p>{}</p>\n", escaped(said));
      const std::string command = report::text(r, {"command"});
      if (!command.empty())
        out_ += fmt::format("<p>The command:</p><pre tabindex=\"0\"><code>{}</code></pre>\n", escaped(command));
      std::vector<std::vector<std::string>> options;
      if (runs_[i].options.is_object())
        for (const auto& [key, value] : runs_[i].options.items()) options.push_back({key, value_text(value)});
      if (options.empty()) continue;
      out_ += "<details><summary>All options</summary>\n";
      table(of_run("All options", i), {"option", "value"}, options);
      out_ += "</details>\n";
    }
    out_ += "</section>\n";
  }

  std::span<const Run> runs_;
  std::vector<std::string> names_;
  std::string out_;
};

}  // namespace

std::string page(std::span<const Run> runs) { return Page(runs).text(); }

OrderedJson document(std::span<const Run> runs) {
  OrderedJson all = OrderedJson::array();
  for (const Run& run : runs) {
    OrderedJson machine = {{"device", OrderedJson(member(run.record, {"device"}))},
                           {"dtype", OrderedJson(member(run.record, {"dtype"}))}};
    if (const Json& known = member(run.record, {"machine"}); known.is_object()) machine.update(OrderedJson(known));
    OrderedJson metrics = OrderedJson::array();
    for (const Json& evaluation : list(run.record, {"evaluations"})) metrics.push_back(OrderedJson(evaluation));
    const auto part = [&](std::initializer_list<const char*> keys) { return OrderedJson(member(run.record, keys)); };
    all.push_back(
        {{"run", run.folder.string()},
         {"perplexity", {{"before", part({"before", "perplexity"})}, {"after", part({"after", "perplexity"})}}},
         {"accuracy",
          {{"before", accuracy_json(member(run.record, {"before"}))},
           {"after", accuracy_json(member(run.record, {"after"}))}}},
         {"loss_difference", OrderedJson(member(run.details, {"loss_difference"}))},
         {"general", part({"general"})},
         {"prompts", part({"prompts"})},
         {"words", OrderedJson(member(run.details, {"words"}))},
         {"metrics", std::move(metrics)},
         {"options", OrderedJson(run.options)},
         {"data", part({"data"})},
         {"machine", std::move(machine)}});
  }
  return {{"runs", std::move(all)}};
}

}  // namespace tekio::report
