// A whole export of the bundled model.
#include <tekio/error.h>
#include <tekio/export.h>

#include <gtest/gtest.h>

#include "base/file.h"
#include "support/scratch_folder.h"

namespace tekio {
namespace {

const std::string kBundled = TEKIO_BUNDLED_MODEL;

TEST(Export, MakesAFolderAndSaysWhatRoundingChanged) {
  const test::ScratchFolder scratch;
  const MaskedLM model = MaskedLM::from_pretrained(kBundled, {.dtype = NumberFormat::f32, .threads = 2});
  const Tokenizer tokenizer = Tokenizer::from_pretrained(kBundled);
  ExportOptions options;
  const ExportReport whole = export_onnx(model, tokenizer, scratch.path() / "whole", options);
  EXPECT_EQ(whole.path, (scratch.path() / "whole/model.onnx").string());
  EXPECT_LT(whole.max_logit_difference, 1e-3);
  EXPECT_FALSE(whole.perplexity);
  for (const char* name : {"model.onnx", "config.json", "tokenizer.json", "tokenizer_config.json"})
    EXPECT_TRUE(fs::exists(scratch.path() / "whole" / name)) << name;

  std::string texts;
  for (int i = 0; i < 60; ++i)
    texts += "the film was a great deal longer than it had to be, and nobody in it seemed to mind.\n";
  scratch.write("texts.txt", texts);
  options.precision = ExportOptions::Precision::int8;
  options.chunks = chunk(load_dataset((scratch.path() / "texts.txt").string())["train"], tokenizer,
                         {.chunk_size = 32, .use_cache = false});
  options.evaluation.max_chunks = 6;
  const ExportReport small = export_onnx(model, tokenizer, scratch.path() / "small", options);
  ASSERT_TRUE(small.perplexity);
  EXPECT_GT(small.max_logit_difference, whole.max_logit_difference);
  EXPECT_NEAR(small.perplexity->after / small.perplexity->before, 1, 0.1);
  EXPECT_LT(fs::file_size(small.path), fs::file_size(whole.path) * 3 / 10);
}

TEST(Export, LeavesAFolderWithFilesAlone) {
  const test::ScratchFolder scratch;
  scratch.write("precious.txt", "kept");
  const MaskedLM model = MaskedLM::from_pretrained(kBundled, {.threads = 2});
  EXPECT_THROW(export_onnx(model, Tokenizer::from_pretrained(kBundled), scratch.path()), Error);
  EXPECT_EQ(read_text(scratch.path() / "precious.txt"), "kept");
}

}  // namespace
}  // namespace tekio
