// Records as TensorFlow's documentation describes them, read here by another hand.
#include "report/event_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tekio/error.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "support/scratch_folder.h"

namespace tekio::report {
namespace {

using test::ScratchFolder, testing::HasSubstr;

std::vector<std::string> records_in(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  std::vector<std::string> records;
  for (size_t at = 0; at < bytes.size();) {
    uint64_t size = 0;
    uint32_t of_size = 0, of_record = 0;
    std::memcpy(&size, bytes.data() + at, 8);
    std::memcpy(&of_size, bytes.data() + at + 8, 4);
    EXPECT_EQ(of_size, masked_crc32c(bytes.substr(at, 8)));
    records.push_back(bytes.substr(at + 12, size));
    std::memcpy(&of_record, bytes.data() + at + 12 + size, 4);
    EXPECT_EQ(of_record, masked_crc32c(records.back()));
    at += 16 + size;
  }
  return records;
}

TEST(EventFile, ChecksumsAreThoseOfTheFormat) {
  // CRC-32C of "123456789" is 0xE3069283 (RFC 3720's check value), rotated by 15 and moved by 0xA282EAD8.
  const uint32_t crc = 0xE3069283;
  EXPECT_EQ(masked_crc32c("123456789"), ((crc >> 15) | (crc << 17)) + 0xA282EAD8);
}

TEST(EventFile, TagsAreTheTrainers) {
  EXPECT_EQ(tag_of("eval_loss"), "eval/loss");
  EXPECT_EQ(tag_of("test_loss"), "test/loss");
  EXPECT_EQ(tag_of("loss"), "train/loss");
  EXPECT_EQ(tag_of("train_runtime"), "train/train_runtime");
}

TEST(EventFile, HoldsOneRecordAValue) {
  const ScratchFolder folder;
  EventFile file(folder.path() / "runs" / "now");
  file.add_scalar("train/loss", 2.5, 300);
  file.add_text("args", "{}");
  const auto records = records_in(file.path());
  ASSERT_EQ(records.size(), 3);
  EXPECT_THAT(records[0], HasSubstr("\x1a\x0d"
                                    "brain.Event:2"));
  // step 300; summary { value { tag, simple_value 2.5 } }
  EXPECT_EQ(records[1].substr(9),
            std::string("\x10\xac\x02\x2a\x13\x0a\x11\x0a\x0atrain/loss\x15\x00\x00\x20\x40", 24));
  EXPECT_THAT(records[2], HasSubstr("args/text_summary"));
  const EventFile other(folder.path() / "runs" / "now");
  EXPECT_NE(other.path(), file.path());
}

TEST(EventFile, WhatCannotBeWrittenIsAnIoError) {
  const ScratchFolder folder;
  folder.write("file", "");
  try {
    EventFile(folder.path() / "file" / "runs");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::io);
  }
}

}  // namespace
}  // namespace tekio::report
