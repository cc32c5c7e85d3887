// What every communicator promises, held for one process that works alone.
#include "dist/communicator.h"

#include <gtest/gtest.h>

namespace tekio {
namespace {

TEST(Communicator, EvenPartsCoverAllAndCutNoBlock) {
  for (const size_t count : {0, 1, 1023, 1024, 1025, 5000, 1048576})
    for (const int ranks : {1, 2, 3, 8, 100}) {
      const Parts parts = even_parts(count, ranks);
      ASSERT_EQ(parts.size(), static_cast<size_t>(ranks));
      size_t begin = 0;
      for (int rank = 0; rank < ranks; ++rank) {
        const Part& part = parts[static_cast<size_t>(rank)];
        EXPECT_EQ(part.rank, rank);
        EXPECT_LE(part.end - begin, (count / 1024 / static_cast<size_t>(ranks) + 1) * 1024);
        EXPECT_TRUE(part.end % 1024 == 0 || part.end == count) << count << " numbers, " << ranks << " ranks";
        begin = part.end;
      }
      EXPECT_EQ(begin, count);
    }
}

TEST(Communicator, OneAloneHasEverySumAlready) {
  const auto ranks = alone();
  EXPECT_EQ(ranks->rank(), 0);
  EXPECT_EQ(ranks->size(), 1);
  EXPECT_EQ(ranks->count().here, 1);
  std::vector<float> numbers = {1, 2, 3};
  ranks->begin_sum(numbers, 1);
  ranks->wait();
  EXPECT_EQ(numbers, (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(ranks->gather("own"), std::vector<std::string>{"own"});
  EXPECT_EQ(ranks->broadcast("first"), "first");
}

}  // namespace
}  // namespace tekio
