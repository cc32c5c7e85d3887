// Records of any size from all ranks to all ranks, in log2(ranks) rounds: in each, a rank hands on all that it has to
// the rank as far before it (Bruck's all-gather).
#pragma once

#include <string>

#include "dist/operation.h"

namespace tekio {

class Records final : public Operation, public Correspondent {
 public:
  static constexpr size_t kMostBytes = size_t{1} << 30;  ///< of all ranks together

  Records(Mailbox& mailbox, int tag, std::string own);

  void advance(Turn& turn) override;
  bool is_complete() const override { return records_.size() == static_cast<size_t>(mailbox_.size()) && sending_ == 0; }
  int missing_rank() const override;
  void done(uint64_t label, size_t bytes) override;
  /// In the order of the ranks, once complete.
  std::vector<std::string> take();

 private:
  enum class Label : uint64_t { sent, head, piece };
  int distance() const { return static_cast<int>(records_.size()); }
  int handed_on() const;
  void begin_round();
  void send_next();
  void receive_next();
  void unpack();

  Mailbox& mailbox_;
  const int tag_;
  std::vector<std::string> records_;  // the own rank's first, then those of the ranks after it
  bool in_round_ = false;
  std::string out_, in_;  // packed records of a round
  uint64_t out_size_ = 0, in_size_ = 0;
  bool has_head_ = false;
  size_t sent_ = 0, asked_ = 0, received_ = 0;  // bytes of out_ and in_
  int sending_ = 0, receiving_ = 0;             // messages under way
};

}  // namespace tekio
