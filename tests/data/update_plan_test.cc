// Every chunk of an epoch in one micro-batch, every micro-batch in one update and one rank's share of it, whatever the
// sizes.
#include "data/update_plan.h"

#include <gtest/gtest.h>

namespace tekio::test {
namespace {

TEST(UpdatePlan, EveryChunkIsInOneBatchOfOneRank) {
  for (const int64_t chunks : {1, 2, 7, 16, 37, 64, 101})
    for (const int64_t size : {1, 3, 8, 64, 200})
      for (const int64_t accumulation : {1, 2, 3, 8})
        for (const int ranks : {1, 2, 3, 5, 8}) {
          SCOPED_TRACE(testing::Message() << chunks << " chunks by " << size << ", " << ranks << " x " << accumulation);
          const UpdatePlan plan(chunks, size, accumulation, ranks);
          int64_t batch = 0, chunk = 0;
          for (int64_t step = 0; step < plan.updates_per_epoch(); ++step) {
            const Update update = plan.update(step);
            EXPECT_EQ(update.step, step);
            EXPECT_EQ(update.epoch, 0);
            ASSERT_EQ(update.first_batch, batch);
            const bool is_last = step + 1 == plan.updates_per_epoch();
            EXPECT_LE(update.batches, accumulation * ranks);
            EXPECT_TRUE(is_last || update.batches == accumulation * ranks);
            int64_t next = 0;
            int with_some = 0;
            for (int rank = 0; rank < ranks; ++rank) {
              const NumberRange share = update.share(rank);
              EXPECT_EQ(share.begin, next);  // contiguous, and together the whole update
              EXPECT_LE(share.size(), accumulation);
              EXPECT_EQ(share.size() > 0, rank < update.givers());
              with_some += share.size() > 0;
              next = share.end;
            }
            EXPECT_EQ(next, update.batches);
            EXPECT_EQ(with_some, update.givers());
            for (int64_t i = 0; i < update.batches; ++i, ++batch) {
              const NumberRange places = plan.chunks_of(batch);
              EXPECT_EQ(places.begin, chunk);
              EXPECT_GT(places.size(), 0);
              EXPECT_TRUE(places.size() == size || batch + 1 == plan.batches_per_epoch());
              chunk = places.end;
            }
          }
          EXPECT_EQ(chunk, chunks);
          EXPECT_EQ(batch, plan.batches_per_epoch());
        }
}

TEST(UpdatePlan, EpochsFollowEachOther) {
  const UpdatePlan plan(18, 4, 3);  // 5 micro-batches: 3 + 2
  for (const int64_t epoch : {0, 1, 7}) {
    EXPECT_EQ(plan.update(2 * epoch).epoch, epoch);
    EXPECT_EQ(plan.update(2 * epoch).first_batch, 0);
    EXPECT_EQ(plan.update(2 * epoch + 1).epoch, epoch);
    EXPECT_EQ(plan.update(2 * epoch + 1).first_batch, 3);
    EXPECT_EQ(plan.update(2 * epoch + 1).batches, 2);
  }
}

TEST(UpdatePlan, RanksCutTheUpdatesThatOneProcessMakes) {
  for (const int ranks : {2, 4, 8}) {
    const UpdatePlan one(1000, 3, 8), many(1000, 3, 8 / ranks, ranks);
    EXPECT_EQ(many.updates_per_epoch(), one.updates_per_epoch());
    for (int64_t step = 0; step < 2 * one.updates_per_epoch(); ++step) {
      EXPECT_EQ(many.update(step).first_batch, one.update(step).first_batch);
      EXPECT_EQ(many.update(step).batches, one.update(step).batches);
    }
  }
}

TEST(UpdatePlan, TheLastRanksHaveNothingInAShortUpdate) {
  const Update last = UpdatePlan(22, 2, 2, 4).update(1);  // 11 micro-batches: 8 + 3
  EXPECT_EQ(last.batches, 3);
  EXPECT_EQ(last.share(0), (NumberRange{0, 2}));
  EXPECT_EQ(last.share(1), (NumberRange{2, 3}));
  EXPECT_EQ(last.share(2), (NumberRange{3, 3}));
  EXPECT_EQ(last.share(3), (NumberRange{3, 3}));
  EXPECT_EQ(last.givers(), 2);
}

}  // namespace
}  // namespace tekio::test
