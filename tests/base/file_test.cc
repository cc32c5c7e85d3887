// A reader never sees half a file or half a folder: not when a disk is full, not when a call fails, not when the
// process is killed, at whichever system call that happens.
#include "base/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>
#include <thread>

#include "base/error.h"
#include "faults.h"
#include "support/scratch_folder.h"

namespace tekio::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class FileTest : public testing::Test {
 protected:
  ~FileTest() override { faults::disarm(); }
  void put(const fs::path& path, std::string_view text) { std::ofstream(path, std::ios::binary) << text; }
  std::set<std::string> names() const {
    std::set<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder_)) found.insert(entry.path().filename().string());
    return found;
  }
  const ScratchFolder scratch_;
  const fs::path folder_ = scratch_.path();
};

template <typename Action>
std::string io_error(Action action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::io) << error.what();
    return error.what();
  }
  return "no error";
}

TEST_F(FileTest, ANamelessFileIsReadWhileItLives) {
  AtomicFile file(AtomicFile::Nameless{folder_});
  file.write("text");
  file.write_at(0, std::as_bytes(std::span("T", 1)));
  EXPECT_TRUE(names().empty());
  file.commit();
  const MappedFile mapped(file.path());
  EXPECT_EQ(mapped.text(), "Text");
  EXPECT_TRUE(names().empty());
  EXPECT_THAT(io_error([&] { AtomicFile(AtomicFile::Nameless{folder_ / "none"}); }),
              HasSubstr("cannot write to the folder"));
}

// ---- room ----

TEST_F(FileTest, RoomIsHeldUntilItIsReleasedAndHasNoName) {
  constexpr int64_t kBytes = 64 << 20;
  const auto held = [&] {  // in blocks, by the descriptor that was opened last
    int64_t bytes = 0;
    for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
      struct stat info {};
      std::error_code ignored;
      if (fs::read_symlink(entry.path(), ignored).string().starts_with(folder_.string()) &&
          ::stat(entry.path().c_str(), &info) == 0)
        bytes += info.st_blocks * 512;
    }
    return bytes;
  };
  DiskReserve room(folder_, kBytes, "a test");
  if (held() == 0) GTEST_SKIP() << "this file system promises no room";
  EXPECT_GE(held(), kBytes);
  EXPECT_TRUE(names().empty());
  DiskReserve moved = std::move(room);
  EXPECT_GE(held(), kBytes);
  moved.release();
  EXPECT_EQ(held(), 0);
}

TEST_F(FileTest, RoomThatIsNotThereIsAnIoError) {
  EXPECT_THAT(io_error([&] { DiskReserve(folder_, int64_t{1} << 62, "a test"); }),
              AllOf(HasSubstr("there is no room in " + folder_.string() + " for a test of "),
                    HasSubstr("make room or name another folder")));
  EXPECT_TRUE(names().empty());
  EXPECT_THAT(io_error([&] { DiskReserve(folder_ / "none", 1, "a test"); }), HasSubstr("cannot write to the folder"));
}

TEST_F(FileTest, FreeRoomIsToldOfWhatIsNotThereYet) {
  ASSERT_TRUE(free_bytes(folder_).has_value());
  EXPECT_GT(*free_bytes(folder_), 0);
  EXPECT_TRUE(free_bytes(folder_ / "none" / "deeper").has_value());
  EXPECT_TRUE(free_bytes("not-there").has_value());
  EXPECT_EQ(free_bytes("/proc/self/none"), free_bytes("/proc/self"));
}

// ---- reading ----

TEST_F(FileTest, MapsWholeFiles) {
  put(folder_ / "a", std::string("a\0b", 3));
  put(folder_ / "empty", "");
  MappedFile a(folder_ / "a");
  EXPECT_EQ(a.text(), std::string_view("a\0b", 3));
  EXPECT_EQ(a.path(), folder_ / "a");
  EXPECT_EQ(MappedFile(folder_ / "empty").size(), 0u);
  EXPECT_TRUE(MappedFile().bytes().empty());
  MappedFile moved(std::move(a));
  EXPECT_EQ(moved.size(), 3u);
  MappedFile assigned;
  assigned = std::move(moved);
  fs::remove(folder_ / "a");
  EXPECT_EQ(assigned.text().front(), 'a');  // stays mapped
}

TEST_F(FileTest, SaysWhyAFileCannotBeRead) {
  EXPECT_THAT(io_error([&] { MappedFile(folder_ / "none"); }),
              AllOf(HasSubstr("none"), HasSubstr("No such file or directory")));
  EXPECT_THAT(io_error([&] { MappedFile file(folder_); }), HasSubstr("it is a folder, not a regular file"));
  EXPECT_THAT(io_error([&] { MappedFile("/dev/zero"); }), HasSubstr("/dev/zero: it is a device or a socket"));
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(io_error([&] { read_text(folder_ / "pipe"); }), HasSubstr("pipe: it is a pipe"));  // and does not hang
  put(folder_ / "long", "0123456789");
  try {
    read_text(folder_ / "long", 9);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::input);
    EXPECT_THAT(error.what(), HasSubstr("has 10 bytes, more than the 9 that"));
  }
  EXPECT_EQ(read_text(folder_ / "long", 10), "0123456789");
  EXPECT_THAT(io_error([&] { MappedFile(folder_ / "bad\nname"); }), HasSubstr("bad\\x0aname"));
  EXPECT_TRUE(is_missing(folder_ / "none"));
  EXPECT_FALSE(is_missing(folder_));
}

// ---- one file ----

TEST_F(FileTest, AppearsWholeOrNotAtAll) {
  const fs::path path = folder_ / "f";
  put(path, "old");
  {
    AtomicFile file(path);
    file.write("new");
    EXPECT_EQ(read_text(path), "old");
  }
  EXPECT_EQ(read_text(path), "old");
  EXPECT_THAT(names(), UnorderedElementsAre("f"));
  AtomicFile file(path);
  file.write("new");
  file.commit();
  EXPECT_EQ(read_text(path), "new");
  EXPECT_THAT(names(), UnorderedElementsAre("f"));
}

TEST_F(FileTest, WritesWhateverTheSizesOfItsPieces) {
  std::string expected;
  AtomicFile file(folder_ / "f");
  file.write("HEADER__");
  expected += "HEADER__";
  for (const size_t size : {1, 1000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20, 0, 5}) {
    const std::string piece(size, static_cast<char>('a' + expected.size() % 26));
    file.write(piece);
    expected += piece;
    EXPECT_EQ(file.position(), expected.size());
  }
  const std::string_view header = "header";
  file.write_at(1, std::as_bytes(std::span(header)));
  expected.replace(1, 6, header);
  file.write("end");
  expected += "end";
  file.commit();
  EXPECT_EQ(read_text(folder_ / "f"), expected);
}

// XXH3's known answer: of nothing.
TEST(Checksum, IsXxh3) {
  EXPECT_EQ(checksum_text(Checksum().value()), "2d06800538d394c2");
  Checksum pieces;
  const std::string text(5000, 'x');
  const auto bytes = std::as_bytes(std::span(text));
  for (const size_t size : {0, 1, 239, 240, 241, 1000}) pieces.add(bytes.first(size));
  EXPECT_EQ(pieces.value(), checksum_of(bytes.first(1721)));
  pieces.restart();
  EXPECT_EQ(pieces.value(), Checksum().value());
  EXPECT_EQ(checksum_text(0xab), "00000000000000ab");
}

TEST_F(FileTest, AChecksumComesWithTheFileThatWasWritten) {
  std::string expected;
  ChecksummedFile file(folder_ / "f");
  for (const size_t size : {1, 0, 3 << 20, 1000}) {
    const std::string piece(size, static_cast<char>('a' + expected.size() % 26));
    file.write(piece);
    expected += piece;
  }
  const WrittenFile written = file.commit();
  EXPECT_EQ(read_text(folder_ / "f"), expected);
  EXPECT_EQ(written.name, "f");
  EXPECT_EQ(written.bytes, expected.size());
  EXPECT_EQ(written.checksum, checksum_of(std::as_bytes(std::span(expected))));
  EXPECT_EQ(write_atomically(folder_ / "g", expected).checksum, written.checksum);
}

TEST_F(FileTest, RewritesOnlyWhatWasWritten) {
  AtomicFile file(folder_ / "f");
  file.write("1234");
  const std::string_view two = "ab";
  try {
    file.write_at(3, std::as_bytes(std::span(two)));
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::bug);
  }
}

TEST_F(FileTest, GoesOnAfterShortAndInterruptedWrites) {
  std::string text;
  for (int i = 0; i < 500; ++i) text += fmt::format("{} ", i);
  const std::string_view head = "HEAD AND MORE";
  faults::arm({.short_writes = true});
  AtomicFile file(folder_ / "f");
  file.write(text);
  file.write_at(0, std::as_bytes(std::span(head)));
  file.commit();
  EXPECT_GT(faults::disarm(), 200);
  text.replace(0, head.size(), head);
  EXPECT_EQ(read_text(folder_ / "f"), text);
}

TEST_F(FileTest, SaysWhyAFileCannotBeWritten) {
  EXPECT_THAT(io_error([&] { write_atomically(folder_ / "none" / "f", "x"); }),
              AllOf(HasSubstr("none/f"), HasSubstr("No such file or directory")));
  fs::create_directory(folder_ / "d");
  EXPECT_THAT(io_error([&] { write_atomically(folder_ / "d", "x"); }), HasSubstr("Is a directory"));
  EXPECT_THAT(names(), UnorderedElementsAre("d"));
}

// Runs `save` once with nothing in its way, and then with each of its system calls failing with `error`. `intact` is to
// say whether the old or the new stands there whole.
template <typename Prepare, typename Save, typename Intact>
void fail_at_every_call(faults::Plan plan, int error, Prepare prepare, Save save, Intact intact) {
  prepare();
  faults::arm(plan);
  save();
  const int64_t calls = faults::disarm();
  EXPECT_GE(calls, 3);
  int failures = 0;
  for (int64_t at = 0; at < calls; ++at) {
    SCOPED_TRACE(at);
    prepare();
    plan.at = at;
    plan.error = error;
    faults::arm(plan);
    const std::string message = io_error(save);
    faults::disarm();
    if (message != "no error") {
      ++failures;
      EXPECT_THAT(message, HasSubstr(std::strerror(error)));
    }
    intact(message == "no error");
  }
  EXPECT_GE(failures, 3);
}

TEST_F(FileTest, AFullDiskLeavesTheOldFile) {
  const fs::path path = folder_ / "f";
  const std::string text(3'000'000, 'n');
  for (const int error : {ENOSPC, EIO, EDQUOT})
    fail_at_every_call(
        {}, error, [&] { put(path, "old"); },
        [&] {
          AtomicFile file(path);
          file.write("head");
          file.write(text);
          const std::string_view head = "HEAD";
          file.write_at(0, std::as_bytes(std::span(head)));
          file.write("tail");
          file.commit();
        },
        [&](bool saved) {
          EXPECT_EQ(read_text(path), saved ? "HEAD" + text + "tail" : "old");
          EXPECT_THAT(names(), UnorderedElementsAre("f"));
        });
}

// ---- folders ----

class FolderTest : public FileTest, public testing::WithParamInterface<bool> {
 protected:
  const fs::path run_ = folder_ / "run";
  faults::Plan plan() const { return {.no_exchange = GetParam()}; }

  void save(const std::string& text) {
    write_folder_atomically(run_, [&](const fs::path& inside) {
      write_atomically(inside / "a", text);
      fs::create_directory(inside / "deeper");
      write_atomically(inside / "deeper" / "b", text);
    });
  }
  void save_plainly(const std::string& text) {
    fs::remove_all(run_);
    fs::create_directories(run_ / "deeper");
    put(run_ / "a", text);
    put(run_ / "deeper" / "b", text);
  }
  /// The text of both files; "mixed" or "broken" if that is not what stands there.
  std::string saved() const {
    std::error_code none;
    if (!fs::exists(run_ / "a", none) || !fs::exists(run_ / "deeper" / "b", none)) return "broken";
    const std::string a = read_text(run_ / "a");
    return a == read_text(run_ / "deeper" / "b") ? a : "mixed";
  }
};

TEST_P(FolderTest, ReplacesWhatStoodThere) {
  faults::arm(plan());
  save("first");
  EXPECT_EQ(saved(), "first");
  put(run_ / "more", "x");
  save("second");
  EXPECT_EQ(saved(), "second");
  EXPECT_FALSE(fs::exists(run_ / "more"));
  EXPECT_THAT(names(), UnorderedElementsAre("run"));
  write_folder_atomically(run_.string() + "/", [](const fs::path& inside) { write_atomically(inside / "c", "third"); });
  EXPECT_EQ(read_text(run_ / "c"), "third");
  EXPECT_THAT(names(), UnorderedElementsAre("run"));
}

TEST_P(FolderTest, AFailureWhileFillingLeavesTheOldFolder) {
  save_plainly("old");
  EXPECT_THROW(write_folder_atomically(run_, [](const fs::path&) { throw std::runtime_error("x"); }),
               std::runtime_error);
  EXPECT_THAT(io_error([&] {
                write_folder_atomically(run_, [](const fs::path& p) { write_atomically(p / "none" / "f", "x"); });
              }),
              HasSubstr("No such file"));
  EXPECT_THAT(io_error([&] {
                write_folder_atomically(run_, [](const fs::path& p) { fs::create_directory(p / "none" / "f"); });
              }),
              AllOf(HasSubstr("run"), HasSubstr("No such file")));
  EXPECT_EQ(saved(), "old");
  EXPECT_THAT(names(), UnorderedElementsAre("run"));
  EXPECT_THAT(io_error([&] { write_folder_atomically(folder_ / "none" / "run", [](const fs::path&) {}); }),
              HasSubstr("none/run"));
}

TEST_P(FolderTest, AFullDiskLeavesTheOldFolder) {
  fail_at_every_call(
      plan(), ENOSPC,
      [&] {
        for (const auto& name : names())
          fs::remove_all(folder_ / name);  // of the run before, where removing was what failed
        save_plainly("old");
      },
      [&] { save("new"); }, [&](bool done) { EXPECT_EQ(saved(), done ? "new" : "old"); });
}

// The process is killed just before each of its system calls. Whatever the moment, what the next process finds, after
// it has swept, is the old folder or the new one, whole, and nothing else.
TEST_P(FolderTest, BeingKilledLeavesOneOfTheTwo) {
  std::set<std::string> seen;
  int killed = 0;
  for (int64_t at = 0;; ++at) {
    ASSERT_LT(at, 1000);
    SCOPED_TRACE(at);
    save_plainly("old");
    const pid_t child = fork();
    if (child == 0) {
      faults::Plan deadly = plan();
      deadly.at = at;
      deadly.kill = true;
      faults::arm(deadly);
      save("new");
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    remove_stale_temporaries(folder_);
    seen.insert(saved());
    EXPECT_THAT(names(), UnorderedElementsAre("run"));
    if (WIFEXITED(status)) break;
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
    ++killed;
  }
  EXPECT_GE(killed, 10);
  EXPECT_EQ(seen, (std::set<std::string>{"old", "new"}));
}

TEST_P(FolderTest, BeingKilledLeavesOneOfTwoFiles) {
  const fs::path path = folder_ / "f";
  std::set<std::string> seen;
  for (int64_t at = 0;; ++at) {
    put(path, "old");
    const pid_t child = fork();
    if (child == 0) {
      faults::arm({.at = at, .kill = true});
      write_atomically(path, "new");
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    remove_stale_temporaries(folder_);
    seen.insert(read_text(path));
    EXPECT_THAT(names(), UnorderedElementsAre("f"));
    if (WIFEXITED(status)) break;
  }
  EXPECT_EQ(seen, (std::set<std::string>{"old", "new"}));
}
INSTANTIATE_TEST_SUITE_P(WithAndWithoutExchange, FolderTest, testing::Bool());

TEST_F(FileTest, AReaderBesideTheWriterNeverSeesHalf) {
  const fs::path path = folder_ / "f";
  write_atomically(path, std::string(100'000, '0'));
  std::atomic<bool> done = false;
  std::thread reader([&] {
    while (!done) {
      const std::string text = read_text(path);
      EXPECT_EQ(text, std::string(100'000, text.front()));
    }
  });
  for (int i = 0; i < 100; ++i) write_atomically(path, std::string(100'000, static_cast<char>('0' + i % 10)));
  done = true;
  reader.join();
}

TEST_F(FileTest, SweepsOnlyWhatNobodyHolds) {
  int ready[2], go[2];
  ASSERT_EQ(pipe(ready) + pipe(go), 0);
  const pid_t child = fork();  // writes a file and a folder, and is seen in the middle of it
  if (child == 0) {
    AtomicFile file(folder_ / "file");
    file.write("x");
    write_folder_atomically(folder_ / "folder", [&](const fs::path& inside) {
      put(inside / "a", "x");
      char byte = 'x';
      if (::write(ready[1], &byte, 1) != 1 || ::read(go[0], &byte, 1) != 1) _exit(1);
    });
    file.commit();
    _exit(0);
  }
  char byte;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  put(folder_ / ".a.tekio-0a1b.tmp", "x");
  fs::create_directory(folder_ / ".b.tekio-1-7.tmp");
  put(folder_ / ".b.tekio-1-7.tmp" / "inside", "x");
  fs::create_directory(folder_ / ".c.tekio-0a1b.old");
  fs::create_directory(folder_ / ".d.tekio-0a1b.old");
  fs::create_directory(folder_ / "d");
  AtomicFile own(folder_ / "own");
  for (const char* name : {"a.tmp", ".a.tmp", ".a.tekio-x", "a.tekio-1.tmp"}) put(folder_ / name, "x");
  remove_stale_temporaries(folder_);
  ASSERT_EQ(::write(go[1], "x", 1), 1);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  own.commit();
  EXPECT_THAT(names(), UnorderedElementsAre("file", "folder", "own", "c", "d", "a.tmp", ".a.tmp", ".a.tekio-x",
                                            "a.tekio-1.tmp"));
  remove_stale_temporaries(folder_ / "none");  // no folder, nothing to do
  for (const int descriptor : {ready[0], ready[1], go[0], go[1]}) ::close(descriptor);
}

TEST_F(FileTest, AFolderIsRemovedWhole) {
  fs::create_directories(folder_ / "f" / "deeper");
  put(folder_ / "f" / "deeper" / "a", "x");
  remove_folder(folder_ / "f");
  EXPECT_THAT(names(), UnorderedElementsAre());
  EXPECT_THAT(io_error([&] { remove_folder(folder_ / "f"); }), HasSubstr("/f: No such file or directory"));
}

}  // namespace
}  // namespace tekio::test
