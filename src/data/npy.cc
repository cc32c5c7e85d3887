// Magic, version, a Python dict as text padded so that the data begins at a multiple of 64, the data in rows.
#include "data/npy.h"

#include "base/error.h"
#include "base/file.h"
#include "data/chunks.h"

namespace tekio {

void write_npy(const fs::path& path, const Chunks& chunks) {
  const ChunksView& view = ChunksView::of(chunks);
  if (view.line_by_line)
    fail(ErrorKind::usage, "chunks of line_by_line differ in length and make no array; export without line_by_line");
  std::string dict = fmt::format("{{'descr': '<u{}', 'fortran_order': False, 'shape': ({}, {}), }}",
                                 view.store->id_bytes(), view.size(), view.block);
  constexpr size_t kBefore = 10;  // magic, version, the dict's length
  dict.append(63 - (kBefore + dict.size()) % 64, ' ');
  dict += '\n';
  AtomicFile file(path);
  file.write(std::string_view("\x93NUMPY\x01\x00", 8));
  const auto length = static_cast<uint16_t>(dict.size());
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(dict);
  for (int64_t i = 0; i < view.size(); ++i) file.write(view.ids(i).bytes());
  file.commit();
}

}  // namespace tekio
