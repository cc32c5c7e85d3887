// read(2), inflate, ZSTD_decompressStream, BZ2_bzDecompress and lzma_code behind one interface; the libraries of the
// last two are loaded when such a file is met. The file is not mapped: a mapped file that someone else cuts short ends
// the process, a read one ends in a message.
#include "data/byte_stream.h"

#include <bzlib.h>
#include <fcntl.h>
#include <lzma.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <cerrno>
#include <vector>

#include "base/error.h"
#include "base/library.h"
#include "base/system_error.h"

namespace tekio {
namespace fs = std::filesystem;
namespace {

constexpr size_t kPackedBuffer = size_t{256} << 10;

std::string shown(const fs::path& path) { return printable(path.string(), 300); }

class PlainStream final : public ByteStream {
 public:
  explicit PlainStream(const fs::path& path) : path_(path) {
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // O_NONBLOCK: a pipe must not hang us here
    if (descriptor_ < 0) fail_system({last_error(), path}, "cannot open {}: {}", shown(path));
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
      if (got < 0) fail_system({last_error(), path_}, "cannot read {}: {}", shown(path_));
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

/// What the decoders share: the packed bytes that wait to be decoded.
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
               "{} was packed with a window of more than 128 MiB (zstd {}); unpack it first: zstd -d {}=31",
               shown(file_.path()), "--long", "--long");
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

struct Bzip2 {
  decltype(&::BZ2_bzDecompressInit) begin;
  decltype(&::BZ2_bzDecompress) decompress;
  decltype(&::BZ2_bzDecompressEnd) end;
};

const Bzip2& bzip2() {
  static const Bzip2 functions = [] {
    const Library library("libbz2.so.1.0", "libbz2-1.0", "no .bz2 file can be read");
    return library.table<Bzip2>(std::pair("BZ2_bzDecompressInit", &Bzip2::begin),
                                std::pair("BZ2_bzDecompress", &Bzip2::decompress),
                                std::pair("BZ2_bzDecompressEnd", &Bzip2::end));
  }();
  return functions;
}

class Bzip2Stream final : public PackedStream {
 public:
  explicit Bzip2Stream(const fs::path& path) : PackedStream(path), library_(bzip2()) {}
  ~Bzip2Stream() override {
    if (inside_) library_.end(&decoder_);
  }

  size_t read(char* out, size_t capacity) override {
    decoder_.next_out = out;
    decoder_.avail_out = static_cast<unsigned>(std::min<size_t>(capacity, size_t{1} << 30));
    const unsigned wanted = decoder_.avail_out;
    while (decoder_.avail_out == wanted) {
      if (!refill()) {
        if (inside_) fail_cut_off();
        return 0;
      }
      if (!inside_) begin();
      decoder_.next_in = buffer_.data() + begin_;
      decoder_.avail_in = static_cast<unsigned>(end_ - begin_);
      const int result = library_.decompress(&decoder_);
      begin_ = end_ - decoder_.avail_in;
      if (result == BZ_STREAM_END) {  // another one may follow: pbzip2 writes many
        library_.end(&decoder_);
        inside_ = false;
      } else if (result != BZ_OK) {
        fail_damaged("bzip2", result == BZ_DATA_ERROR_MAGIC ? "not in its format" : "its checksum or a code is wrong");
      }
    }
    return wanted - decoder_.avail_out;
  }

 private:
  void begin() {
    char* const out = decoder_.next_out;
    const unsigned room = decoder_.avail_out;
    decoder_ = {};
    if (library_.begin(&decoder_, 0, 0) != BZ_OK)
      fail(ErrorKind::io, "cannot unpack {}: out of memory", shown(file_.path()));
    decoder_.next_out = out;
    decoder_.avail_out = room;
    inside_ = true;
  }

  const Bzip2& library_;
  bz_stream decoder_{};
  bool inside_ = false;
};

struct Lzma {
  decltype(&::lzma_stream_decoder) begin;
  decltype(&::lzma_code) code;
  decltype(&::lzma_end) end;
};

const Lzma& lzma() {
  static const Lzma functions = [] {
    const Library library("liblzma.so.5", "liblzma5", "no .xz file can be read");
    return library.table<Lzma>(std::pair("lzma_stream_decoder", &Lzma::begin), std::pair("lzma_code", &Lzma::code),
                               std::pair("lzma_end", &Lzma::end));
  }();
  return functions;
}

class XzStream final : public PackedStream {
 public:
  explicit XzStream(const fs::path& path) : PackedStream(path), library_(lzma()) {
    constexpr uint64_t kMostMemory = uint64_t{256} << 20;  // of dictionaries: xz -9 has 64 MiB
    if (library_.begin(&decoder_, kMostMemory, LZMA_CONCATENATED) != LZMA_OK)
      fail(ErrorKind::io, "cannot unpack {}: out of memory", shown(path));
  }
  ~XzStream() override { library_.end(&decoder_); }

  size_t read(char* out, size_t capacity) override {
    decoder_.next_out = reinterpret_cast<uint8_t*>(out);
    decoder_.avail_out = capacity;
    while (decoder_.avail_out == capacity && !at_end_) {
      const bool more = refill();
      if (!more && file_.consumed() == 0) return 0;  // an empty file
      decoder_.next_in = reinterpret_cast<const uint8_t*>(buffer_.data() + begin_);
      decoder_.avail_in = end_ - begin_;
      const lzma_ret result = library_.code(&decoder_, more ? LZMA_RUN : LZMA_FINISH);
      begin_ = end_ - decoder_.avail_in;
      if (result == LZMA_STREAM_END)
        at_end_ = true;
      else if (result == LZMA_BUF_ERROR && !more)
        fail_cut_off();
      else if (result != LZMA_OK && result != LZMA_BUF_ERROR)
        fail_with(result);
    }
    return capacity - decoder_.avail_out;
  }

 private:
  [[noreturn]] void fail_with(lzma_ret result) const {
    if (result == LZMA_MEMLIMIT_ERROR)
      fail(ErrorKind::input,
           "{} was packed with a dictionary that takes more than 256 MiB to unpack; unpack it first: xz -d",
           shown(file_.path()));
    if (result == LZMA_MEM_ERROR) fail(ErrorKind::io, "cannot unpack {}: out of memory", shown(file_.path()));
    fail_damaged("xz", result == LZMA_FORMAT_ERROR    ? "not in its format"
                       : result == LZMA_OPTIONS_ERROR ? "packed with options that are not supported"
                                                      : "its data or a checksum is wrong");
  }

  const Lzma& library_;
  lzma_stream decoder_ = LZMA_STREAM_INIT;
  bool at_end_ = false;
};

}  // namespace

std::unique_ptr<ByteStream> ByteStream::open(const fs::path& path, Packing packing) {
  switch (packing) {
    case Packing::gzip:
      return std::make_unique<GzipStream>(path);
    case Packing::zstd:
      return std::make_unique<ZstdStream>(path);
    case Packing::bzip2:
      return std::make_unique<Bzip2Stream>(path);
    case Packing::xz:
      return std::make_unique<XzStream>(path);
    case Packing::none:
      break;
  }
  return std::make_unique<PlainStream>(path);
}

}  // namespace tekio
