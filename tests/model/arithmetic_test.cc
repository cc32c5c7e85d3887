// What --dtype means: on back ends that multiply bf16 fast, slowly, at rates that are measured or not at all; the
// choice among invented rates; and what is kept of a measurement.
#include "model/arithmetic.h"
#include "support/scratch_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "compute/cpu/bf16_kernel.h"
#include "compute/cpu/cpu_features.h"
#include "compute/forwarding.h"
#include "model/family.h"
#include "model/kept_rates.h"
#include "support.h"

namespace tekio::test {
namespace {

using testing::HasSubstr;

class Pretender final : public ForwardingBackend {
 public:
  explicit Pretender(Bf16 bf16, std::vector<std::string> kernels = {})
      : Pretender(bf16, std::move(kernels), make_ref_backend()) {}
  Bf16 bf16_products() const override { return bf16_; }
  std::vector<std::string> bf16_kernels() const override { return kernels_; }

 private:
  Pretender(Bf16 bf16, std::vector<std::string> kernels, std::unique_ptr<Backend> ref)
      : ForwardingBackend(*ref), bf16_(bf16), kernels_(std::move(kernels)), ref_(std::move(ref)) {}
  Bf16 bf16_;
  std::vector<std::string> kernels_;
  std::unique_ptr<Backend> ref_;
};

const Pretender fast(Backend::Bf16::fast), slow(Backend::Bf16::slow), absent(Backend::Bf16::absent),
    measured(Backend::Bf16::measured, {"fma", "avx512"});

std::vector<StepRate> rates(double f32, double fma, double avx512 = 0, double amx = 0) {
  std::vector<StepRate> all = {{{DType::f32}, f32}, {{DType::bf16, "fma"}, fma}};
  if (avx512 > 0) all.push_back({{DType::bf16, "avx512"}, avx512});
  if (amx > 0) all.push_back({{DType::bf16, "amx"}, amx});
  return all;
}
std::vector<StepRate> never() {
  ADD_FAILURE() << "nothing had to be measured";
  return rates(1, 1);
}
ArithmeticChoice choose(NumberFormat format, const Backend& backend, bool compared = false) {
  return choose_arithmetic(format, backend, compared, never);
}
ArithmeticChoice choose(NumberFormat format, const std::vector<StepRate>& found) {
  return choose_arithmetic(format, measured, false, [&] { return found; });
}

TEST(Arithmetic, NeedsNoMeasurementWhereTheAnswerIsKnown) {
  EXPECT_EQ(choose(NumberFormat::automatic, fast).taken, (Arithmetic{DType::bf16}));
  EXPECT_EQ(choose(NumberFormat::automatic, slow).taken, (Arithmetic{DType::f32}));
  EXPECT_EQ(choose(NumberFormat::automatic, absent).taken, (Arithmetic{DType::f32}));
  for (const Backend* backend : {&fast, &slow, &absent, &measured}) {
    EXPECT_EQ(choose(NumberFormat::automatic, *backend, /*compared=*/true).taken, (Arithmetic{DType::f32}));
    for (const bool compared : {false, true})
      EXPECT_EQ(choose(NumberFormat::f32, *backend, compared).taken, (Arithmetic{DType::f32}));
  }
  for (const Backend* backend : {&fast, &slow})
    EXPECT_EQ(choose(NumberFormat::bf16, *backend).taken, (Arithmetic{DType::bf16}));
  const Pretender alone(Backend::Bf16::measured, {"fma"});
  EXPECT_EQ(choose(NumberFormat::bf16, alone).taken, (Arithmetic{DType::bf16, "fma"}));
}

TEST(Arithmetic, IsTheFastestStep) {
  const auto taken = [](const std::vector<StepRate>& found) { return choose(NumberFormat::automatic, found).text(); };
  EXPECT_EQ(taken(rates(95, 90, 182)), "bf16 (AVX-512 BF16, 182 GFLOP/s; f32: 95)");
  EXPECT_EQ(taken(rates(180, 158, 87)), "f32 (180 GFLOP/s; bf16: 158)") << "vdpbf16ps at half rate";
  EXPECT_EQ(taken(rates(150, 158, 87)), "bf16 (FMA, 158 GFLOP/s; f32: 150)") << "bound by memory";
  EXPECT_EQ(taken(rates(95, 90, 180, 1400)), "bf16 (AMX, 1400 GFLOP/s; f32: 95)");
  EXPECT_EQ(taken(rates(95, 80)), "f32 (95 GFLOP/s; bf16: 80)") << "no bf16 instruction at all";
}

TEST(Arithmetic, OfEqualsIsAlwaysTheSame) {
  for (const auto& [f32, fma] : {std::pair{100, 101}, {101, 100}, {100, 98}, {99, 100}})
    EXPECT_EQ(fastest(rates(f32, fma)).arithmetic, (Arithmetic{DType::f32})) << f32 << " " << fma;
  EXPECT_EQ(fastest(rates(100, 90, 99)).arithmetic, (Arithmetic{DType::bf16, "avx512"}));
  EXPECT_EQ(fastest(rates(100, 103)).arithmetic, (Arithmetic{DType::bf16, "fma"})) << "3 % are not given away";
}

TEST(Arithmetic, ThatIsAskedForTakesTheFastestKernel) {
  EXPECT_EQ(choose(NumberFormat::bf16, rates(180, 158, 87)).taken, (Arithmetic{DType::bf16, "fma"}));
  EXPECT_EQ(choose(NumberFormat::bf16, rates(95, 90, 182)).taken, (Arithmetic{DType::bf16, "avx512"}));
}

// Where the processor could and the environment forbids it, tests/cli sees the other sentence.
TEST(Arithmetic, RefusesWhatIsNotThere) {
  if (!bf16_limit().empty()) GTEST_SKIP() << "the environment limits this processor";
  try {
    choose(NumberFormat::bf16, absent);
    ADD_FAILURE() << "not refused";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::device);
    EXPECT_STREQ(e.what(),
                 "dtype is bf16, but this processor does not multiply bf16 (it lacks AVX2); pass dtype f32 or auto");
  }
}

TEST(Arithmetic, HasAReason) {
  EXPECT_EQ(choose(NumberFormat::automatic, fast).reason, "ref multiplies bf16 faster than f32");
  EXPECT_EQ(choose(NumberFormat::automatic, slow).reason, "ref multiplies bf16 no faster than f32");
  EXPECT_THAT(choose(NumberFormat::automatic, absent).reason, HasSubstr("does not multiply bf16"));
  EXPECT_THAT(choose(NumberFormat::automatic, rates(1, 2)).reason, HasSubstr("measured"));
  for (const NumberFormat format : {NumberFormat::f32, NumberFormat::bf16})
    EXPECT_EQ(choose(format, fast).reason, "dtype asks for it");
}

class Kept : public testing::Test {
 protected:
  ScratchFolder folder_;
  const std::filesystem::path place_ = folder_.path() / "cache" / "arithmetic";
  const KeptRates kept_ = KeptRates(place_, {{"processor", "P"}, {"threads", 2}});
};

bool same(const std::vector<StepRate>& a, const std::vector<StepRate>& b) {
  return std::ranges::equal(
      a, b, [](const StepRate& x, const StepRate& y) { return x.arithmetic == y.arithmetic && x.gflops == y.gflops; });
}

TEST_F(Kept, IsReadAsItWasWritten) {
  EXPECT_FALSE(kept_.read());
  kept_.write(rates(95.25, 90, 182));
  ASSERT_TRUE(kept_.read());
  EXPECT_TRUE(same(*kept_.read(), rates(95.25, 90, 182)));
  EXPECT_EQ(std::filesystem::status(place_).permissions(), std::filesystem::perms::owner_all);
  EXPECT_EQ(std::filesystem::status(place_.parent_path()).permissions(), std::filesystem::perms::owner_all);
  kept_.write(rates(1, 2));
  EXPECT_TRUE(same(*kept_.read(), rates(1, 2)));
}

TEST_F(Kept, IsForItsKeyAlone) {
  kept_.write(rates(1, 2));
  for (const Json& other : {Json({{"processor", "Q"}, {"threads", 2}}), Json({{"processor", "P"}, {"threads", 3}})}) {
    const KeptRates stranger(place_, other);
    EXPECT_FALSE(stranger.read());
    std::filesystem::create_directories(place_);
    std::filesystem::copy_file(kept_.path(), stranger.path());  // as if two keys had one digest
    EXPECT_FALSE(stranger.read());
  }
}

TEST_F(Kept, IsNothingWhereItIsDamaged) {
  kept_.write(rates(1, 2));
  const std::string whole = read_text(kept_.path());
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = whole;
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  for (const std::string& damaged :
       {std::string(), std::string("{"), std::string("[]"), std::string("null"), whole.substr(0, whole.size() / 2),
        with("1.0", "0.0"), with("1.0", "-1.0"), with("1.0", "1e999"), with("1.0", "\"1\""), with("\"f32\"", "\"f16\""),
        with("\"fma\"", "7"), with("\"rates\"", "\"raets\""), with("\"key\"", "\"kye\""), std::string(1 << 17, ' '),
        std::string(70000, '[')}) {
    write_atomically(kept_.path(), damaged);
    EXPECT_FALSE(kept_.read()) << damaged.substr(0, 200);
  }
  std::filesystem::remove(kept_.path());
  std::filesystem::create_directory(kept_.path());
  EXPECT_FALSE(kept_.read());
}

TEST_F(Kept, AppearsWholeHoweverManyWrite) {
  std::vector<std::thread> writers;
  for (int i = 1; i <= 4; ++i)
    writers.emplace_back([&, i] {
      for (int round = 0; round < 20; ++round) {
        kept_.write(rates(i, i));
        const auto found = kept_.read();
        ASSERT_TRUE(found);
        EXPECT_EQ((*found)[0].gflops, (*found)[1].gflops) << "of one writer";
      }
    });
  for (std::thread& writer : writers) writer.join();
  size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(place_)) ++files;
  EXPECT_EQ(files, 1u);
}

TEST(StepRates, AreMeasuredOnceAProcess) {
  const ModelConfig config = ModelConfig::from_json({{"model_type", "distilbert"},
                                                     {"vocab_size", 100},
                                                     {"dim", 32},
                                                     {"n_layers", 1},
                                                     {"n_heads", 2},
                                                     {"hidden_dim", 64},
                                                     {"max_position_embeddings", 16}},
                                                    "tiny");
  const std::vector<StepRate> found = measure_step_rates(config, 1);
  ASSERT_EQ(found.size(), 1 + kernels::all_instructions().size());
  for (const StepRate& rate : found) EXPECT_GT(rate.gflops, 0.001) << rate.arithmetic.kernel;
  EXPECT_TRUE(same(step_rates(config, 1), found)) << "so that two runs of a process take the same";
}

TEST(StepRates, AreMeasuredOfEveryFamily) {
  for (const FamilyTable& table : families()) {
    SCOPED_TRACE(table.shown);
    Json document = {{"vocab_size", 100}, {"pad_token_id", 1}};
    for (const auto& [key, size] : {std::pair{table.keys.width, 24},
                                    {table.keys.layers, 1},
                                    {table.keys.heads, 2},
                                    {table.keys.inner, 40},
                                    {table.keys.max_positions, 16}})
      document[key] = size;
    document["model_type"] = table.model_type;
    if (table.keys.embedding_width != nullptr) document[table.keys.embedding_width] = 20;
    const std::vector<StepRate> found = measure_step_rates(ModelConfig::from_json(document, "tiny"), 1);
    ASSERT_FALSE(found.empty());
    for (const StepRate& rate : found) EXPECT_GT(rate.gflops, 0.001) << rate.arithmetic.kernel;
  }
}

}  // namespace
}  // namespace tekio::test
