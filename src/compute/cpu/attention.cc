// Self-attention within each packed sequence: one task a (sequence, head), its queries in blocks, so that a block's
// scores stay in the second cache; where that leaves threads idle, one a block (attention_blocks.h). Products are of
// strided parts of q, k and v; what is done to rows of scores is in attention_rows.cc. Scores and their gradients are
// float32 until they are factors of a product. Backward computes the scores again, by the same products: the same bits.
// Formulas: ref/attention.cc.
#include <vector>

#include "compute/cpu/attention_blocks.h"

namespace tekio {
namespace {

// Calls compute(head, next) for the heads of one task: some of one sequence, one after another, so that the next one
// can be fetched meanwhile; next is null for the last. Before all calls fetch(head) for the first. Many enough tasks
// are left for the threads to share.
class AttentionTasks {
 public:
  explicit AttentionTasks(const AttentionCall& call) : call_(call), all_(call.s.count() * call.shape.heads) {
    while (per_task_ < 4 && call.shape.heads % (2 * per_task_) == 0 && all_ / per_task_ >= 64) per_task_ *= 2;
  }
  int64_t count() const { return all_ / per_task_; }
  int64_t sequence_of(int64_t task) const { return task * per_task_ / call_.shape.heads; }
  template <typename Fetch, typename Compute>
  void run(int64_t task, const Fetch& fetch, const Compute& compute) const {
    AttentionHead head(call_, task * per_task_);
    fetch(head);
    for (int64_t i = task * per_task_ + 1; i < (task + 1) * per_task_; ++i) {
      const AttentionHead next(call_, i);
      compute(head, &next);
      head = next;
    }
    compute(head, nullptr);
  }

 private:
  const AttentionCall& call_;
  int64_t all_, per_task_ = 1;
};

// Long sequences whose heads are cut into their blocks, one a task, since whole heads would leave threads idle: eight
// thousand tokens of twelve heads on sixteen threads.
class CutSequences {
 public:
  CutSequences(const AttentionCall& call, int64_t threads) : call_(call) {
    constexpr int64_t kFewest = 8;  // blocks
    const int64_t heads = call.shape.heads;
    int64_t count = 0, all = 0, most = 0, least = INT64_MAX, cut = 0;
    for (int64_t k = 0; k < call.s.count(); ++k) {
      const int64_t blocks = blocks_of(k);
      if (blocks < kFewest) continue;
      ++count;
      all += blocks * heads;
      most = std::max(most, blocks);
      least = std::min(least, blocks);
      cut += rounds(blocks * heads, threads);
    }
    const int64_t whole = std::max(most == least ? rounds(count * heads, threads) * most : most, rounds(all, threads));
    if (10 * whole > 11 * cut) fewest_ = kFewest;
  }
  bool any() const { return fewest_ < INT64_MAX; }
  bool has(int64_t sequence) const { return any() && blocks_of(sequence) >= fewest_; }
  template <typename Body>
  void for_each(const Body& body) const {
    for (int64_t k = 0; any() && k < call_.s.count(); ++k)
      if (has(k)) body(k);
  }

 private:
  static int64_t rounds(int64_t tasks, int64_t threads) { return (tasks + threads - 1) / threads; }
  int64_t blocks_of(int64_t sequence) const {
    const SequenceRows rows = rows_of(call_.s, sequence);
    const int64_t queries = BlockLimits(call_.shape, rows.length).queries;
    return (rows.end - rows.begin + queries - 1) / queries;
  }

  const AttentionCall& call_;
  int64_t fewest_ = INT64_MAX;
};

// The blocks of all heads of one sequence, head by head; where they begin is kept in `begins`.
class SequenceBlocks {
 public:
  SequenceBlocks(const AttentionCall& call, int64_t sequence, std::vector<int64_t>& begins)
      : call_(call), first_head_(sequence * call.shape.heads), begins_(begins) {
    begins.clear();
    head(0).for_blocks([&](const QueryBlock& block) { begins.push_back(block.begin); });
  }
  int64_t a_head() const { return static_cast<int64_t>(begins_.size()); }
  int64_t count() const { return call_.shape.heads * a_head(); }
  AttentionHead head(int64_t i) const { return {call_, first_head_ + i}; }
  int64_t head_of(int64_t block) const { return block / a_head(); }
  QueryBlock block(const AttentionHead& at, int64_t i) const {
    return at.block_at(begins_[static_cast<size_t>(i % a_head())]);
  }

 private:
  const AttentionCall& call_;
  int64_t first_head_;
  const std::vector<int64_t>& begins_;
};

// Forward of such a sequence. `shared` has room for all its heads' factors.
template <typename T>
class CutForward {
 public:
  CutForward(const Products& product, const verb::Attention& op, const SequenceBlocks& blocks, const Largest& most,
             float* shared)
      : product_(product), op_(op), blocks_(blocks), most_(most), shared_(shared) {}
  static int64_t head_places(const Largest& most, int64_t size) { return ForwardFactors<T>::places(most.length, size); }

  void prepare(int64_t head) const { factors(blocks_.head(head), Prepared::now); }
  void compute(int64_t block, float* memory) const {
    const AttentionHead at = blocks_.head(blocks_.head_of(block));
    Scratch scratch(memory);
    const ForwardRoom<T> room(most_, scratch);
    block_forward<T>(product_, at, blocks_.block(at, block), nullptr, op_, factors(at, Prepared::before), room);
  }

 private:
  ForwardFactors<T> factors(const AttentionHead& at, Prepared prepared) const {
    Scratch scratch(shared_ + at.head * head_places(most_, at.size()));
    return factors_of<T>(product_, at, op_, scratch, prepared);
  }

  const Products& product_;
  const verb::Attention& op_;
  const SequenceBlocks& blocks_;
  const Largest& most_;
  float* shared_;
};

// Backward of such a sequence: some blocks are computed, one a task, then what they give is added to the gradients of
// keys and values, some of these a task, for each key in the order of the blocks, as where one thread has them all.
// `shared` has room for all heads' factors and gradients, and for the blocks that are worked on together.
template <typename T>
class CutBackward {
 public:
  CutBackward(const Products& product, const verb::AttentionBackward& op, const SequenceBlocks& blocks,
              const Largest& most, float* shared)
      : product_(product),
        op_(op),
        blocks_(blocks),
        most_(most),
        shared_(shared),
        pieces_(blocks.head(0).rows.length, 256, kernels::kPanel) {}
  static int64_t head_places(const Largest& most, int64_t size) {
    return KeyGradients<T>::places(most.length, size) + BackwardFactors<T>::places(most.length, size);
  }
  // How many blocks are worked on together: one a thread, or as many as take some megabytes.
  static int64_t together(const Largest& most, int64_t threads) {
    constexpr int64_t kPlaces = 8 << 20;
    return std::max(threads, kPlaces / BlockFactors<T>::places(most));
  }

  void prepare(int64_t head) const {
    gradients(blocks_.head(head), Prepared::now);
    factors(blocks_.head(head), Prepared::now);
  }
  // `number`: the block's among those that are worked on together.
  void compute(int64_t block, int64_t number, float* memory) const {
    const AttentionHead at = blocks_.head(blocks_.head_of(block));
    Scratch scratch(memory);
    const BackwardRoom<T> room(most_, scratch);
    block_backward<T>(product_, at, blocks_.block(at, block), nullptr, op_, factors(at, Prepared::before), room,
                      factors_of_block(number));
  }
  // Tasks of add().
  int64_t sums(int64_t begin, int64_t end) const {
    return (blocks_.head_of(end - 1) - blocks_.head_of(begin) + 1) * 2 * pieces_.count();
  }
  // Adds what the blocks [begin, end) give to the gradients of some keys, or values, of one head.
  void add(int64_t i, int64_t begin, int64_t end, float* memory) const {
    const AttentionHead at = blocks_.head(blocks_.head_of(begin) + i / pieces_.count() / 2);
    const KeyGradients<T> to = gradients(at, Prepared::before);
    const bool keys = i / pieces_.count() % 2 == 0;
    const EvenPieces::Piece piece = pieces_[i % pieces_.count()];
    const KeyRange some{piece.begin, piece.begin + piece.size};
    const int64_t last = (at.head + 1) * blocks_.a_head();
    for (int64_t block = std::max(begin, last - blocks_.a_head()); block < std::min(end, last); ++block)
      (keys ? add_to_keys<T> : add_to_values<T>)(to, some, at, blocks_.block(at, block), op_,
                                                 factors_of_block(block - begin), Scratch(memory));
    if (last <= end) (keys ? to.keys : to.values).finish(some);
  }

 private:
  KeyGradients<T> gradients(const AttentionHead& at, Prepared prepared) const {
    Scratch scratch(shared_ + at.head * head_places(most_, at.size()));
    return gradients_of<T>(product_, at, op_, scratch, prepared);
  }
  BackwardFactors<T> factors(const AttentionHead& at, Prepared prepared) const {
    const int64_t before = KeyGradients<T>::places(most_.length, at.size());
    Scratch scratch(shared_ + at.head * head_places(most_, at.size()) + before);
    return factors_of<T>(product_, at, op_, scratch, prepared);
  }
  BlockFactors<T> factors_of_block(int64_t number) const {
    const int64_t heads = op_.shape.heads, size = op_.d_y.dim[1] / heads;
    Scratch scratch(shared_ + heads * head_places(most_, size) + number * BlockFactors<T>::places(most_));
    return BlockFactors<T>(most_, scratch);
  }

  const Products& product_;
  const verb::AttentionBackward& op_;
  const SequenceBlocks& blocks_;
  const Largest& most_;
  float* shared_;
  EvenPieces pieces_;  // of the keys
};

}  // namespace

// Where each sequence's explicit decisions begin, if there are any.
std::span<const int64_t> CpuBackend::decision_begins(const Sequences& s, int64_t heads, const Dropout& drop) {
  decision_begins_.clear();
  if (drop.kept == nullptr) return {};
  int64_t begin = 0;
  for (size_t k = 0; k + 1 < s.offsets.size(); ++k) {
    decision_begins_.push_back(begin);
    const int64_t length = s.offsets[k + 1] - s.offsets[k];
    begin += heads * length * length;
  }
  return decision_begins_;
}

void CpuBackend::run(const verb::Attention& op) { op.y.dtype == DType::f32 ? attend<float>(op) : attend<bf16>(op); }
void CpuBackend::run(const verb::AttentionBackward& op) {
  op.d_y.dtype == DType::f32 ? attend_backward<float>(op) : attend_backward<bf16>(op);
}

template <typename T>
void CpuBackend::attend(const verb::Attention& op) {
  const int64_t width = op.y.dim[1], heads = op.shape.heads, size = width / heads;
  const Largest most(op.shape, op.s);
  const AttentionCall call{op.s, op.drop, op.shape, width, size, decision_begins(op.s, heads, op.drop)};
  const CutSequences cut(call, pool_.threads());
  reserve(ForwardRoom<T>::places(most) + ForwardFactors<T>::places(most.length, size),
          cut.any() ? heads * CutForward<T>::head_places(most, size) : 0);
  const AttentionTasks tasks(call);
  for_each(tasks.count(), [&](int64_t task, int worker) {
    if (cut.has(tasks.sequence_of(task))) return;
    const auto fetch_head = [&](const AttentionHead& head) { fetch_forward<T>(head, op); };
    tasks.run(task, fetch_head, [&](const AttentionHead& head, const AttentionHead* next) {
      head_forward<T>(products_, head, next, op, most, scratch_of(worker));
    });
  });
  cut.for_each([&](int64_t sequence) {
    const SequenceBlocks blocks(call, sequence, block_begins_);
    const CutForward<T> forward(products_, op, blocks, most, shared());
    for_each(heads, [&](int64_t head, int) { forward.prepare(head); });
    for_each(blocks.count(), [&](int64_t block, int worker) { forward.compute(block, scratch_of(worker)); });
  });
}

template <typename T>
void CpuBackend::attend_backward(const verb::AttentionBackward& op) {
  const int64_t width = op.d_y.dim[1], heads = op.shape.heads, size = width / heads;
  const Largest most(op.shape, op.s);
  const AttentionCall call{op.s, op.drop, op.shape, width, size, decision_begins(op.s, heads, op.drop)};
  const CutSequences cut(call, pool_.threads());
  const int64_t together = cut.any() ? CutBackward<T>::together(most, pool_.threads()) : 0;
  const int64_t head_places = CutBackward<T>::head_places(most, size), block_places = BlockFactors<T>::places(most);
  reserve(head_places + BackwardRoom<T>::places(most) + block_places + PackedFactor<T>::places(kMostQueries, size),
          cut.any() ? heads * head_places + together * block_places : 0);
  const AttentionTasks tasks(call);
  for_each(tasks.count(), [&](int64_t task, int worker) {
    if (cut.has(tasks.sequence_of(task))) return;
    const auto fetch_head = [&](const AttentionHead& head) { fetch_backward<T>(head, op); };
    tasks.run(task, fetch_head, [&](const AttentionHead& head, const AttentionHead* next) {
      head_backward<T>(products_, head, next, op, most, scratch_of(worker));
    });
  });
  cut.for_each([&](int64_t sequence) {
    const SequenceBlocks blocks(call, sequence, block_begins_);
    const CutBackward<T> backward(products_, op, blocks, most, shared());
    for_each(heads, [&](int64_t head, int) { backward.prepare(head); });
    for (int64_t begin = 0, end; begin < blocks.count(); begin = end) {
      end = std::min(begin + together, blocks.count());
      for_each(end - begin, [&](int64_t i, int worker) { backward.compute(begin + i, i, scratch_of(worker)); });
      for_each(backward.sums(begin, end),
               [&](int64_t i, int worker) { backward.add(i, begin, end, scratch_of(worker)); });
    }
  });
}

}  // namespace tekio
