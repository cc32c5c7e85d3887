// tekio cache list, tekio cache clear: the token stores that runs leave behind so that the next one need not tokenize
// the same text again.
#include <fmt/chrono.h>

#include "base/log.h"
#include "command.h"
#include "data/cached_stores.h"

namespace tekio::cli {
namespace fs = std::filesystem;
namespace {

constexpr size_t kShown = 4096;  // of a path: whole

std::string utc(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

std::string local(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%d %H:%M}", fmt::localtime(std::chrono::system_clock::to_time_t(time)));
}

uint64_t bytes_of(const std::vector<CachedStore>& stores) {
  uint64_t bytes = 0;
  for (const CachedStore& store : stores) bytes += store.bytes;
  return bytes;
}

// "3 stores, 12.3 MB"
std::string sum_of(const std::vector<CachedStore>& stores) {
  return fmt::format("{}, {}", counted(static_cast<int64_t>(stores.size()), "store"), bytes_text(bytes_of(stores)));
}

// Where stores are kept; nothing, which is told, where the system names no place.
std::optional<fs::path> stores_here() {
  const std::optional<fs::path> cache = cache_folder();
  if (cache) return stores_folder(*cache);
  warn("there is no place for the cache, as none of TEKIO_CACHE, XDG_CACHE_HOME and HOME is set: nothing is kept");
  return std::nullopt;
}

class CacheList final : public Command {
 public:
  CommandText text() const override {
    return {
        .name = "cache list",
        .summary = "lists the token stores that are kept for later runs",
        .usage = "",
        .description =
            "Each tokenized split is kept in TEKIO_CACHE (else XDG_CACHE_HOME/tekio, else ~/.cache/tekio), so that "
            "the next run with the same text and tokenizer begins at once. Shows when each store was used last, its "
            "size, and the file or folder that it was made from, the most recently used first.",
        .examples = {"tekio cache list", "tekio cache list --json"},
        .on_ranks = OnRanks::each};
  }

  void add_options(OptionTable&) override {}

  int run(const OptionTable&, const std::vector<std::string>&, Output& out) override {
    const std::optional<fs::path> folder = stores_here();
    std::vector<CachedStore> stores;
    if (folder) stores = list_stores(*folder);
    OrderedJson list = OrderedJson::array();
    for (auto store = stores.rbegin(); store != stores.rend(); ++store) {
      const std::optional<StoreFacts> facts = store_facts(store->path);
      if (!common.json) {
        out.folded_line(fmt::format("{}  {:>9}  {}", local(store->used), bytes_text(store->bytes),
                                    facts ? printable(facts->data, kShown) : "not readable, or of another version"),
                        4);
        continue;
      }
      list.push_back({{"path", store->path.string()},
                      {"bytes", store->bytes},
                      {"used", utc(store->used)},
                      {"data", facts ? OrderedJson(facts->data) : OrderedJson()},
                      {"rows", facts ? OrderedJson(facts->rows) : OrderedJson()},
                      {"tokens", facts ? OrderedJson(facts->tokens) : OrderedJson()}});
    }
    if (common.json)
      out.json(list);
    else if (folder)
      out.folded_line(fmt::format("{} in {}", sum_of(stores), printable(folder->string(), kShown)), 4);
    return 0;
  }
};

class CacheClear final : public Command {
 public:
  CommandText text() const override {
    return {
        .name = "cache clear",
        .summary = "removes token stores",
        .usage = "[--older_than DAYS]",
        .description =
            "Removes the token stores that no running process has open; nothing else in the folder is touched. What "
            "is needed again is made anew from the text. Without this command, stores that were not used for 30 "
            "days go when another is made.",
        .examples = {"tekio cache clear", "tekio cache clear --older_than 7"},
        .on_ranks = OnRanks::each};
  }

  void add_options(OptionTable& table) override {
    table.add("older_than", &days_, "only stores that were not used for this many days; 0: all")
        .called("DAYS")
        .at_least(0)
        .at_most(36500);
  }

  int run(const OptionTable&, const std::vector<std::string>&, Output& out) override {
    const std::optional<fs::path> folder = stores_here();
    ClearedStores cleared;
    if (folder) cleared = clear_stores(*folder, std::chrono::duration<double>(days_ * 24 * 3600));
    if (common.json) {
      out.json({{"removed", paths_of(cleared.removed)},
                {"bytes", bytes_of(cleared.removed)},
                {"in_use", paths_of(cleared.in_use)}});
    } else {
      out.line(fmt::format("removed {}", sum_of(cleared.removed)));
      if (!cleared.in_use.empty())
        out.line(fmt::format("kept {}: a running process has {} open", sum_of(cleared.in_use),
                             cleared.in_use.size() == 1 ? "it" : "them"));
    }
    if (cleared.failed.empty()) return 0;
    out.flush();
    const auto& [store, reason] = cleared.failed.front();
    fail(ErrorKind::io, "cannot remove {}{}: {}", printable(store.path.string(), 300),
         cleared.failed.size() > 1 ? fmt::format(" and {} more", cleared.failed.size() - 1) : "", reason);
  }

 private:
  static OrderedJson paths_of(const std::vector<CachedStore>& stores) {
    OrderedJson paths = OrderedJson::array();
    for (const CachedStore& store : stores) paths.push_back(store.path.string());
    return paths;
  }

  double days_ = 0;
};

}  // namespace

std::unique_ptr<Command> make_cache_list() { return std::make_unique<CacheList>(); }
std::unique_ptr<Command> make_cache_clear() { return std::make_unique<CacheClear>(); }

}  // namespace tekio::cli
