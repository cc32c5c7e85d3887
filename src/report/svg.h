// Charts as SVG for a page that is light or dark: colours are classes and variables of its style sheet. Each has a
// title and a description for those who do not see it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tekio::report {

inline constexpr int kColours = 8;  ///< of the style sheet: the first is grey

/// Points that belong together; those that are no numbers are left out.
struct Series {
  std::string name;
  std::vector<double> x, y;
  std::vector<double> low, high;  ///< intervals; empty: there are none
  bool marked = false;            ///< each point has a mark; else they are a line alone
  int colour = 0;                 ///< from 0; repeats after kColours
};

struct LineChart {
  std::string id;                  ///< unique on the page
  std::string title, description;  ///< plain text
  std::string x_label, y_label;
  std::vector<Series> series;
  bool from_zero = false;  ///< the vertical axis begins at 0
  bool diagonal = false;   ///< y = x is drawn: what a calibrated model has
};
std::string svg(const LineChart& chart);

/// Two values a group, side by side, with intervals: shares from 0 to 1.
struct BarPair {
  std::string name;
  double first, first_low, first_high, second, second_low, second_high;
};
struct BarChart {
  std::string id, title, description;
  std::vector<BarPair> groups;
};
std::string svg(const BarChart& chart);

/// Means of consecutive points, so that no more than `most` are left.
Series thinned(const Series& series, size_t most);

/// About `count` round numbers that divide [low, high].
std::vector<double> ticks(double low, double high, int count);

}  // namespace tekio::report
