#include "arrow_module/arrow_file.h"

namespace tekio_arrow {

arrow::Status LimitedPool::take(int64_t more) {
  if (held_.fetch_add(more) + more > limit_) {
    held_ -= more;
    return arrow::Status::OutOfMemory("more than ", limit_ >> 20, " MiB at a time would be needed");
  }
  total_ += more > 0 ? more : 0;
  ++count_;
  return arrow::Status::OK();
}

arrow::Status LimitedPool::Allocate(int64_t size, int64_t alignment, uint8_t** out) {
  ARROW_RETURN_NOT_OK(take(size));
  const arrow::Status done = arrow::system_memory_pool()->Allocate(size, alignment, out);
  if (!done.ok()) held_ -= size;
  return done;
}

arrow::Status LimitedPool::Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) {
  ARROW_RETURN_NOT_OK(take(new_size - old_size));
  const arrow::Status done = arrow::system_memory_pool()->Reallocate(old_size, new_size, alignment, ptr);
  if (!done.ok()) held_ -= new_size - old_size;
  return done;
}

void LimitedPool::Free(uint8_t* buffer, int64_t size, int64_t alignment) {
  arrow::system_memory_pool()->Free(buffer, size, alignment);
  held_ -= size;
}

}  // namespace tekio_arrow
