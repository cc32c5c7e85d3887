// A masked language model: DistilBERT or BERT with its masked-LM head.
//
//   auto model = tekio::MaskedLM::from_pretrained("./distilbert-base-uncased");
//   model.num_parameters();            // 66985530
//   model.save_pretrained("./copy");   // opens with AutoModelForMaskedLM.from_pretrained
#pragma once

#include <tekio/tokenizer.h>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace tekio {

class MaskedLMImpl;  // what a MaskedLM is inside

/// The dtype that activations and matrix products work in; weights and the optimizer's state are always float32.
/// automatic: for training and evaluation what makes a training step faster on this processor, which is measured once
/// and kept in the cache; bf16 where a GPU computes; float32 for filling masks, and wherever a run repeats the
/// reference stack's random streams to be compared with it.
enum class NumberFormat { automatic, f32, bf16 };

struct LoadOptions {
  std::string device = "auto";  ///< auto (the processor), cpu, cuda or ref
  NumberFormat dtype = NumberFormat::automatic;
  int threads = 0;     ///< 0: all processors
  uint64_t seed = 42;  ///< initialises what the files lack (a missing head)
};

struct ModelInfo {
  std::string path, family;  ///< "DistilBERT", "BERT"
  int64_t layers, hidden_size, heads, intermediate_size, vocabulary, max_length;
  int64_t parameters;                            ///< tied tensors once
  std::vector<std::string> missing, unexpected;  ///< tensors by the reference's names
};

/// Sequences that lie one after another.
struct PackedSequences {
  std::span<const int32_t> input_ids;      ///< [n]
  std::span<const int32_t> offsets;        ///< [sequences + 1]: where each begins; the first is 0, the last is n
  std::span<const int32_t> type_ids = {};  ///< [n], or none: all 0
};

/// A tensor where it lies: to be read only.
struct WeightView {
  std::string name;  ///< the reference's
  std::vector<int64_t> shape;
  const float* values;                ///< row by row
  std::shared_ptr<const void> owner;  ///< keeps `values` in memory
};

/// Copies share the same weights. May be used by several threads at once: what computes waits for its turn.
class MaskedLM {
 public:
  /// Opens a folder, or a model on the Hub by its id ("org/name", "org/name@revision"; what the Hub's cache lacks is
  /// fetched): config.json and model.safetensors, its sharded form, or pytorch_model.bin.
  /// What the files lack is initialised as the reference does and warned of. Float32 matrices are read
  /// where the mapped file has them, until training changes them: a file may be replaced meanwhile, not overwritten.
  /// Errors: io (no such folder, a file that cannot be read), input (a file is missing or malformed; the message names
  /// file and tensor), device (bf16 where the processor does not multiply it; no usable GPU; no memory).
  static MaskedLM from_pretrained(const std::string& folder, const LoadOptions& options = {});
  /// A fresh model of the sizes that a config.json says (the file, or a folder that holds one): weights as the
  /// reference initialises them, drawn from `options.seed`. Errors: io (no such file), input (malformed, a size
  /// missing, a family or a feature that is not supported; the message names file and key), device (as above; no
  /// memory).
  static MaskedLM from_config(const std::string& config, const LoadOptions& options = {});

  int64_t num_parameters() const;
  ModelInfo info() const;
  /// Gives the model rows for a tokenizer to which words were added, at least as many as it has: the embeddings, the
  /// head's matrix and its bias grow as the reference's resize_token_embeddings() makes them, with new rows drawn from
  /// `seed`. adapt() then trains them. Errors: usage (fewer rows than there are, or too many), device (no memory).
  void resize_token_embeddings(int64_t rows, uint64_t seed = 42);
  /// Logits of one packed sequence: [ids.size() * vocabulary], row by row. Errors: input (an id outside the vocabulary,
  /// too long).
  std::vector<float> logits(std::span<const int32_t> ids, std::span<const int32_t> type_ids = {}) const;
  /// The same of many sequences: [n * vocabulary], in the order of their tokens. A sequence's logits may differ from
  /// those it has alone in what rounding leaves. Errors: input (as above; offsets that do not ascend from 0 to n).
  std::vector<float> logits_of(const PackedSequences& sequences) const;
  /// All weights, tied ones once, by the reference's names, copied nowhere where the processor reads them in place.
  /// What training changes later may not show in them. While they are kept, resize_token_embeddings() is refused.
  std::vector<WeightView> state_dict() const;
  /// config.json and model.safetensors, atomically. Waits while the model is being trained or evaluated.
  void save_pretrained(const std::filesystem::path& folder) const;

 private:
  friend class MaskedLMImpl;
  explicit MaskedLM(std::shared_ptr<MaskedLMImpl> impl);
  std::shared_ptr<MaskedLMImpl> impl_;
};

struct Prediction {
  float score;  ///< probability over the whole vocabulary
  int32_t token;
  std::string token_str;
  std::string sequence;  ///< the text with this token in the mask's place
};

struct FillOptions {
  int64_t top_k = 5;
  std::vector<std::string> targets;  ///< only these words, if any
  std::string source;                ///< of several texts, one a line: the third is FILE:3 in errors, not "text 3 of 7"
};

/// The reference's fill-mask pipeline. May be used by several threads at once; their passes wait for each other.
class FillMask {
 public:
  FillMask(MaskedLM model, Tokenizer tokenizer);
  /// The best tokens for a text's only mask. Errors: input (no mask, several masks, longer than the model).
  std::vector<Prediction> operator()(const std::string& text, const FillOptions& options = {}) const;
  /// One list per mask. Errors: input (no mask, longer than the model).
  std::vector<std::vector<Prediction>> all(const std::string& text, const FillOptions& options = {}) const;
  /// Of many texts [text][mask][top_k], some texts a pass. A score may differ from that of the text alone in what
  /// rounding leaves. Errors: as above, of the first text that is at fault, by its number, before anything is computed.
  std::vector<std::vector<std::vector<Prediction>>> all(std::span<const std::string> texts,
                                                        const FillOptions& options = {}) const;

 private:
  MaskedLM model_;
  Tokenizer tokenizer_;
};

}  // namespace tekio
