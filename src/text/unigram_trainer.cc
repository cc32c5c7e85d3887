// The steps are those of the reference, with sums in the order of words and pieces, so that scores are equal but for
// rounding; where it goes by the order of a hash table (characters that are no pieces, equal scores), code points count
// here.
#include "text/unigram_trainer.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "text/seed_pieces.h"
#include "text/utf8.h"

namespace tekio {
namespace {

constexpr size_t kLongestPiece = 16, kSeeds = 1'000'000;
constexpr int kEstimates = 2;  // before pieces are taken out
constexpr double kKeptShare = 0.75, kLeastFrequency = 0.5;
constexpr int64_t kParts = 32;  // of the words: sums are of these, in their order

struct ScoredPiece {
  std::string text;
  double score;
};
using ScoredPieces = std::vector<ScoredPiece>;  // the first one stands for what is unknown, and is found nowhere

double digamma(double x) {
  double result = 0;
  for (; x < 7; ++x) result -= 1 / x;
  x -= 0.5;
  const double xx2 = 1 / (x * x), xx4 = xx2 * xx2;
  return result +
         (std::log(x) + (1.0 / 24) * xx2 - 7.0 / 960 * xx4 + (31.0 / 8064) * xx4 * xx2 - (127.0 / 30720) * xx4 * xx4);
}

double log_sum_exp(double x, double y, bool first) {
  if (first) return y;
  const double least = std::min(x, y), most = std::max(x, y);
  return most > least + 50 ? most : most + std::log(std::exp(least - most) + 1);
}

// The double nearest to that, which every reader of JSON finds: the reference's (of tokenizers, in transformers 4
// always) takes the digits for a whole number and divides, which is exact for so few, and off by the last bit for some
// of more.
double in_15_digits(double score) {
  const std::string digits = fmt::format("{:.15g}", score);
  std::from_chars(digits.data(), digits.data() + digits.size(), score);
  return score;
}

Unigram model_of(const ScoredPieces& pieces) {
  std::vector<Unigram::Piece> views;
  views.reserve(pieces.size());
  for (const ScoredPiece& piece : pieces) views.push_back({piece.text, piece.score});
  return Unigram(views, {.unknown_id = 0, .divided_scores = false});
}

// All ways to spell a word.
class Lattice {
 public:
  struct Node {
    uint32_t begin, end;  // bytes
    int32_t id;
    double score;
    double best = 0;        // of the ways that end with this node
    int32_t previous = -1;  // on the best of them
  };

  // Nodes by where they begin, then by where they end. `skips_whole`: without the piece that is the whole word.
  void fill(std::string_view word, const Unigram& model, bool skips_whole = false) {
    size_ = static_cast<uint32_t>(word.size());
    padded_.assign(word).append(Vocabulary::kReadable, '\0');
    nodes_.clear();
    if (ending_.size() <= size_) ending_.resize(size_ + 1);
    for (uint32_t end = 0; end <= size_; ++end) ending_[end].clear();
    const std::string_view text = std::string_view(padded_).substr(0, size_);
    const auto put = [&](uint32_t begin, uint32_t end, int32_t id, double score) {
      ending_[end].push_back(static_cast<uint32_t>(nodes_.size()));
      nodes_.push_back({begin, end, id, score});
    };
    for (uint32_t begin = 0; begin < size_;) {
      const auto next = begin + static_cast<uint32_t>(utf8_length(text[begin]));
      bool spelt = false;
      model.for_each_piece(text, begin, [&](size_t end, int32_t id) {
        if (skips_whole && begin == 0 && end == size_) return;
        put(begin, static_cast<uint32_t>(end), id, model.scores()[static_cast<size_t>(id)]);
        spelt = spelt || end == next;
      });
      if (!spelt) put(begin, next, 0, model.unknown_weight());
      begin = next;
    }
  }

  // The nodes of the best way, from its end to its beginning.
  const std::vector<uint32_t>& best_way() {
    for (Node& node : nodes_) extend(node);
    Node end{size_, size_, -1, 0};
    extend(end);
    way_.clear();
    for (int32_t at = end.previous; at >= 0; at = nodes_[static_cast<size_t>(at)].previous)
      way_.push_back(static_cast<uint32_t>(at));
    return way_;
  }

  // Adds how often each piece is expected to stand in a word that occurs so often.
  void add_expected(double count, std::vector<double>& expected) {
    before_.assign(size_ + 1, 0);
    behind_.assign(size_ + 1, 0);
    for (uint32_t at = 1; at <= size_; ++at)
      for (const uint32_t number : ending_[at]) {
        const Node& node = nodes_[number];
        before_[at] = log_sum_exp(before_[at], node.score + before_[node.begin], number == ending_[at].front());
      }
    for (size_t last = nodes_.size(); last > 0;) {
      size_t first = last - 1;
      while (first > 0 && nodes_[first - 1].begin == nodes_[first].begin) --first;
      double& sum = behind_[nodes_[first].begin];
      for (size_t i = first; i < last; ++i)
        sum = log_sum_exp(sum, nodes_[i].score + behind_[nodes_[i].end], i == first);
      last = first;
    }
    for (const Node& node : nodes_)
      expected[static_cast<size_t>(node.id)] +=
          count * std::exp(before_[node.begin] + node.score + behind_[node.end] - before_[size_]);
  }

  const std::vector<Node>& nodes() const { return nodes_; }

 private:
  void extend(Node& node) {
    node.best = node.score;
    node.previous = -1;
    for (const uint32_t number : ending_[node.begin]) {
      const double score = nodes_[number].best + node.score;
      if (node.previous >= 0 && !(score > node.best)) continue;
      node.best = score;
      node.previous = static_cast<int32_t>(number);
    }
  }

  uint32_t size_ = 0;
  std::string padded_;
  std::vector<Node> nodes_;
  std::vector<std::vector<uint32_t>> ending_;  // nodes that end at each byte
  std::vector<double> before_, behind_;
  std::vector<uint32_t> way_;
};

class UnigramTrainer {
 public:
  UnigramTrainer(const std::vector<CountTable>& tables, const UnigramOptions& options, ThreadPool& pool)
      : options_(options), pool_(pool) {
    for (const CountTable& table : tables)
      table.for_each([&](std::string_view word, uint64_t count) { words_.emplace_back(word, count); });
    std::sort(words_.begin(), words_.end());
    note_characters(options.initial_alphabet);
    for (const auto& [word, count] : words_) note_characters(word);
  }

  Unigram train() {
    if (static_cast<int64_t>(characters_.size()) > options_.vocab_size)
      fail(ErrorKind::input,
           "the words have {} different characters, each of which is a piece, but vocab_size is {}; make it larger",
           with_commas(static_cast<int64_t>(characters_.size())), with_commas(options_.vocab_size));
    ScoredPieces pieces = {{"", std::nan("")}};
    double sum = 0;
    std::vector<SeedPiece> seeds = seed_pieces(words_, kLongestPiece, kSeeds);
    for (const SeedPiece& seed : seeds) sum += seed.frequency;
    for (SeedPiece& seed : seeds) pieces.push_back({std::move(seed.text), std::log(seed.frequency) - std::log(sum)});
    const auto wanted = static_cast<size_t>(options_.vocab_size * 11 / 10);
    for (;;) {
      for (int i = 0; i < kEstimates; ++i) maximize(pieces, expected(model_of(pieces), pieces.size()));
      if (pieces.size() <= wanted) break;
      const size_t before = pieces.size();
      pieces =
          without_the_least(pieces, std::max(wanted, static_cast<size_t>(static_cast<double>(before) * kKeptShare)));
      if (pieces.size() == before) break;  // each is needed
    }
    return finish(pieces);
  }

 private:
  void note_characters(std::string_view text) {
    for (size_t at = 0; at < text.size(); at += utf8_length(text[at]))
      characters_.emplace(text.substr(at, utf8_length(text[at])));
  }

  // Sums over all words of what add(lattice, word, sums) adds for each.
  template <typename Add>
  std::vector<double> sum_over_words(size_t size, Add&& add) {
    std::vector<std::vector<double>> parts(kParts);
    pool_.for_each(kParts, [&](int64_t part, int) {
      std::vector<double>& sums = parts[static_cast<size_t>(part)];
      sums.assign(size, 0);
      Lattice lattice;
      const auto count = static_cast<int64_t>(words_.size());
      for (int64_t i = count * part / kParts; i < count * (part + 1) / kParts; ++i)
        add(lattice, words_[static_cast<size_t>(i)], sums);
    });
    for (size_t part = 1; part < parts.size(); ++part)
      for (size_t i = 0; i < size; ++i) parts[0][i] += parts[part][i];
    return std::move(parts[0]);
  }

  std::vector<double> expected(const Unigram& model, size_t size) {
    return sum_over_words(size, [&](Lattice& lattice, const CountedWord& word, std::vector<double>& sums) {
      lattice.fill(word.first, model);
      lattice.add_expected(static_cast<double>(word.second), sums);
    });
  }

  // Pieces that are hardly expected anywhere are left out.
  static void maximize(ScoredPieces& pieces, const std::vector<double>& expected) {
    double sum = 0;
    size_t count = 1;
    for (size_t i = 1; i < pieces.size(); ++i) {
      if (expected[i] < kLeastFrequency) continue;
      sum += expected[i];
      if (count != i) pieces[count].text = std::move(pieces[i].text);
      pieces[count++].score = expected[i];
    }
    pieces.resize(count);
    const double log_sum = digamma(sum);
    for (size_t i = 1; i < count; ++i) pieces[i].score = digamma(pieces[i].score) - log_sum;
  }

  // The pieces that would stand in the place of a piece, if there is another way to spell it. `splits`: the best way
  // has several pieces already.
  static std::vector<int32_t> alternatives(const std::string& piece, const Unigram& model, Lattice& lattice,
                                           bool& splits) {
    lattice.fill(piece, model);
    splits = lattice.best_way().size() > 1;
    if (splits) return {};
    lattice.fill(piece, model, true);
    std::vector<int32_t> ids;
    for (const uint32_t number : lattice.best_way()) ids.push_back(lattice.nodes()[number].id);
    std::reverse(ids.begin(), ids.end());
    return utf8_length(piece[0]) == piece.size() ? std::vector<int32_t>() : ids;
  }

  // Leaves out pieces without which the words would be spelt nearly as well, until `size` are left.
  ScoredPieces without_the_least(const ScoredPieces& pieces, size_t size) {
    const Unigram model = model_of(pieces);
    double occurrences = 0;
    for (const auto& [word, count] : words_) occurrences += static_cast<double>(count);
    const std::vector<double> frequency =
        sum_over_words(pieces.size(), [&](Lattice& lattice, const CountedWord& word, std::vector<double>& sums) {
          lattice.fill(word.first, model);
          for (const uint32_t number : lattice.best_way())
            sums[static_cast<size_t>(lattice.nodes()[number].id)] += static_cast<double>(word.second);
        });
    double sum = 0;
    for (const double one : frequency) sum += one;
    struct Candidate {
      size_t id;
      double loss;
    };
    std::vector<Candidate> candidates;
    ScoredPieces kept = {pieces[0]};
    Lattice lattice;
    for (size_t id = 1; id < pieces.size(); ++id) {
      bool splits = false;
      const std::vector<int32_t> others = alternatives(pieces[id].text, model, lattice, splits);
      if (frequency[id] == 0 && (splits || !others.empty())) continue;
      if (others.empty()) {
        kept.push_back(pieces[id]);
        continue;
      }
      // One would expect the number of its alternatives here; the reference takes that of all pieces.
      const double log_sum = std::log(sum + frequency[id] * static_cast<double>(pieces.size() - 1));
      double likelihood = 0;
      for (const int32_t other : others)
        likelihood += std::log(frequency[static_cast<size_t>(other)] + frequency[id]) - log_sum;
      candidates.push_back({id, frequency[id] / occurrences * (std::log(frequency[id]) - std::log(sum) - likelihood)});
    }
    std::stable_sort(candidates.begin(), candidates.end(),
                     [](const Candidate& a, const Candidate& b) { return a.loss > b.loss; });
    for (const Candidate& candidate : candidates) {
      if (kept.size() >= size) break;
      kept.push_back(pieces[candidate.id]);
    }
    return kept;
  }

  // Special tokens, then pieces by their scores: every character, and of the rest the first ones. What is a special
  // token is no piece besides, or its id would be the piece's.
  Unigram finish(const ScoredPieces& pieces) const {
    constexpr double kStep = 0.0001;
    std::vector<Unigram::Piece> all, chosen;
    std::set<std::string_view> special;
    for (const std::string& token : options_.special_tokens)
      if (special.insert(token).second) all.push_back({token, 0});
    const auto unknown = std::find_if(all.begin(), all.end(), [](const auto& piece) { return piece.token == "<unk>"; });
    const auto unknown_id = static_cast<int32_t>(unknown - all.begin());
    std::map<std::string_view, double> scores;
    double least = std::numeric_limits<double>::infinity();
    for (size_t i = 1; i < pieces.size(); ++i) {
      scores.emplace(pieces[i].text, pieces[i].score);
      least = std::min(least, pieces[i].score);
    }
    double penalty = 0;
    for (const std::string& character : characters_) {
      if (special.contains(character)) continue;
      const auto known = scores.find(character);
      chosen.push_back({character, known != scores.end() ? known->second : least + penalty});
      if (known == scores.end()) penalty += kStep;
    }
    const auto room = static_cast<size_t>(std::max<int64_t>(0, options_.vocab_size - static_cast<int64_t>(all.size())));
    for (size_t i = 1; i < pieces.size() && chosen.size() < room; ++i)
      if (!characters_.contains(pieces[i].text) && !special.contains(pieces[i].text))
        chosen.push_back({pieces[i].text, pieces[i].score});
    std::stable_sort(chosen.begin(), chosen.end(),
                     [](const Unigram::Piece& a, const Unigram::Piece& b) { return a.score > b.score; });
    for (Unigram::Piece& piece : chosen) piece.score = in_15_digits(piece.score);
    all.insert(all.end(), chosen.begin(), chosen.end());
    return Unigram(all, {.unknown_id = unknown_id, .divided_scores = false});
  }

  const UnigramOptions& options_;
  ThreadPool& pool_;
  std::vector<CountedWord> words_;
  std::set<std::string, std::less<>> characters_;
};

}  // namespace

Unigram train_unigram(const std::vector<CountTable>& words, const UnigramOptions& options, ThreadPool& pool) {
  return UnigramTrainer(words, options, pool).train();
}

}  // namespace tekio
