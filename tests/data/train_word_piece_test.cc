// A vocabulary from files: the same whatever the threads, the order of rows and the kind of file; what is refused.
#include <tekio/dataset.h>

#include "data/scratch_folder.h"

namespace tekio::test {
namespace {

std::vector<std::string> entries(const TrainedTokenizer& trained) {
  std::vector<std::string> entries;
  for (int32_t id = 0; id < trained.tokenizer.vocabulary_size(); ++id)
    entries.push_back(trained.tokenizer.id_to_token(id));
  return entries;
}

std::string corpus() {
  std::string text;
  uint64_t state = 1;
  for (int row = 0; row < 10'000; ++row) {
    for (int word = 0; word < 8; ++word) {
      state = state * 6364136223846793005 + 1442695040888963407;
      uint64_t letters = state >> 33 & state >> 40;
      for (int i = 0; i < 2 + static_cast<int>(state >> 62) * 2; ++i, letters /= 13)
        text += static_cast<char>('a' + letters % 13);
      text += word % 3 == 2 ? ", " : " ";
    }
    text += '\n';
  }
  return text;
}

TEST(TrainWordPiece, DependsOnTheWordsAlone) {
  const ScratchFolder folder;
  const std::string text = corpus();
  ASSERT_GT(text.size(), size_t{300'000});
  const Dataset data = load_dataset(folder.write("a.txt.zst", zstd(text)))["train"];
  const WordPieceOptions options{.vocab_size = 2000, .threads = 1};
  const TrainedTokenizer one = train_word_piece(data, options);
  EXPECT_EQ(one.rows, 10'000);
  EXPECT_EQ(one.words, 10'000 * 10) << "eight words and two commas a row";
  EXPECT_EQ(one.tokenizer.vocabulary_size(), 2000);
  for (const int threads : {2, 3, 7}) {
    WordPieceOptions many = options;
    many.threads = threads;
    const TrainedTokenizer again = train_word_piece(data, many);
    EXPECT_EQ(entries(again), entries(one)) << threads;
    EXPECT_EQ(again.distinct_words, one.distinct_words);
    EXPECT_EQ(again.words, one.words);
    EXPECT_EQ(again.rows, one.rows);
  }
  EXPECT_EQ(entries(train_word_piece(data.shuffle(3), options)), entries(one));
}

TEST(TrainWordPiece, TakesTheColumnThatIsNamed) {
  const ScratchFolder folder;
  const std::string path =
      folder.write("a.jsonl", "{\"text\": \"a\", \"note\": \"b b\"}\n{\"text\": \"c\", \"note\": \"d\"}\n");
  const TrainedTokenizer trained = train_word_piece(load_dataset(path, {.text_column = "note"})["train"]);
  EXPECT_EQ(trained.distinct_words, 2);
  EXPECT_EQ(trained.words, 3);
  EXPECT_TRUE(trained.tokenizer.token_to_id("d"));
  EXPECT_FALSE(trained.tokenizer.token_to_id("a"));
}

TEST(TrainWordPiece, Refusals) {
  const ScratchFolder folder;
  const Dataset blank = load_dataset(folder.write("blank.txt", "\n \t\n\xE2\x80\x8B\n"))["train"];
  expect_error(ErrorKind::input, {"there is no word in the data (3 rows)"}, [&] { train_word_piece(blank); });
  const Dataset bad = load_dataset(folder.write("bad.txt", "good\nb\xFF\n"))["train"];
  expect_error(ErrorKind::input, {"bad.txt:2", "not UTF-8"}, [&] { train_word_piece(bad); });
  expect_error(ErrorKind::usage, {"vocab_size is 0"}, [&] { train_word_piece(bad, {.vocab_size = 0}); });
  const std::string json = folder.write("a.jsonl", "{\"text\": \"a\"}\n");
  expect_error(ErrorKind::input, {"\"body\""},
               [&] { train_word_piece(load_dataset(json, {.text_column = "body"})["train"]); });
}

}  // namespace
}  // namespace tekio::test
