#include "serve/desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

namespace tekio::serve {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Stands for a model: each pass waits to be let through, and is remembered.
class SlowModel {
 public:
  Fill fill() {
    return [this](std::span<const std::string> texts, const FillOptions& options) {
      std::unique_lock lock(mutex_);
      ++begun_;
      changed_.notify_all();
      changed_.wait(lock, [&] { return let_through_ >= begun_; });
      passes_.emplace_back(texts.begin(), texts.end());
      if (std::ranges::find(texts, "bad") != texts.end()) throw Refusal(400, "it is bad");
      Filled filled;
      for (const std::string& text : texts)
        filled.push_back(
            {{{.score = 1, .token = static_cast<int32_t>(options.top_k), .token_str = text, .sequence = text}}});
      return filled;
    };
  }
  void wait_for_pass(int number) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return begun_ >= number; });
  }
  void let_all_through() {
    {
      const std::lock_guard lock(mutex_);
      let_through_ = 1'000;
    }
    changed_.notify_all();
  }
  std::vector<std::vector<std::string>> passes() {
    const std::lock_guard lock(mutex_);
    return passes_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int begun_ = 0, let_through_ = 0;
  std::vector<std::vector<std::string>> passes_;
};

FillRequest request_for(std::vector<std::string> texts, int64_t top_k = 5, std::vector<std::string> targets = {}) {
  return {.inputs = std::move(texts), .is_list = true, .options = {.top_k = top_k, .targets = std::move(targets)}};
}

int status_of(std::future<std::string>& answer) {
  try {
    answer.get();
    return 200;
  } catch (const Refusal& refused) {
    return refused.status;
  }
}

class DeskTest : public ::testing::Test {
 protected:
  /// A desk whose thread is busy with a first text, so that what is asked next has to wait.
  void keep_busy(const DeskLimits& limits = {}) {
    desk_.emplace(model_.fill(), limits);
    first_ = desk_->ask(request_for({"first"}));
    model_.wait_for_pass(1);
  }

  SlowModel model_;
  std::optional<Desk> desk_;
  std::future<std::string> first_;
};

TEST_F(DeskTest, AnswersInOnePassWhatWaitsTogether) {
  keep_busy();
  auto a = desk_->ask(request_for({"a"})), b = desk_->ask(request_for({"b", "c"})), d = desk_->ask(request_for({"d"}));
  EXPECT_EQ(desk_->counts().waiting, 4u);
  model_.let_all_through();
  EXPECT_THAT(a.get(), HasSubstr("\"sequence\":\"a\""));
  const std::string both = b.get();
  EXPECT_LT(both.find("\"sequence\":\"b\""), both.find("\"sequence\":\"c\""));
  EXPECT_THAT(d.get(), HasSubstr("\"sequence\":\"d\""));
  EXPECT_THAT(model_.passes(), ElementsAre(ElementsAre("first"), ElementsAre("a", "b", "c", "d")));
  EXPECT_EQ(desk_->counts().texts, 5u);
  EXPECT_EQ(desk_->counts().passes, 2u);
  EXPECT_EQ(desk_->counts().waiting, 0u);
}

TEST_F(DeskTest, PutsTogetherOnlyWhatAsksForTheSame) {
  keep_busy();
  auto a = desk_->ask(request_for({"a"})), b = desk_->ask(request_for({"b"}, 7)),
       c = desk_->ask(request_for({"c"}, 5, {"x"})), d = desk_->ask(request_for({"d"}));
  model_.let_all_through();
  EXPECT_THAT(a.get(), HasSubstr("\"token\":5"));
  EXPECT_THAT(b.get(), HasSubstr("\"token\":7"));
  EXPECT_EQ(status_of(c), 200);
  EXPECT_EQ(status_of(d), 200);
  EXPECT_THAT(model_.passes(),
              ElementsAre(ElementsAre("first"), ElementsAre("a", "d"), ElementsAre("b"), ElementsAre("c")));
}

TEST_F(DeskTest, TakesNoMoreThanAPassHolds) {
  keep_busy({.texts = 3});
  auto a = desk_->ask(request_for({"a", "b"})), c = desk_->ask(request_for({"c", "d"})),
       large = desk_->ask(request_for({"1", "2", "3", "4", "5"}));
  model_.let_all_through();
  EXPECT_EQ(status_of(a), 200);
  EXPECT_EQ(status_of(c), 200);
  EXPECT_EQ(status_of(large), 200);  // one request stays whole
  EXPECT_THAT(model_.passes(), ElementsAre(ElementsAre("first"), ElementsAre("a", "b"), ElementsAre("c", "d"),
                                           ElementsAre("1", "2", "3", "4", "5")));
}

TEST_F(DeskTest, OneThatIsAtFaultAloneIsRefused) {
  keep_busy();
  auto good = desk_->ask(request_for({"good"})), bad = desk_->ask(request_for({"bad"})),
       too = desk_->ask(request_for({"too"}));
  model_.let_all_through();
  EXPECT_EQ(status_of(good), 200);
  EXPECT_EQ(status_of(bad), 400);
  EXPECT_EQ(status_of(too), 200);
}

TEST_F(DeskTest, RefusesWhatTheQueueHasNoRoomFor) {
  keep_busy({.queue = 3});
  auto a = desk_->ask(request_for({"a", "b"}));
  EXPECT_EQ(
      [&] {
        try {
          desk_->ask(request_for({"c", "d"}));
          return 200;
        } catch (const Refusal& r) {
          return r.status;
        }
      }(),
      429);
  auto e = desk_->ask(request_for({"e"}));
  EXPECT_EQ(desk_->counts().waiting, 3u);
  model_.let_all_through();
  EXPECT_EQ(status_of(a), 200);
  EXPECT_EQ(status_of(e), 200);
}

TEST_F(DeskTest, TakesALargeRequestWhereNothingWaits) {
  keep_busy({.queue = 2});
  auto large = desk_->ask(request_for({"a", "b", "c"}));
  model_.let_all_through();
  EXPECT_EQ(status_of(large), 200);
}

TEST_F(DeskTest, AnswersWhatWaitsWhenItIsClosed) {
  keep_busy();
  auto a = desk_->ask(request_for({"a"}));
  desk_->close();
  EXPECT_EQ(
      [&] {
        try {
          desk_->ask(request_for({"b"}));
          return 200;
        } catch (const Refusal& r) {
          return r.status;
        }
      }(),
      503);
  model_.let_all_through();
  desk_.reset();
  EXPECT_EQ(status_of(first_), 200);
  EXPECT_EQ(status_of(a), 200);
}

TEST(Desk, PassesOnWhateverIsThrown) {
  Desk desk([](std::span<const std::string>, const FillOptions&) -> Filled { throw std::runtime_error("broken"); });
  EXPECT_THROW(desk.ask(request_for({"a"})).get(), std::runtime_error);
  EXPECT_THROW(desk.ask(request_for({"b"})).get(), std::runtime_error);  // it goes on
}

TEST(Desk, AnswersManyThreads) {
  Desk desk([](std::span<const std::string> texts, const FillOptions&) {
    Filled filled;
    for (const std::string& text : texts)
      filled.push_back({{{.score = 1, .token = 1, .token_str = text, .sequence = text}}});
    return filled;
  });
  std::atomic<int> right{0};
  {
    std::vector<std::jthread> clients;
    for (int client = 0; client < 8; ++client)
      clients.emplace_back([&, client] {
        for (int i = 0; i < 50; ++i) {
          const std::string text = std::to_string(client) + "-" + std::to_string(i);
          right += desk.ask(request_for({text})).get().find("\"" + text + "\"") != std::string::npos;
        }
      });
  }
  EXPECT_EQ(right, 400);
  EXPECT_EQ(desk.counts().texts, 400u);
}

}  // namespace
}  // namespace tekio::serve
