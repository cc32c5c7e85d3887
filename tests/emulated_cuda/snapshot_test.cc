// Copies on a GPU that another thread fetches while the back end goes on.
#include <gtest/gtest.h>

#include <numeric>
#include <thread>
#include <vector>

#include "compute/arena.h"
#include "compute/cuda.h"
#include "cuda_runtime.h"

namespace tekio::test {
namespace {

class CudaSnapshot : public ::testing::Test {
 protected:
  static constexpr int64_t kCount = 3000;
  CudaSnapshot() {
    emulated_device(1, 9, size_t{80} << 30);
    cuda_ = make_cuda_backend();
    arena_ = Arena(kCount * size_of(DType::f32), "numbers", cuda_->memory());
    numbers_ = arena_.take(DType::f32, {kCount});
    std::vector<float> first(kCount);
    std::iota(first.begin(), first.end(), 1.0f);
    cuda_->memory().write(numbers_.data, first.data(), numbers_.bytes());
  }

  /// What another thread fetches.
  static std::vector<float> fetched(Snapshot& snapshot) {
    std::vector<float> host(kCount);
    std::thread([&] { snapshot.read(host.data()); }).join();
    return host;
  }

  std::unique_ptr<Backend> cuda_;
  Arena arena_;
  Tensor numbers_;
};

TEST_F(CudaSnapshot, HoldsWhatWasThereWhateverComesAfter) {
  const std::unique_ptr<Snapshot> snapshot = cuda_->memory().make_snapshot(numbers_.bytes());
  ASSERT_NE(snapshot, nullptr);
  for (const float factor : {2.0f, 8.0f}) {
    cuda_->add(numbers_, numbers_);  // which is queued, and belongs to what is taken
    snapshot->take(numbers_.data);
    cuda_->add(numbers_, numbers_);
    const std::vector<float> host = fetched(*snapshot);
    for (int64_t i = 0; i < kCount; ++i)
      ASSERT_EQ(host[static_cast<size_t>(i)], factor * static_cast<float>(i + 1)) << "after times " << factor;
  }
  std::vector<float> last(kCount);
  cuda_->memory().read(last.data(), numbers_.data, numbers_.bytes());
  EXPECT_EQ(last.back(), 16.0f * kCount);
}

TEST_F(CudaSnapshot, IsNotThereWhereThereIsNoRoom) {
  emulated_device(1, 9, 1 << 10);
  EXPECT_EQ(cuda_->memory().make_snapshot(numbers_.bytes()), nullptr);
  emulated_device(1, 9, size_t{80} << 30);
  EXPECT_NE(cuda_->memory().make_snapshot(numbers_.bytes()), nullptr);
  EXPECT_EQ(host_memory().make_snapshot(numbers_.bytes()), nullptr) << "the host reads its own memory at once";
}

}  // namespace
}  // namespace tekio::test
