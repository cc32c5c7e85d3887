// Types tell what can hold text; only how long it is must be read.
#include "data/formats/columnar_head.h"

#include <algorithm>

#include "data/formats/arrow_module.h"
#include "data/memory_rows.h"

namespace tekio {
namespace {

constexpr int64_t kHeadSampleBytes = 10 << 20, kHeadSampleRows = 1000;
constexpr size_t kStructDepth = 8,
                 kStructStrings = 1000;  // of structs within structs whose strings are known as columns

Head::Values values_of(const ArrowType& type) {
  Head::Values values;
  if (type.is_text())
    values.strings = 1;
  else if (type.kind != ArrowType::Kind::null)
    values.others = 1;
  if (!type.is_text()) values.type = type.plural();
  values.lists_of_strings = values.type == "lists of strings";
  return values;
}

void add_nested(const ArrowType& type, std::vector<std::string>& path, Head& head) {
  if (type.kind != ArrowType::Kind::structure || path.size() == kStructDepth) return;
  for (const ArrowType& child : type.children) {
    path.push_back(child.name);
    Head::Values values = values_of(child);
    if (values.strings + values.lists_of_strings > 0 && head.nested.size() < kStructStrings)
      head.nested.push_back({path, std::move(values)});
    add_nested(child, path, head);
    path.pop_back();
  }
}

Head head_of(const ArrowType& table) {
  Head head;
  std::vector<std::string> names;
  for (const ArrowType& column : table.children) names.push_back(column.name);
  head.set_columns(std::move(names));
  std::vector<std::string> path;
  for (size_t i = 0; i < table.children.size(); ++i) {
    const ArrowType& column = table.children[i];
    head.values[i] = values_of(column);
    path.assign(1, column.name);
    add_nested(column, path, head);
  }
  return head;
}

/// Adds a column's strings of a batch's first rows. Of two columns of one name the first is found, which may be of
/// another type.
void observe(const ArrowType& table, const std::vector<std::string>& path, const ArrowArray& batch, int64_t rows,
             Head::Values& values) {
  ArrowPath column;
  if (!ArrowPath::find(table, path, column) || !column.type().is_text()) return;
  for (int64_t i = 0; i < rows; ++i) {
    const ArrowArray* array = nullptr;
    int64_t row = i;
    if (!column.at(batch, row, array)) continue;
    ++values.strings;
    values.characters += count_characters(arrow_text(column.type(), *array, row));
  }
}

/// Takes how long strings are from a batch's first rows.
void measure(const ArrowType& table, const ArrowArray* batch, Head& head) {
  for (Head::Values& values : head.values) values.strings = 0;
  for (Head::Nested& nested : head.nested) nested.values.strings = 0;
  if (batch == nullptr) return;
  const int64_t rows = std::min(batch->length, kHeadSampleRows);
  for (size_t i = 0; i < head.columns.size(); ++i)
    if (head.values[i].type.empty()) observe(table, {head.columns[i]}, *batch, rows, head.values[i]);
  for (Head::Nested& nested : head.nested)
    if (nested.values.type.empty()) observe(table, nested.path, *batch, rows, nested.values);
}

}  // namespace

Head memory_head(const MemoryRows& rows, bool whole) {
  Head head = head_of(rows.table);
  head.rows = rows.rows;
  if (whole && head.rows > 0) measure(rows.table, &**rows.batches.front(), head);
  return head;
}

Head columnar_head(const DataFile& file, bool whole) {
  const ArrowFile opened(file);
  Head head = head_of(opened.table());
  head.rows = opened.facts().rows;
  if (!whole || head.rows == 0) return head;
  const int64_t mean = std::max<int64_t>(1, static_cast<int64_t>(opened.bytes()) / head.rows);
  const auto stream = opened.read({.first = 0,
                                   .last = opened.facts().groups,
                                   .column = {},
                                   .batch_rows = std::clamp<int64_t>(kHeadSampleBytes / mean, 1, kHeadSampleRows),
                                   .piecewise = true});
  const auto batch = stream->next();
  measure(stream->table(), batch ? &**batch : nullptr, head);
  return head;
}

}  // namespace tekio
