// Endings, in whatever case.
#include "data/file_kinds.h"

#include "base/error.h"
#include "data/formats/format.h"

namespace tekio {
namespace fs = std::filesystem;
namespace {

constexpr std::pair<const char*, Packing> kPackings[] = {
    {".gz", Packing::gzip}, {".zst", Packing::zstd}, {".bz2", Packing::bzip2}, {".xz", Packing::xz}};

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return text;
}

std::string strip_packing(std::string name, Packing& packing) {
  packing = Packing::none;
  for (const auto& [ending, kind] : kPackings)
    if (name.ends_with(ending)) packing = kind;
  if (packing != Packing::none) name.erase(name.rfind('.'));
  return name;
}

template <size_t count>
bool is_one_of(const std::string& ending, const char* const (&endings)[count]) {
  for (const char* one : endings)
    if (ending == one) return true;
  return false;
}

std::string refusal_of(const std::string& ending) {
  if (ending == ".feather")
    return "this version does not read Feather files by this name; give an Arrow IPC file (Feather version 2) a name "
           "that "
           "ends in .arrow";
  if (is_one_of(ending, {".lz4", ".zip", ".tar", ".tgz", ".tbz2", ".txz", ".lzma", ".7z", ".rar"}))
    return fmt::format("this version does not unpack {}; unpack it first (it reads {})", ending, kKindsRead);
  return "";
}

std::string remedy_of(const std::string& ending) {
  if (is_one_of(ending, {".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers"}))
    return "it is a workbook: save its sheet as CSV (\"CSV UTF-8\") and pass that";
  if (is_one_of(ending, {".docx", ".doc", ".odt", ".rtf", ".pages", ".pptx", ".ppt", ".odp"}))
    return "it is a document: save it as plain text (.txt, UTF-8) and pass that";
  if (ending == ".pdf") return "it is a PDF: extract its text (pdftotext FILE.pdf FILE.txt) and pass that";
  if (is_one_of(ending, {".html", ".htm", ".xhtml", ".xml", ".epub", ".tex"}))
    return "its text stands among markup: extract it into a .txt file and pass that";
  if (is_one_of(ending, {".db", ".sqlite", ".sqlite3", ".mdb", ".accdb", ".dta", ".sav", ".sas7bdat", ".rds"}))
    return "it is a program's own format: export it as CSV or JSON Lines and pass that";
  if (is_one_of(ending, {".pkl", ".pickle", ".npy", ".npz", ".h5", ".pt"}))
    return "it is not text: write its texts as JSON Lines and pass that";
  return "";
}

}  // namespace

NameVerdict judge_name(const fs::path& path) {
  NameVerdict verdict;
  const std::string name = strip_packing(lower(path.filename().string()), verdict.packing);
  const std::string ending = fs::path(name).extension().string();
  verdict.is_text = is_one_of(ending, {".text", ".log", ".md", ".markdown"});
  verdict.kind = verdict.is_text ? FileKind::text : kind_of_ending(ending);
  verdict.refusal = refusal_of(ending);
  if (verdict.kind && !is_text_kind(*verdict.kind) && verdict.packing != Packing::none) {
    verdict.kind.reset();
    verdict.refusal = "its parts are read where they lie, which a packed file does not allow; unpack it first";
  }
  verdict.remedy = remedy_of(ending);
  return verdict;
}

bool is_description(const std::string& name) {
  return is_one_of(name, {"config.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"});
}

}  // namespace tekio
