// --dtype: which kind of number a run works in, on back ends that multiply bf16 fast, slowly or not at all, and the
// reason that is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "compute/forwarding.h"
#include "compute/product_rate.h"
#include "model/masked_lm.h"

namespace tekio {
namespace {

using testing::HasSubstr;

class Pretender final : public ForwardingBackend {
 public:
  explicit Pretender(Bf16 bf16) : Pretender(bf16, make_ref_backend()) {}
  Bf16 bf16_products() const override { return bf16_; }

 private:
  Pretender(Bf16 bf16, std::unique_ptr<Backend> ref) : ForwardingBackend(*ref), bf16_(bf16), ref_(std::move(ref)) {}
  Bf16 bf16_;
  std::unique_ptr<Backend> ref_;
};

const Pretender fast(Backend::Bf16::fast), slow(Backend::Bf16::slow), absent(Backend::Bf16::absent);

TEST(WorkingType, IsBf16WhereThatIsFasterAndNothingIsCompared) {
  EXPECT_EQ(working_type(NumberFormat::automatic, fast, false), DType::bf16);
  EXPECT_EQ(working_type(NumberFormat::automatic, fast, true), DType::f32);
  EXPECT_EQ(working_type(NumberFormat::automatic, slow, false), DType::f32);
  EXPECT_EQ(working_type(NumberFormat::automatic, absent, false), DType::f32);
}

TEST(WorkingType, IsWhatIsAskedFor) {
  for (const bool compared : {false, true}) {
    for (const Backend* backend : {&fast, &slow, &absent})
      EXPECT_EQ(working_type(NumberFormat::f32, *backend, compared), DType::f32);
    for (const Backend* backend : {&fast, &slow})
      EXPECT_EQ(working_type(NumberFormat::bf16, *backend, compared), DType::bf16);
  }
}

// Where the processor could and the environment forbids it, tests/cli sees the other sentence.
TEST(WorkingType, RefusesWhatIsNotThere) {
  if (!bf16_limit().empty()) GTEST_SKIP() << "the environment limits this processor";
  try {
    working_type(NumberFormat::bf16, absent, false);
    ADD_FAILURE() << "not refused";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::device);
    EXPECT_STREQ(e.what(),
                 "--dtype is bf16, but this processor does not multiply bf16 (neither AVX-512 BF16 nor AMX may be "
                 "used); pass --dtype f32 or auto");
  }
  EXPECT_EQ(reason_for_working_type(NumberFormat::automatic, absent),
            "this processor does not multiply bf16 (neither AVX-512 BF16 nor AMX may be used)");
}

TEST(WorkingType, HasAReason) {
  EXPECT_THAT(reason_for_working_type(NumberFormat::automatic, fast), HasSubstr("faster than f32"));
  EXPECT_EQ(reason_for_working_type(NumberFormat::automatic, slow), "ref multiplies bf16 no faster than f32");
  for (const NumberFormat format : {NumberFormat::f32, NumberFormat::bf16})
    EXPECT_EQ(reason_for_working_type(format, fast), "--dtype asks for it");
}

}  // namespace
}  // namespace tekio
