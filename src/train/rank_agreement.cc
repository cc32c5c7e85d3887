// The program is known by its bytes: a version that two builds share says nothing of what they compute.
#include "train/rank_agreement.h"

#include <fmt/ranges.h>

#include <charconv>
#include <cstdint>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "base/checksum.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "train/model_lease.h"
#include "train/options_json.h"

namespace tekio {
namespace {

std::string digest_of_weights(const ParameterSet& weights) {
  Checksum checksum;
  for (const NamedTensor& named : weights.named()) checksum.add(std::as_bytes(named.tensor.values()));
  return checksum_text(checksum.value());
}

/// The file in which this code is: the program, or a library of Python's.
std::string own_file() {
  static const char here = 0;
  const auto address = reinterpret_cast<uintptr_t>(&here);
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::istringstream words(line);
    uintptr_t begin = 0, end = 0;
    std::string rights, offset, device, inode, path;
    char dash = 0;
    words >> std::hex >> begin >> dash >> end >> rights >> offset >> device >> inode >> std::ws;
    if (begin <= address && address < end && std::getline(words, path)) return path;
  }
  return "/proc/self/exe";
}

/// Of the build that computes; empty where the system does not show it.
std::string digest_of_program() {
  try {
    return checksum_text(checksum_of(MappedFile(own_file()).bytes()));
  } catch (const Error&) {
    return "";
  }
}

std::string value_text(const Json& value) {
  if (value.is_null()) return "not set";
  return printable(value.is_string() ? value.get<std::string>()
                                     : value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void tell_chunks(Json& told, const std::string& which, int64_t count, const std::string& digest,
                 const std::string& word_digest) {
  told["the " + which] = fmt::format("{} (digest {})", counted(count, "chunk"), digest);
  if (!word_digest.empty()) told[fmt::format("the {}'s division into words", which)] = word_digest;
}

void tell_options(Json& told, const Json& options) {
  for (const auto& [name, value] : options.items()) told[named_option(name)] = value;
}

// What is computed with. Rates of dropout count as training takes them.
void tell_model(Json& told, const MlmNetwork& model, std::optional<double> dropout, const Tokenizer& tokenizer) {
  told["the program"] = digest_of_program();
  told["the device"] = model.backend().name();
  told["the model"] =
      fmt::format("one of {} parameters (digest {})", model.weights().count(), digest_of_weights(model.weights()));
  ModelConfig config = model.config();
  if (dropout) config.set_dropout(*dropout);
  const Json document = Json::parse(config.to_json());
  for (const auto& [name, value] : document.items()) told[name + " of the model's config.json"] = value;
  told["the tokenizer"] = fmt::format("one with the digest {}", tokenizer.digest());
}

std::string difference(const std::string& name, const Json& of_first, const Json& of_other, size_t rank) {
  if (name == "the program") return fmt::format("the program is another build on rank {}", rank);
  return fmt::format("{} is {} on rank 0 and {} on rank {}", printable(name), value_text(of_first),
                     value_text(of_other), rank);
}

// In the first one's order, then what it does not have.
std::vector<std::string> differences_between(const Json& first, const Json& other, size_t rank) {
  std::vector<std::string> found;
  const auto value_in = [](const Json& told, const std::string& name) {
    return told.contains(name) ? told[name] : Json();
  };
  for (const auto& [name, value] : first.items())
    if (const Json its = value_in(other, name); its != value) found.push_back(difference(name, value, its, rank));
  for (const auto& [name, value] : other.items())
    if (!first.contains(name)) found.push_back(difference(name, Json(), value, rank));
  return found;
}

// Of what rank 0 and another were given, as records: {"work": …, "told": {…}}.
std::vector<std::string> differences_of_records(const std::string& first, const std::string& other, size_t rank) {
  const Json a = Json::parse(first, nullptr, /*allow_exceptions=*/false),
             b = Json::parse(other, nullptr, /*allow_exceptions=*/false);
  for (const Json* record : {&a, &b})
    if (!record->is_object() || !record->contains("work") || !record->contains("told"))
      fail(ErrorKind::comms, "rank {} sent something else than what it was told: the ranks run different programs",
           record == &a ? 0 : rank);
  if (a["work"] != b["work"])
    return {
        fmt::format("the work is {} on rank 0 and {} on rank {}", value_text(a["work"]), value_text(b["work"]), rank)};
  return differences_between(a["told"], b["told"], rank);
}

}  // namespace

void require_same_run(Communicator& ranks, const RunIdentity& identity, const TrainingOptions& options,
                      const MlmNetwork& model, const Tokenizer& tokenizer) {
  if (ranks.size() == 1) return;
  Json told;
  tell_chunks(told, "training data", identity.train_chunks, identity.train_digest, identity.train_word_digest);
  tell_chunks(told, "evaluation data", identity.eval_chunks, identity.eval_digest, identity.eval_word_digest);
  if (options.general)
    tell_chunks(told, "general text", options.general->size(), digest_of_chunks(*options.general),
                digest_of_words(*options.general, options));
  tell_options(told, identity.options);
  tell_model(told, model, options.dropout, tokenizer);
  require_same_on_all(ranks, "training", told);
}

void require_same_evaluation(Communicator& ranks, const Chunks& evaluated, const EvaluationOptions& options,
                             const MlmNetwork& model, const Tokenizer& tokenizer) {
  if (ranks.size() == 1) return;
  Json told;
  tell_chunks(told, "evaluation data", evaluated.size(), digest_of_chunks(evaluated),
              digest_of_words(evaluated, options));
  tell_options(told, mask_options_to_json(options));
  tell_options(told, {{"per_device_eval_batch_size", options.batch_size}});
  tell_model(told, model, std::nullopt, tokenizer);
  require_same_on_all(ranks, "evaluation", told);
}

void require_same_on_all(Communicator& ranks, const std::string& work, const Json& told) {
  if (ranks.size() == 1) return;
  const Json own = {{"work", work}, {"told", told}};
  const std::vector<std::string> records = ranks.gather(own.dump(-1, ' ', false, Json::error_handler_t::replace));
  std::vector<std::string> found;
  for (size_t rank = 1; rank < records.size() && found.empty(); ++rank)
    found = differences_of_records(records.front(), records[rank], rank);
  if (found.empty()) return;
  // A rank that leaves is heard before what it sent: none may do so until all have every record.
  try {
    ranks.gather({});
  } catch (const Error&) {  // another has left by now, which knows the same
  }
  fail(ErrorKind::usage,
       "the ranks were told different things: {}; start all of them with one program, and the same options, data and "
       "model",
       fmt::join(found, ", "));
}

void compute_in_the_same(Communicator& ranks, const MaskedLM& model, MaskingRng masking) {
  if (ranks.size() == 1) return;
  std::string choice;
  if (ranks.rank() == 0) {
    const Arithmetic& taken = arithmetic_of(model, masking).taken;
    choice = name_of(taken.type) + std::string(" ") + taken.kernel;
  }
  choice = ranks.broadcast(choice);
  const size_t space = choice.find(' ');
  if (space == std::string::npos) fail(ErrorKind::comms, "rank 0 did not send what it computes in");
  const Arithmetic taken = {choice.substr(0, space) == name_of(DType::bf16) ? DType::bf16 : DType::f32,
                            choice.substr(space + 1)};
  if (ranks.rank() > 0) MaskedLMImpl::of(model).go_on_in(taken);
  // All learn who cannot: what is computed in differs then, and so would the sums of those that can.
  const std::vector<std::string> able =
      ranks.gather(ranks.rank() == 0 || arithmetic_of(model, masking).taken == taken ? "yes" : "");
  for (size_t rank = 1; rank < able.size(); ++rank)
    if (able[rank].empty())
      fail(ErrorKind::usage,
           "rank 0 computes in {}{}{}, which rank {} does not: its processor or its --dtype is another; pass --dtype "
           "f32 to all of them",
           name_of(taken.type), taken.kernel.empty() ? "" : " by ", taken.kernel, rank);
}

int64_t number_from_rank(const std::string& text) {
  int64_t number = 0;
  const char* const end = text.data() + text.size();
  if (const auto [stopped, error] = std::from_chars(text.data(), end, number); error != std::errc() || stopped != end)
    fail(ErrorKind::comms, "a rank sent '{}' where a number was due", printable(text));
  return number;
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
  for (const std::string& number : ranks_.gather(std::to_string(told())))
    learn(static_cast<int>(number_from_rank(number)));
}

}  // namespace tekio
