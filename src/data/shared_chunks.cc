// Rank 0 tells tasks, which all others carry out with it: tokenize, take a store, end. A task is CBOR, as names of
// files need not be UTF-8.
#include "data/shared_chunks.h"

#include <algorithm>
#include <cstring>
#include <fstream>

#include "base/error.h"
#include "base/thread_pool.h"
#include "data/chunks.h"

namespace tekio {
namespace {

constexpr size_t kPiece = size_t{4} << 20;

std::string bytes_of(const Json& document) {
  const std::vector<uint8_t> bytes = Json::to_cbor(document);
  return {bytes.begin(), bytes.end()};
}

std::string key_text(const StoreKey& key) { return {reinterpret_cast<const char*>(key.data()), key.size()}; }

/// What rank 0 says of a task, or of the chunks that came of all. Errors: comms (it says nothing of the kind).
template <typename Part>
Part part_of_task(const Json& task, const char* key) {
  try {
    return task.at(key).get<Part>();
  } catch (const Json::exception&) {
    fail(ErrorKind::comms, "rank 0 sent a task without its {}: the ranks do different things", key);
  }
}

StoreKey key_of(const Json& task) {
  const auto text = part_of_task<std::string>(task, "key");
  StoreKey key{};
  std::memcpy(key.data(), text.data(), std::min(text.size(), key.size()));
  return key;
}

// Processes with one of these see one system's files, but for those in containers.
std::string machine() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  file >> id;
  return id.empty() ? "unknown" : id;
}

}  // namespace

Json SharedChunks::tell(const Json& task) const {
  const std::string text = ranks_.gather(ranks_.rank == 0 ? bytes_of(task) : "").front();
  return ranks_.rank == 0 ? task : Json::from_cbor(text, /*strict=*/true, /*allow_exceptions=*/false);
}

Tokenizers SharedChunks::gather_tokenizers(bool takes_part, int blocks) const {
  Tokenizers who{.ranks = {}, .blocks = blocks};
  const std::vector<std::string> answers = ranks_.gather(takes_part ? "here" : "");
  for (size_t rank = 0; rank < answers.size(); ++rank)
    if (!answers[rank].empty()) who.ranks.push_back(static_cast<int>(rank));
  return who;
}

Chunks SharedChunks::cut(const Dataset& rows, const Json& name) {
  if (ranks_.size == 1) return chunk(rows, tokenizer_, options_);
  StoreRecipe recipe = recipe_of(rows, tokenizer_, options_);
  StoreKey key{};
  const auto fill_it = [&](const DatasetSource& source, const StoreKey& its, TokenStoreWriter& writer) {
    fill(name, recipe, source, its, writer);
  };
  StoreRecipe shared = recipe;
  shared.fill = fill_it;
  const auto store = get_store(DatasetSource::of(rows), shared, options_.use_cache, &key);
  share(store, key);
  return ChunksView::wrap(std::make_shared<const ChunksView>(
      ChunksView::whole(store, options_.chunk_size, options_.line_by_line, options_.words)));
}

void SharedChunks::fill(const Json& name, const StoreRecipe& recipe, const DatasetSource& source, const StoreKey& key,
                        TokenStoreWriter& writer) {
  constexpr int kMostBlocks = 16;
  const int threads = options_.threads > 0 ? options_.threads : available_processors();
  const int blocks = std::clamp(threads, 1, kMostBlocks);
  tell({{"task", "tokenize"}, {"name", name}, {"key", key_text(key)}, {"blocks", blocks}});
  const Tokenizers who = gather_tokenizers(true, blocks);
  if (who.ranks.size() == 1) return tokenize(source, recipe.make_encoder, recipe.options, writer);
  tokenize_together(ranks_, who, {&source, &recipe.make_encoder, recipe.options, &writer});
}

void SharedChunks::help(const Json& task, const std::function<std::optional<Dataset>(const Json& name)>& open) {
  std::optional<Dataset> rows;
  std::vector<FileState> states;
  const auto blocks = part_of_task<int>(task, "blocks");
  try {
    rows = open(part_of_task<Json>(task, "name"));
    if (rows) {
      states = states_of(*DatasetSource::of(*rows).files);
      if (store_key(DatasetSource::of(*rows), states, recipe_of(*rows, tokenizer_, options_)) != key_of(task))
        rows.reset();
    }
  } catch (const Error&) {  // not to be had here
    rows.reset();
  }
  const Tokenizers who = gather_tokenizers(rows.has_value(), blocks);
  if (who.ranks.size() == 1) return;
  if (!rows) return tokenize_together(ranks_, who, {});
  const StoreRecipe recipe = recipe_of(*rows, tokenizer_, options_);
  tokenize_together(ranks_, who, {&DatasetSource::of(*rows), &recipe.make_encoder, recipe.options, nullptr});
  check_unchanged(*DatasetSource::of(*rows).files, states);
}

/// Whether there is a rank without the store. Of those of one machine the first is to receive it: the others may then
/// find it there.
bool SharedChunks::someone_lacks(bool own, bool& is_to_receive) const {
  const std::vector<std::string> machines = ranks_.gather(own ? machine() : "");
  const auto first = std::ranges::find(machines, own ? machine() : std::string("none"));
  is_to_receive = own && first - machines.begin() == ranks_.rank;
  return std::ranges::any_of(machines, [](const std::string& one) { return !one.empty(); });
}

void SharedChunks::share(const std::shared_ptr<const TokenStore>& store, const StoreKey& key) {
  stores_.push_back(store);
  const std::string_view bytes = store->file().text();
  tell({{"task", "take"},
        {"key", key_text(key)},
        {"path", fs::absolute(store->file().path()).string()},
        {"bytes", bytes.size()}});
  for (bool ignored = false; someone_lacks(false, ignored);)
    for (size_t begin = 0; begin < bytes.size(); begin += kPiece) ranks_.gather(bytes.substr(begin, kPiece));
}

void SharedChunks::get(const Json& task) {
  const StoreKey key = key_of(task);
  const auto path = part_of_task<std::string>(task, "path");
  const auto bytes = part_of_task<size_t>(task, "bytes");
  const bool has_name = !path.starts_with("/proc/");
  bool use_cache = options_.use_cache;
  std::shared_ptr<const TokenStore> store = find_store(key, use_cache, has_name ? path : "");
  for (bool receives = false; someone_lacks(store == nullptr, receives);) {
    std::optional<ReceivedStore> received;
    if (receives) received.emplace(key, use_cache);
    for (size_t begin = 0; begin < bytes; begin += kPiece) {
      const std::string piece = ranks_.gather("").front();
      try {
        if (received) received->add(piece);
      } catch (const Error&) {
        if (!use_cache) throw;
        use_cache = false;  // the cache is full; there will be another round
        received.reset();
      }
    }
    if (received)
      store = received->finish();
    else if (store == nullptr && use_cache)
      store = find_store(key, use_cache, "");
  }
  stores_.push_back(std::move(store));
}

void SharedChunks::finish(const Json& result) {
  if (ranks_.size > 1) tell({{"task", "end"}, {"result", result}});
}

Json SharedChunks::follow(const std::function<std::optional<Dataset>(const Json& name)>& open) {
  for (;;) {
    const Json task = tell({});
    const std::string what = part_of_task<std::string>(task, "task");
    if (what == "end") return part_of_task<Json>(task, "result");
    if (what == "tokenize")
      help(task, open);
    else
      get(task);
  }
}

Json SharedChunks::described(const Chunks& chunks) const {
  const ChunksView& view = ChunksView::of(chunks);
  const auto store = std::ranges::find(stores_, view.store);
  Json described = {{"store", store - stores_.begin()},  {"block", view.block},
                    {"line_by_line", view.line_by_line}, {"words", static_cast<int>(view.words)},
                    {"begin", view.rows->begin},         {"end", view.rows->end}};
  if (view.picked)
    described["picked"] =
        std::string(reinterpret_cast<const char*>(view.picked->data()), view.picked->size() * sizeof(int64_t));
  return described;
}

Chunks SharedChunks::chunks(const Json& described) const {
  const auto store = part_of_task<size_t>(described, "store");
  if (store >= stores_.size()) fail(ErrorKind::comms, "rank 0 sent chunks of store {} of {}", store, stores_.size());
  ChunksView view = ChunksView::of_rows(
      stores_[store], part_of_task<int64_t>(described, "block"), part_of_task<bool>(described, "line_by_line"),
      part_of_task<int64_t>(described, "begin"), part_of_task<int64_t>(described, "end"));
  view.words = static_cast<WordBounds>(part_of_task<int>(described, "words"));
  if (described.contains("picked")) {
    const auto bytes = part_of_task<std::string>(described, "picked");
    std::vector<int64_t> picked(bytes.size() / sizeof(int64_t));
    if (!bytes.empty()) std::memcpy(picked.data(), bytes.data(), picked.size() * sizeof(int64_t));
    view.picked = std::make_shared<const std::vector<int64_t>>(std::move(picked));
  }
  return ChunksView::wrap(std::make_shared<const ChunksView>(std::move(view)));
}

}  // namespace tekio
