#include "serve/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tekio::serve {
namespace {

using ::testing::HasSubstr;

TEST(Metrics, CountsByRouteAndStatus) {
  Metrics metrics;
  metrics.answered("/models/{name}", 200, 0.003);
  metrics.answered("/models/{name}", 200, 0.004);
  metrics.answered("/models/{name}", 429, 10);
  metrics.answered("other", 404, 0);
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("\ntekio_http_requests_total{route=\"/models/{name}\",status=\"200\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("\ntekio_http_requests_total{route=\"/models/{name}\",status=\"429\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\ntekio_http_requests_total{route=\"other\",status=\"404\"} 1\n"));
}

TEST(Metrics, BucketsHoldAllThatWereFaster) {
  Metrics metrics;
  for (const double seconds : {0.0, 0.001, 0.003, 0.3, 10.0}) metrics.answered("/", 200, seconds);
  const std::string text = metrics.text();
  const auto bucket = [](const char* bound, int count) {
    return "tekio_http_request_duration_seconds_bucket{route=\"/\",le=\"" + std::string(bound) + "\"} " +
           std::to_string(count) + "\n";
  };
  EXPECT_THAT(text, HasSubstr(bucket("0.001", 2)));
  EXPECT_THAT(text, HasSubstr(bucket("0.0025", 2)));
  EXPECT_THAT(text, HasSubstr(bucket("0.005", 3)));
  EXPECT_THAT(text, HasSubstr(bucket("0.25", 3)));
  EXPECT_THAT(text, HasSubstr(bucket("5", 4)));
  EXPECT_THAT(text, HasSubstr(bucket("+Inf", 5)));
  EXPECT_THAT(text, HasSubstr("tekio_http_request_duration_seconds_sum{route=\"/\"} 10.304\n"));
  EXPECT_THAT(text, HasSubstr("tekio_http_request_duration_seconds_count{route=\"/\"} 5\n"));
}

TEST(Metrics, LabelsAreEscaped) { EXPECT_EQ(label("a\\b\"c\nd"), "a\\\\b\\\"c\\nd"); }

}  // namespace
}  // namespace tekio::serve
