// How rows and columns are cut.
#pragma once

#include <algorithm>
#include <cstdint>

namespace tekio {

/// Cuts [0, count) into even pieces of at most `most`; their borders are multiples of `unit`, and so is `most`.
class EvenPieces {
 public:
  EvenPieces(int64_t count, int64_t most, int64_t unit = 1)
      : size_(count), count_((count + most - 1) / most), unit_(unit) {}
  int64_t count() const { return count_; }
  struct Piece {
    int64_t begin, size;
  };
  Piece operator[](int64_t i) const {
    const int64_t begin = border(i);
    return {begin, border(i + 1) - begin};
  }

  /// For loops over all of them.
  struct Iterator {
    const EvenPieces* pieces;
    int64_t i;
    Piece operator*() const { return (*pieces)[i]; }
    Iterator& operator++() { return ++i, *this; }
    bool operator!=(const Iterator& other) const { return i != other.i; }
  };
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, count_}; }

 private:
  int64_t border(int64_t i) const { return std::min(size_, (size_ * i / count_ + unit_ - 1) / unit_ * unit_); }

  int64_t size_, count_, unit_;
};

}  // namespace tekio
