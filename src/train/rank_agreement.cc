// The program is known by its bytes: a version that two builds share says nothing of what they compute.
#include "train/rank_agreement.h"

#include <fmt/ranges.h>

#include <string>
#include <vector>

#include "base/checksum.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "train/model_lease.h"

namespace tekio {
namespace {

std::string digest_of_weights(const ParameterSet& weights) {
  Checksum checksum;
  for (const NamedTensor& named : weights.named()) checksum.add(std::as_bytes(named.tensor.values()));
  return checksum_text(checksum.value());
}

/// Of the program that this process runs; empty where the system does not show it.
std::string digest_of_program() {
  try {
    return checksum_text(checksum_of(MappedFile("/proc/self/exe").bytes()));
  } catch (const Error&) {
    return "";
  }
}

std::string chunks_text(int64_t count, const std::string& digest) {
  return fmt::format("{} (digest {})", counted(count, "chunk"), digest);
}

std::string value_text(const Json& value) {
  return printable(value.is_string() ? value.get<std::string>()
                                     : value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace

Json told_of(const RunIdentity& identity, const TrainingOptions& options) {
  Json told = {{"the training data", chunks_text(identity.train_chunks, identity.train_digest)},
               {"the evaluation data", chunks_text(identity.eval_chunks, identity.eval_digest)}};
  if (options.general)
    told["the general text"] = chunks_text(options.general->size(), digest_of_chunks(*options.general));
  for (const auto& [name, value] : identity.options.items()) told[message("--{}", name)] = value;
  return told;
}

Json told_of(const Chunks& evaluated, const EvaluationOptions& o) {
  return {{"the evaluation data", chunks_text(evaluated.size(), digest_of_chunks(evaluated))},
          {message("--seed"), o.seed},
          {message("--per_device_eval_batch_size"), o.batch_size},
          {"the masked share", o.rate()},
          {message("--masking_rng"), static_cast<int>(o.masking_rng)},
          {message("--whole_word_mask"), o.whole_word_mask}};
}

void require_same_on_all(Communicator& ranks, const MlmNetwork& model, Json told) {
  if (ranks.size() == 1) return;
  told["the program"] = digest_of_program();
  told["the device"] = model.backend().name();
  told["the model"] =
      fmt::format("one of {} parameters (digest {})", model.weights().count(), digest_of_weights(model.weights()));
  require_same_on_all(ranks, told);
}

void require_same_on_all(Communicator& ranks, const Json& told) {
  if (ranks.size() == 1) return;
  const std::vector<std::string> records = ranks.gather(told.dump(-1, ' ', false, Json::error_handler_t::replace));
  const Json first = Json::parse(records.front());
  std::vector<std::string> differences;
  for (size_t rank = 1; rank < records.size() && differences.empty(); ++rank) {
    const Json other = Json::parse(records[rank]);
    for (const auto& [name, value] : first.items())
      if (const Json& its = other.contains(name) ? other[name] : Json(); its != value)
        differences.push_back(name == "the program" ? fmt::format("the program is another build on rank {}", rank)
                                                    : fmt::format("{} is {} on rank 0 and {} on rank {}", name,
                                                                  value_text(value), value_text(its), rank));
  }
  if (differences.empty()) return;
  // A rank that leaves is heard before what it sent: none may do so until all have every record.
  try {
    ranks.gather({});
  } catch (const Error&) {  // another has left by now, which knows the same
  }
  fail(ErrorKind::usage,
       "the ranks were told different things: {}; start all of them with one program, and the same options, data and "
       "model",
       fmt::join(differences, ", "));
}

void compute_in_the_same(Communicator& ranks, const MaskedLM& model, MaskingRng masking) {
  if (ranks.size() == 1) return;
  std::string choice;
  if (ranks.rank() == 0) {
    const Arithmetic& taken = arithmetic_of(model, masking).taken;
    choice = name_of(taken.type) + std::string(" ") + taken.kernel;
  }
  choice = ranks.broadcast(choice);
  if (ranks.rank() == 0) return;
  const size_t space = choice.find(' ');
  model.impl().go_on_in(
      {choice.substr(0, space) == name_of(DType::bf16) ? DType::bf16 : DType::f32, choice.substr(space + 1)});
}

void give_to_all(Communicator& ranks, ParameterSet& numbers) {
  if (ranks.size() == 1) return;
  for (const TensorToChange& named : numbers.named_to_change()) ranks.begin_sum(named.tensor.values(), /*givers=*/1);
  ranks.wait();
}

int StopAgreement::told() {
  if (told_ == 0 && should_stop_) told_ = should_stop_();
  return told_;
}

void StopAgreement::agree() {
  if (ranks_.size() == 1) return;
  for (const std::string& number : ranks_.gather(std::to_string(told()))) learn(std::stoi(number));
}

}  // namespace tekio
