// First bytes only, and only forms that no corpus, vocabulary or tensor file begins with by chance.
#include "base/foreign_file.h"

#include <algorithm>
#include <charconv>
#include <fstream>

#include "base/error.h"
#include "base/log.h"

namespace tekio {
namespace fs = std::filesystem;
namespace {

constexpr size_t kNone = std::string_view::npos;

std::string lower(std::string_view text) {
  std::string lowered(text);
  for (char& c : lowered) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return lowered;
}

std::string_view trimmed(std::string_view text) {
  constexpr const char* kSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpace);
  return begin == kNone ? std::string_view() : text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

/// The bytes that a pointer stands for, which follow `key` at a line's start; "" if that is not told.
std::string size_behind(std::string_view text, std::string_view key) {
  const size_t at = text.find(key);
  if (at == kNone) return "";
  const std::string_view digits = trimmed(text.substr(at + key.size()));
  int64_t bytes = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bytes);
  return error == std::errc() && end != digits.data() && bytes >= 0 ? fmt::format(" for {} bytes", with_commas(bytes))
                                                                    : "";
}

std::string as_pointer(std::string_view text) {
  for (const char* version : {"version https://git-lfs.github.com/spec/", "version https://hawser.github.com/spec/",
                              "version http://git-media.io/v/"})
    if (text.starts_with(version))
      return fmt::format("is a git-lfs pointer{}, not the file itself: run 'git lfs pull' in its folder",
                         size_behind(text, "\nsize "));
  if (text.starts_with("# xet version "))
    return fmt::format("is a Xet pointer{}, not the file itself: run 'git xet checkout' or download it again",
                       size_behind(text, "\nfilesize = "));
  if (text.starts_with("/annex/objects/"))
    return fmt::format("is a git-annex pointer{}, not the file itself: run 'git annex get' on it",
                       size_behind(text.substr(0, text.find('\n')), "-s"));
  return "";
}

/// `text` behind XML's declaration and comments, as many as there are.
std::string_view after_prologue(std::string_view text) {
  constexpr std::string_view kBegin[] = {"<?xml", "<!--"}, kEnd[] = {"?>", "-->"};
  for (size_t i = 0; i < 2;) {
    text = trimmed(text);
    const size_t end = text.starts_with(kBegin[i]) ? text.find(kEnd[i]) : kNone;
    if (end == kNone) {
      ++i;
      continue;
    }
    text.remove_prefix(end + kEnd[i].size());
    i = 0;
  }
  return text;
}

/// What stands between <NAME…> and </NAME>, in quotes; "" if nothing does.
std::string quoted_element(std::string_view page, const std::string& name) {
  const std::string lowered = lower(page);
  const size_t tag = lowered.find("<" + name);
  const size_t begin = tag == kNone ? kNone : lowered.find('>', tag);
  const size_t end = begin == kNone ? kNone : lowered.find("</" + name, begin);
  if (end == kNone) return "";
  const std::string_view inside = trimmed(page.substr(begin + 1, end - begin - 1));
  return inside.empty() ? "" : fmt::format(" (\"{}\")", printable(inside));
}

constexpr const char* kDownloadAgain = "not the file itself: download it again, signed in where that is needed";

std::string as_page(std::string_view text) {
  const std::string_view page = after_prologue(text);
  const std::string start = lower(page.substr(0, 16));
  for (const char* tag : {"<!doctype html", "<html>", "<html "})
    if (start.starts_with(tag))
      return fmt::format("is an HTML page{}, {}", quoted_element(page, "title"), kDownloadAgain);
  if (page.size() != trimmed(text).size() && page.starts_with("<Error>"))  // behind a declaration: a store's answer
    return fmt::format("is a server's error answer{}, {}", quoted_element(page, "code"), kDownloadAgain);
  return "";
}

std::string as_answer(std::string_view text) {
  for (const char* answer : {"404: Not Found", "Entry not found", "Invalid username or password."})
    if (text == answer) return fmt::format("is a server's error answer (\"{}\"), {}", answer, kDownloadAgain);
  return "";
}

}  // namespace

std::string foreign_content(std::string_view first_bytes) {
  std::string_view text = first_bytes.substr(0, kForeignBytes);
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (std::string pointer = as_pointer(text); !pointer.empty()) return pointer;
  if (std::string page = as_page(text); !page.empty()) return page;
  return as_answer(trimmed(text));
}

std::string foreign_content_of(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return "";
  std::ifstream file(path, std::ios::binary);
  std::string bytes(kForeignBytes, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<size_t>(std::max<std::streamsize>(0, file.gcount())));
  return foreign_content(bytes);
}

std::string dangling_link(const fs::path& path) {
  constexpr int kMostLinks = 40;  // as many as Linux follows
  std::error_code error;
  if (!fs::is_symlink(fs::symlink_status(path, error)) || fs::exists(path, error)) return "";
  fs::path at = path, target;
  int links = 0;
  for (; links < kMostLinks && fs::is_symlink(fs::symlink_status(at, error)); ++links) {
    target = fs::read_symlink(at, error);
    if (error) return "";
    at = at.parent_path() / target;  // an absolute target stands for itself
  }
  if (links == kMostLinks) return "is a link that leads back to itself";
  const fs::file_status status = fs::symlink_status(at, error);
  if (status.type() != fs::file_type::not_found) return "";  // there, but out of reach: opening it says why
  return fmt::format("is a link {} {}, which is not there", links == 1 ? "to" : "that leads to",
                     printable(target.string(), 300));
}

}  // namespace tekio
