// Ranks that die, stand still, are cut off, leave or do other things: all others learn who, within the limits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/stopwatch.h"
#include "support/local_ranks.h"

namespace tekio::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const Limits kShort{.silence_seconds = 1, .start_seconds = 10};

/// Sums without end.
void work_for_ever(Communicator& ranks) {
  std::vector<float> numbers(5000, 1);
  for (;;) {
    ranks.begin_sum(numbers, ranks.size());
    ranks.wait();
  }
}

TEST(EngineFailure, ARankThatStandsStillIsNamedByAllOthers) {
  for (const int size : {2, 5}) {
    Switchboard board(size);
    const Stopwatch watch;
    std::thread fault([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      board.hold(1, true);
      std::this_thread::sleep_for(std::chrono::milliseconds(2500));
      board.hold(1, false);
    });
    const auto errors = errors_of_ranks(board, work_for_ever, kShort);
    fault.join();
    for (int rank = 0; rank < size; ++rank)
      EXPECT_THAT(errors[static_cast<size_t>(rank)],
                  AllOf(HasSubstr("rank 1 ("), HasSubstr("process "), HasSubstr("was not heard of for 1 s")));
    EXPECT_LT(watch.seconds(), 8);
  }
}

TEST(EngineFailure, ARankThatIsCutOffIsNamedAndNamesItsNeighbour) {
  Switchboard board(4);
  std::thread fault([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    board.cut_off(2);
  });
  const Stopwatch watch;
  const auto errors = errors_of_ranks(board, work_for_ever, kShort);
  fault.join();
  for (const size_t rank : {0, 1, 3}) EXPECT_THAT(errors[rank], HasSubstr("rank 2 ("));
  EXPECT_THAT(errors[2], HasSubstr("rank 1 ("));
  EXPECT_LT(watch.seconds(), 8);
}

TEST(EngineFailure, WhoOnlyWaitsForOneThatWaitsLearnsItToo) {
  Switchboard board(5);
  std::thread fault([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    board.cut_off(4);
  });
  const auto errors = errors_of_ranks(
      board,
      [](Communicator& ranks) {
        std::this_thread::sleep_for(std::chrono::milliseconds(ranks.rank() == 4 ? 3000 : 400));
        ranks.gather("each round waits for the one before");
      },
      kShort);
  fault.join();
  for (const size_t rank : {0, 1, 2, 3}) EXPECT_THAT(errors[rank], HasSubstr("rank 4 ("));
}

TEST(EngineFailure, ARankThatIsSlowButLivesIsWaitedFor) {
  run_ranks(
      3,
      [](Communicator& ranks) {
        if (ranks.rank() == 1) std::this_thread::sleep_for(std::chrono::milliseconds(2500));
        EXPECT_EQ(ranks.gather("x").size(), 3u);
        if (ranks.rank() == 2) std::this_thread::sleep_for(std::chrono::milliseconds(2500));  // the end waits as well
      },
      kShort);
}

TEST(EngineFailure, LeavingReachesAllWithItsReason) {
  for (const int size : {2, 7}) {
    Switchboard board(size);
    const Stopwatch watch;
    const auto errors = errors_of_ranks(board, [&](Communicator& ranks) {
      if (ranks.rank() == size - 1) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        fail(ErrorKind::input, "data.txt:17 is damaged");
      }
      work_for_ever(ranks);
    });
    for (int rank = 0; rank + 1 < size; ++rank)
      EXPECT_THAT(errors[static_cast<size_t>(rank)],
                  AllOf(HasSubstr(fmt::format("rank {} (", size - 1)), HasSubstr("has left: data.txt:17 is damaged")));
    EXPECT_LT(watch.seconds(), 5);
  }
}

// Whoever fails, and however many do for one reason: the user is told once, and no rank ends before.
TEST(EngineFailure, TheUserIsToldOnce) {
  for (const int failing : {0, 1, 3, 4})  // 4: all of them
    for (int round = 0; round < 5; ++round) {
      Switchboard board(4);
      SaidByRanks said;
      const auto errors = errors_of_ranks(
          board,
          [&](Communicator& ranks) {
            ranks.gather("all are here");
            if (failing == 4 || ranks.rank() == failing) fail(ErrorKind::usage, "there is no data");
            work_for_ever(ranks);
          },
          {}, &said);
      ASSERT_EQ(said.to_user.size(), 1u) << failing;
      EXPECT_THAT(said.to_user[0], HasSubstr("there is no data"));
      if (failing == 0) {
        EXPECT_EQ(said.to_user[0], "there is no data");
      }
      EXPECT_THAT(said.known, testing::Each(said.to_user[0])) << failing;
    }
}

TEST(EngineFailure, WithoutTheFirstRankTheOthersDoNotWaitLongForItsWord) {
  Switchboard board(3);
  std::thread fault([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    board.cut_off(0);
  });
  SaidByRanks said;
  const Stopwatch watch;
  const auto errors = errors_of_ranks(board, work_for_ever,
                                      {.silence_seconds = 0.5, .start_seconds = 10, .saying_seconds = 0.3}, &said);
  fault.join();
  EXPECT_LT(watch.seconds(), 8);
  for (const size_t rank : {1, 2}) {
    EXPECT_THAT(errors[rank], HasSubstr("rank 0 ("));
    EXPECT_EQ(said.known[rank], "") << "so it says that itself";
  }
}

TEST(EngineFailure, ErrorsAreOfKindComms) {
  Switchboard board(2);
  errors_of_ranks(board, [](Communicator& ranks) {
    if (ranks.rank() == 0) fail(ErrorKind::input, "gone");
    try {
      work_for_ever(ranks);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::comms);
      EXPECT_THROW(ranks.gather(""), Error);  // and so it stays
    }
  });
}

TEST(EngineFailure, ARankThatEndsBeforeTheOthersIsNamed) {
  Switchboard board(3);
  const auto errors = errors_of_ranks(board, [](Communicator& ranks) {
    ranks.gather("together");
    if (ranks.rank() != 1) ranks.gather("without rank 1");
  });
  EXPECT_THAT(errors[0], HasSubstr("rank 1 ("));
  EXPECT_THAT(errors[2], AllOf(HasSubstr("rank 1 ("), HasSubstr("has ended")));
  EXPECT_EQ(errors[1], "");
}

TEST(EngineFailure, SumsOfDifferentSizesAreRefused) {
  Switchboard board(2);
  const auto errors = errors_of_ranks(
      board,
      [](Communicator& ranks) {
        std::vector<float> numbers(ranks.rank() == 0 ? 4000 : 3500);
        ranks.begin_sum(numbers, 2);
        ranks.wait();
      },
      kShort);
  EXPECT_THAT(errors, testing::Contains(HasSubstr("the ranks do different things")));
}

TEST(EngineFailure, OneThatNeverComesIsNotWaitedForForEver) {
  Switchboard board(2);
  const Stopwatch watch;
  std::string error;
  try {
    make_communicator([&] { return std::make_unique<LocalTransport>(board, 0); }, kShort);
  } catch (const Error& thrown) {
    error = thrown.what();
  }
  EXPECT_THAT(error, HasSubstr("rank 1 was not heard of"));
  EXPECT_LT(watch.seconds(), 5);
}

TEST(EngineFailure, WhatOpeningThrowsIsThrown) {
  const auto open = []() -> std::unique_ptr<Transport> { fail(ErrorKind::comms, "no MPI here"); };
  EXPECT_THROW(make_communicator(open, kShort), Error);
}

// What a rank gives as its reason counts for all: also for one that was at its end.
TEST(EngineFailure, AllEndByTheKindOfWhoLeft) {
  for (const int culprit : {0, 1, 2}) {
    Switchboard board(3);
    std::vector<ErrorKind> kinds(3, ErrorKind::bug);
    std::vector<std::string> errors(3);
    std::vector<std::thread> threads;
    for (int rank = 0; rank < 3; ++rank)
      threads.emplace_back([&, rank] {
        const auto ranks = make_communicator([&board, rank] { return std::make_unique<LocalTransport>(board, rank); },
                                             kShort, [](const std::string&) {});
        const auto at = static_cast<size_t>(rank);
        try {
          ranks->gather("");
          if (rank == culprit) fail(ErrorKind::io, "the disk is full");
          ranks->finish();
        } catch (const Error& error) {
          errors[at] = error.what();
          ranks->leave(error.what(), error.kind());
          kinds[at] = ranks->ended_by();
          ranks->end_all(exit_code(kinds[at]));
        }
      });
    for (std::thread& thread : threads) thread.join();
    for (const std::string& error : errors) EXPECT_THAT(error, HasSubstr("the disk is full"));
    for (const ErrorKind kind : kinds) EXPECT_EQ(kind, ErrorKind::io) << culprit;
    EXPECT_EQ(board.aborts().size(), 3u);
    for (const auto& [rank, code] : board.aborts()) EXPECT_EQ(code, 4) << rank;
  }
}

TEST(EngineFailure, AnEndInOrderEndsNobodyElse) {
  Switchboard board(3);
  const auto errors = errors_of_ranks(board, [](Communicator& ranks) {
    ranks.gather("");
    ranks.finish();
    ranks.end_all(4);
  });
  for (const std::string& error : errors) EXPECT_EQ(error, "");
  EXPECT_TRUE(board.aborts().empty());
}

TEST(EngineFailure, OneThatIsMissingIsAFailureOfCommunication) {
  Switchboard board(3);
  std::vector<ErrorKind> kinds(3, ErrorKind::bug);
  std::thread fault([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    board.cut_off(1);
  });
  errors_of_ranks(board,
                  [&](Communicator& ranks) {
                    try {
                      work_for_ever(ranks);
                    } catch (const Error&) {
                      kinds[static_cast<size_t>(ranks.rank())] = ranks.ended_by();
                      throw;
                    }
                  },
                  {.silence_seconds = 0.5, .start_seconds = 10});
  fault.join();
  for (const ErrorKind kind : kinds) EXPECT_EQ(kind, ErrorKind::comms);
}

}  // namespace
}  // namespace tekio::test
