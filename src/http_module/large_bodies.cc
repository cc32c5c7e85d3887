#include "http_module/large_bodies.h"

namespace tekio::http {

LargeBodies::Body::~Body() {
  if (!is_large_) return;
  const std::lock_guard lock(all_.mutex_);
  all_.arriving_.remove(this);
  all_.bytes_ -= bytes_;
}

/// The one that has stood still for longest, beyond its time; nullptr: none has.
LargeBodies::Body* LargeBodies::Body::slowest_other() const {
  Body* found = nullptr;
  for (Body* const body : all_.arriving_)
    if (body != this && (found == nullptr || body->moved_ < found->moved_)) found = body;
  return found != nullptr && Clock::now() - found->moved_ >= all_.patience_ ? found : nullptr;
}

bool LargeBodies::Body::grow(uint64_t come, uint64_t bytes) {
  const std::lock_guard lock(all_.mutex_);
  if (!is_large_) all_.arriving_.push_back(this);
  if (!is_large_ || come - come_ >= all_.step_) {
    moved_ = Clock::now();
    come_ = come;
  }
  is_large_ = true;
  while (!is_refused_ && all_.bytes_ - bytes_ + bytes > all_.most_ && all_.bytes_ > bytes_) {
    if (Body* const other = slowest_other())
      other->give_up();
    else
      is_refused_ = true;
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
