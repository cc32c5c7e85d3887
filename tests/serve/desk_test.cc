#include "serve/desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

namespace tekio::serve {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

bool is_good(const std::string& text) { return text != "bad"; }

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
      if (!std::ranges::all_of(texts, is_good)) throw Refusal(400, "it is bad");
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

int status_of(std::future<Answer>& answer) {
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
    desk_.emplace(model_.fill(), is_good, limits);
    first_ = desk_->ask(request_for({"first"}));
    model_.wait_for_pass(1);
  }

  SlowModel model_;
  std::optional<Desk> desk_;
  std::future<Answer> first_;
};

TEST_F(DeskTest, AnswersInOnePassWhatWaitsTogether) {
  keep_busy();
  auto a = desk_->ask(request_for({"a"})), b = desk_->ask(request_for({"b", "c"})), d = desk_->ask(request_for({"d"}));
  EXPECT_EQ(desk_->counts().waiting, 4u);
  model_.let_all_through();
  EXPECT_THAT(a.get().body, HasSubstr("\"sequence\":\"a\""));
  const std::string both = b.get().body;
  EXPECT_LT(both.find("\"sequence\":\"b\""), both.find("\"sequence\":\"c\""));
  EXPECT_THAT(d.get().body, HasSubstr("\"sequence\":\"d\""));
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
  EXPECT_THAT(a.get().body, HasSubstr("\"token\":5"));
  EXPECT_THAT(b.get().body, HasSubstr("\"token\":7"));
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
  auto good = desk_->ask(request_for({"good"})), bad = desk_->ask(request_for({"fine", "bad"})),
       too = desk_->ask(request_for({"too"}));
  model_.let_all_through();
  EXPECT_EQ(status_of(good), 200);
  EXPECT_EQ(status_of(bad), 400);
  EXPECT_EQ(status_of(too), 200);
  // The others share a pass still; those that were refused are no passes.
  EXPECT_THAT(model_.passes(), ElementsAre(ElementsAre("first"), ElementsAre("good", "fine", "bad", "too"),
                                           ElementsAre("good", "too"), ElementsAre("fine", "bad")));
  EXPECT_EQ(desk_->counts().passes, 2u);
  EXPECT_EQ(desk_->counts().texts, 3u);
}

TEST(Desk, WhereAllTextsAreGoodEachIsTriedByItself) {
  Desk desk(
      [](std::span<const std::string> texts, const FillOptions&) -> Filled {
        if (texts.size() > 1 || texts.front() == "odd") throw std::runtime_error("no memory");
        return {{{{.score = 1, .token = 1, .token_str = "x", .sequence = texts.front()}}}};
      },
      is_good, {.patience = std::chrono::seconds(1)});
  // The first pass has two texts by itself, so that the next one waits for as many.
  auto two = desk.ask(request_for({"a", "b"}));
  auto odd = desk.ask(request_for({"odd"})), other = desk.ask(request_for({"other"}));
  EXPECT_THROW(two.get(), std::runtime_error);
  EXPECT_THROW(odd.get(), std::runtime_error);
  EXPECT_THAT(other.get().body, HasSubstr("other"));
}

FillRequest large_request(const std::string& text, uint64_t bytes) {
  FillRequest request = request_for({text});
  request.answer_bytes = bytes;
  return request;
}

TEST_F(DeskTest, APassHasSoManyBytesOfAnswers) {
  keep_busy({.bytes = 100});
  auto a = desk_->ask(large_request("a", 60)), b = desk_->ask(large_request("b", 60)),
       c = desk_->ask(large_request("c", 40)), d = desk_->ask(large_request("d", 500));
  model_.let_all_through();
  for (auto* answer : {&a, &b, &c, &d}) EXPECT_EQ(status_of(*answer), 200);
  EXPECT_THAT(model_.passes(),
              ElementsAre(ElementsAre("first"), ElementsAre("a"), ElementsAre("b", "c"), ElementsAre("d")));
}

TEST_F(DeskTest, APassHasSoManyBytesOfTexts) {
  keep_busy({.bytes = 100});
  const std::string a(60, 'a'), b(60, 'b'), c(40, 'c'), d(500, 'd');
  std::vector<std::future<Answer>> answers;
  for (const std::string& text : {a, b, c, d}) answers.push_back(desk_->ask(request_for({text})));
  model_.let_all_through();
  for (std::future<Answer>& answer : answers) EXPECT_EQ(status_of(answer), 200);
  EXPECT_THAT(model_.passes(), ElementsAre(ElementsAre("first"), ElementsAre(a), ElementsAre(b, c), ElementsAre(d)));
}

TEST_F(DeskTest, LargeAnswersHaveSoMuchRoomUntilTheyAreSent) {
  keep_busy({.large = 10, .large_bytes = 100});
  const auto is_refused = [&](uint64_t bytes) {
    try {
      desk_->ask(large_request("x", bytes));
      return false;
    } catch (const Refusal& refused) {
      EXPECT_THAT(refused.what(), HasSubstr("large answers"));
      return refused.status == 429;
    }
  };
  auto a = desk_->ask(large_request("a", 50));
  EXPECT_TRUE(is_refused(26));
  auto small = desk_->ask(large_request("small", 10));
  auto b = desk_->ask(large_request("b", 25));
  EXPECT_TRUE(is_refused(13));
  EXPECT_EQ(desk_->counts().large_bytes, 75u);
  model_.let_all_through();
  std::optional<Answer> made = a.get();
  b.get();
  EXPECT_EQ(status_of(small), 200);
  EXPECT_EQ(desk_->counts().large_bytes, 50u);  // made, but not sent
  EXPECT_TRUE(is_refused(26));
  made.reset();
  EXPECT_EQ(desk_->counts().large_bytes, 0u);
  auto bad = desk_->ask(large_request("bad", 50));
  EXPECT_EQ(status_of(bad), 400);
  EXPECT_EQ(desk_->counts().large_bytes, 0u);
}

TEST_F(DeskTest, WhoTakesNoLargeAnswersLeavesRoomForSmallerOnes) {
  desk_.emplace(model_.fill(), is_good);
  model_.let_all_through();
  std::vector<Answer> unread;
  for (int i = 0; i < 100; ++i) {
    std::future<Answer> answer;
    try {
      answer = desk_->ask(large_request("x", 64'000'000));
    } catch (const Refusal&) {
      continue;
    }
    unread.push_back(answer.get());
  }
  EXPECT_GE(unread.size(), 1u);
  std::vector<std::future<Answer>> smaller;
  for (const uint64_t bytes : {32'000'000, 16'000'000, 1'000'000, 1'000'000, 1'000'000, 100'000})
    EXPECT_NO_THROW(smaller.push_back(desk_->ask(large_request("y", bytes)))) << bytes;
  EXPECT_LT(desk_->counts().large_bytes, 128'000'000u);
}

TEST_F(DeskTest, RoomIsWantedForAMomentAfterARefusal) {
  desk_.emplace(model_.fill(), is_good, DeskLimits{.large = 10, .large_bytes = 100, .wanted = std::chrono::hours(1)});
  model_.let_all_through();
  const Answer small = desk_->ask(large_request("small", 10)).get(), large = desk_->ask(large_request("a", 50)).get();
  EXPECT_FALSE(small.is_wanted);
  ASSERT_TRUE(large.is_wanted);
  EXPECT_FALSE(large.is_wanted());
  EXPECT_THROW(desk_->ask(large_request("b", 50)), Refusal);
  EXPECT_TRUE(large.is_wanted());
  desk_.emplace(model_.fill(), is_good,
                DeskLimits{.large = 10, .large_bytes = 100, .wanted = std::chrono::milliseconds(0)});
  const Answer other = desk_->ask(large_request("a", 50)).get();
  EXPECT_THROW(desk_->ask(large_request("b", 50)), Refusal);
  EXPECT_FALSE(other.is_wanted());
  EXPECT_TRUE(large.is_wanted()) << "it has outlived its desk";
}

TEST_F(DeskTest, ComputesNothingForWhoHasLeft) {
  keep_busy({.left = std::chrono::milliseconds(0)});
  auto here = desk_->ask(request_for({"here"}), [] { return false; }),
       gone = desk_->ask(request_for({"gone"}), [] { return true; }),
       alone = desk_->ask(request_for({"alone"}, 7), [] { return true; });
  model_.let_all_through();
  EXPECT_EQ(status_of(here), 200);
  EXPECT_EQ(status_of(gone), 503);
  EXPECT_EQ(status_of(alone), 503);
  EXPECT_THAT(model_.passes(), ElementsAre(ElementsAre("first"), ElementsAre("here")));
}

TEST_F(DeskTest, WhoHasWaitedAMomentOnlyIsAnswered) {
  keep_busy({.left = std::chrono::hours(1)});
  auto half_closed = desk_->ask(request_for({"here"}), [] { return true; });
  model_.let_all_through();
  EXPECT_EQ(status_of(half_closed), 200);
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

TEST_F(DeskTest, RefusesWhatItHasNotBegunWithInTime) {
  keep_busy();
  auto a = desk_->ask(request_for({"a"})), b = desk_->ask(request_for({"b"}, 7));
  desk_->refuse_from(std::chrono::steady_clock::now() + std::chrono::hours(1));
  auto in_time = desk_->ask(request_for({"c"}));
  desk_->refuse_from(std::chrono::steady_clock::now());
  EXPECT_THROW(desk_->ask(request_for({"d"})), Refusal);
  model_.let_all_through();
  EXPECT_EQ(status_of(first_), 200);
  for (auto* waiting : {&a, &b, &in_time}) EXPECT_EQ(status_of(*waiting), 503);
  EXPECT_THAT(model_.passes(), ElementsAre(ElementsAre("first")));
}

TEST(Desk, PassesOnWhateverIsThrown) {
  Desk desk([](std::span<const std::string>, const FillOptions&) -> Filled { throw std::runtime_error("broken"); },
            is_good);
  EXPECT_THROW(desk.ask(request_for({"a"})).get(), std::runtime_error);
  EXPECT_THROW(desk.ask(request_for({"b"})).get(), std::runtime_error);  // it goes on
}

TEST(Desk, AnswersManyThreads) {
  Desk desk(
      [](std::span<const std::string> texts, const FillOptions&) {
        Filled filled;
        for (const std::string& text : texts)
          filled.push_back({{{.score = 1, .token = 1, .token_str = text, .sequence = text}}});
        return filled;
      },
      is_good);
  std::atomic<int> right{0};
  {
    std::vector<std::jthread> clients;
    for (int client = 0; client < 8; ++client)
      clients.emplace_back([&, client] {
        for (int i = 0; i < 50; ++i) {
          const std::string text = std::to_string(client) + "-" + std::to_string(i);
          right += desk.ask(request_for({text})).get().body.find("\"" + text + "\"") != std::string::npos;
        }
      });
  }
  EXPECT_EQ(right, 400);
  EXPECT_EQ(desk.counts().texts, 400u);
}

}  // namespace
}  // namespace tekio::serve
