// A model as an ONNX file, for onnxruntime and whatever else reads that format.
//
//   auto report = tekio::export_onnx(model, tokenizer, "onnx", {.precision = tekio::ExportOptions::Precision::int8});
//   report.path;                  // onnx/model.onnx
//   report.max_logit_difference;  // what rounding changed
#pragma once

#include <tekio/adapt.h>
#include <filesystem>
#include <optional>
#include <string>

namespace tekio {

struct ExportOptions {
  /// int8: matrices and the word table in eight bits, each output (each word) with a scale of its own, and what they
  /// are multiplied by rounded to eight bits as it comes; a quarter of the size. The rest stays float32.
  enum class Precision { f32, int8 };
  Precision precision = Precision::f32;
  /// Text on which the file is compared with the model; without it, three sequences of arbitrary tokens are.
  std::optional<Chunks> chunks;
  EvaluationOptions evaluation{};  ///< how the chunks are masked and batched, and how many are taken
};

struct ExportReport {
  std::string path;                 ///< of the .onnx file
  double max_logit_difference = 0;  ///< between the model's logits and the file's: of all tokens, or of masked ones
  struct Perplexity {
    double before, after;
  };
  std::optional<Perplexity> perplexity;  ///< where there are chunks: on the same masks, in float32
};

/// Makes `folder`, which must be missing or empty, with model.onnx (and model.onnx.data where it has more than 2 GB),
/// config.json and the tokenizer's files. Inputs: input_ids and attention_mask, and token_type_ids where the model
/// tells types apart: int64 [batch, length]; output: logits, float32 [batch, length, vocabulary]; batch and length may
/// be any. The file is computed here, operator by operator, and compared with the model. Errors: usage (the folder has
/// files; the model is not on the processor), input (tokenizer and model do not fit), io.
ExportReport export_onnx(const MaskedLM& model, const Tokenizer& tokenizer, const std::filesystem::path& folder,
                         const ExportOptions& options = {});

}  // namespace tekio
