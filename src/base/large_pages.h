// An allocator for vectors of many megabytes that are entered at random or filled once: the system is asked to give
// them pages of 2 MiB, which saves hundreds of page faults and most misses of the address translation.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <vector>

namespace tekio {

template <typename T>
struct LargePages {
  using value_type = T;
  LargePages() = default;
  template <typename Other>
  LargePages(const LargePages<Other>&) {}  // NOLINT(google-explicit-constructor): as allocators must

  T* allocate(size_t count) {
    constexpr size_t kPage = size_t{2} << 20;
    if (count > SIZE_MAX / sizeof(T) - kPage) throw std::bad_array_new_length();
    const size_t bytes = count * sizeof(T);
    if (bytes < kPage) return static_cast<T*>(::operator new(bytes));
    const size_t whole = (bytes + kPage - 1) / kPage * kPage;
    void* const start = ::operator new (whole, std::align_val_t{kPage});
    ::madvise(start, whole, MADV_HUGEPAGE);  // only advice: where refused, small pages serve
    return static_cast<T*>(start);
  }
  void deallocate(T* start, size_t count) {
    if (count * sizeof(T) < (size_t{2} << 20))
      ::operator delete(start);
    else
      ::operator delete (start, std::align_val_t{size_t{2} << 20});
  }
  bool operator==(const LargePages&) const { return true; }
};

template <typename T>
using LargeVector = std::vector<T, LargePages<T>>;

}  // namespace tekio
