// Token stores on disk, kept and found again. A store's name is a digest of all that decides its content: the
// tokenizer, the options, and for every file its inode, size, time of modification and time of change (which no program
// can set back). The last is why a changed file is always noticed; contents are not read, so that a corpus of any size
// is recognised at once.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/cache_folder.h"
#include "data/source.h"
#include "data/token_store.h"
#include "data/tokenize.h"

namespace tekio {

/// What tells whether a file is still the same.
struct FileState {
  uint64_t inode = 0, size = 0;
  int64_t modified_ns = 0, changed_ns = 0;
  /// Waits, where the file was changed within its clock's last tick, until a further change must show. Errors: io.
  static FileState of(const std::filesystem::path& path);
  bool operator==(const FileState&) const = default;
};

/// Of rows in memory: what their text is.
std::vector<FileState> states_of(const Files& files);
/// Errors: input (a file that is no longer as `before` says).
void check_unchanged(const Files& files, const std::vector<FileState>& before);

/// How a store is made.
struct StoreRecipe {
  std::string encoder_digest;  ///< of all that decides what make_encoder's make of a text
  TokenStoreWriter::Shape shape;
  TokenizeOptions options;
  std::function<EncodeText()> make_encoder;
  /// Fills the writer, where that is not tokenize()'s alone to do.
  std::function<void(const DatasetSource& source, const StoreKey& key, TokenStoreWriter& writer)> fill = {};
};

/// A digest of what decides which rows a file has: how it is read, and how it lies there. Errors: io.
StoreKey rows_key(const Files& files, size_t file);
StoreKey store_key(const DatasetSource& source, const std::vector<FileState>& states, const StoreRecipe& recipe);

/// Where a store without a name is written. Errors: io (no folder takes a file).
std::filesystem::path temporary_folder();

/// The store from the cache, or made and kept there; a damaged one is made anew with a warning. Without `use_cache`, or
/// (with a warning) where nothing can be kept, it is made in the folder for temporary files, has no name and is gone
/// with the process. Several processes may do this at once: each writes its own file and renames it. Making one prunes
/// the others. Errors: as tokenize(); io (no folder takes a store).
/// `key`, if wanted: the store's.
std::shared_ptr<const TokenStore> get_store(const DatasetSource& source, const StoreRecipe& recipe, bool use_cache,
                                            StoreKey* key = nullptr);

/// How chunk() makes the store of a split's rows. What it refers to must outlive it. Errors: usage (options that make
/// no sense).
StoreRecipe recipe_of(const Dataset& dataset, const Tokenizer& tokenizer, const ChunkOptions& options);

/// Of a store that another process made: where it may lie here already, held against prune_stores(); nullptr: nowhere
/// whole.
std::shared_ptr<const TokenStore> find_store(const StoreKey& key, bool use_cache, const std::filesystem::path& theirs);

/// Takes such a store from where it is not to be reached: piece by piece, into the cache or, without `use_cache` or
/// where the cache takes nothing, into a file without a name.
class ReceivedStore {
 public:
  ReceivedStore(const StoreKey& key, bool use_cache);
  /// Errors: io.
  void add(std::string_view piece);
  /// Errors: io; input (it is damaged).
  std::shared_ptr<const TokenStore> finish();

 private:
  StoreKey key_;
  std::unique_ptr<AtomicFile> file_;
  bool is_kept_ = false;
};

}  // namespace tekio
