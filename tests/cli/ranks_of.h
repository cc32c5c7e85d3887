// The program as a launcher starts it: several processes at once.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "process.h"

namespace tekio::test {

constexpr int kRanks = 3;

/// By each MPI that is there, which is the parameter. A launcher is killed after a minute and a half with all that it
/// started.
class RanksOf : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override;
  void TearDown() override;

  static cli::ProcessResult launch(int ranks, std::vector<std::string> options,
                                   const std::vector<std::string>& arguments);

  /// `tekio adapt` of the tiny model, with the text's chunks of 16, in float32.
  static std::vector<std::string> adapt(const std::string& text, const std::vector<std::string>& more);

  /// Long work of several ranks, one of which, `victim`, gets `signal` in the middle of it.
  static cli::ProcessResult launch_and_signal(int signal, int victim, std::vector<std::string> options = {});

  /// Calls `strike` with all ranks, whose arguments hold `mark`, once they are there. None of them may be left then.
  static cli::ProcessResult launch_beside(const std::string& mark,
                                          const std::function<void(const std::vector<int>&)>& strike,
                                          std::vector<std::string> options, const std::vector<std::string>& arguments);
};

}  // namespace tekio::test
