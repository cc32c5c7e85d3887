// Results as JSON documents: what the program prints of them with --json.
//
//   std::cout << tekio::to_json(fill_mask("This is a great [MASK].")) << '\n';
#pragma once

#include <tekio/adapt.h>
#include <tekio/masked_lm.h>
#include <string>
#include <vector>

namespace tekio {

/// [{"score", "token", "token_str", "sequence"}, …], as the reference's pipeline has them.
std::string to_json(const std::vector<Prediction>& predictions);
/// {"path", "family", "layers", "hidden_size", "heads", "intermediate_size", "vocabulary", "max_length", "parameters",
/// "missing", "unexpected"}.
std::string to_json(const ModelInfo& info);
/// {"eval_loss", "eval_loss_reference", "perplexity", "perplexity_interval", "accuracy", "eval_chunks",
/// "masked_tokens"}; what is infinite is null.
std::string to_json(const EvaluationReport& report);
/// A run: {"run_dir", "model", "data", "masking", "perplexity": {"before", "epochs", "after"}, "accuracy", "eval_loss",
/// "train", "general", "prompts", "world_size", "stopped"}. What `options.description` does not say is empty or 0.
std::string to_json(const AdaptReport& report, const TrainingOptions& options);

}  // namespace tekio
