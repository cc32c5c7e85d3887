#include "http_module/coming_request.h"

#include <algorithm>
#include <charconv>
#include <string>

namespace tekio::http {

void ComingRequest::look(std::string_view sent) {
  if (size_ != 0 || sent.size() <= looked_) return;
  if (!chunks_) look_at_head(sent);
  if (chunks_ && size_ == 0) look_at_chunks(sent);
}

void ComingRequest::look_at_head(std::string_view sent) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  if (looked_ <= begin_ + 1)  // at most half of a line end behind them
    while (sent.substr(begin_).starts_with("\r\n")) begin_ += 2;
  const size_t end = sent.find(kEnd, std::max(begin_, looked_ - std::min(looked_, kEnd.size() - 1)));
  looked_ = end == std::string_view::npos ? sent.size() : end + kEnd.size();
  if (end == std::string_view::npos) {
    if (sent.size() >= Head::kMost) size_ = sent.size();
    return;
  }
  Head head;
  if (!std::ranges::all_of(sent.substr(0, looked_), [&](char byte) { return head.take(byte); })) {
    size_ = sent.size();
  } else if (!head.values("expect").empty()) {
    size_ = kEndless;  // waits to be told to go on
  } else if (!head.values("transfer-encoding").empty()) {
    chunks_.emplace();
  } else {
    const std::string length = head.value("content-length");
    uint64_t body = 0;
    std::from_chars(length.data(), length.data() + length.size(), body);
    size_ = std::min(body, kEndless - Head::kMost) + looked_;
  }
}

void ComingRequest::look_at_chunks(std::string_view sent) {
  const bool is_whole = !chunks_->take(sent.substr(looked_)) || chunks_->has_ended();
  looked_ = sent.size();
  if (is_whole)
    size_ = sent.size();
  else if (sent.size() >= kUnread)
    size_ = kEndless;
}

}  // namespace tekio::http
