// Pointers, pages and links that stand where a file should be, and what must not be taken for them.
#include "base/foreign_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "support/scratch_folder.h"

namespace tekio::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

const std::string kOid = "oid sha256:" + std::string(64, '5') + "\n";

TEST(ForeignContent, KnowsPointersOfGitLfs) {
  EXPECT_EQ(foreign_content("version https://git-lfs.github.com/spec/v1\n" + kOid + "size 267954768\n"),
            "is a git-lfs pointer for 267,954,768 bytes, not the file itself: run 'git lfs pull' in its folder");
  const auto is_pointer = AllOf(StartsWith("is a git-lfs pointer for 12 bytes"), HasSubstr("git lfs pull"));
  EXPECT_THAT(foreign_content("version https://git-lfs.github.com/spec/v1\r\n" + kOid + "size 12\r\n"), is_pointer);
  EXPECT_THAT(foreign_content("version https://hawser.github.com/spec/v1\n" + kOid + "size 12\n"), is_pointer);
  EXPECT_THAT(foreign_content("version https://git-lfs.github.com/spec/v1\next-0-x sha256:1\n" + kOid + "size 12"),
              is_pointer);
  EXPECT_THAT(foreign_content("\xEF\xBB\xBFversion https://git-lfs.github.com/spec/v1\n" + kOid + "size 12\n"),
              is_pointer);
}

TEST(ForeignContent, TellsNoSizeThatIsNotThere) {
  for (const char* size : {"", "size", "size \n", "size many\n", "size -3\n", "size 99999999999999999999999\n"})
    EXPECT_THAT(foreign_content(std::string("version https://git-lfs.github.com/spec/v1\n") + size),
                StartsWith("is a git-lfs pointer, not"))
        << size;
}

TEST(ForeignContent, KnowsPointersOfOthers) {
  EXPECT_THAT(foreign_content("# xet version 0\nfilesize = 1234\nhash = '5e'\n"),
              StartsWith("is a Xet pointer for 1,234 bytes"));
  EXPECT_THAT(foreign_content("/annex/objects/SHA256E-s1234--5e.txt\n"),
              AllOf(StartsWith("is a git-annex pointer for 1,234 bytes"), HasSubstr("git annex get")));
}

TEST(ForeignContent, KnowsPages) {
  for (const char* page : {"<!DOCTYPE html>\n<html><body>Please sign in</body></html>\n",
                           "<!doctype HTML PUBLIC \"-//W3C//DTD\">", "\xEF\xBB\xBF\r\n  <html lang=\"en\">", "<HTML>",
                           "<?xml version=\"1.0\"?>\n<!-- saved -->\n<!DOCTYPE html>", "<!-- a --><!-- b --> <html>"})
    EXPECT_THAT(foreign_content(page), StartsWith("is an HTML page, not the file itself")) << page;
  EXPECT_THAT(foreign_content("<html><head><TITLE>\n Sign \x1b[1m in </title>"),
              StartsWith("is an HTML page (\"Sign \\x1b[1m in\")"));
}

TEST(ForeignContent, KnowsAnswersOfServers) {
  EXPECT_THAT(foreign_content("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code></Error>"),
              StartsWith("is a server's error answer (\"AccessDenied\")"));
  EXPECT_THAT(foreign_content("404: Not Found"), HasSubstr("404: Not Found"));
  EXPECT_THAT(foreign_content("Invalid username or password.\n"), HasSubstr("signed in"));
}

TEST(ForeignContent, LeavesTheRestAlone) {
  for (const char* text :
       {"", " ", "<", "<!--", "<!-- no end", "<?xml", "<?xml version=\"1.0\"?><feed>", "<Error>of a kind</Error>",
        "<htmlish>", "version https://", "see https://git-lfs.github.com/spec/v1", "404: Not Found is what they said",
        "{\"text\": \"<html>\"}", "a line\n<!DOCTYPE html>", "\xEF\xBB\xBF", "{}"})
    EXPECT_THAT(foreign_content(text), IsEmpty()) << text;
  EXPECT_THAT(foreign_content(std::string(5000, '<')), IsEmpty());
}

class DanglingLink : public testing::Test {
 protected:
  DanglingLink() { fs::create_directories(folder_ / "snapshots/5e"); }
  fs::path link(const std::string& name, const fs::path& target) const {
    fs::create_symlink(target, folder_ / name);
    return folder_ / name;
  }
  const ScratchFolder scratch_;
  const fs::path folder_ = scratch_.path();
};

TEST_F(DanglingLink, TellsWhereItLeads) {
  EXPECT_EQ(dangling_link(link("snapshots/5e/model.safetensors", "../../blobs/5e5e5e5e")),
            "is a link to ../../blobs/5e5e5e5e, which is not there");
  EXPECT_EQ(dangling_link(link("absolute", "/not/there")), "is a link to /not/there, which is not there");
  link("second", "gone");
  EXPECT_EQ(dangling_link(link("first", "second")), "is a link that leads to gone, which is not there");
  EXPECT_EQ(dangling_link(link("round", "round")), "is a link that leads back to itself");
}

TEST_F(DanglingLink, LeavesTheRestAlone) {
  write_atomically(folder_ / "file", "<html>");
  EXPECT_THAT(dangling_link(folder_ / "file"), IsEmpty());
  EXPECT_THAT(dangling_link(folder_ / "none"), IsEmpty());
  EXPECT_THAT(dangling_link(folder_), IsEmpty());
  const fs::path good = link("good", "file");
  EXPECT_THAT(dangling_link(good), IsEmpty());
  EXPECT_THAT(foreign_content_of(good), StartsWith("is an HTML page"));
  EXPECT_THAT(foreign_content_of(folder_), IsEmpty());
  EXPECT_THAT(foreign_content_of(folder_ / "none"), IsEmpty());
}

}  // namespace
}  // namespace tekio::test
