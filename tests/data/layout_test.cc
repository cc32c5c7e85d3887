// Names to files and splits.
#include "data/layout.h"

#include <tekio/dataset.h>
#include <unistd.h>

#include "data/found_files.h"
#include "data/scratch_folder.h"
#include "support/log_capture.h"

namespace tekio::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// "SPLIT: FILE FILE" for each split.
std::vector<std::string> shown(const SplitFiles& splits, const std::filesystem::path& folder) {
  std::vector<std::string> lines;
  for (const auto& [split, files] : splits) {
    lines.push_back(split + ":");
    for (const DataFile& file : files) lines.back() += " " + file.path.lexically_relative(folder).string();
  }
  return lines;
}

TEST(SplitOf, FollowsTheReferencesNames) {
  const std::pair<const char*, const char*> cases[] = {{"train.jsonl", "train"},
                                                       {"training.txt", "train"},
                                                       {"my_train_file.csv", "train"},
                                                       {"train0.json", "train"},
                                                       {"a-validation.txt", "validation"},
                                                       {"valid.txt", "validation"},
                                                       {"dev-2.txt", "validation"},
                                                       {"val.txt.gz", "validation"},
                                                       {"test.csv", "test"},
                                                       {"testing 1.csv", "test"},
                                                       {"eval.csv", "test"},
                                                       {"wikitext2-evaluation.txt", "test"},
                                                       {"unsupervised.jsonl.zst", "unsupervised"},
                                                       {"unsup.txt", "unsupervised"},
                                                       {"train-00000-of-00002.jsonl", "train"},
                                                       {"data/valid-00000-of-00001.csv", "validation"},
                                                       {"data/extra-00000-of-00001.csv", "extra"},
                                                       {"dev/train.txt", "validation"},
                                                       {"a/test_set/b.txt", "test"},
                                                       {"Train.txt", "train"},
                                                       {"trained.txt", ""},
                                                       {"mytrain.txt", ""},
                                                       {"contest.txt", ""},
                                                       {"latest/a.txt", ""},
                                                       {"x.txt", ""},
                                                       {"a-0-of-1.txt", ""}};
  for (const auto& [path, split] : cases) EXPECT_EQ(split_of(path), split) << path;
}

TEST(FindFiles, ASingleFileIsTrain) {
  const ScratchFolder folder;
  for (const char* name : {"test.jsonl", "x.txt", "x.csv.gz", "a:b.tsv.zst"})
    EXPECT_THAT(shown(find_files(folder.write(name, "")), folder.path()), ElementsAre(std::string("train: ") + name));
  EXPECT_EQ(find_files(folder / "x.csv.gz")[0].second[0].packing, Packing::gzip);
  EXPECT_EQ(find_files(folder / "a:b.tsv.zst")[0].second[0].kind, FileKind::tsv);
}

TEST(FindFiles, FoldersAreSplitByName) {
  const ScratchFolder folder;
  for (const char* name :
       {"d/test.jsonl.zst", "d/train-00001-of-00002.jsonl", "d/train-00000-of-00002.jsonl", "d/unsupervised.jsonl",
        "d/validation/a.json", "d/extra-00000-of-00001.jsonl", "d/README.txt", "d/README.md", "d/dataset_info.json",
        "d/.hidden.jsonl", "d/__pycache__/train.jsonl", "d/.git/test.jsonl", "d/other.jsonl"})
    folder.write(name, "");
  const LogCapture log;
  const SplitFiles splits = find_files(folder / "d");
  EXPECT_THAT(log.text(), testing::HasSubstr("left out README.txt and 1 more, whose name says no split"));
  EXPECT_THAT(
      shown(splits, folder / "d"),
      ElementsAre("train: train-00000-of-00002.jsonl train-00001-of-00002.jsonl", "validation: validation/a.json",
                  "test: test.jsonl.zst", "unsupervised: unsupervised.jsonl", "extra: extra-00000-of-00001.jsonl"));
  EXPECT_THAT(shown(find_files((folder / "d") + ":test"), folder / "d"), ElementsAre("test: test.jsonl.zst"));
}

TEST(FindFiles, WithoutNamesAllIsTrain) {
  const ScratchFolder folder;
  for (const char* name : {"d/b/2.txt", "d/a.txt", "d/README.md", "d/run.log", "d/x.bin"}) folder.write(name, "");
  EXPECT_THAT(shown(find_files(folder / "d"), folder / "d"), ElementsAre("train: a.txt b/2.txt"));
}

TEST(FindFiles, RefusesASplitOfSeveralKindsWithAllNames) {
  const ScratchFolder folder;
  for (const char* name : {"d/a.txt", "d/b.csv", "d/c.jsonl"}) folder.write(name, "");
  expect_error(ErrorKind::input, {"several kinds", "split train", "a.txt", "b.csv", "c.jsonl", "/d/*."},
               [&] { find_files(folder / "d"); });
  // However many there are of one: a corpus beside a table of labels, a list of requirements beside a corpus.
  for (int i = 0; i < 9; ++i) folder.write("e/" + std::to_string(i) + ".txt", "");
  folder.write("e/labels.csv", "");
  expect_error(ErrorKind::input, {"0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 4 more", "labels.csv"},
               [&] { find_files(folder / "e"); });
  for (const char* name : {"f/data.jsonl", "f/data.parquet", "g/a.txt", "g/all.zip"}) folder.write(name, "");
  expect_error(ErrorKind::input, {"several kinds", "data.jsonl", "data.parquet"}, [&] { find_files(folder / "f"); });
  expect_error(ErrorKind::input, {"several kinds", "a.txt", "all.zip"}, [&] { find_files(folder / "g"); });
  for (const char* name : {"h/a.csv", "h/b.tsv.gz"}) folder.write(name, "");
  EXPECT_THAT(shown(find_files(folder / "h"), folder / "h"), ElementsAre("train: a.csv b.tsv.gz"));
}

TEST(FindFiles, EachSplitHasAKindOfItsOwn) {
  const ScratchFolder folder;
  for (const char* name : {"d/train.jsonl.zst", "d/test.csv", "d/valid.txt"}) folder.write(name, "");
  const LogCapture log;
  EXPECT_THAT(shown(find_files(folder / "d"), folder / "d"),
              ElementsAre("train: train.jsonl.zst", "validation: valid.txt", "test: test.csv"));
  EXPECT_EQ(log.text(), "") << "nothing was left out";

  for (const char* name : {"e/train-1.txt", "e/train.csv", "e/test.jsonl"}) folder.write(name, "");
  expect_error(ErrorKind::input, {"split train", "train-1.txt", "train.csv"}, [&] { find_files(folder / "e"); });

  for (const char* name : {"f/train.txt", "f/test.parquet", "f/valid.arrow"}) folder.write(name, "");
  EXPECT_THAT(shown(find_files(folder / "f"), folder / "f"),
              ElementsAre("train: train.txt", "validation: valid.arrow", "test: test.parquet"));
  for (const char* name : {"g/a.parquet", "g/b.arrow"}) folder.write(name, "");
  expect_error(ErrorKind::input, {"several kinds", "a.parquet", "b.arrow"}, [&] { find_files(folder / "g"); });
}

TEST(FindFiles, TakesNotesAndLogsAsTextWhereNothingElseIs) {
  const ScratchFolder folder;
  for (const char* name : {"a.text", "a.log", "a.md", "A.MD", "a.log.gz"})
    EXPECT_EQ(find_files(folder.write(name, ""))[0].second[0].kind, FileKind::text) << name;
  for (const char* name : {"vault/a.md", "vault/b/c.md"}) folder.write(name, "");
  EXPECT_THAT(shown(find_files(folder / "vault"), folder / "vault"), ElementsAre("train: a.md b/c.md"));
}

TEST(FindFiles, MatchesPatterns) {
  const ScratchFolder folder;
  for (const char* name : {"d/b.txt", "d/a.txt", "d/c.csv", "d/e/f.txt", "d/e/g/h.txt", "d/.hidden.txt", "d/.git/x.txt",
                           "d/notes.md", "d/[draft].txt", "d/one/train.csv", "d/one/test.csv"})
    folder.write(name, "");
  const auto found = [&](const std::string& pattern) { return shown(find_files(folder / pattern), folder / "d"); };
  EXPECT_THAT(found("d/*.txt"), ElementsAre("train: [draft].txt a.txt b.txt"));
  EXPECT_THAT(found("d/[ab].txt"), ElementsAre("train: a.txt b.txt"));
  EXPECT_THAT(found("d/?.csv"), ElementsAre("train: c.csv"));
  EXPECT_THAT(found("d/*/*.txt"), ElementsAre("train: e/f.txt"));
  EXPECT_THAT(found("d/**/[a-h].txt"), ElementsAre("train: a.txt b.txt e/f.txt e/g/h.txt"));
  EXPECT_THAT(found("d/**/g/**"), ElementsAre("train: e/g/h.txt"));
  EXPECT_THAT(found("d/{a,notes}.{txt,md}"), ElementsAre("train: a.txt notes.md"));
  EXPECT_THAT(found("d/.*.txt"), ElementsAre("train: .hidden.txt"));
  EXPECT_THAT(found("d/*.txt:train"), ElementsAre("train: [draft].txt a.txt b.txt"));
  EXPECT_THAT(found("d/[draft].txt"), ElementsAre("train: [draft].txt")) << "a file of this name comes first";
  EXPECT_THAT(found("d/one/*.csv"), ElementsAre("train: one/train.csv", "test: one/test.csv"));
  EXPECT_THAT(found("d/one/*.csv:test"), ElementsAre("test: one/test.csv"));
  expect_error(ErrorKind::io, {"no file matches", "*.json"}, [&] { find_files(folder / "d/*.json"); });
  expect_error(ErrorKind::io, {"no file matches"}, [&] { find_files(folder / "none/*.txt"); });
  expect_error(ErrorKind::input, {"no split \"dev\""}, [&] { find_files(folder / "d/one/*.csv:dev"); });
  expect_error(ErrorKind::input, {"several kinds", "a.txt", "c.csv"}, [&] { find_files(folder / "d/[ac].*"); });
}

TEST(FindFiles, LeavesOutNothingThatAPatternMatches) {
  const ScratchFolder folder;
  for (const char* name : {"d/a.txt", "d/test-results.txt", "d/x.bin"}) folder.write(name, "");
  const LogCapture log;
  EXPECT_THAT(shown(find_files(folder / "d/*.txt"), folder / "d"), ElementsAre("train: a.txt test-results.txt"));
  EXPECT_THAT(log.text(), testing::HasSubstr("all 2 files are read together"));
  const LogCapture log2;
  find_files(folder / "d/*");
  EXPECT_THAT(log2.text(), testing::HasSubstr("left out x.bin"));
}

TEST(FindFiles, TellsWhatWasLikelyMeant) {
  const ScratchFolder folder;
  for (const char* name : {"data/reference.txt", "data/Notes.jsonl.zst", "data/test.csv"}) folder.write(name, "");
  for (const auto& [spec, near] :
       std::initializer_list<std::pair<const char*, const char*>>{{"data/referense.txt", "data/reference.txt?"},
                                                                  {"data/REFERENCE.TXT", "data/reference.txt?"},
                                                                  {"dtaa/reference.txt", "data/reference.txt?"},
                                                                  {"Data", "data?"},
                                                                  {"data/notes.jsonl", "data/Notes.jsonl.zst?"},
                                                                  {"data/reference", "data/reference.txt?"},
                                                                  {"data/tset.csv:train", "data/test.csv:train?"}})
    expect_error(ErrorKind::io, {"no file or folder", "did you mean", near}, [&, s = spec] { find_files(folder / s); });
  for (const char* spec : {"data/something else entirely", "dtaa/referense.txt", "data/reference.txt/x"}) try {
      find_files(folder / spec);
      ADD_FAILURE() << spec;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("did you mean"))) << spec;
    }
}

TEST(FindFiles, RefusesLinksThatLeadNowhere) {
  const ScratchFolder folder;
  folder.write("d/train.jsonl", "");
  std::filesystem::create_symlink("../blobs/5e5e", folder / "d/test.jsonl");
  std::filesystem::create_symlink("../blobs/6f6f", folder / "d/README");
  for (const char* spec : {"d/test.jsonl", "d"})
    expect_error(ErrorKind::input, {"test.jsonl is a link to ../blobs/5e5e, which is not there"},
                 [&, s = spec] { find_files(folder / s); });
  std::filesystem::remove(folder / "d/test.jsonl");
  EXPECT_THAT(shown(find_files(folder / "d"), folder / "d"), ElementsAre("train: train.jsonl"));
}

/// What follows runs as nobody where it ran as root, who may look everywhere.
class AsNobody {
 public:
  AsNobody() { may_ = ::geteuid() != 0 || ::seteuid(65534) == 0; }
  ~AsNobody() {
    if (was_root_ && ::seteuid(0) != 0) std::abort();
  }
  bool may() const { return may_; }

 private:
  const bool was_root_ = ::geteuid() == 0;
  bool may_ = false;
};

TEST(FindFiles, TellsOfFoldersThatMayNotBeEntered) {
  const ScratchFolder folder;
  folder.write("secret/a.txt", "a\n");
  folder.write("secret/train/pos/0_9.txt", "a\n");
  std::filesystem::permissions(folder / ".", std::filesystem::perms(0755));
  std::filesystem::permissions(folder / "secret", std::filesystem::perms(0));
  {
    const AsNobody nobody;
    if (!nobody.may()) GTEST_SKIP() << "this user cannot become another one";
    expect_error(ErrorKind::io, {"cannot list the folder", "secret: Permission denied"},
                 [&] { find_files(folder / "secret"); });
    expect_error(ErrorKind::io, {"cannot look at", "secret/a.txt: Permission denied"},
                 [&] { find_files(folder / "secret/a.txt"); });
  }
  std::filesystem::permissions(folder / "secret", std::filesystem::perms(0700));
}

TEST(FindFiles, TellsWhatIsWrong) {
  const ScratchFolder folder;
  folder.write("d/train.feather", "");
  folder.write("e/x.bin", "");
  folder.write("f/train.jsonl", "");
  expect_error(ErrorKind::usage, {"path is empty"}, [&] { find_files(""); });
  expect_error(ErrorKind::io, {"no file or folder", "nothing"}, [&] { find_files(folder / "nothing"); });
  expect_error(ErrorKind::io, {"no file or folder"}, [&] { find_files((folder / "nothing") + ":train"); });
  expect_error(ErrorKind::io, {"no file or folder"}, [&] { find_files(":train"); });
  expect_error(ErrorKind::input, {"no split \"tets\"", "it has: train"}, [&] { find_files((folder / "f") + ":tets"); });
  expect_error(ErrorKind::input, {"train.feather", "ends in .arrow"}, [&] { find_files(folder / "d"); });
  expect_error(ErrorKind::input, {"a.parquet.gz", "unpack it"}, [&] { find_files(folder.write("a.parquet.gz", "")); });
  expect_error(ErrorKind::input, {"does not unpack .lz4"}, [&] { find_files(folder.write("a.jsonl.lz4", "")); });
  expect_error(ErrorKind::input, {"a.arrow.xz", "unpack it"}, [&] { find_files(folder.write("a.arrow.xz", "")); });
  expect_error(ErrorKind::input, {"a.XLSX", "workbook", "CSV"}, [&] { find_files(folder.write("a.XLSX", "")); });
  expect_error(ErrorKind::input, {"a.docx", "plain text"}, [&] { find_files(folder.write("a.docx", "")); });
  expect_error(ErrorKind::input, {"a.pdf", "pdftotext"}, [&] { find_files(folder.write("a.pdf", "")); });
  expect_error(ErrorKind::input, {"a.pdf", "pdftotext"}, [&] { find_files(folder / "*.pdf"); });
  expect_error(ErrorKind::input, {"b.ods", "CSV"},
               [&] { find_files(folder.write("g/b.ods", "").substr(0, folder.path().string().size() + 2)); });
  expect_error(ErrorKind::input, {"does not say what kind", ".jsonl"}, [&] { find_files(folder.write("a.bin", "")); });
  expect_error(ErrorKind::input, {"does not say what kind"}, [&] { find_files(folder.write("plain", "")); });
  expect_error(ErrorKind::input, {"holds no data files"}, [&] { find_files(folder / "e"); });
  expect_error(ErrorKind::usage, {"no data was given"}, [] { load_dataset(std::vector<std::string>{}); });
}

TEST(Reviews, ComeNegativeFirstByNumber) {
  const ScratchFolder folder;
  const auto write = [&](const char* name) { folder.write(name, name); };
  for (const char* name : {"train/pos/0_9.txt", "train/pos/10_7.txt", "train/pos/2_8.txt", "train/neg/1_1.txt",
                           "train/neg/0_3.txt", "train/unsup/0_0.txt", "test/neg/300_1.txt", "test/neg/5_1.txt",
                           "test/pos/7_10.txt", "train/urls_pos.txt", "imdb.vocab", "README", "train/neg/.DS_Store"})
    write(name);
  const DatasetDict data = load_dataset(folder.path().string());
  std::vector<std::string> rows;
  for (const auto& [split, dataset] : data.splits()) {
    EXPECT_THAT(dataset.columns(), ElementsAre("text", "label"));
    dataset.for_each(
        [&, &name = split](const Row& row) { rows.push_back(name + " " + row.text() + " " + row.columns[1].second); });
  }
  EXPECT_THAT(rows, ElementsAre("train train/neg/0_3.txt 0", "train train/neg/1_1.txt 0", "train train/pos/0_9.txt 1",
                                "train train/pos/2_8.txt 1", "train train/pos/10_7.txt 1", "test test/neg/5_1.txt 0",
                                "test test/neg/300_1.txt 0", "test test/pos/7_10.txt 1",
                                "unsupervised train/unsup/0_0.txt -1"));
  write("train/pos/notes.txt");
  expect_error(ErrorKind::input, {"notes.txt", "not NUMBER_STARS.txt"}, [&] { load_dataset(folder.path().string()); });
}

TEST(Reviews, AreRowsWithAllTheirLines) {
  const ScratchFolder folder;
  folder.write("train/pos/0_9.txt", "one\r\ntwo\n\n");
  folder.write("train/pos/1_9.txt", "");
  const auto rows = load_dataset(folder.path().string())["train"].take(9);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].text(), "one\r\ntwo\n\n");
  EXPECT_EQ(rows[1].text(), "");
}

}  // namespace
}  // namespace tekio::test
