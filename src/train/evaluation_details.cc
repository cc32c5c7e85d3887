#include "train/evaluation_details.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <span>
#include <string_view>

#include "base/error.h"
#include "base/statistics.h"

namespace tekio {
namespace {

constexpr size_t kWordsListed = 40, kWordsOfClass = 5, kChunksListed = 5;
constexpr int64_t kFewestPlaces = 3;  // of a word that is listed: of fewer there is no telling
constexpr int kBins = 10;
constexpr int64_t kMostCounted = 500'000;

/// A masked token in both evaluations.
struct Place {
  size_t chunk;
  MaskedToken before, after;
};

std::vector<Place> places_of(const ChunkLosses& before, const ChunkLosses& after) {
  TEKIO_CHECK(are_of_the_same_masks(before, after), "{} and {} masked tokens", before.tokens.size(),
              after.tokens.size());
  std::vector<Place> places;
  places.reserve(before.tokens.size());
  size_t i = 0;
  for (size_t chunk = 0; chunk < before.masked.size(); ++chunk)
    for (int64_t k = 0; k < before.masked[chunk]; ++k, ++i)
      places.push_back({chunk, before.tokens[i], after.tokens[i]});
  return places;
}

/// Sums over some of the places.
struct Group {
  int64_t masked = 0, hits_before = 0, hits_after = 0;
  double before = 0, after = 0;  // log-probabilities
  double gain_squares = 0;

  void add(const Place& place) {
    ++masked;
    hits_before += place.before.hit;
    hits_after += place.after.hit;
    before -= place.before.loss;
    after -= place.after.loss;
    const double gain = static_cast<double>(place.before.loss) - place.after.loss;
    gain_squares += gain * gain;
  }
  double gain() const { return (after - before) / static_cast<double>(masked); }
  /// Half of the gain's 95 % interval; infinite for one place.
  double gain_half() const {
    if (masked < 2) return INFINITY;
    const auto n = static_cast<double>(masked);
    const double variance = std::max(0.0, (gain_squares - n * gain() * gain()) / (n - 1));
    return student_t(masked - 1) * std::sqrt(variance / n);
  }
};

OrderedJson share(int64_t hits, int64_t of) {
  const double value = static_cast<double>(hits) / static_cast<double>(of);
  const auto [low, high] = interval_of_share(value, static_cast<double>(of));
  return {{"value", value}, {"low", low}, {"high", high}};
}

/// Numbers that JSON has not stand as null.
OrderedJson number(double value) { return std::isfinite(value) ? OrderedJson(value) : OrderedJson(); }

void put_probabilities(OrderedJson& json, const Group& group) {
  const auto n = static_cast<double>(group.masked);
  json["log_probability"] = {{"before", number(group.before / n)}, {"after", number(group.after / n)}};
  json["gain"] = {{"value", number(group.gain())},
                  {"low", number(group.gain() - group.gain_half())},
                  {"high", number(group.gain() + group.gain_half())}};
}

OrderedJson to_json(const std::string& name, const Group& group) {
  OrderedJson json = {
      {"name", name},
      {"masked", group.masked},
      {"accuracy",
       {{"before", share(group.hits_before, group.masked)}, {"after", share(group.hits_after, group.masked)}}}};
  put_probabilities(json, group);
  return json;
}

/// How sure a gain, or a loss, is: the end of its interval that is nearer to 0.
double sureness_of_gain(const Group& group) { return group.gain() - group.gain_half(); }
double sureness_of_loss(const Group& group) { return -(group.gain() + group.gain_half()); }

/// The `most` surest of `words`.
OrderedJson surest_json(const std::map<int32_t, Group>& words, double (*sureness)(const Group&), size_t most,
                        const Tokenizer& tokenizer, const std::vector<int64_t>& in_training) {
  std::vector<std::pair<int32_t, const Group*>> sorted;
  for (const auto& [id, group] : words)
    if (group.masked >= kFewestPlaces && std::isfinite(group.gain()) && sureness(group) > 0)
      sorted.emplace_back(id, &group);
  std::ranges::sort(sorted, [&](const auto& a, const auto& b) {
    const double one = sureness(*a.second), other = sureness(*b.second);
    return one != other ? one > other : a.first < b.first;
  });
  if (sorted.size() > most) sorted.resize(most);
  OrderedJson json = OrderedJson::array();
  for (const auto& [id, group] : sorted) {
    OrderedJson word = {{"token", tokenizer.id_to_token(id)},
                        {"masked", group->masked},
                        {"in_training", in_training[static_cast<size_t>(id)]}};
    put_probabilities(word, *group);
    json.push_back(std::move(word));
  }
  return json;
}

/// By the powers of ten of how often a token stands in the training text; of each class the words that gained most.
OrderedJson frequencies_json(const std::vector<Place>& places, const std::map<int32_t, Group>& words,
                             const Tokenizer& tokenizer, const std::vector<int64_t>& in_training) {
  static constexpr const char* kNames[] = {"never",      "1 to 9 times",   "10 to 99",
                                           "100 to 999", "1,000 to 9,999", "10,000 and more"};
  const auto class_of = [&](int32_t id) {
    size_t number = 0;
    for (int64_t least = 1; number + 1 < std::size(kNames) && in_training[static_cast<size_t>(id)] >= least;
         least *= 10)
      ++number;
    return number;
  };
  std::array<Group, std::size(kNames)> groups;
  for (const Place& place : places) groups[class_of(place.after.id)].add(place);
  std::array<std::map<int32_t, Group>, std::size(kNames)> words_of;
  for (const auto& [id, group] : words) words_of[class_of(id)].emplace(id, group);
  OrderedJson json = OrderedJson::array();
  for (size_t i = 0; i < groups.size(); ++i) {
    if (groups[i].masked == 0) continue;
    OrderedJson& entry = json.emplace_back(to_json(kNames[i], groups[i]));
    entry["gained"] = surest_json(words_of[i], sureness_of_gain, kWordsOfClass, tokenizer, in_training);
  }
  return json;
}

enum Kind : size_t { whole_word, first_piece, later_piece, digits, marks, kKinds };

/// What the token at `place` is, in a chunk whose tokens belong to `words`.
Kind kind_of(std::string_view token, const std::vector<int32_t>& words, size_t place) {
  if (token.starts_with("##")) token.remove_prefix(2);
  for (const std::string_view begins : {"\xC4\xA0", "\xE2\x96\x81"})  // Ġ and ▁: a space before it
    if (token.starts_with(begins) && token.size() > begins.size()) token.remove_prefix(begins.size());
  const auto all = [&](auto is) {
    return std::ranges::all_of(token, [&](char c) { return is(static_cast<unsigned char>(c)); });
  };
  if (all([](unsigned char c) { return '0' <= c && c <= '9'; })) return digits;
  if (all([](unsigned char c) { return c < 0x80 && std::ispunct(c) != 0; })) return marks;
  const int32_t word = words[place];
  if (place > 0 && words[place - 1] == word) return later_piece;
  return place + 1 < words.size() && words[place + 1] == word ? first_piece : whole_word;
}

OrderedJson kinds_json(const std::vector<Place>& places, const Chunks& chunks, const Tokenizer& tokenizer) {
  static constexpr const char* kNames[] = {"words of one token", "first pieces of words", "later pieces of words",
                                           "numbers", "punctuation"};
  std::array<Group, kKinds> groups;
  std::vector<int32_t> words;
  for (size_t i = 0; i < places.size(); ++i) {
    if (i == 0 || places[i].chunk != places[i - 1].chunk)
      words = chunks.word_ids(static_cast<int64_t>(places[i].chunk));
    groups[kind_of(tokenizer.id_to_token(places[i].after.id), words, static_cast<size_t>(places[i].after.place))].add(
        places[i]);
  }
  OrderedJson json = OrderedJson::array();
  for (size_t i = 0; i < groups.size(); ++i)
    if (groups[i].masked > 0) json.push_back(to_json(kNames[i], groups[i]));
  return json;
}

OrderedJson calibration_json(const std::vector<MaskedToken>& tokens) {
  struct Bin {
    int64_t tokens = 0, hits = 0;
    double confidence = 0;
  };
  std::array<Bin, kBins> bins;
  for (const MaskedToken& token : tokens) {
    Bin& bin = bins[static_cast<size_t>(std::clamp(static_cast<int>(token.confidence * kBins), 0, kBins - 1))];
    ++bin.tokens;
    bin.hits += token.hit;
    bin.confidence += token.confidence;
  }
  OrderedJson listed = OrderedJson::array();
  double error = 0;
  for (const Bin& bin : bins) {
    if (bin.tokens == 0) continue;
    error += std::abs(bin.confidence - static_cast<double>(bin.hits));
    listed.push_back({{"tokens", bin.tokens},
                      {"confidence", bin.confidence / static_cast<double>(bin.tokens)},
                      {"accuracy", share(bin.hits, bin.tokens)}});
  }
  return {{"error", number(error / static_cast<double>(tokens.size()))}, {"bins", std::move(listed)}};
}

OrderedJson chunk_json(size_t chunk, const std::vector<Group>& groups, const Chunks& chunks,
                       const Tokenizer& tokenizer) {
  const Group& group = groups[chunk];
  OrderedJson json = {
      {"chunk", chunk},
      {"masked", group.masked},
      {"text", tokenizer.decode(chunks.ids(static_cast<int64_t>(chunk)), {.skip_special_tokens = true})}};
  put_probabilities(json, group);
  return json;
}

OrderedJson chunks_json(const std::vector<Place>& places, const Chunks& chunks, const Tokenizer& tokenizer) {
  std::vector<Group> groups(static_cast<size_t>(chunks.size()));
  for (const Place& place : places) groups[place.chunk].add(place);
  std::vector<size_t> order;
  for (size_t chunk = 0; chunk < groups.size(); ++chunk)
    if (groups[chunk].masked > 0 && std::isfinite(groups[chunk].gain())) order.push_back(chunk);
  std::ranges::stable_sort(order, {}, [&](size_t chunk) { return groups[chunk].gain(); });
  OrderedJson worse = OrderedJson::array(), better = OrderedJson::array();
  int64_t count = 0;
  for (const size_t chunk : order) count += groups[chunk].gain() < 0;
  for (size_t i = 0; i < std::min(order.size(), kChunksListed); ++i) {
    if (groups[order[i]].gain() < 0) worse.push_back(chunk_json(order[i], groups, chunks, tokenizer));
    const size_t best = order[order.size() - 1 - i];
    if (groups[best].gain() > 0) better.push_back(chunk_json(best, groups, chunks, tokenizer));
  }
  return {{"all", order.size()}, {"worse_count", count}, {"worse", std::move(worse)}, {"better", std::move(better)}};
}

}  // namespace

bool are_of_the_same_masks(const ChunkLosses& a, const ChunkLosses& b) {
  return a.masked == b.masked && std::ranges::equal(a.tokens, b.tokens, [](const MaskedToken& x, const MaskedToken& y) {
           return x.id == y.id && x.place == y.place;
         });
}

std::vector<int64_t> count_ids(const Chunks& chunks, int64_t vocabulary) {
  const int64_t step = (chunks.size() + kMostCounted - 1) / kMostCounted;
  std::vector<int64_t> counts(static_cast<size_t>(vocabulary));
  for (int64_t chunk = 0; chunk < chunks.size(); chunk += step)
    for (const int32_t id : chunks.ids(chunk)) counts[static_cast<size_t>(id)] += step;
  return counts;
}

OrderedJson evaluation_details(const ChunkLosses& before, const ChunkLosses& after, const Chunks& chunks,
                               const Tokenizer& tokenizer, const std::vector<int64_t>& in_training) {
  const std::vector<Place> places = places_of(before, after);
  std::map<int32_t, Group> words;
  for (const Place& place : places) words[place.after.id].add(place);
  const LossDifference difference = loss_difference(after, before);
  return {{"masked_tokens", places.size()},
          {"loss_difference",
           {{"value", number(difference.loss)}, {"low", number(difference.low)}, {"high", number(difference.high)}}},
          {"words",
           {{"gained", surest_json(words, sureness_of_gain, kWordsListed, tokenizer, in_training)},
            {"lost", surest_json(words, sureness_of_loss, kWordsListed, tokenizer, in_training)}}},
          {"frequencies", frequencies_json(places, words, tokenizer, in_training)},
          {"kinds", kinds_json(places, chunks, tokenizer)},
          {"calibration", {{"before", calibration_json(before.tokens)}, {"after", calibration_json(after.tokens)}}},
          {"chunks", chunks_json(places, chunks, tokenizer)}};
}

}  // namespace tekio
