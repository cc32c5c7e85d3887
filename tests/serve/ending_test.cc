// How a server ends where its model and its clients take their time.
#include "serve/ending.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <future>
#include <optional>

#include "support/http_client.h"

namespace tekio::serve {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr const char* kBody = R"({"inputs": "a [MASK]."})";

class EndingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::string_view(TEKIO_HTTP_MODULE_FILE).empty()) GTEST_SKIP() << "this build has no HTTP module";
    ::setenv("TEKIO_HTTP_MODULE", TEKIO_HTTP_MODULE_FILE, 1);
    service_.emplace(ServiceOptions{});
    server_.emplace("127.0.0.1", 0, http::Limits{});
    std::vector<ServedModel> models;
    models.push_back({.name = "model",
                      .family = "BERT",
                      .mask_token = "[MASK]",
                      .dtype = "f32",
                      .vocabulary = 100,
                      .max_length = 16,
                      .answer_size = [](const std::string&, uint64_t) { return uint64_t{100}; },
                      .desk = std::make_unique<Desk>([this](auto, const auto&) { return fill(); },
                                                     [](const std::string&) { return true; })});
    service_->open(std::move(models));
    server_->start(*service_);
  }
  void TearDown() override {
    server_.reset();  // waits for who is being answered
    service_.reset();
  }

  Filled fill() {
    begun_.set_value();
    gate_.get_future().wait();
    return {{{{.score = 1, .token = 3, .token_str = "x", .sequence = std::string(answer_, 'x')}}}};
  }
  /// Whether everybody was answered in that time.
  bool ends_in(milliseconds time) {
    const auto begun = Clock::now();
    const bool has_ended = end(*server_, *service_, {.answers = milliseconds(1), .all = time});
    EXPECT_LT(Clock::now() - begun, std::chrono::seconds(10));
    EXPECT_FALSE(test::HttpClient(server_->port()).is_connected()) << "further clients are taken";
    return has_ended;
  }

  size_t answer_ = 10;
  std::promise<void> begun_, gate_;  // of the one pass
  std::optional<Service> service_;
  std::optional<Server> server_;
};

TEST_F(EndingTest, RefusesWhatWaitsAndEndsInTimeThoughAPassIsUnderWay) {
  test::HttpClient served(server_->port()), waiting(server_->port());
  served.send("POST", "/models/model", kBody);
  begun_.get_future().wait();
  waiting.send("POST", "/models/model", kBody);
  EXPECT_FALSE(ends_in(milliseconds(100)));
  gate_.set_value();
  EXPECT_EQ(served.read().status, 200);
  EXPECT_EQ(waiting.read().status, 503);
  EXPECT_TRUE(end(*server_, *service_));
}

TEST_F(EndingTest, EndsInTimeThoughAClientTakesNothing) {
  answer_ = 32 << 20;  // which no buffer holds
  gate_.set_value();
  test::HttpClient client(server_->port());
  client.send("POST", "/models/model", kBody);
  EXPECT_TRUE(client.read_until("HTTP/1.1 200"));
  EXPECT_FALSE(ends_in(milliseconds(100)));
}

TEST_F(EndingTest, EndsSoonWhereNobodyIsAnswered) {
  const test::HttpClient idle(server_->port());
  EXPECT_TRUE(ends_in(std::chrono::seconds(60)));
}

}  // namespace
}  // namespace tekio::serve
