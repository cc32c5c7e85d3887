// Arenas: alignment, zeros, planning, and what is said where memory is not to be had.
#include "compute/arena.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compute/backend.h"

namespace tekio::test {
namespace {

TEST(Arena, TensorsAreAlignedZeroedAndDoNotOverlap) {
  for (const int64_t rows : {3, 3'000'000}) {
    Arena arena(2 * Arena::size_of_tensor(DType::f32, {rows}) + Arena::size_of_tensor(DType::bf16, {1}), "a test");
    const Tensor a = arena.take(DType::f32, {rows}), b = arena.take(DType::bf16, {1}),
                 c = arena.take(DType::f32, {rows});
    for (const Tensor& t : {a, b, c}) EXPECT_EQ(reinterpret_cast<uintptr_t>(t.data) % 64, 0u);
    EXPECT_GE(static_cast<char*>(b.data) - static_cast<char*>(a.data), a.bytes());
    EXPECT_GE(static_cast<char*>(c.data) - static_cast<char*>(b.data), b.bytes());
    for (const float v : c.values()) ASSERT_EQ(v, 0);
    EXPECT_EQ(arena.used(), arena.bytes());
    c.values().back() = 1;  // the last byte is ours
    EXPECT_THROW(arena.take(DType::f32, {1}), Error);
    arena.reset();
    EXPECT_EQ(arena.take(DType::f32, {rows}).data, a.data);
  }
}

TEST(Arena, EmptyIsFine) {
  Arena arena(0, "nothing");
  EXPECT_EQ(arena.take(DType::f32, {0, 768}).numel(), 0);
}

TEST(Arena, TooMuchSaysHowMuchAndWhatFor) {
  try {
    Arena arena(int64_t{1} << 60, "activations");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::device);
    EXPECT_THAT(e.what(), testing::HasSubstr("no memory for activations: 1152922 TB are needed, but only "));
  }
}

TEST(Arena, SizesThatOverflowAreRefused) {
  EXPECT_THROW(Arena::size_of_tensor(DType::f32, {int64_t{1} << 40, int64_t{1} << 40}), Error);
  EXPECT_THROW(Arena::size_of_tensor(DType::f32, {-1}), Error);
  EXPECT_EQ(Arena::size_of_tensor(DType::f32, {17}), 128);
}

// A back end's own memory: the arena asks it, and gives back.
class CountingMemory final : public Memory {
 public:
  bool on_host() const override { return false; }
  void* allocate(int64_t bytes, const std::string& purpose) override {
    asked = purpose + " " + std::to_string(bytes);
    ++pieces;
    return host_memory().allocate(bytes, purpose);
  }
  void free(void* memory) override {
    --pieces;
    host_memory().free(memory);
  }
  void write(void*, const void*, int64_t) override {}
  void read(void*, const void*, int64_t) override {}
  std::string asked;
  int pieces = 0;
};

TEST(Arena, LiesInTheMemoryThatItIsGiven) {
  CountingMemory memory;
  {
    Arena arena(100, "weights", memory);
    EXPECT_EQ(memory.asked, "weights 128");
    arena = Arena(10, "scratch", memory);  // the old one is given back
    EXPECT_EQ(memory.pieces, 1);
    arena = Arena(10, "scratch");  // the host's: each piece goes back to where it is from
    EXPECT_EQ(memory.pieces, 0);
  }
  EXPECT_EQ(memory.pieces, 0);
}

TEST(HostMemory, IsReadAndWrittenInPlace) {
  EXPECT_TRUE(host_memory().on_host());
  EXPECT_EQ(&make_ref_backend()->memory(), &host_memory());
  Arena arena(64, "a test");
  const Tensor t = arena.take(DType::f32, {3});
  const std::vector<float> numbers = {1, 2, 3};
  host_memory().write(t.data, numbers.data(), t.bytes());
  EXPECT_THAT(t.values(), testing::ElementsAre(1, 2, 3));
  std::vector<float> back(2);
  host_memory().read(back.data(), t.rows(1, 3).data, 8);
  EXPECT_THAT(back, testing::ElementsAre(2, 3));
  host_memory().read(nullptr, nullptr, 0);  // nothing is nothing
}

TEST(MemoryPlan, HasATotal) {
  MemoryPlan plan;
  plan.add("weights", 268 << 20);
  plan.add("activations", int64_t{3} << 30);
  EXPECT_EQ(plan.total(), (int64_t{3} << 30) + (268 << 20));
}

}  // namespace
}  // namespace tekio::test
