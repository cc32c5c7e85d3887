#include "report/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "report/html.h"

namespace tekio::report {
namespace {

// Margins hold the text of a small screen's style, which is the larger: a digit of it takes kDigit.
constexpr double kWidth = 640, kHeight = 310, kRight = 32, kTop = 14, kBottom = 58, kGap = 8, kDigit = 12.2;
constexpr size_t kMostPoints = 400;
// From a line to the baseline of text beside and below it, whatever its size.
constexpr const char *kMiddle = " dy=\".35em\"", *kBelow = " dy=\"1.2em\"", *kSecondBelow = " dy=\"2.4em\"";

/// From numbers to places in the picture.
struct Frame {
  double left, x_low, x_high, y_low, y_high;
  double x(double value) const { return left + (value - x_low) / (x_high - x_low) * (kWidth - left - kRight); }
  double y(double value) const {
    return kHeight - kBottom - (value - y_low) / (y_high - y_low) * (kHeight - kTop - kBottom);
  }
};

/// Whether a number can be drawn: those that are larger by a hundred orders than any that training has cannot.
bool is_drawable(double value) { return std::abs(value) < 1e100; }

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();
  void take(double value) {
    if (!is_drawable(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  /// Wide enough to be drawn, with a little air.
  void settle(double air) {
    if (low > high) low = 0, high = 1;
    if (high - low < 1e-12 * std::max(std::abs(low), 1e-300)) {
      const double some = std::max(std::abs(low) * 0.1, 1e-9);
      low -= some, high += some;
    }
    const double more = air * (high - low);
    low -= more, high += more;
  }
};

std::string begin(const std::string& id, const std::string& title, const std::string& description, double height) {
  return fmt::format(
      "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-labelledby=\"{}-title {}-text\"><title id=\"{}-title\">{}</title>"
      "<desc id=\"{}-text\">{}</desc>\n",
      kWidth, height, id, id, id, escaped(title), id, escaped(description));
}

std::string text_at(double x, double y, const char* anchor, const std::string& text, const char* dy) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>", x, y, anchor, dy, escaped(text));
}

std::string line(const char* kind, double x1, double y1, double x2, double y2) {
  return fmt::format("<line class=\"{}\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>", kind, x1, y1, x2,
                     y2);
}

/// "1.2e-3", without zeros that say nothing.
std::string with_power(double value, int decimals) {
  const std::string text = fmt::format("{:.{}e}", value, decimals);  // 1.20e-03
  const size_t at = text.find('e');
  std::string number = text.substr(0, at);
  if (decimals > 0) number.erase(number.find_last_not_of("0.") + 1);
  return fmt::format("{}e{}", number, std::stoi(text.substr(at + 1)));
}

/// The ticks' numbers, all in one notation: as short as telling them apart allows.
std::vector<std::string> tick_texts(const std::vector<double>& marks) {
  const auto power_of = [](double value) { return static_cast<int>(std::floor(std::log10(value) + 1e-9)); };
  const double step = marks.size() > 1 ? marks[1] - marks[0] : std::max(std::abs(marks[0]), 1e-300),
               most = std::max(std::abs(marks.front()), std::abs(marks.back()));
  const bool has_powers = most >= 1e6 || most < 1e-2;
  std::vector<std::string> texts;
  for (const double mark : marks) {
    const double size = std::abs(mark);
    if (size < 1e-9 * step)
      texts.push_back("0");
    else if (has_powers)
      texts.push_back(with_power(mark, std::clamp(power_of(size) - power_of(step), 0, 9)));
    else if (step >= 1)
      texts.push_back(figure(mark, 1));
    else
      texts.push_back(fmt::format("{:.{}f}", mark, std::clamp(-power_of(step), 0, 9)));
  }
  return texts;
}

/// How much room the numbers of a vertical axis take beside it.
double left_margin(const Range& y) {
  size_t longest = 6;
  for (const std::string& text : tick_texts(ticks(y.low, y.high, 5))) longest = std::max(longest, text.size());
  return kDigit * static_cast<double>(longest) + kGap + 4;
}

std::string axes(const Frame& frame, const std::string& x_label, const std::string& y_label) {
  const double bottom = kHeight - kBottom;
  std::string out;
  const auto put_all = [&](const std::vector<double>& marks, auto put) {
    const std::vector<std::string> texts = tick_texts(marks);
    for (size_t i = 0; i < marks.size(); ++i) put(marks[i], texts[i]);
  };
  put_all(ticks(frame.y_low, frame.y_high, 5), [&](double mark, const std::string& text) {
    out += line("grid", frame.left, frame.y(mark), kWidth - kRight, frame.y(mark));
    out += text_at(frame.left - kGap, frame.y(mark), "end", text, kMiddle);
  });
  put_all(ticks(frame.x_low, frame.x_high, 6), [&](double mark, const std::string& text) {
    out += line("tick", frame.x(mark), bottom, frame.x(mark), bottom + 4);
    out += text_at(frame.x(mark), bottom + 6, "middle", text, kBelow);
  });
  out += line("axis", frame.left, bottom, kWidth - kRight, bottom);
  out += text_at((frame.left + kWidth - kRight) / 2, bottom + 6, "middle", x_label, kSecondBelow);
  out += fmt::format(
      "<text class=\"upright\" text-anchor=\"middle\" transform=\"translate(14 {:.1f}) rotate(-90)\">{}</text>\n",
      (kTop + bottom) / 2, escaped(y_label));
  return out;
}

std::string drawn(const Series& whole, const Frame& frame) {
  const Series s = thinned(whole, kMostPoints);
  std::string path, marks;
  const int colour = s.colour % kColours;
  for (size_t i = 0; i < s.x.size(); ++i) {
    if (!is_drawable(s.x[i]) || !is_drawable(s.y[i])) continue;
    const double x = frame.x(s.x[i]), y = frame.y(s.y[i]);
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", x, y);
    if (i < s.low.size() && is_drawable(s.low[i]) && is_drawable(s.high[i]))
      marks += line(fmt::format("interval s{}", colour).c_str(), x, frame.y(s.low[i]), x, frame.y(s.high[i]));
    if (s.marked) marks += fmt::format("<circle class=\"s{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.5\"/>", colour, x, y);
  }
  return fmt::format("<path class=\"line s{}\" d=\"{}\"/>{}\n", colour, path, marks);
}

}  // namespace

std::vector<double> ticks(double low, double high, int count) {
  const double rough = (high - low) / std::max(1, count);
  if (!(rough > 0) || !std::isfinite(rough)) return {low};
  const double power = std::pow(10, std::floor(std::log10(rough))), part = rough / power;
  const double step = power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
  std::vector<double> marks;
  for (double number = std::ceil(low / step - 1e-9); number * step <= high + 1e-9 * step && marks.size() < 100;
       ++number)
    marks.push_back(number * step + 0.0);  // no minus before 0
  return marks;
}

Series thinned(const Series& series, size_t most) {
  const size_t count = series.x.size();
  if (count <= most || series.marked) return series;
  Series out = series;
  out.x.clear(), out.y.clear(), out.low.clear(), out.high.clear();
  for (size_t part = 0; part < most; ++part) {
    const size_t first = part * count / most, last = (part + 1) * count / most;
    double x = 0, y = 0, numbers = 0;
    for (size_t i = first; i < last; ++i)
      if (std::isfinite(series.y[i])) x += series.x[i], y += series.y[i], ++numbers;
    if (numbers > 0) out.x.push_back(x / numbers), out.y.push_back(y / numbers);
  }
  return out;
}

std::string svg(const LineChart& chart) {
  Range x, y;
  for (const Series& s : chart.series) {
    for (const double value : s.x) x.take(value);
    for (const auto* values : {&s.y, &s.low, &s.high})
      for (const double value : *values) y.take(value);
  }
  if (chart.diagonal) x.take(0), x.take(1), y.take(0), y.take(1);
  if (chart.from_zero) y.take(0);
  x.settle(chart.diagonal ? 0 : 0.01), y.settle(chart.from_zero || chart.diagonal ? 0 : 0.06);
  const Frame frame{left_margin(y), x.low, x.high, y.low, y.high};
  std::string out =
      begin(chart.id, chart.title, chart.description, kHeight) + axes(frame, chart.x_label, chart.y_label);
  if (chart.diagonal) out += line("reference", frame.x(0), frame.y(0), frame.x(1), frame.y(1));
  for (const Series& s : chart.series) out += drawn(s, frame);
  return out + "</svg>\n";
}

std::string svg(const BarChart& chart) {
  // A group: its name, and below that its two bars; right of a bar its number.
  constexpr double kStart = 28, kEnd = 110, kName = 24, kBar = 17, kRow = 23, kGroup = kName + 2 * kRow + 8, kFoot = 34;
  const double bottom = kGroup * static_cast<double>(chart.groups.size());
  double most = 0;
  for (const BarPair& g : chart.groups)
    for (const double value : {g.first, g.second, g.first_high, g.second_high})
      if (std::isfinite(value)) most = std::max(most, value);
  most = most > 0 ? most : 1;
  const auto at = [&](double value) { return kStart + value / most * (kWidth - kStart - kEnd); };
  std::string out = begin(chart.id, chart.title, chart.description, bottom + kFoot);
  const std::vector<double> marks = ticks(0, 100 * most, 5);
  const std::vector<std::string> texts = tick_texts(marks);
  for (size_t i = 0; i < marks.size(); ++i) {
    const double x = at(marks[i] / 100);
    out += line("grid", x, 0, x, bottom);
    out += text_at(x, bottom + 2, "middle", texts[i] + " %", kBelow);
  }
  double top = 0;
  for (const BarPair& g : chart.groups) {
    out += text_at(kStart, top + kName / 2, "start", g.name, kMiddle);
    const auto bar = [&](double value, double low, double high, int colour, double y) {
      out += fmt::format("<rect class=\"s{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{}\"/>", colour,
                         kStart, y, at(value) - kStart, kBar);
      out += line("whisker", at(low), y + kBar / 2, at(high), y + kBar / 2);
      out += text_at(at(std::max(value, high)) + kGap, y + kBar / 2, "start", percent(value), kMiddle);
    };
    bar(g.first, g.first_low, g.first_high, 0, top + kName);
    bar(g.second, g.second_low, g.second_high, 1, top + kName + kRow);
    top += kGroup;
  }
  return out + "</svg>\n";
}

}  // namespace tekio::report
