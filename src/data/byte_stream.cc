// read(2), inflate and ZSTD_decompressStream behind one interface. The file is not mapped: a mapped file that someone
// else cuts short ends the process, a read one ends in a message.
#include "data/byte_stream.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.h"

namespace tekio {
namespace fs = std::filesystem;
namespace {

constexpr size_t kPackedBuffer = size_t{256} << 10;

std::string shown(const fs::path& path) { return printable(path.string(), 300); }

class PlainStream final : public ByteStream {
 public:
  explicit PlainStream(const fs::path& path) : path_(path) {
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // O_NONBLOCK: a pipe must not hang us here
    if (descriptor_ < 0) fail(ErrorKind::io, "cannot open {}: {}", shown(path), std::strerror(errno));
    struct stat info {};
    if (::fstat(descriptor_, &info) != 0 || !S_ISREG(info.st_mode)) {
      ::close(descriptor_);
      fail(ErrorKind::io, "cannot read {}: it is not a regular file", shown(path));
    }
    ::posix_fadvise(descriptor_, 0, 0, POSIX_FADV_SEQUENTIAL);
  }
  ~PlainStream() override { ::close(descriptor_); }

  size_t read(char* out, size_t capacity) override {
    for (;;) {
      const ssize_t got = ::read(descriptor_, out, capacity);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail(ErrorKind::io, "cannot read {}: {}", shown(path_), std::strerror(errno));
      consumed_ += static_cast<uint64_t>(got);
      return static_cast<size_t>(got);
    }
  }
  uint64_t consumed() const override { return consumed_; }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
  int descriptor_ = -1;
  uint64_t consumed_ = 0;
};

/// What both decoders share: the packed bytes that wait to be decoded.
class PackedStream : public ByteStream {
 public:
  explicit PackedStream(const fs::path& path) : file_(path), buffer_(kPackedBuffer) {}
  uint64_t consumed() const override { return file_.consumed(); }

 protected:
  /// Makes sure that packed bytes are there; false at the file's end.
  bool refill() {
    if (begin_ < end_) return true;
    begin_ = 0;
    end_ = file_.read(buffer_.data(), buffer_.size());
    return end_ > 0;
  }
  [[noreturn]] void fail_damaged(const char* format, const char* reason) const {
    fail(ErrorKind::input, "{} is damaged: {} says \"{}\" after {} bytes; make or download it again",
         shown(file_.path()), format, reason, file_.consumed() - (end_ - begin_));
  }
  [[noreturn]] void fail_cut_off() const {
    fail(ErrorKind::input,
         "{} is cut off: it ends after {} bytes in the middle of its packed data; make or download it again",
         shown(file_.path()), file_.consumed());
  }

  PlainStream file_;
  std::vector<char> buffer_;
  size_t begin_ = 0, end_ = 0;
};

class GzipStream final : public PackedStream {
 public:
  explicit GzipStream(const fs::path& path) : PackedStream(path) {
    constexpr int kGzipOnly = 16 + MAX_WBITS;
    if (inflateInit2(&decoder_, kGzipOnly) != Z_OK) fail(ErrorKind::io, "cannot unpack {}: out of memory", shown(path));
  }
  ~GzipStream() override { inflateEnd(&decoder_); }

  size_t read(char* out, size_t capacity) override {
    decoder_.next_out = reinterpret_cast<Bytef*>(out);
    decoder_.avail_out = static_cast<uInt>(std::min<size_t>(capacity, size_t{1} << 30));
    const uInt wanted = decoder_.avail_out;
    while (decoder_.avail_out == wanted) {
      if (!refill()) {
        if (inside_) fail_cut_off();
        return 0;
      }
      if (!inside_ && !begin_member()) continue;
      decoder_.next_in = reinterpret_cast<Bytef*>(buffer_.data() + begin_);
      decoder_.avail_in = static_cast<uInt>(end_ - begin_);
      const int result = inflate(&decoder_, Z_NO_FLUSH);
      begin_ = end_ - decoder_.avail_in;
      if (result == Z_STREAM_END) {
        inside_ = false;
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        fail_damaged("zlib", decoder_.msg != nullptr ? decoder_.msg : "unknown");
      }
    }
    return wanted - decoder_.avail_out;
  }

 private:
  /// Between members gzip allows zeros (tapes are padded so); anything else begins the next one.
  bool begin_member() {
    if (any_member_) {
      while (begin_ < end_ && buffer_[begin_] == 0) ++begin_;
      if (begin_ == end_) return false;
    }
    inflateReset(&decoder_);
    inside_ = any_member_ = true;
    return true;
  }

  z_stream decoder_{};
  bool inside_ = false, any_member_ = false;
};

class ZstdStream final : public PackedStream {
 public:
  explicit ZstdStream(const fs::path& path) : PackedStream(path), decoder_(ZSTD_createDCtx()) {
    if (decoder_ == nullptr) fail(ErrorKind::io, "cannot unpack {}: out of memory", shown(path));
  }
  ~ZstdStream() override { ZSTD_freeDCtx(decoder_); }

  size_t read(char* out, size_t capacity) override {
    ZSTD_outBuffer output{out, capacity, 0};
    while (output.pos == 0) {
      // The decoder may hold output back although no input is left: ask it before reading on.
      if (begin_ == end_ && !holding_ && !refill()) {
        if (unfinished_ != 0) fail_cut_off();
        return 0;
      }
      ZSTD_inBuffer input{buffer_.data() + begin_, end_ - begin_, 0};
      unfinished_ = ZSTD_decompressStream(decoder_, &output, &input);
      begin_ += input.pos;
      if (ZSTD_isError(unfinished_)) {
        if (ZSTD_getErrorCode(unfinished_) == ZSTD_error_frameParameter_windowTooLarge)
          fail(ErrorKind::input,
               "{} was packed with a window of more than 128 MiB (zstd --long); unpack it first: zstd -d --long=31",
               shown(file_.path()));
        fail_damaged("zstd", ZSTD_getErrorName(unfinished_));
      }
      holding_ = output.pos == output.size && unfinished_ != 0;
    }
    return output.pos;
  }

 private:
  ZSTD_DCtx* decoder_;
  size_t unfinished_ = 0;  // 0: at a frame's end
  bool holding_ = false;
};

}  // namespace

std::unique_ptr<ByteStream> ByteStream::open(const fs::path& path, Packing packing) {
  switch (packing) {
    case Packing::gzip:
      return std::make_unique<GzipStream>(path);
    case Packing::zstd:
      return std::make_unique<ZstdStream>(path);
    case Packing::none:
      break;
  }
  return std::make_unique<PlainStream>(path);
}

}  // namespace tekio
