// Kinds, exit codes, and that no text from outside can do harm in a message.
#include "base/system_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

namespace tekio::test {
namespace {

using testing::HasSubstr;

TEST(Error, HasTheExitCodeOfItsKind) {
  EXPECT_EQ(exit_code(ErrorKind::usage), 2);
  EXPECT_EQ(exit_code(ErrorKind::input), 3);
  EXPECT_EQ(exit_code(ErrorKind::io), 4);
  EXPECT_EQ(exit_code(ErrorKind::device), 5);
  EXPECT_EQ(exit_code(ErrorKind::comms), 6);
  EXPECT_EQ(exit_code(ErrorKind::bug), 70);
}

TEST(Error, CarriesItsSentence) {
  try {
    fail(ErrorKind::usage, "{} is {}", named_option("seed"), -1);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_STREQ(error.what(), "seed is -1");
  }
}

TEST(Message, NamesOptionsAsItsReaderWritesThem) {
  const std::string file = "a --strange name";
  const auto said = [&] {
    return message("{}: pass --chunk_size {} or (--encoding '--{}', --no_header); -- is none, nor is a--b", file, 3,
                   "no --prompt");
  };
  EXPECT_EQ(
      said(),
      "a --strange name: pass chunk_size 3 or (encoding '--no --prompt', header = false); -- is none, nor is a--b");
  EXPECT_EQ(named_option("text_column_name"), "text_column");
  name_options_by([](std::string_view name) { return "<" + std::string(name) + ">"; });
  EXPECT_EQ(
      said(),
      "a --strange name: pass <chunk_size> 3 or (<encoding> '--no --prompt', <no_header>); -- is none, nor is a--b");
  EXPECT_EQ(named_option("text_column_name"), "<text_column_name>");
  name_options_by(field_of_option);
}

TEST(Error, ChecksAreBugsThatNameTheirPlace) {
  EXPECT_NO_THROW(TEKIO_CHECK(1 < 2, "never"));
  try {
    TEKIO_CHECK(1 > 2, "{} and {}", 1, 2);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::bug);
    EXPECT_THAT(error.what(), HasSubstr("error_test.cc"));
    EXPECT_THAT(error.what(), HasSubstr("1 > 2 does not hold: 1 and 2"));
  }
}

/// What `action` throws as an Error of the system: its code and sentence.
template <typename Action>
std::pair<std::error_code, std::string> system_error_of(const Action& action) {
  try {
    action();
  } catch (const SystemError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::io);
    return {error.answer().code, error.what()};
  } catch (const Error& error) {
    return {{}, error.what()};
  }
  return {{}, "nothing"};
}

TEST(SystemError, SaysWhatTheSystemSays) {
  const auto [code, said] = system_error_of([] {
    errno = EACCES;
    fail_system(last_error(), "cannot read {}: {}; name {}", "this", "another");
  });
  EXPECT_EQ(code, std::errc::permission_denied);
  EXPECT_EQ(said, "cannot read this: another; name Permission denied");
}

TEST(SystemError, KeepsItsCodeInOtherWords) {
  const auto again = [](const Error& error) { return system_error_of([&] { fail_as(error, "other words"); }); };
  const SystemError missing(std::make_error_code(std::errc::no_such_file_or_directory), "words");
  EXPECT_EQ(again(missing), std::pair(missing.answer().code, std::string("other words")));
  EXPECT_EQ(again(Error(ErrorKind::io, "words")), std::pair(std::error_code(), std::string("other words")));
}

TEST(Nearest, FindsWhatWasMeant) {
  const std::vector<std::string> options{"--learning_rate", "--seed", "--model", "--data", "--max_steps"};
  EXPECT_EQ(nearest("--learnin_rate", options), "--learning_rate");
  EXPECT_EQ(nearest("--learning-rate", options), "--learning_rate");
  EXPECT_EQ(nearest("--sede", options), "--seed");
  EXPECT_EQ(nearest("--seed", options), "--seed");
  EXPECT_EQ(nearest("--completely_else", options), "");
  EXPECT_EQ(nearest("--model", {}), "");
  EXPECT_EQ(nearest("tarin", {"train", "test"}), "train");
}

TEST(Printable, KeepsTextAndShowsTheRest) {
  EXPECT_EQ(printable("plain, grün, 日本語, 🙂"), "plain, grün, 日本語, 🙂");
  EXPECT_EQ(printable("a\nb\tc\x1b[31m\x7f"), "a\\x0ab\\x09c\\x1b[31m\\x7f");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(printable("\xC2\x85"), "\\xc2\\x85");  // a control character of two bytes
  EXPECT_EQ(printable("\xC2\xA0"), "\xC2\xA0");    // the first that is none
  EXPECT_EQ(printable("\xC0\xAF"), "\\xc0\\xaf");  // "/" overlong
  EXPECT_EQ(printable("\xE0\x80\xAF"), "\\xe0\\x80\\xaf");
  EXPECT_EQ(printable("\xED\xA0\x80"), "\\xed\\xa0\\x80");           // a surrogate
  EXPECT_EQ(printable("\xF4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // beyond U+10FFFF
  EXPECT_EQ(printable("\xF0\x8F\xBF\xBF"), "\\xf0\\x8f\\xbf\\xbf");
  EXPECT_EQ(printable("\xF4\x8F\xBF\xBF"), "\xF4\x8F\xBF\xBF");
  EXPECT_EQ(printable("\xE6\x97"), "\\xe6\\x97");  // cut off
  EXPECT_EQ(printable("\xFF"), "\\xff");
}

TEST(Printable, CutsLongText) {
  EXPECT_EQ(printable(std::string(80, 'a')), std::string(80, 'a'));
  EXPECT_EQ(printable(std::string(81, 'a')), std::string(80, 'a') + "…");
  EXPECT_EQ(printable("ääää", 3), "ää…");
  EXPECT_EQ(printable("", 0), "");
}

}  // namespace
}  // namespace tekio::test
