// Tokenizers: many texts at once, on all processors.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/thread_pool.h"
#include "hub/locate.h"
#include "interrupts.h"
#include "path.h"
#include "text/given_words.h"
#include "text/tables.h"

namespace tekio::python {
namespace {

constexpr size_t kBytesWorthThreads = size_t{64} << 10;

/// Encoded texts, which become Python lists or arrays when they are asked for.
struct Encodings {
  std::vector<Encoding> rows;

  const Encoding& row(int64_t i) const {
    if (i < 0 || i >= static_cast<int64_t>(rows.size()))
      fail(ErrorKind::usage, "text {} was asked for, but {} were encoded (numbers from 0)", i, rows.size());
    return rows[static_cast<size_t>(i)];
  }
};

template <typename Use>
auto with_field(const std::string& field, const Use& use) {
  if (field == "input_ids") return use(&Encoding::ids);
  if (field == "token_type_ids") return use(&Encoding::type_ids);
  if (field == "attention_mask") return use(&Encoding::attention_mask);
  if (field == "special_tokens_mask") return use(&Encoding::special_tokens_mask);
  fail(ErrorKind::usage, "encoded texts have no \"{}\"", printable(field));
}

nb::list row_of(const Encodings& encodings, const std::string& field, int64_t i) {
  const Encoding& row = encodings.row(i);
  return with_field(field, [&](auto member) { return list_of(row.*member); });
}

nb::list rows_of(const Encodings& encodings, const std::string& field) {
  nb::list rows;
  with_field(field, [&](auto member) {
    for (const Encoding& row : encodings.rows) {
      if (PyErr_CheckSignals() != 0) throw nb::python_error();
      rows.append(list_of(row.*member));
    }
    return 0;
  });
  return rows;
}

nb::object rectangle_of(const Encodings& encodings, const std::string& field) {
  const size_t width = encodings.rows.empty() ? 0 : encodings.rows.front().ids.size();
  std::vector<int64_t> numbers;
  numbers.reserve(width * encodings.rows.size());
  for (const Encoding& row : encodings.rows) {
    if (row.ids.size() != width)
      fail(ErrorKind::usage,
           "texts of {} and {} tokens do not make one array: pass padding=True, and truncation=True where they may be "
           "longer than the model",
           width, row.ids.size());
    with_field(field, [&](auto member) {
      numbers.insert(numbers.end(), (row.*member).begin(), (row.*member).end());
      return 0;
    });
  }
  return array_of(std::move(numbers), {encodings.rows.size(), width});
}

nb::list words_of(const Encodings& encodings, int64_t i) {
  nb::list words;
  for (const int32_t word : encodings.row(i).word_ids)
    words.append(word == Encoding::kNoWord ? nb::none() : nb::object(nb::int_(word)));
  return words;
}

nb::list offsets_of(const Encodings& encodings, int64_t i) {
  nb::list offsets;
  for (const auto& [begin, end] : encodings.row(i).offsets) offsets.append(nb::make_tuple(begin, end));
  return offsets;
}

size_t bytes_of(const std::string& text) { return text.size(); }
size_t bytes_of(const std::vector<std::string>& words) {
  size_t bytes = 0;
  for (const std::string& word : words) bytes += word.size();
  return bytes;
}

/// Encodes every text, or the words of every text, by itself or with a second one.
template <typename Text, typename One, typename Pair>
Encodings encode_all(const std::vector<Text>& texts, const std::optional<std::vector<Text>>& pairs, const One& one,
                     const Pair& pair) {
  if (pairs && pairs->size() != texts.size())
    fail(ErrorKind::usage, "{} texts, but {} second texts: expected as many", texts.size(), pairs->size());
  Encodings made;
  made.rows.resize(texts.size());
  size_t bytes = 0;
  for (const Text& text : texts) bytes += bytes_of(text);
  ThreadPool pool(bytes < kBytesWorthThreads ? 1 : 0);
  pool.for_each(static_cast<int64_t>(texts.size()), [&](int64_t i, int) {
    const auto at = static_cast<size_t>(i);
    made.rows[at] = pairs ? pair(texts[at], (*pairs)[at]) : one(texts[at]);
  });
  return made;
}

Encodings encode(const Tokenizer& tokenizer, const std::vector<std::string>& texts,
                 const std::optional<std::vector<std::string>>& pairs, const EncodeOptions& options, bool pad) {
  Encodings made = encode_all(
      texts, pairs, [&](const auto& text) { return tokenizer.encode(text, options); },
      [&](const auto& first, const auto& second) { return tokenizer.encode_pair(first, second, options); });
  if (pad) tokenizer.pad(made.rows, options);
  return made;
}

Encodings encode_words(const Tokenizer& tokenizer, const std::vector<std::vector<std::string>>& texts,
                       const std::optional<std::vector<std::vector<std::string>>>& pairs, const EncodeOptions& options,
                       bool pad) {
  Encodings made = encode_all(
      texts, pairs, [&](const auto& words) { return tekio::encode_words(tokenizer, words, options); },
      [&](const auto& first, const auto& second) {
        return tekio::encode_word_pair(tokenizer, first, second, options);
      });
  if (pad) tokenizer.pad(made.rows, options);
  return made;
}

void bind_encodings(nb::module_& m) {
  nb::class_<Encodings>(m, "Encodings")
      .def("__len__", [](const Encodings& e) { return e.rows.size(); })
      .def("row", &row_of, nb::arg("field"), nb::arg("i"), "One text's numbers of a field, a list.")
      .def("rows", &rows_of, nb::arg("field"), "A list for each text.")
      .def("rectangle", &rectangle_of, nb::arg("field"), "int64 [texts, tokens]; all texts must have as many tokens.")
      .def("words", &words_of, nb::arg("i"), "The word that each token is of; None for template tokens.")
      .def("offsets", &offsets_of, nb::arg("i"), "Begin and end of each token in characters of its text.");
}

}  // namespace

void bind_text(nb::module_& m) {
  bind_encodings(m);
  nb::class_<EncodeOptions>(m, "EncodeOptions")
      .def(nb::init<>())
      .def_rw("add_special_tokens", &EncodeOptions::add_special_tokens)
      .def_rw("max_length", &EncodeOptions::max_length)
      .def_rw("truncate_left", &EncodeOptions::truncate_left)
      .def_rw("pad_to_length", &EncodeOptions::pad_to_length)
      .def_rw("pad_to_multiple_of", &EncodeOptions::pad_to_multiple_of)
      .def_rw("pad_left", &EncodeOptions::pad_left);
  nb::class_<Tokenizer>(m, "Tokenizer")
      .def_static(
          "from_pretrained",
          [](const Path& name, bool offline, const Path& cache) {
            return Tokenizer::from_pretrained(
                hub::model_folder(name.bytes, hub::tokenizer_files, {offline, cache.bytes}).string());
          },
          nb::arg("name"), nb::arg("offline"), nb::arg("cache"), WithoutGil())
      .def("encode", &encode, nb::arg("texts"), nb::arg("pairs").none(), nb::arg("options"), nb::arg("pad"),
           WithoutGil())
      .def("encode_words", &encode_words, nb::arg("texts"), nb::arg("pairs").none(), nb::arg("options"), nb::arg("pad"),
           WithoutGil())
      .def(
          "decode",
          [](const Tokenizer& t, const std::vector<int32_t>& ids, bool skip, std::optional<bool> clean_up) {
            return t.decode(ids, {.skip_special_tokens = skip, .clean_up = clean_up});
          },
          nb::arg("ids"), nb::arg("skip_special_tokens"), nb::arg("clean_up").none(), WithoutGil())
      .def("token_to_id", [](const Tokenizer& t, const std::string& token) { return t.token_to_id(token); })
      .def("id_to_token", &Tokenizer::id_to_token)
      .def("with_model_max_length", &Tokenizer::with_model_max_length)
      .def("set_length_warning", &Tokenizer::set_length_warning)
      .def(
          "save_pretrained", [](const Tokenizer& t, const Path& folder) { t.save_pretrained(folder.bytes); },
          WithoutGil())
      .def_prop_ro("vocabulary_size", &Tokenizer::vocabulary_size)
      .def_prop_ro("base_vocabulary_size", &Tokenizer::base_vocabulary_size)
      .def_prop_ro("model_max_length", &Tokenizer::model_max_length)
      .def_prop_ro("mask_id", &Tokenizer::mask_id)
      .def_prop_ro("pad_id", &Tokenizer::pad_id)
      .def_prop_ro("unknown_id", &Tokenizer::unknown_id)
      .def_prop_ro("cls_id", &Tokenizer::cls_id)
      .def_prop_ro("sep_id", &Tokenizer::sep_id)
      .def_prop_ro("all_special_ids", &Tokenizer::all_special_ids)
      .def_prop_ro("template_lengths", &Tokenizer::template_lengths)
      .def_prop_ro("digest", &Tokenizer::digest)
      .def_prop_ro("class_name", [](const Tokenizer& t) { return TokenizerTables::of(t).tokenizer_class; })
      .def_prop_ro("config", [](const Tokenizer& t) { return TokenizerTables::of(t).config.dump(); });
}

}  // namespace tekio::python
