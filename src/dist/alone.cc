#include <algorithm>

#include "base/thread_pool.h"
#include "dist/communicator.h"

namespace tekio {
namespace {

class Alone final : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  int processors() const override { return available_processors(); }
  void begin_sum(std::span<float>, int, Wire) override {}
  void begin_shared_sum(std::span<float>, int, Wire) override {}
  void begin_exchange_of_shares(std::span<float>) override {}
  void wait() override {}
  std::vector<std::string> gather(std::string_view own) override { return {std::string(own)}; }
  std::string broadcast(std::string_view of_rank_0) override { return std::string(of_rank_0); }
  void leave(std::string_view) noexcept override {}
};

}  // namespace

std::unique_ptr<Communicator> alone() { return std::make_unique<Alone>(); }

Share share_of(size_t count, int rank, int size) {
  constexpr size_t kBlock = 1024;
  const size_t blocks = (count + kBlock - 1) / kBlock;
  const auto border = [&](int of) {
    return std::min(count, blocks * static_cast<size_t>(of) / static_cast<size_t>(size) * kBlock);
  };
  return {border(rank), border(rank + 1)};
}

}  // namespace tekio
