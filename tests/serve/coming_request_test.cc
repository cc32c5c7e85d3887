#include "http_module/coming_request.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tekio::http {
namespace {

constexpr uint64_t kEndless = ComingRequest::kEndless;

const std::string kHead = "POST / HTTP/1.1\r\nHost: x\r\n";
const std::string kChunked = kHead + "Transfer-Encoding: chunked\r\n\r\n";

/// What has come whole, or so far that its length is known, and that.
std::vector<std::pair<std::string, uint64_t>> requests() {
  return {{kHead + "\r\n", kHead.size() + 2},
          {"\r\n\r\n\r\n" + kHead + "\r\n", kHead.size() + 8},
          {kHead + "Content-Length: 10\r\n\r\n", kHead.size() + 32},
          {kHead + "content-length: 1000000\r\n\r\n", kHead.size() + 1'000'027},
          {kHead + "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n", kEndless},
          {kChunked + "3\r\nabc\r\n0\r\n\r\n", kChunked.size() + 13},
          {kChunked + "0x", kChunked.size() + 2},
          {kHead + "A : b\r\n\r\n", kHead.size() + 9}};
}

TEST(ComingRequest, KnowsItsSizeHoweverItComes) {
  for (const auto& [bytes, size] : requests()) {
    ComingRequest at_once;
    at_once.look(bytes);
    EXPECT_EQ(at_once.size(), size) << bytes;
    ComingRequest bit_by_bit;
    for (size_t i = 0; i < bytes.size(); ++i) {
      EXPECT_EQ(bit_by_bit.size(), 0u) << bytes << i;
      bit_by_bit.look(std::string_view(bytes).substr(0, i + 1));
    }
    EXPECT_EQ(bit_by_bit.size(), size) << bytes;
    EXPECT_EQ(bit_by_bit.begin(bytes).substr(0, 4), "POST") << bytes;
  }
}

TEST(ComingRequest, OnlyEmptyLinesAreNone) {
  ComingRequest request;
  std::string sent;
  for (int i = 0; i < 100; ++i)
    for (const char c : {'\r', '\n'}) request.look(sent += c);
  EXPECT_EQ(request.size(), 0u);
}

TEST(ComingRequest, WaitsNoLongerThanTheSystemKeepsBytes) {
  ComingRequest chunks, head;
  std::string sent = kChunked + "fffff\r\n";
  chunks.look(sent);
  EXPECT_EQ(chunks.size(), 0u);
  sent.resize(ComingRequest::kUnread, 'x');
  chunks.look(sent);
  EXPECT_EQ(chunks.size(), kEndless);
  std::string endless(Head::kMost - 1, 'a');
  head.look(endless);
  EXPECT_EQ(head.size(), 0u);
  head.look(endless += 'a');
  EXPECT_EQ(head.size(), Head::kMost) << "who reads it refuses it";
}

}  // namespace
}  // namespace tekio::http
