// Rows, chunks, and lists of token ids that Python made.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/random/numpy_permutation.h"
#include "bind_options.h"
#include "binding.h"
#include "data/data_options.h"
#include "data/load_dataset.h"
#include "data/record_parser.h"
#include "data/source.h"
#include "interrupts.h"
#include "named_options.h"
#include "path.h"
#include "values.h"

namespace tekio::python {
namespace {

/// Rows one after the other, from the first on. With all columns, so not for training.
class RowReader {
 public:
  explicit RowReader(Dataset dataset)
      : dataset_(std::move(dataset)),
        reader_(DatasetSource::of(dataset_), Columns::all),
        parser_(*DatasetSource::of(dataset_).files) {}

  int64_t position() const { return position_; }

  /// The next rows, fewer at the end.
  std::vector<Row> next(int64_t count) {
    std::vector<Row> rows;
    for (; static_cast<int64_t>(rows.size()) < count && has_row(); ++at_, ++position_)
      rows.push_back(parser_.row(block_, block_.records[at_]));
    return rows;
  }

  void skip(int64_t count) {
    for (; count > 0 && has_row(); --count, ++at_, ++position_) {}
  }

 private:
  bool has_row() {
    if (at_ < block_.records.size()) return true;
    const bool has_more = reader_.next(block_);
    if (!has_more) block_.clear();
    at_ = 0;
    return has_more;
  }

  Dataset dataset_;
  SourceReader reader_;
  RecordParser parser_;
  Block block_;
  size_t at_ = 0;
  int64_t position_ = 0;
};

nb::list next_rows(RowReader& reader, int64_t count) {
  std::vector<Row> rows;
  {
    const ReleasedCall released;
    rows = reader.next(count);
  }
  nb::list list;
  for (const Row& row : rows) {
    nb::dict dict;
    for (const auto& [name, value] : row.columns) dict[nb::str(name.data(), name.size())] = value_of(value);
    list.append(dict);
  }
  return list;
}

template <typename Number>
std::vector<Number> numbers_in(const nb::bytes& bytes) {
  std::vector<Number> numbers(bytes.size() / sizeof(Number));
  if (!numbers.empty()) std::memcpy(numbers.data(), bytes.data(), numbers.size() * sizeof(Number));
  return numbers;
}

/// A column of lists of whole numbers (token ids, word ids, masks), four bytes each; None among them is kNone.
class NumberLists {
 public:
  static constexpr int32_t kNone = INT32_MIN;

  NumberLists() = default;
  /// What state() gave.
  explicit NumberLists(const std::pair<nb::bytes, nb::bytes>& state)
      : values_(numbers_in<int32_t>(state.first)), ends_(numbers_in<int64_t>(state.second)) {
    if (!std::is_sorted(ends_.begin(), ends_.end()) || (ends_.empty() ? 0 : ends_.back()) != std::ssize(values_) ||
        (!ends_.empty() && ends_.front() < 0))
      fail(ErrorKind::input, "these are no lists of numbers that were pickled");
  }
  std::pair<nb::bytes, nb::bytes> state() const {
    return {nb::bytes(values_.data(), values_.size() * sizeof(int32_t)),
            nb::bytes(ends_.data(), ends_.size() * sizeof(int64_t))};
  }

  int64_t size() const { return static_cast<int64_t>(ends_.size()); }

  /// Appends a list of lists. False, with nothing appended, where it holds something else.
  bool extend(const nb::list& lists) {
    const size_t values = values_.size(), rows = ends_.size();
    for (const nb::handle list : lists)
      if (!append(list)) {
        values_.resize(values);
        ends_.resize(rows);
        return false;
      }
    return true;
  }

  nb::list row(int64_t i) const {
    if (i < 0 || i >= size()) fail(ErrorKind::usage, "row {} was asked for, but there are {}", i, size());
    const auto [begin, end] = range(i);
    nb::list list = nb::steal<nb::list>(PyList_New(end - begin));
    for (int64_t at = begin; at < end; ++at) {
      const int32_t value = values_[static_cast<size_t>(at)];
      PyList_SetItem(list.ptr(), at - begin, value == kNone ? nb::none().release().ptr() : PyLong_FromLong(value));
    }
    return list;
  }

  std::pair<int64_t, int64_t> range(int64_t i) const {
    return {i == 0 ? 0 : ends_[static_cast<size_t>(i - 1)], ends_[static_cast<size_t>(i)]};
  }
  const std::vector<int32_t>& values() const { return values_; }
  const std::vector<int64_t>& ends() const { return ends_; }

 private:
  bool append(nb::handle row) {
    if (!PyList_Check(row.ptr())) return false;
    const Py_ssize_t size = PyList_Size(row.ptr());
    for (Py_ssize_t i = 0; i < size; ++i) {
      PyObject* const item = PyList_GetItem(row.ptr(), i);
      if (item == Py_None) {
        values_.push_back(kNone);
        continue;
      }
      if (!PyLong_CheckExact(item)) return false;
      int overflow = 0;
      const long value = PyLong_AsLongAndOverflow(item, &overflow);
      if (overflow != 0 || value <= kNone || value > INT32_MAX) return false;
      values_.push_back(static_cast<int32_t>(value));
    }
    ends_.push_back(static_cast<int64_t>(values_.size()));
    return true;
  }

  std::vector<int32_t> values_;
  std::vector<int64_t> ends_;
};

/// Rows of token ids as chunks. Without the GIL.
Chunks chunks_of(const NumberLists& ids, const NumberLists* words) {
  for (const int32_t id : ids.values())
    if (id == NumberLists::kNone) fail(ErrorKind::input, "there is a None among the input_ids; expected ids");
  std::vector<int32_t> numbered;
  if (words != nullptr) {
    if (words->ends() != ids.ends())
      fail(ErrorKind::input, "word_ids are not as many as input_ids in every row; expected one for each");
    numbered = words->values();
    std::replace(numbered.begin(), numbered.end(), NumberLists::kNone, Encoding::kNoWord);
  }
  return Chunks::from_sequences({.input_ids = ids.values(), .ends = ids.ends(), .word_ids = numbered});
}

/// ReadOptions by name.
struct ReadArguments : NamedOptions {
  ReadArguments() : NamedOptions("load_dataset") {
    cli::BindOptions bind(table_);
    walk_read_options(values, bind);
    walk_word_options(values, bind);
  }
  ReadOptions values;
};

/// ChunkOptions by name.
struct ChunkArguments : NamedOptions {
  ChunkArguments() : NamedOptions("chunk") {
    cli::BindOptions bind(table_);
    walk_chunk_options(values, bind);
  }
  ChunkOptions values;
};

void bind_rows(nb::module_& m) {
  nb::class_<ReadArguments, NamedOptions>(m, "ReadOptions").def(nb::init<>());
  nb::class_<Dataset>(m, "Dataset")
      .def_static("from_texts", &Dataset::from_texts, nb::arg("texts"), WithoutGil())
      .def_static(
          "from_arrow",
          [](const nb::capsule& stream, const ReadArguments& options) {
            return Dataset::from_arrow(static_cast<ArrowArrayStream*>(stream.data("arrow_array_stream")),
                                       options.values);
          },
          nb::arg("stream"), nb::arg("options"))
      .def_prop_ro("size", &Dataset::size, WithoutGil())
      .def_prop_ro("columns", &Dataset::columns, WithoutGil())
      .def_prop_ro("text_column", &Dataset::text_column, WithoutGil())
      .def_prop_ro("skipped_rows", &Dataset::skipped_rows, WithoutGil())
      .def("shuffle", &Dataset::shuffle, nb::arg("seed"), WithoutGil())
      .def("select", &Dataset::select, nb::arg("rows"), WithoutGil())
      .def("slice", &Dataset::slice, nb::arg("begin"), nb::arg("end"), WithoutGil());
  nb::class_<RowReader>(m, "RowReader")
      .def(nb::init<Dataset>(), nb::arg("dataset"))
      .def_prop_ro("position", &RowReader::position)
      .def("skip", &RowReader::skip, nb::arg("count"), WithoutGil())
      .def("next", &next_rows, nb::arg("count"));
  m.def(
      "load_dataset",
      [](const std::vector<Path>& specs, const ReadArguments& options, bool offline, const Path& cache) {
        std::vector<std::string> texts;
        for (const Path& spec : specs) texts.push_back(spec.bytes);
        const hub::CallSettings call{offline, cache.bytes};
        return load_dataset(texts, options.values, [call] { return hub::Settings::from_environment(call); }).splits();
      },
      nb::arg("specs"), nb::arg("options"), nb::arg("offline"), nb::arg("cache"), WithoutGil());
  nb::class_<NumberLists>(m, "NumberLists")
      .def(nb::init<>())
      .def("__len__", &NumberLists::size)
      .def("__getstate__", &NumberLists::state)
      .def("__setstate__",
           [](NumberLists& lists, const std::pair<nb::bytes, nb::bytes>& state) { new (&lists) NumberLists(state); })
      .def("extend", &NumberLists::extend, nb::arg("lists"))
      .def("row", &NumberLists::row, nb::arg("i"));
  m.def("permutation", &numpy_permutation, nb::arg("seed"), nb::arg("size"),
        "NumPy's default_rng(seed).permutation(size).");
}

void bind_chunks(nb::module_& m) {
  nb::class_<Chunks>(m, "Chunks")
      .def("__len__", &Chunks::size)
      .def_prop_ro("chunk_size", &Chunks::chunk_size)
      .def_prop_ro("rows", &Chunks::rows)
      .def_prop_ro("tokens", &Chunks::tokens)
      .def("ids", [](const Chunks& c, int64_t i) { return list_of(c.ids(i)); })
      .def("words",
           [](const Chunks& c, int64_t i) {
             nb::list words;
             for (const int32_t word : c.word_ids(i))
               words.append(word == Encoding::kNoWord ? nb::none() : nb::object(nb::int_(word)));
             return words;
           })
      .def("select", &Chunks::select, nb::arg("chunks"), WithoutGil())
      .def(
          "train_test_split",
          [](const Chunks& c, int64_t train, int64_t test, uint64_t seed) {
            Chunks::Split split = c.train_test_split({.train_size = train, .test_size = test, .seed = seed});
            return std::pair(std::move(split.train), std::move(split.test));
          },
          nb::arg("train_size"), nb::arg("test_size"), nb::arg("seed"), WithoutGil());
  m.def("chunks_of", &chunks_of, nb::arg("ids"), nb::arg("words").none(), WithoutGil());
  nb::class_<ChunkArguments, NamedOptions>(m, "ChunkOptions").def(nb::init<>());
  m.def(
      "chunk",
      [](const Dataset& dataset, const Tokenizer& tokenizer, const ChunkArguments& options) {
        return chunk(dataset, tokenizer, options.values);
      },
      nb::arg("dataset"), nb::arg("tokenizer"), nb::arg("options"), WithoutGil());
}

}  // namespace

void bind_data(nb::module_& m) {
  bind_rows(m);
  bind_chunks(m);
}

}  // namespace tekio::python
