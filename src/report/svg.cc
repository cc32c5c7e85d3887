#include "report/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "report/html.h"

namespace tekio::report {
namespace {

constexpr double kWidth = 640, kHeight = 300, kLeft = 62, kRight = 16, kTop = 14, kBottom = 46;
constexpr size_t kMostPoints = 400;

/// From numbers to places in the picture.
struct Frame {
  double x_low, x_high, y_low, y_high;
  double x(double value) const { return kLeft + (value - x_low) / (x_high - x_low) * (kWidth - kLeft - kRight); }
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

std::string text_at(double x, double y, const char* anchor, const std::string& text, const char* kind = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>", x, y, anchor, kind,
                     escaped(text));
}

std::string line(const char* kind, double x1, double y1, double x2, double y2) {
  return fmt::format("<line class=\"{}\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>", kind, x1, y1, x2,
                     y2);
}

/// A tick's number: as short as its neighbours need.
std::string tick_text(double value, double step) {
  if (std::abs(value) >= 10'000 || step >= 1) return figure(value, 1);
  if (std::abs(value) < 1e-12) return "0";
  if (std::abs(value) < 1e-3) return figure(value, 2);
  const int digits = std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 9);
  return fmt::format("{:.{}f}", value, digits);
}

std::string axes(const Frame& frame, const std::string& x_label, const std::string& y_label) {
  std::string out;
  const auto put_all = [&](const std::vector<double>& marks, auto put) {
    const double step = marks.size() > 1 ? marks[1] - marks[0] : 1;
    for (const double mark : marks) put(mark, tick_text(mark, step));
  };
  put_all(ticks(frame.y_low, frame.y_high, 5), [&](double mark, const std::string& text) {
    out += line("grid", kLeft, frame.y(mark), kWidth - kRight, frame.y(mark));
    out += text_at(kLeft - 8, frame.y(mark) + 4, "end", text);
  });
  put_all(ticks(frame.x_low, frame.x_high, 6), [&](double mark, const std::string& text) {
    out += line("tick", frame.x(mark), kHeight - kBottom, frame.x(mark), kHeight - kBottom + 4);
    out += text_at(frame.x(mark), kHeight - kBottom + 18, "middle", text);
  });
  out += line("axis", kLeft, kHeight - kBottom, kWidth - kRight, kHeight - kBottom);
  out += text_at((kLeft + kWidth - kRight) / 2, kHeight - 8, "middle", x_label, " class=\"label\"");
  out += fmt::format(
      "<text class=\"label\" text-anchor=\"middle\" transform=\"translate(14 {:.1f}) rotate(-90)\">{}</text>\n",
      (kTop + kHeight - kBottom) / 2, escaped(y_label));
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
  const Frame frame{x.low, x.high, y.low, y.high};
  std::string out =
      begin(chart.id, chart.title, chart.description, kHeight) + axes(frame, chart.x_label, chart.y_label);
  if (chart.diagonal) out += line("reference", frame.x(0), frame.y(0), frame.x(1), frame.y(1));
  for (const Series& s : chart.series) out += drawn(s, frame);
  return out + "</svg>\n";
}

std::string svg(const BarChart& chart) {
  constexpr double kNames = 170, kGroup = 40, kBar = 13, kHead = 8, kFoot = 28;
  const double height = kHead + kGroup * static_cast<double>(chart.groups.size()) + kFoot;
  double most = 0;
  for (const BarPair& g : chart.groups)
    for (const double value : {g.first, g.second, g.first_high, g.second_high})
      if (std::isfinite(value)) most = std::max(most, value);
  most = most > 0 ? most : 1;
  const auto at = [&](double value) { return kNames + value / most * (kWidth - kNames - kRight - 54); };
  std::string out = begin(chart.id, chart.title, chart.description, height);
  for (const double mark : ticks(0, most, 5)) {
    out += line("grid", at(mark), kHead, at(mark), height - kFoot);
    out += text_at(at(mark), height - kFoot + 16, "middle", fmt::format("{:.0f} %", 100 * mark));
  }
  double top = kHead + 4;
  for (const BarPair& g : chart.groups) {
    out += text_at(kNames - 8, top + kBar + 5, "end", g.name);
    const auto bar = [&](double value, double low, double high, int colour, double y) {
      out += fmt::format("<rect class=\"s{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{}\"/>", colour,
                         kNames, y, at(value) - kNames, kBar);
      out += line("whisker", at(low), y + kBar / 2, at(high), y + kBar / 2);
      out += text_at(at(std::max(value, high)) + 6, y + kBar - 2, "start", fmt::format("{:.1f} %", 100 * value));
    };
    bar(g.first, g.first_low, g.first_high, 0, top);
    bar(g.second, g.second_low, g.second_high, 1, top + kBar + 2);
    top += kGroup;
  }
  return out + "</svg>\n";
}

}  // namespace tekio::report
