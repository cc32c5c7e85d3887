// RFC 4648's own examples, and what it forbids.
#include "base/base64.h"

#include <gtest/gtest.h>

namespace tekio::test {
namespace {

TEST(Base64Test, IsRfc4648s) {
  const std::pair<std::string, const char*> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foobar", "Zm9vYmFy"},
                                                       {"\xFF\xFE", "//4="},
                                                       {std::string("\xFF\xFE\x00", 3), "//4A"}};
  for (const auto& [bytes, text] : cases) {
    EXPECT_EQ(base64(bytes), text);
    EXPECT_EQ(bytes_of_base64(text), bytes);
  }
}

TEST(Base64Test, OnlyWhatItWrites) {
  for (const char* text :
       {"Z", "Zg", "Zg=", "Zg==Zg==", "Z===", "====", "Zh==", "Zm9=", "Zm9v\n", "Zm-v", "Zm=v", " m9v"})
    EXPECT_EQ(bytes_of_base64(text), std::nullopt) << text;
}

}  // namespace
}  // namespace tekio::test
