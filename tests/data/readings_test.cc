// How often files are read: packed ones cost their unpacking each time, and those of a corpus are not in memory.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tekio/dataset.h>

#include <filesystem>
#include <fstream>

#include "data/scratch_folder.h"

namespace tekio::test {
namespace {

/// What this process has read so far, as the system counts it.
std::optional<int64_t> bytes_read() {
  std::ifstream counts("/proc/self/io");
  std::string name;
  int64_t value = 0;
  while (counts >> name >> value)
    if (name == "rchar:") return value;
  return std::nullopt;
}

class Readings : public testing::Test {
 protected:
  void SetUp() override {
    if (!bytes_read()) GTEST_SKIP() << "/proc/self/io cannot be read";
    std::string text;
    for (int i = 0; i < 60'000; ++i)
      text += i % 100 == 7 ? "{\"text\": null}\n"
                           : fmt::format("{{\"text\": \"row {} of the file {}\"}}\n", i, std::string(30, 'x'));
    file_ = folder_.write("a.jsonl", text);
    std::string clean;
    for (int i = 0; i < 60'000; ++i) clean += fmt::format("row {} of the file {}\n", i, std::string(40, 'x'));
    lines_ = folder_.write("a.txt", clean);
  }
  /// How often as many bytes as `path` has were read meanwhile.
  template <typename Work>
  double readings(const std::string& path, const Work& work) const {
    const int64_t before = *bytes_read();
    work();
    return static_cast<double>(*bytes_read() - before) / static_cast<double>(std::filesystem::file_size(path));
  }
  /// All rows of a dataset; the text column is found in the beginning first, which is up to 10 MiB of a file.
  static int64_t read_all(const Dataset& data) {
    int64_t rows = 0;
    data.for_each([&](const Row&) { ++rows; });
    return rows;
  }

  ScratchFolder folder_;
  std::string file_, lines_;
};

TEST_F(Readings, OfTheFirstRowsAreOfTheBeginning) {
  EXPECT_LT(readings(lines_, [&] { EXPECT_EQ(read_all(load_dataset(lines_ + ":train[:500]")["train"]), 500); }), 0.5);
  EXPECT_LT(readings(lines_, [&] { EXPECT_EQ(read_all(load_dataset(lines_ + ":train[500:]")["train"]), 59'500); }),
            1.5);
}

TEST_F(Readings, OfTwoPartsOfAFileCountItOnce) {
  // counted, read up to 90 % for the one, whole for the other
  EXPECT_LT(readings(lines_,
                     [&] {
                       EXPECT_EQ(read_all(load_dataset(lines_ + ":train[:90%]")["train"]), 54'000);
                       EXPECT_EQ(read_all(load_dataset(lines_ + ":train[90%:]")["train"]), 6'000);
                     }),
            3.0);
  // and of a sum of parts once more, for all of them
  EXPECT_LT(readings(lines_,
                     [&] {
                       const Dataset ends = load_dataset(lines_ + ":train[:3]+train[-3:]+train[:1%]")["train"];
                       EXPECT_EQ(read_all(ends), 606);
                       EXPECT_EQ(ends.take(6).at(5).text(), "row 59999 of the file " + std::string(40, 'x'));
                     }),
            2.2);
}

TEST_F(Readings, CountWhatIsLeftOutOnTheWay) {
  const Dataset data = load_dataset(file_, {.bad_rows = BadRows::skip})["train"];
  EXPECT_THAT(data.columns(), testing::ElementsAre("text"));
  EXPECT_LT(readings(file_,
                     [&] {
                       EXPECT_EQ(read_all(data), 59'400);
                       EXPECT_EQ(data.skipped_rows(), 600);
                       EXPECT_EQ(data.size(), 59'400);
                       EXPECT_EQ(data.shuffle(1).size(), 59'400);
                     }),
            1.3);
}

TEST_F(Readings, DoNotTrustWhatWasCountedInAnotherFile) {
  EXPECT_EQ(load_dataset(lines_)["train"].size(), 60'000);
  folder_.write("a.txt", "one\ntwo\n");
  EXPECT_EQ(load_dataset(lines_)["train"].size(), 2);
  folder_.write("a.txt", "one\n\nwo\n");
  EXPECT_EQ(load_dataset(lines_)["train"].size(), 3);
  EXPECT_EQ(load_dataset(lines_, {.sample_by = SampleBy::paragraph})["train"].size(), 2);
  EXPECT_EQ(load_dataset(file_, {.bad_rows = BadRows::skip})["train"].size(), 59'400);
  EXPECT_EQ(load_dataset(file_)["train"].size(), 60'000);
}

}  // namespace
}  // namespace tekio::test
