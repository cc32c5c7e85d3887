// Chunks that several processes work with: rank 0 says which splits it wants, those ranks that see the same files
// tokenize with it, and those that do not see the store it makes get it from rank 0. The others ask for nothing and
// decide nothing; they need not have the data.
//
//   SharedChunks shared(ranks, tokenizer, options);
//   // rank 0:
//   Chunks chunks = shared.cut(data["train"], "train");
//   shared.finish({{"chunks", shared.described(chunks)}});
//   // the others:
//   Json found = shared.follow([&](const Json& name) { return load_dataset(…)[name]; });
//   Chunks chunks = shared.chunks(found["chunks"]);
#pragma once

#include <tekio/dataset.h>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/json.h"
#include "data/data_ranks.h"
#include "data/store_cache.h"
#include "data/tokenize_together.h"

namespace tekio {

class SharedChunks {
 public:
  SharedChunks(DataRanks ranks, const Tokenizer& tokenizer, const ChunkOptions& options)
      : ranks_(std::move(ranks)), tokenizer_(tokenizer), options_(options) {}

  // Rank 0.
  /// chunk(), together. `name`: what the others know these rows by. Errors: as chunk(); comms.
  Chunks cut(const Dataset& rows, const Json& name);
  /// For chunks(): views of what was cut.
  Json described(const Chunks& chunks) const;
  /// Nothing more is cut; `result` is what the others are told.
  void finish(const Json& result);

  // The others.
  /// Serves rank 0 until it finishes; returns its result. `open`: the rows that go by a name, if they are to be had
  /// here; what it throws means that they are not. Errors: as cut().
  Json follow(const std::function<std::optional<Dataset>(const Json& name)>& open);
  Chunks chunks(const Json& described) const;

 private:
  void fill(const Json& name, const StoreRecipe& recipe, const DatasetSource& source, const StoreKey& key,
            TokenStoreWriter& writer);
  void help(const Json& task, const std::function<std::optional<Dataset>(const Json& name)>& open);
  Tokenizers gather_tokenizers(bool takes_part, int blocks) const;
  void share(const std::shared_ptr<const TokenStore>& store, const StoreKey& key);
  void get(const Json& task);
  bool someone_lacks(bool own, bool& is_to_receive) const;
  Json tell(const Json& task) const;

  DataRanks ranks_;
  const Tokenizer& tokenizer_;
  const ChunkOptions options_;
  std::vector<std::shared_ptr<const TokenStore>> stores_;
};

}  // namespace tekio
