// Charts hold whatever numbers and names they are given, and are drawn where those say.
#include "report/svg.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "markup.h"
#include "report/html.h"

namespace tekio::report {
namespace {

using test::nesting_problem, testing::HasSubstr, testing::Not;

TEST(Html, TextMeansItself) {
  EXPECT_EQ(escaped("<a href=\"x\">&'b'</a>"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;b&#39;&lt;/a&gt;");
  EXPECT_THAT(escaped(std::string_view("a\0b\x1b[31m\xff", 9)), Not(testing::ContainsRegex("[\x01-\x1f]")));
  EXPECT_EQ(escaped("映画"), "映画");
}

TEST(Html, FiguresAreAsLongAsTheySay) {
  EXPECT_EQ(figure(8.640908), "8.64");
  EXPECT_EQ(figure(18.846), "18.8");
  EXPECT_EQ(figure(12345.6), "12,346");
  EXPECT_EQ(figure(-3.14159), "-3.14");
  EXPECT_EQ(figure(0.000123), "1.23e-4");
  EXPECT_EQ(figure(0), "0");
  EXPECT_EQ(figure(0.5), "0.500");
  EXPECT_EQ(figure(0.684, 2), "0.68");
  EXPECT_EQ(figure(603, 1), "603");
  EXPECT_EQ(figure(std::nan("")), "–");
  EXPECT_EQ(figure(INFINITY), "–");
  EXPECT_EQ(percent(0.5556), "55.6 %");
  EXPECT_EQ(duration(0.8), "0.80 s");
  EXPECT_EQ(duration(84.9), "1:25");
}

testing::Matcher<std::vector<double>> Near(const std::vector<double>& numbers) {
  return testing::Pointwise(testing::DoubleNear(1e-12), numbers);
}

TEST(Svg, TicksAreRoundAndWithin) {
  EXPECT_THAT(ticks(0, 1, 5), Near({0, 0.2, 0.4, 0.6, 0.8, 1}));
  EXPECT_THAT(ticks(3, 47, 5), Near({10, 20, 30, 40}));
  EXPECT_LE(ticks(-1e300, 1e300, 5).size(), 100);
  EXPECT_EQ(ticks(1, 1, 5).size(), 1);
}

TEST(Svg, TicksAreWrittenShortlyInOneNotation) {
  const auto drawn = [](double most) {
    return svg(LineChart{.id = "c", .series = {{.name = "s", .x = {0, 1}, .y = {0, most}}}, .from_zero = true});
  };
  const std::vector<std::pair<double, std::vector<const char*>>> cases = {{1e-3, {">0<", ">2e-4<", ">8e-4<", ">1e-3<"}},
                                                                          {0.03, {">0<", ">0.01<", ">0.03<"}},
                                                                          {2000, {">0<", ">500<", ">2,000<"}},
                                                                          {3e6, {">0<", ">1e6<", ">3e6<"}}};
  for (const auto& [most, texts] : cases)
    for (const char* text : texts) EXPECT_THAT(drawn(most), HasSubstr(text));
}

TEST(Svg, PointsStandWhereTheirNumbersSay) {
  const std::string text = svg(LineChart{.id = "c",
                                         .title = "T",
                                         .description = "D",
                                         .x_label = "x",
                                         .y_label = "y",
                                         .series = {{.name = "s", .x = {0, 1, 2}, .y = {0, 5, 10}, .marked = true}},
                                         .from_zero = true});
  EXPECT_EQ(nesting_problem(text), "") << text;
  EXPECT_THAT(text, HasSubstr("role=\"img\""));
  EXPECT_THAT(text, HasSubstr("<title id=\"c-title\">T</title><desc id=\"c-text\">D</desc>"));
  double x[3], y[3];
  size_t at = 0;
  for (int i = 0; i < 3; ++i) {
    at = text.find("<circle", at + 1);
    ASSERT_EQ(std::sscanf(text.c_str() + at, "<circle class=\"s0\" cx=\"%lf\" cy=\"%lf\"", &x[i], &y[i]), 2);
  }
  EXPECT_NEAR(x[1] - x[0], x[2] - x[1], 0.11);
  EXPECT_NEAR(y[0] - y[1], y[1] - y[2], 0.11) << "upwards";
  EXPECT_GT(y[0], y[2]);
}

TEST(Svg, AnyNumbersAreDrawn) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN(), kInfinity = std::numeric_limits<double>::infinity();
  const std::vector<std::vector<double>> values = {
      {},     {1},          {kNan}, {5, 5, 5}, {kInfinity, 1, kNan, -kInfinity}, {1e308, -1e308}, {1e-300, 2e-300},
      {0, 0}, {-3, kNan, 4}};
  for (const auto& y : values) {
    Series s{.name = "</svg><script>", .y = y};
    for (size_t i = 0; i < y.size(); ++i) s.x.push_back(static_cast<double>(i));
    s.low = s.high = y;
    for (const bool marked : {false, true}) {
      s.marked = marked;
      const std::string text = svg(LineChart{.id = "c", .title = "<b>", .series = {s, s}});
      EXPECT_EQ(nesting_problem(text), "");
      for (const char* bad : {"nan", "inf", "<b>", "<script"}) EXPECT_THAT(text, Not(HasSubstr(bad)));
    }
  }
}

TEST(Svg, BarsHoldAnyNames) {
  const std::string text = svg(
      BarChart{.id = "b", .title = "t", .groups = {{"<i>", 0.5, 0.4, 0.6, 0.7, 0.6, 0.8}, {"n", 0, 0, 0, 0, 0, 0}}});
  EXPECT_EQ(nesting_problem(text), "");
  EXPECT_THAT(text, HasSubstr("&lt;i&gt;"));
  EXPECT_THAT(text, HasSubstr("50.0 %"));
  const std::string small = svg(BarChart{.id = "b", .groups = {{"n", 0.01, 0, 0.012, 0.003, 0, 0.01}}});
  EXPECT_THAT(small, HasSubstr(">0.5 %<")) << "ticks are told apart";
}

TEST(Svg, ManyPointsBecomeMeans) {
  Series s;
  for (int i = 0; i < 1000; ++i) s.x.push_back(i), s.y.push_back(i % 2);
  const Series few = thinned(s, 100);
  ASSERT_EQ(few.x.size(), 100);
  EXPECT_DOUBLE_EQ(few.x[0], 4.5);
  EXPECT_DOUBLE_EQ(few.y[50], 0.5);
  EXPECT_EQ(thinned(s, 5000).x.size(), 1000);
}

}  // namespace
}  // namespace tekio::report
