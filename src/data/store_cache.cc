// Finding, making and keeping token stores; chunk().
#include "data/store_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/system_error.h"
#include "data/cached_stores.h"
#include "data/chunks.h"
#include "data/memory_rows.h"
#include "data/row_encoder.h"

namespace tekio {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

/// A warning that a run's several stores would repeat.
void warn_once(const std::string& text) {
  static std::mutex mutex;
  static std::set<std::string> told;
  const std::lock_guard lock(mutex);
  if (told.insert(text).second) warn(text);
}

int64_t nanoseconds(const timespec& time) { return time.tv_sec * kSecond + time.tv_nsec; }

/// The bytes that a key is the digest of.
class KeyText {
 public:
  template <typename Number>
  void number(Number value) {
    const auto wide = static_cast<int64_t>(value);
    text_.append(reinterpret_cast<const char*>(&wide), sizeof wide);
  }
  void string(std::string_view value) {
    number(value.size());
    text_ += value;
  }
  StoreKey digest() const {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(text_.data(), text_.size()));
    StoreKey key;
    std::memcpy(key.data(), canonical.digest, key.size());
    return key;
  }

 private:
  std::string text_;
};

/// All that decides which rows there are and what they say.
void add_options(const ReadOptions& options, KeyText& text) {
  text.string(options.text_column);
  text.string(options.json_field);
  text.number(options.csv_separator);
  text.number(options.header);
  text.number(options.column_names.size());
  for (const std::string& name : options.column_names) text.string(name);
  text.string(options.encoding);
  text.number(static_cast<int>(options.bad_rows));
  text.number(static_cast<int>(options.sample_by));
  if (options.words == Words::text) return;  // so that stores without given words keep the names that they had
  text.string("words");
  text.number(static_cast<int>(options.words));
  text.string(options.word_separator);
}

void add_file(const DataFile& file, int64_t group, const FileState& state, KeyText& text) {
  text.string(file.charset.name);
  text.number(static_cast<int>(file.kind));
  text.number(static_cast<int>(file.packing));
  text.number(group);
  text.number(state.inode);
  text.number(state.size);
  text.number(state.modified_ns);
  text.number(state.changed_ns);
}

/// What people know the data by: its file, or the folder that holds all of its files.
std::string data_name(const Files& files) {
  std::error_code ignored;
  fs::path common;
  for (const DataFile& file : files.list()) {
    if (file.memory) return file.shown;
    const fs::path path = fs::absolute(file.path, ignored).lexically_normal();
    if (common.empty()) common = path;
    const auto end = std::ranges::mismatch(common, path).in1;
    fs::path shared;
    for (auto part = common.begin(); part != end; ++part) shared /= *part;
    common = shared;
  }
  return common.string();
}

/// `where`: a path, or AtomicFile::Nameless.
template <typename Where>
std::shared_ptr<const TokenStore> build(const DatasetSource& source, const StoreRecipe& recipe, const StoreKey& key,
                                        const std::vector<FileState>& states, const Where& where) {
  TokenStoreWriter::Shape shape = recipe.shape;
  shape.data = data_name(*source.files);
  shape.numbered = recipe.options.skip_blank;
  TokenStoreWriter writer(where, key, shape);
  if (recipe.fill)
    recipe.fill(source, key, writer);
  else
    tokenize(source, recipe.make_encoder, recipe.options, writer);
  check_unchanged(*source.files, states);
  if (!writer.has_words())
    fail(ErrorKind::input, "there is no text in {}: {}, none with a word in it",
         shown_name(source.files->list().front()), counted(writer.rows(), "row"));
  writer.commit(source.files->known_skipped_rows());
  return std::make_shared<const TokenStore>(writer.path(), key);
}

/// A store of the cache with what holds prune() off.
struct Kept {
  Kept(const fs::path& path, const StoreKey& key) : in_use(path, LockKind::shared), store(path, key) {
    ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0);  // used now; somebody else's cache may refuse it
  }
  Lock in_use;
  TokenStore store;
};

std::shared_ptr<const TokenStore> open_kept(const fs::path& path, const StoreKey& key) {
  const auto kept = std::make_shared<const Kept>(path, key);
  return {kept, &kept->store};
}

/// The store from the cache, or made and kept there; nullptr, after a warning, where nothing can be kept.
std::shared_ptr<const TokenStore> kept_store(const DatasetSource& source, const StoreRecipe& recipe,
                                             const StoreKey& key, const std::vector<FileState>& states) {
  const std::string remedy = message(
      "tokens are not kept, so the next run makes them anew (set TEKIO_CACHE to a folder that can be written, or pass "
      "--no_cache)");
  const std::optional<fs::path> cache = cache_folder();
  if (!cache) {
    warn_once(fmt::format("there is no place for the cache, as none of TEKIO_CACHE, XDG_CACHE_HOME and HOME is set: {}",
                          remedy));
    return nullptr;
  }
  const fs::path folder = stores_folder(*cache), path = store_path(folder, key);
  if (std::error_code ignored; fs::exists(path, ignored)) {
    try {
      auto store = open_kept(path, key);
      if (store->skipped_rows()) source.files->remember_skipped_rows(*store->skipped_rows());
      return store;
    } catch (const Error& error) {
      warn(fmt::format("{} (this happens now)", error.what()));
    }
  }
  const auto not_kept = [&](const std::string& reason) {
    warn_once(fmt::format("the cache's folder {} cannot be written: {}: {}", printable(folder.string(), 300), reason,
                          remedy));
    return nullptr;
  };
  if (const std::string reason = make_private_folder(folder); !reason.empty()) return not_kept(reason);
  remove_stale_temporaries(folder);
  try {
    build(source, recipe, key, states, path);
  } catch (const StoreWriteError& error) {  // a full disk, a quota, a file system that can only be read
    return not_kept(error.what());
  }
  auto store = open_kept(path, key);
  prune_stores(folder);
  return store;
}

}  // namespace

/// TMPDIR is the user's word; without it the first that takes a file: /tmp may
/// be memory, and a store may be larger.
fs::path temporary_folder() {
  const char* chosen = std::getenv("TMPDIR");
  if (chosen != nullptr && *chosen == '\0') chosen = nullptr;
  const auto refused = [](const char* folder) {
    std::error_code ignored;
    return !fs::is_directory(folder, ignored) ? ENOTDIR : ::access(folder, W_OK | X_OK) != 0 ? errno : 0;
  };
  if (chosen == nullptr)
    for (const char* folder : {"/var/tmp", "/tmp", "/dev/shm"})
      if (refused(folder) == 0) return folder;
  const fs::path folder = chosen != nullptr ? chosen : "/var/tmp";
  if (const int code = refused(folder.c_str()); code != 0)
    fail_system({{code, std::system_category()}, folder},
                "cannot write to the folder {}: {}; set TMPDIR to a folder that can be written",
                printable(folder.string(), 300));
  return folder;
}

FileState FileState::of(const fs::path& path) {
  for (;;) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0)
      fail_system({last_error(), path}, "cannot read {}: {}", printable(path.string(), 300));
    const int64_t changed = nanoseconds(info.st_ctim);
    // The kernel's clock for files ticks every 1 to 10 ms; a file system that keeps whole seconds shows none below.
    const int64_t tick = changed % kSecond == 0 ? 2 * kSecond : kSecond / 50;
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    const int64_t age = nanoseconds(now) - changed;
    if (age > tick || age < 0)
      return {info.st_ino, static_cast<uint64_t>(info.st_size), nanoseconds(info.st_mtim), changed};
    std::this_thread::sleep_for(std::chrono::nanoseconds(tick - age + 1));
  }
}

namespace {

FileState state_of(const Files& files, size_t number) {
  const DataFile& file = files.list()[number];
  if (!file.memory) return FileState::of(file.path);
  const auto column = files.text_column(static_cast<size_t>(file.group));
  std::array<uint64_t, 2> digest{};
  if (column) digest = file.memory->digest(column->path, files.options().words == Words::list);
  return {.inode = digest[0],
          .size = static_cast<uint64_t>(file.memory->rows),
          .modified_ns = static_cast<int64_t>(digest[1]),
          .changed_ns = 0};
}

}  // namespace

std::vector<FileState> states_of(const Files& files) {
  files.fetch();
  std::vector<FileState> states;
  for (size_t i = 0; i < files.list().size(); ++i) states.push_back(state_of(files, i));
  return states;
}

void check_unchanged(const Files& files, const std::vector<FileState>& before) {
  for (size_t i = 0; i < before.size(); ++i)
    if (const DataFile& file = files.list()[i]; !file.memory && FileState::of(file.path) != before[i])
      fail(ErrorKind::input, "{} changed while it was read; run again when nothing writes to it", shown_name(file));
}

StoreKey rows_key(const Files& files, size_t file) {
  const DataFile& read = files.list()[file];
  KeyText text;
  add_options(files.options(static_cast<size_t>(read.group)), text);
  add_file(read, 0, state_of(files, file), text);
  return text.digest();
}

StoreKey store_key(const DatasetSource& source, const std::vector<FileState>& states, const StoreRecipe& recipe) {
  KeyText text;
  text.string("tekio tokens 2");
  text.string(recipe.encoder_digest);
  add_options(source.files->options(), text);
  for (size_t group = 0; group < source.files->groups(); ++group)
    if (const ReadOptions& own = source.files->options(group); &own != &source.files->options()) add_options(own, text);
  text.number(recipe.options.skip_blank ? 2 : 0);  // 1: a store that did not number its rows
  text.number(recipe.options.max_tokens);
  for (const auto number : {int64_t{recipe.shape.id_bytes}, recipe.shape.prefix, recipe.shape.suffix})
    text.number(number);
  for (size_t i = 0; i < states.size(); ++i)
    add_file(source.files->list()[i], source.files->list()[i].group, states[i], text);
  text.number(source.picked != nullptr);
  text.number(source.picked ? 0 : source.begin);
  text.number(source.picked ? 0 : source.end);
  if (source.picked)
    text.string({reinterpret_cast<const char*>(source.picked->data()), source.picked->size() * sizeof(int64_t)});
  return text.digest();
}

std::shared_ptr<const TokenStore> get_store(const DatasetSource& source, const StoreRecipe& recipe, bool use_cache,
                                            StoreKey* found_key) {
  const std::vector<FileState> states = states_of(*source.files);
  const StoreKey key = store_key(source, states, recipe);
  if (found_key != nullptr) *found_key = key;
  const std::vector<DataFile>& files = source.files->list();
  const bool piped =
      std::any_of(files.begin(), files.end(), [](const DataFile& file) { return !file.shown.empty() && !file.memory; });
  if (use_cache && !piped)  // what was piped is never met again
    if (auto store = kept_store(source, recipe, key, states)) return store;
  return build(source, recipe, key, states, AtomicFile::Nameless{temporary_folder()});
}

std::shared_ptr<const TokenStore> find_store(const StoreKey& key, bool use_cache, const fs::path& theirs) {
  std::vector<fs::path> places;
  if (const std::optional<fs::path> cache = cache_folder(); use_cache && cache)
    places.push_back(store_path(stores_folder(*cache), key));
  if (!theirs.empty()) places.push_back(theirs);
  for (const fs::path& path : places) {
    try {
      if (std::error_code ignored; fs::exists(path, ignored)) return open_kept(path, key);
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): damaged, or not to be read: it is had otherwise
    }
  }
  return nullptr;
}

ReceivedStore::ReceivedStore(const StoreKey& key, bool use_cache) : key_(key) {
  const std::optional<fs::path> cache = cache_folder();
  if (use_cache && cache && make_private_folder(stores_folder(*cache)).empty()) {
    try {
      remove_stale_temporaries(stores_folder(*cache));
      file_ = std::make_unique<AtomicFile>(store_path(stores_folder(*cache), key), 0600);
      is_kept_ = true;
      return;
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): a cache is a convenience
    }
  }
  file_ = std::make_unique<AtomicFile>(AtomicFile::Nameless{temporary_folder()});
}

void ReceivedStore::add(std::string_view piece) { file_->write(piece); }

std::shared_ptr<const TokenStore> ReceivedStore::finish() {
  file_->commit();
  if (!is_kept_) return std::make_shared<const TokenStore>(file_->path(), key_);
  auto store = open_kept(file_->path(), key_);
  prune_stores(file_->path().parent_path());
  return store;
}

StoreRecipe recipe_of(const Dataset& dataset, const Tokenizer& tokenizer, const ChunkOptions& options) {
  const auto [prefix, suffix] = tokenizer.template_lengths();
  if (options.chunk_size < 1) fail(ErrorKind::usage, "chunk_size is {}; at least 1 is expected", options.chunk_size);
  if (options.line_by_line && options.chunk_size <= prefix + suffix)
    fail(ErrorKind::usage,
         "chunk_size is {}, but with line_by_line every chunk has {} template tokens; at least {} is expected",
         options.chunk_size, prefix + suffix, prefix + suffix + 1);
  if (options.threads < 0)
    fail(ErrorKind::usage, "threads is {}; 0 (all processors) or more is expected", options.threads);
  constexpr int64_t kNarrow = 65'536;
  return {
      .encoder_digest = digest_of_encoder(tokenizer, options.words),
      .shape = {.id_bytes = tokenizer.vocabulary_size() < kNarrow ? 2 : 4, .prefix = prefix, .suffix = suffix},
      .options = {.skip_blank = options.line_by_line,
                  .max_tokens = options.line_by_line ? options.chunk_size : 0,
                  .suffix = suffix,
                  .threads = options.threads},
      .make_encoder =
          [&] { return make_row_encoder(tokenizer, options.words, DatasetSource::of(dataset).files->options()); },
  };
}

Chunks chunk(const Dataset& dataset, const Tokenizer& tokenizer, const ChunkOptions& options) {
  auto store = get_store(DatasetSource::of(dataset), recipe_of(dataset, tokenizer, options), options.use_cache);
  return ChunksView::wrap(std::make_shared<const ChunksView>(
      ChunksView::whole(std::move(store), options.chunk_size, options.line_by_line, options.words)));
}

}  // namespace tekio
