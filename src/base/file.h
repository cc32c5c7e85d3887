// Files: mapped reading, atomic writing. Every write of Tekio goes through here, so that a reader never sees half a
// file: written aside in the same folder, synced, renamed, the folder synced. Errors name the path and the system's
// reason (kind io).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/checksum.h"

namespace tekio {

namespace fs = std::filesystem;

/// A whole regular file, read-only in memory without being copied. Moves, does not copy. An empty file maps to an empty
/// span. Reading where somebody else has cut the file short meanwhile raises SIGBUS, as with every mapped file.
class MappedFile {
 public:
  MappedFile() = default;
  explicit MappedFile(const fs::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }
  size_t size() const { return size_; }
  const fs::path& path() const { return path_; }

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  fs::path path_;
};

/// Gives back the memory of a part of a mapped file that will hardly be read again; whoever does reads it anew.
void drop_pages(std::span<const std::byte> part);

/// Whether there is nothing at `path`. False where that cannot be told: opening it then says why.
bool is_missing(const fs::path& path);

/// The whole of a file that is expected to be small; an input error if it is larger than `limit_bytes`.
std::string read_text(const fs::path& path, size_t limit_bytes = size_t{256} << 20);

/// A file being written beside its destination. `commit` syncs and renames it into place; without it the destructor
/// removes what was written. Buffered; every error (a full disk, say) throws from `write` or `commit`.
class AtomicFile {
 public:
  /// `mode`: the file's rights, less what the process's umask takes off.
  explicit AtomicFile(const fs::path& destination, unsigned mode = 0644);
  /// A file that never gets a name: it is gone with this object and whoever has mapped it, however the process ends.
  struct Nameless {
    fs::path folder;
  };
  explicit AtomicFile(const Nameless& in);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text.data(), text.size()))); }
  /// Overwrites bytes that were already written (a header whose figures are known last).
  void write_at(uint64_t position, std::span<const std::byte> bytes);
  uint64_t position() const { return position_; }
  void commit();
  /// Where it can be read after commit(): its destination, or, nameless, a path that is good while this object lives.
  fs::path path() const;

 private:
  void flush();
  void put(std::span<const std::byte> bytes);
  fs::path destination_, temporary_;
  int descriptor_ = -1;
  uint64_t position_ = 0;
  std::string buffer_;
};

/// A file as it was written, for whoever reads it later to see damage.
struct WrittenFile {
  std::string name;
  uint64_t bytes = 0, checksum = 0;
};

/// An AtomicFile that is written front to back, its checksum computed on the way: nothing is read back for it.
class ChecksummedFile {
 public:
  explicit ChecksummedFile(const fs::path& destination) : name_(destination.filename().string()), file_(destination) {}
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text.data(), text.size()))); }
  WrittenFile commit();

 private:
  std::string name_;
  AtomicFile file_;
  Checksum checksum_;
};

/// ChecksummedFile, write, commit.
WrittenFile write_atomically(const fs::path& destination, std::string_view text);

/// A folder that appears whole or not at all: `fill` writes its files into a temporary sibling, which is then synced
/// and renamed to `destination`. An existing destination is replaced (and removed only after the new one is complete).
void write_folder_atomically(const fs::path& destination, const std::function<void(const fs::path&)>& fill);

/// Removes a folder with all that is in it. Renamed first, so that being killed in the middle leaves a temporary and
/// not half a folder.
void remove_folder(const fs::path& folder);

/// Whether a name has the form of AtomicFile's and write_folder_atomically's temporaries.
bool is_temporary(const fs::path& path);

/// Room on a folder's file system that nobody else can fill, held by a file without a name until release(), this
/// object's end, or the process's, however it ends. Where the file system promises no room, none is held.
class DiskReserve {
 public:
  DiskReserve() = default;
  /// Errors: io (not as much is to be had: a full disk, a quota, a limit); the message names folder, size and
  /// `purpose`.
  DiskReserve(const fs::path& folder, int64_t bytes, const char* purpose);
  ~DiskReserve() { release(); }
  DiskReserve(DiskReserve&& other) noexcept;
  DiskReserve& operator=(DiskReserve&& other) noexcept;
  void release();

 private:
  int descriptor_ = -1;
};

/// What this process may still write where `path` lies, which need not be there yet; nullopt where that is not told.
std::optional<int64_t> free_bytes(const fs::path& path);

struct WriteSpeed {
  double bytes_per_second = 300e6, sync_seconds = 0.005;  ///< of a usual disk
};
/// How fast files are written and synced where `path` lies, which need not be there yet: some MB are written there, in
/// a file without a name. Where none can be, a usual disk's.
WriteSpeed measure_write_speed(const fs::path& path);

/// Removes the temporaries in `folder` that nobody holds: those that a killed process left. A folder that such a
/// process had moved aside and not yet replaced gets its name back.
void remove_stale_temporaries(const fs::path& folder);

}  // namespace tekio
