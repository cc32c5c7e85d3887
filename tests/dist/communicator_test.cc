// What every communicator promises, held for one process that works alone.
#include "dist/communicator.h"

#include <gtest/gtest.h>

namespace tekio {
namespace {

TEST(Communicator, SharesCoverAllAndCutNoBlock) {
  for (const size_t count : {0, 1, 1023, 1024, 1025, 5000, 1048576})
    for (const int size : {1, 2, 3, 8, 100}) {
      size_t begin = 0;
      for (int rank = 0; rank < size; ++rank) {
        const Share share = share_of(count, rank, size);
        EXPECT_EQ(share.begin, begin) << count << " numbers, " << size << " ranks";
        EXPECT_TRUE(share.begin % 1024 == 0 || share.begin == count);
        begin = share.end;
      }
      EXPECT_EQ(begin, count);
    }
}

TEST(Communicator, OneAloneHasEverySumAlready) {
  const auto ranks = alone();
  EXPECT_EQ(ranks->rank(), 0);
  EXPECT_EQ(ranks->size(), 1);
  std::vector<float> numbers = {1, 2, 3};
  ranks->begin_sum(numbers, 1);
  ranks->wait();
  EXPECT_EQ(numbers, (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(ranks->gather("own"), std::vector<std::string>{"own"});
  EXPECT_EQ(ranks->broadcast("first"), "first");
}

}  // namespace
}  // namespace tekio
