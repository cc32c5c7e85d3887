#include "data/memory_rows.h"

#include <xxhash.h>

#include <cstring>
#include <utility>

#include "base/error.h"

namespace tekio {
namespace {

constexpr const char* kShown = "the rows in memory";

/// Bytes of a column's strings, where offsets tell.
int64_t text_bytes_of(const ArrowType& type, const ArrowArray& array) {
  if (type.dictionary || array.length == 0 || array.n_buffers < 2 || array.buffers[1] == nullptr) return 0;
  const auto between = [&](const auto* offsets) {
    return static_cast<int64_t>(offsets[array.offset + array.length] - offsets[array.offset]);
  };
  if (type.kind == ArrowType::Kind::string) return between(static_cast<const int32_t*>(array.buffers[1]));
  if (type.kind == ArrowType::Kind::large_string) return between(static_cast<const int64_t*>(array.buffers[1]));
  return 0;
}

void add(MemoryRows& rows, MemoryRows::Batch batch) {
  const ArrowArray& array = **batch;
  check_array(rows.table, array, 0);
  if (array.length == 0) return;
  rows.rows += array.length;
  for (size_t i = 0; i < rows.table.children.size(); ++i)
    rows.text_bytes += text_bytes_of(rows.table.children[i], *array.children[i]);
  rows.batches.push_back(std::move(batch));
}

/// A table of one column of texts, with all that its arrays point to.
struct OwnedTexts {
  std::string bytes;
  std::vector<int64_t> offsets = {0};
  const void* text_buffers[3] = {};
  const void* table_buffers[1] = {};
  ArrowArray text{};
  ArrowArray* children[1] = {};
};

void release_table(ArrowArray* table) {
  delete static_cast<OwnedTexts*>(table->private_data);
  table->release = nullptr;
}

void fill_table(const std::vector<std::string>& texts, ArrowArray* table) {
  auto owned = std::make_unique<OwnedTexts>();
  size_t bytes = 0;
  for (const std::string& text : texts) bytes += text.size();
  owned->bytes.reserve(bytes + 1);  // so that there is a buffer even where all are empty
  owned->offsets.reserve(texts.size() + 1);
  for (const std::string& text : texts) {
    owned->bytes += text;
    owned->offsets.push_back(static_cast<int64_t>(owned->bytes.size()));
  }
  const auto length = static_cast<int64_t>(texts.size());
  owned->text_buffers[1] = owned->offsets.data();
  owned->text_buffers[2] = owned->bytes.data();
  owned->text = {.length = length, .n_buffers = 3, .buffers = owned->text_buffers, .release = [](ArrowArray* array) {
                   array->release = nullptr;
                 }};
  owned->children[0] = &owned->text;
  *table = {.length = length,
            .n_buffers = 1,
            .n_children = 1,
            .buffers = owned->table_buffers,
            .children = owned->children,
            .release = release_table,
            .private_data = owned.get()};
  owned.release();  // the array's now
}

ArrowType table_of_texts() {
  ArrowType text{.kind = ArrowType::Kind::large_string, .bytes = 8, .name = "text", .format = "U"};
  ArrowType table{.kind = ArrowType::Kind::structure, .format = "+s"};
  table.children.push_back(std::move(text));
  return table;
}

}  // namespace

std::shared_ptr<const MemoryRows> MemoryRows::of_stream(ArrowArrayStream* stream) {
  if (stream == nullptr || stream->release == nullptr)
    fail(ErrorKind::usage, "the Arrow stream was used before, or is none; make a new one of its table");
  ArrowOwned<ArrowArrayStream> owned;
  *owned.fill() = *stream;
  stream->release = nullptr;  // moved from, as the interface has it
  const auto check = [&](int code) {
    if (code == 0) return;
    const char* const text = owned.get()->get_last_error(owned.get());
    fail(ErrorKind::input, "{} cannot be read: {}", kShown,
         printable(text == nullptr ? "no reason is known" : text, 500));
  };
  ArrowOwned<ArrowSchema> schema;
  check(owned.get()->get_schema(owned.get(), schema.fill()));
  auto rows = std::make_shared<MemoryRows>();
  rows->table = ArrowType::of(*schema);
  if (rows->table.kind != ArrowType::Kind::structure)
    fail(ErrorKind::input, "the Arrow stream holds {}; expected a table of named columns", rows->table.plural());
  for (;;) {
    const auto batch = std::make_shared<ArrowOwned<ArrowArray>>();
    check(owned.get()->get_next(owned.get(), batch->fill()));
    if (!*batch) return rows;
    add(*rows, batch);
  }
}

std::shared_ptr<const MemoryRows> MemoryRows::of_texts(const std::vector<std::string>& texts) {
  auto rows = std::make_shared<MemoryRows>();
  rows->table = table_of_texts();
  const auto batch = std::make_shared<ArrowOwned<ArrowArray>>();
  fill_table(texts, batch->fill());
  add(*rows, batch);
  return rows;
}

std::array<uint64_t, 2> MemoryRows::digest(const std::vector<std::string>& column, bool words) const {
  ArrowPath path;
  TEKIO_CHECK(ArrowPath::find(table, column, path), "{}", fmt::join(column, "."));
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(), XXH3_freeState);
  XXH3_128bits_reset(state.get());
  std::string joined;
  for (const Batch& batch : batches)
    for (int64_t i = 0; i < (**batch).length; ++i) {
      const ArrowArray* array = nullptr;
      int64_t row = i, size = -1;  // -1: there is none
      std::string_view text;
      if (path.at(**batch, row, array)) {
        joined.clear();
        if (!words)
          text = arrow_text(path.type(), *array, row);
        else if (append_words(path.type(), *array, row, joined))
          text = joined;
        else
          array = nullptr;
        if (array != nullptr) size = static_cast<int64_t>(text.size());
      }
      XXH3_128bits_update(state.get(), &size, sizeof size);
      XXH3_128bits_update(state.get(), text.data(), text.size());
    }
  const XXH128_hash_t hash = XXH3_128bits_digest(state.get());
  return {hash.low64, hash.high64};
}

}  // namespace tekio
