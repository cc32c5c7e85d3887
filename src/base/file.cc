// mmap for reading; temporary + fsync + rename for writing. Temporaries are named ".NAME.tekio-RANDOM.tmp" and locked
// by who writes them, so that what a killed process left behind can be told from what a living one is writing. ".old"
// instead of ".tmp" is the one thing that is not rubbish: a folder that was moved aside where the file system cannot
// exchange two names in one step.
#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/stopwatch.h"
#include "base/system_error.h"

namespace tekio {
namespace {

[[noreturn]] void fail_last(const char* doing, const fs::path& path) {
  fail_system({last_error(), path}, "cannot {} {}: {}", doing, printable(path.string(), 300));
}

constexpr std::string_view kMark = ".tekio-", kTemporary = ".tmp", kAside = ".old";

/// A name that no process has, in whatever container it runs. It decides nothing but itself, so it may be the system's.
fs::path temporary_beside(const fs::path& destination) {
  std::random_device draw;
  return destination.parent_path() /
         fmt::format(".{}{}{:08x}{:08x}{}", destination.filename().string(), kMark, draw(), draw(), kTemporary);
}

/// A sweep of another process may take a temporary between its making and its locking: then another one is made.
constexpr int kAttempts = 10;

/// A fresh temporary folder, locked while this object lives.
struct TemporaryFolder {
  explicit TemporaryFolder(const fs::path& destination) {
    for (int attempt = 0; attempt < kAttempts && !(lock && lock->held()); ++attempt) {
      path = temporary_beside(destination);
      fs::create_directory(path);
      lock.emplace(path);
    }
  }
  fs::path path;
  std::optional<Lock> lock;
};

/// Opens a file to be read. Only regular files: opening a pipe could block, reading a device might never end.
int open_regular(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) fail_last("open", path);
  struct stat info {};
  if (::fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode)) return descriptor;
  ::close(descriptor);
  if (S_ISDIR(info.st_mode))
    fail({std::errc::is_a_directory, path}, "cannot read {}: it is a folder, not a regular file",
         printable(path.string(), 300));
  fail(ErrorKind::io, "cannot read {}: it is {}, not a regular file", printable(path.string(), 300),
       S_ISFIFO(info.st_mode) ? "a pipe" : "a device or a socket");
}

/// A new file without a name: no killed process can leave it behind.
int open_nameless(const fs::path& folder) {
  const fs::path name = temporary_beside(folder / "nameless");
  const int descriptor = ::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) fail_last("write to the folder", folder);
  ::unlink(name.c_str());
  return descriptor;
}

void sync_folder(const fs::path& folder) {
  const int descriptor = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) fail_last("open the folder", folder);
  ::fsync(descriptor);  // some file systems refuse it for folders; the rename itself has happened
  ::close(descriptor);
}

void sync_tree(const fs::path& folder) {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const int descriptor = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) fail_last("open", entry.path());
    const int result = ::fsync(descriptor);
    ::close(descriptor);
    if (result != 0 && !entry.is_directory()) fail_last("sync", entry.path());
  }
  sync_folder(folder);
}

/// `path`, or the innermost folder on the way to it that is there.
fs::path existing_part(const fs::path& path) {
  std::error_code error;
  fs::path at = fs::absolute(path, error);
  while (!at.empty() && at != at.root_path() && is_missing(at)) at = at.parent_path();
  return at;
}

// Puts `fresh` in `destination`'s place; what stood there, if anything, is at `fresh` afterwards or gone.
void put_in_place(const fs::path& fresh, const fs::path& destination) {
  if (::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, destination.c_str(), RENAME_EXCHANGE) == 0) return;
  if (errno != ENOENT && errno != EINVAL && errno != ENOSYS) fail_last("write", destination);
  const Lock old(destination);  // moves along: while it is nowhere in place, no sweep of another process may take it
  const fs::path aside = fs::path(fresh).replace_extension(kAside);  // nothing stands there, or it cannot be exchanged
  const bool moved = ::rename(destination.c_str(), aside.c_str()) == 0;
  if (!moved && errno != ENOENT) fail_last("write", destination);
  if (::rename(fresh.c_str(), destination.c_str()) != 0) {
    const int code = errno;
    if (moved) ::rename(aside.c_str(), destination.c_str());
    errno = code;
    fail_last("write", destination);
  }
  std::error_code ignored;
  fs::remove_all(aside, ignored);
}

}  // namespace

MappedFile::MappedFile(const fs::path& path) : path_(path) {
  const int descriptor = open_regular(path);
  struct stat info {};
  if (::fstat(descriptor, &info) != 0) {
    ::close(descriptor);
    fail_last("read", path);
  }
  size_ = static_cast<size_t>(info.st_size);
  if (size_ > 0) {
    void* memory = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (memory == MAP_FAILED) {
      ::close(descriptor);
      fail_last("map", path);
    }
    data_ = static_cast<const std::byte*>(memory);
  }
  ::close(descriptor);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)), path_(std::move(other.path_)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(path_, other.path_);
  return *this;
}

void drop_pages(std::span<const std::byte> part) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const uintptr_t start = reinterpret_cast<uintptr_t>(part.data());
  const uintptr_t begin = (start + page - 1) / page * page, end = (start + part.size()) / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

bool is_missing(const fs::path& path) {
  std::error_code error;
  return fs::status(path, error).type() == fs::file_type::not_found;
}

std::string read_text(const fs::path& path, size_t limit_bytes) {
  const MappedFile file(path);
  if (file.size() > limit_bytes)
    fail(ErrorKind::input, "{} has {} bytes, more than the {} that a file of this kind may have",
         printable(path.string(), 300), file.size(), limit_bytes);
  return std::string(file.text());
}

AtomicFile::AtomicFile(const fs::path& destination, unsigned mode) : destination_(destination) {
  if (is_temporary(destination.parent_path())) {  // write_folder_atomically syncs and renames it with its folder
    temporary_ = destination;
    descriptor_ = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (descriptor_ < 0) fail_last("write", destination_);
    return;
  }
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (descriptor_ >= 0) ::close(descriptor_);
    temporary_ = temporary_beside(destination);
    descriptor_ = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (descriptor_ < 0) fail_last("write", destination_);
    if (try_lock(descriptor_, temporary_)) break;
  }
}

AtomicFile::AtomicFile(const Nameless& in) : destination_(in.folder), descriptor_(open_nameless(in.folder)) {}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

fs::path AtomicFile::path() const {
  return temporary_.empty() ? fs::path(fmt::format("/proc/self/fd/{}", descriptor_)) : destination_;
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  constexpr size_t kBuffer = size_t{1} << 20;
  position_ += bytes.size();
  if (buffer_.size() + bytes.size() > kBuffer) flush();
  if (bytes.size() < kBuffer)
    buffer_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  else
    put(bytes);
}

void AtomicFile::flush() {
  put(std::as_bytes(std::span(buffer_)));
  buffer_.clear();
}

void AtomicFile::put(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_last("write", destination_);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  // Has the disk begin now with what commit() will wait for; where the file system cannot, nothing is lost.
  ::sync_file_range(descriptor_, 0, 0, SYNC_FILE_RANGE_WRITE);
}

void AtomicFile::write_at(uint64_t position, std::span<const std::byte> bytes) {
  TEKIO_CHECK(position + bytes.size() <= position_, "{} + {} of {}", position, bytes.size(), position_);
  flush();
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(position));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_last("write", destination_);
    bytes = bytes.subspan(static_cast<size_t>(written));
    position += static_cast<uint64_t>(written);
  }
}

void AtomicFile::commit() {
  flush();
  if (temporary_.empty()) return;
  if (temporary_ == destination_) {  // its folder's time comes later
    ::close(std::exchange(descriptor_, -1));
    return;
  }
  if (::fsync(descriptor_) != 0) fail_last("sync", destination_);
  if (::rename(temporary_.c_str(), destination_.c_str()) != 0) fail_last("write", destination_);
  ::close(std::exchange(descriptor_, -1));
  sync_folder(destination_.parent_path());
}

void ChecksummedFile::write(std::span<const std::byte> bytes) {
  checksum_.add(bytes);
  file_.write(bytes);
}

WrittenFile ChecksummedFile::commit() {
  const uint64_t bytes = file_.position();
  file_.commit();
  return {name_, bytes, checksum_.value()};
}

WrittenFile write_atomically(const fs::path& destination, std::string_view text) {
  ChecksummedFile file(destination);
  file.write(text);
  return file.commit();
}

void write_folder_atomically(const fs::path& named, const std::function<void(const fs::path&)>& fill) {
  const fs::path destination = named.has_filename() ? named : named.parent_path();  // "run/" is "run"
  std::optional<TemporaryFolder> temporary;
  std::error_code ignored;
  try {
    temporary.emplace(destination);
    fill(temporary->path);
    sync_tree(temporary->path);
    put_in_place(temporary->path, destination);
  } catch (const fs::filesystem_error& error) {
    if (temporary) fs::remove_all(temporary->path, ignored);
    fail_system({error.code(), destination}, "cannot write {}: {}", printable(destination.string(), 300));
  } catch (...) {
    if (temporary) fs::remove_all(temporary->path, ignored);
    throw;
  }
  sync_folder(destination.parent_path());
  fs::remove_all(temporary->path, ignored);  // what stood there before
}

void remove_folder(const fs::path& folder) {
  const fs::path doomed = temporary_beside(folder);
  std::error_code error;
  fs::rename(folder, doomed, error);
  if (!error) fs::remove_all(doomed, error);
  if (error) fail_system({error, folder}, "cannot remove {}: {}", printable(folder.string(), 300));
}

DiskReserve::DiskReserve(const fs::path& folder, int64_t bytes, const char* purpose)
    : descriptor_(open_nameless(folder)) {
  int result;
  do {
    result = ::fallocate(descriptor_, 0, 0, bytes);
  } while (result != 0 && errno == EINTR);
  if (result == 0 || errno == EOPNOTSUPP || errno == ENOSYS) return;
  const std::error_code error = last_error();
  release();
  fail_system({error, folder}, "there is no room in {} for {} of {}: {}; make room or name another folder",
              printable(folder.string(), 300), purpose, bytes_text(static_cast<uint64_t>(bytes)));
}

DiskReserve::DiskReserve(DiskReserve&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

DiskReserve& DiskReserve::operator=(DiskReserve&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

void DiskReserve::release() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

std::optional<int64_t> free_bytes(const fs::path& path) {
  std::error_code error;
  const fs::space_info info = fs::space(existing_part(path), error);
  if (error) return std::nullopt;
  return static_cast<int64_t>(info.available);
}

WriteSpeed measure_write_speed(const fs::path& path) {
  try {
    fs::path folder = existing_part(path);
    if (!fs::is_directory(folder)) folder = folder.parent_path();
    const int descriptor = open_nameless(folder);
    const std::vector<char> bytes(size_t{8} << 20);
    const auto timed = [&](size_t count) {
      const Stopwatch watch;
      const bool done =
          ::pwrite(descriptor, bytes.data(), count, 0) == static_cast<ssize_t>(count) && ::fdatasync(descriptor) == 0;
      return done ? watch.seconds() : -1;
    };
    const double large = timed(bytes.size()), small = timed(4096);
    ::close(descriptor);
    if (large < 0 || small < 0) return {};
    return {.bytes_per_second = static_cast<double>(bytes.size()) / std::max(1e-4, large - small),
            .sync_seconds = small};
  } catch (const std::exception&) {  // no folder, or one that cannot be written to
    return {};
  }
}

bool is_temporary(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.starts_with('.') && name.find(kMark) != std::string::npos &&
         (name.ends_with(kTemporary) || name.ends_with(kAside));
}

void remove_stale_temporaries(const fs::path& folder) {
  std::error_code ignored;
  std::vector<fs::path> entries;
  for (fs::directory_iterator at(folder, ignored), end; at != end; at.increment(ignored))
    if (is_temporary(at->path())) entries.push_back(at->path());
  for (const fs::path& entry : entries) {
    const Lock lock(entry);
    if (!lock.held()) continue;
    const std::string name = entry.filename().string();
    const fs::path owner = folder / name.substr(1, name.rfind(kMark) - 1);
    if (name.ends_with(kAside) && !fs::exists(owner, ignored))
      ::rename(entry.c_str(), owner.c_str());
    else
      fs::remove_all(entry, ignored);
  }
}

}  // namespace tekio
