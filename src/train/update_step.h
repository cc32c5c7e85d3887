// What an update computes: forward and backward of its micro-batches, the mean's factor, the optimizer. It owns the
// optimizer and its moments, and draws dropout; it neither knows where batches come from nor writes anything down.
//
// Every rank has its own micro-batches and learns the others' figures before the first product, so the mean is over
// the whole update, and every rank ends with the same weights and the same result.
#pragma once

#include <tekio/adapt.h>
#include <cstdint>
#include <memory>
#include <vector>

#include "data/order.h"
#include "dist/rank_sums.h"
#include "train/gradient_sum.h"
#include "train/model_lease.h"
#include "train/optimizer.h"
#include "train/rank_agreement.h"
#include "train/schedule.h"

namespace tekio {

/// What is kept of a micro-batch, whichever rank had it.
struct BatchFigures {
  int64_t tokens = 0, masked = 0;
  int64_t padded_tokens = 0;  ///< of the reference's rectangle
  uint32_t input_ids_crc32 = 0, labels_crc32 = 0;
};

/// One update as it went. The same on every rank, but for the seconds.
struct UpdateResult {
  int64_t step = 0;  ///< its number, from 1
  double loss = 0, grad_norm = 0, learning_rate = 0;
  int64_t tokens = 0, masked = 0;
  double seconds = 0;                 ///< making its batches included
  std::vector<BatchFigures> batches;  ///< all micro-batches, in order
  int stop = 0;                       ///< that a rank was told to stop by; 0: none was
};

class UpdateStep {
 public:
  /// All references must outlive this. Errors (device): no memory for the optimizer's moments.
  UpdateStep(MlmNetwork& model, RunMasking& masking, const Schedule& schedule, const Chunks::Split& data,
             const TrainingOptions& options, Communicator& ranks);

  /// Has an update computed: gradients of all its micro-batches, clipped, into the weights. What came of it finish()
  /// tells.
  void begin(ModelLease& lease, const UpdateBatches& update, StopAgreement& stop);
  /// Whether several updates may be begun before finish(), for a device to go from one to the next. Else each waits for
  /// the one before.
  bool runs_ahead() const;
  /// What came of the updates begun since, in order. Errors: input (a loss or gradients were no numbers; gradients that
  /// are none change no weights).
  std::vector<UpdateResult> finish();

  Optimizer& optimizer() { return optimizer_; }

 private:
  /// What all ranks must know of an update before the first product.
  struct Outline {
    std::vector<BatchFigures> figures;  ///< of all micro-batches, in order
    std::vector<int32_t> looked_up;     ///< see GradientSum::Update
  };
  Outline outline_of(const UpdateBatches& update);
  /// An update whose figures are not all there yet.
  struct Begun {
    UpdateResult result;
    std::vector<double> factors;  ///< of its micro-batches' losses, on this rank
    Results losses, clipping;
  };
  void accumulate(const UpdateBatches& update, Begun& begun, std::vector<int32_t> looked_up);
  double agree(Begun& begun, int told);
  double scale(int64_t masked, const UpdateResult& figures) const;

  MlmNetwork& model_;
  RunMasking& masking_;
  const Schedule& schedule_;
  const TrainingOptions& options_;
  Communicator& ranks_;
  AccumulationLoss accumulation_loss_;
  std::unique_ptr<RankSums> sums_;
  GradientSum sum_;
  Optimizer optimizer_;
  Arena losses_;  ///< [own micro-batches, kLabelLoss], float64
  std::vector<Begun> begun_;
};

}  // namespace tekio
