#include "http_module/large_bodies.h"

namespace tekio::http {

LargeBodies::Body::~Body() {
  if (!is_large_) return;
  const std::lock_guard lock(all_.mutex_);
  all_.arriving_.remove(this);
  all_.bytes_ -= bytes_;
}

bool LargeBodies::Body::grow(uint64_t bytes) {
  const std::lock_guard lock(all_.mutex_);
  if (!is_large_) {
    is_large_ = true;
    since_ = Clock::now();
    all_.arriving_.push_back(this);
  }
  while (!is_refused_ && all_.bytes_ - bytes_ + bytes > all_.most_ && all_.bytes_ > bytes_) {
    Body& oldest = all_.arriving_.empty() ? *this : *all_.arriving_.front();
    if (&oldest == this || Clock::now() - oldest.since_ < all_.patience_)
      is_refused_ = true;
    else
      oldest.give_up();
  }
  if (is_refused_) return false;
  all_.bytes_ += bytes - bytes_;
  bytes_ = bytes;
  return true;
}

void LargeBodies::Body::give_up() {
  is_refused_ = true;
  all_.arriving_.remove(this);
  all_.bytes_ -= std::exchange(bytes_, 0);
  cut_();
}

bool LargeBodies::Body::end() {
  if (!is_large_) return true;
  const std::lock_guard lock(all_.mutex_);
  all_.arriving_.remove(this);
  return !is_refused_;
}

}  // namespace tekio::http
