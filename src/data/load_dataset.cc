// Specs to datasets: where each one's rows lie, here or on the Hub; which of them are meant; split by split, what
// several specs come to together.
#include "data/load_dataset.h"

#include <algorithm>
#include <tuple>

#include "base/error.h"
#include "base/log.h"
#include "base/near_path.h"
#include "base/system_error.h"
#include "data/repository/hub_dataset.h"
#include "data/source.h"
#include "data/split_slice.h"
#include "data/standard_input.h"
#include "data/text_stream.h"

namespace tekio {
namespace {

/// Files of one split that stand together, with what is meant of their rows.
struct Part {
  std::string split;
  std::vector<DataFile> files;
  Files::Fetch fetch;  // none: they are here
  std::optional<SplitSlice> slice;
  std::string spec;
  std::optional<ReadOptions> options;  // of the repository that they are from
};

/// What a spec means: its parts, and a spec that means the same whatever happens on the Hub.
struct Found {
  std::vector<Part> parts;
  std::string spec;
};

/// The splits that `text`, a spec's after its colon, asks for; in its order.
std::vector<Part> chosen(const std::vector<Part>& all, const std::string& text, const std::string& place) {
  std::vector<SplitSlice> slices = {{.split = text, .from = std::nullopt, .to = std::nullopt}};
  const auto by_name = [&](const std::string& name) {
    return std::find_if(all.begin(), all.end(), [&](const Part& part) { return part.split == name; });
  };
  if (by_name(text) == all.end())
    if (auto parsed = parse_slices(text)) slices = std::move(*parsed);
  std::vector<Part> parts;
  for (const SplitSlice& slice : slices) {
    const auto found = by_name(slice.split);
    if (found == all.end()) {
      std::vector<std::string> names;
      for (const Part& part : all) names.push_back(part.split);
      fail(ErrorKind::input, "{} has no split \"{}\"; it has: {}", printable(place, 300), printable(slice.split),
           printable(fmt::format("{}", fmt::join(names, ", ")), 300));
    }
    parts.push_back(*found);
    parts.back().split = slices.front().split;
    if (!slice.is_whole()) parts.back().slice = slice;
  }
  return parts;
}

Found find_here(const std::string& spec, const DataPlace& place) {
  Found found{{}, spec};
  for (auto& [split, files] : find_files(place)) found.parts.push_back({split, std::move(files), {}, {}, spec, {}});
  if (place.split) found.parts = chosen(found.parts, *place.split, place.path);
  return found;
}

Found find_on_hub(const std::string& spec, const HubName& name, const ReadOptions& options,
                  const hub::Settings& settings) {
  hub::Repository repository = name.repository;
  if (!options.revision.empty() && repository.revision == "main") repository.revision = options.revision;
  HubDataset dataset;
  try {
    dataset = open_hub_dataset(settings, repository, options);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::io) throw;
    const std::string near = near_path(spec);
    fail_as(error, fmt::format("there is no file or folder {} here{}, and {}", printable(spec, 300),
                               near.empty() ? "" : fmt::format(" (is {} meant?)", printable(near, 300)), error.what()));
  }
  hub::Repository pinned = repository;
  pinned.revision = dataset.commit;
  Found found{{}, fmt::format("{}@{}{}{}", pinned.id, dataset.commit, name.split.empty() ? "" : ":", name.split)};
  for (HubDataset::Split& split : dataset.splits)
    found.parts.push_back({split.name, std::move(split.files), std::move(split.fetch), {}, spec, dataset.options});
  if (!name.split.empty()) found.parts = chosen(found.parts, name.split, hub::shown(name.repository));
  return found;
}

Found find(const std::string& spec, const ReadOptions& options, const std::function<hub::Settings()>& settings) {
  if (spec.empty()) fail(ErrorKind::usage, "the data's path is empty; give a file, a folder or PATH:SPLIT");
  if (const auto place = find_data_place(spec)) return find_here(spec, *place);
  if (const auto name = parse_hub_name(spec)) return find_on_hub(spec, *name, options, settings());
  fail_no_data(spec, "", {});
}

std::shared_ptr<const Files> files_of(std::vector<Part>& parts, const ReadOptions& options) {
  std::vector<DataFile> files;
  std::vector<Files::Group> groups;
  std::vector<Files::Fetch> fetches;
  for (Part& part : parts) {
    if (part.fetch) fetches.push_back(part.fetch);
    const ReadOptions& read = part.options ? *part.options : options;
    if (part.fetch && read.encoding == "auto") part.fetch();  // their bytes decide
    set_charsets(part.files, read.encoding);
    const size_t before = groups.size();
    for (const DataFile& file : part.files) {
      size_t group = before;
      while (group < groups.size() && groups[group].kind != file.kind) ++group;
      if (group == groups.size()) groups.push_back({part.spec, file.kind, part.options});
      files.push_back(file);
      files.back().group = static_cast<int32_t>(group);
    }
  }
  return std::make_shared<const Files>(std::move(files), std::move(groups), options, std::move(fetches));
}

/// Which rows of its files a part is; they are counted as far as it takes to know.
std::pair<int64_t, int64_t> rows_of(const Part& part, const Files& files) {
  if (!part.slice) return {0, files.rows()};
  const auto least = part.slice->rows_needed();
  return part.slice->rows(least ? files.rows_up_to(*least) : files.rows());
}

[[noreturn]] void fail_empty(const Part& part, int64_t rows) {
  fail(ErrorKind::input, "{} asks for none of the {} that there are", printable(part.spec, 300), counted(rows, "row"));
}

Dataset sliced(Part part, const ReadOptions& options) {
  auto source = std::make_shared<DatasetSource>();
  std::vector<Part> alone = {part};
  source->files = files_of(alone, options);
  if (const SplitSlice& slice = *part.slice; slice.from_row()) {  // to the end, wherever that is
    source->begin = *slice.from_row();
    if (source->files->rows_up_to(source->begin + 1) <= source->begin) fail_empty(part, source->files->rows());
    return DatasetSource::wrap(std::move(source));
  }
  std::tie(source->begin, source->end) = rows_of(part, *source->files);
  if (source->begin == source->end) fail_empty(part, source->files->rows());
  return DatasetSource::wrap(std::move(source));
}

/// Parts of the same files, which are then there once.
bool same_files(const Part& a, const Part& b) {
  return a.spec == b.spec && std::ranges::equal(a.files, b.files, {}, &DataFile::path, &DataFile::path);
}

/// Rows of several parts, one part after the other.
Dataset joined(const std::vector<Part>& parts, const ReadOptions& options) {
  std::vector<Part> distinct;
  std::vector<int64_t> offsets = {0}, rows;
  for (const Part& part : parts) {
    auto known = std::ranges::find_if(distinct, [&](const Part& other) { return same_files(part, other); });
    std::vector<Part> alone = {part};
    const auto files = files_of(alone, options);
    const auto place = static_cast<size_t>(known - distinct.begin());
    if (known == distinct.end()) {
      distinct.push_back(part);
      offsets.push_back(offsets.back() + files->rows());
    }
    const auto [begin, end] = rows_of(part, *files);
    for (int64_t row = begin; row < end; ++row) rows.push_back(offsets[place] + row);
  }
  if (rows.empty()) fail_empty(parts.front(), offsets.back());
  auto source = std::make_shared<DatasetSource>();
  source->files = files_of(distinct, options);
  source->picked = std::make_shared<const std::vector<int64_t>>(std::move(rows));
  return DatasetSource::wrap(std::move(source));
}

}  // namespace

DatasetDict load_dataset(const std::vector<std::string>& specs, const ReadOptions& options) {
  return load_dataset(specs, options, [] { return hub::Settings::from_environment(); });
}

DatasetDict load_dataset(const std::vector<std::string>& specs, const ReadOptions& options,
                         const std::function<hub::Settings()>& settings) {
  if (specs.empty()) fail(ErrorKind::usage, "no data was given; name a file, a folder or PATH:SPLIT");
  if (std::count_if(specs.begin(), specs.end(), is_standard_input) > 1)
    fail(ErrorKind::usage, "standard input (-) was given twice; it can be read once");
  std::vector<std::pair<std::string, std::vector<Part>>> splits;
  std::vector<std::string> opened;
  for (const std::string& spec : specs) {
    Found found = find(spec, options, settings);
    opened.push_back(std::move(found.spec));
    for (Part& part : found.parts) {
      auto into =
          std::find_if(splits.begin(), splits.end(), [&](const auto& split) { return split.first == part.split; });
      if (into == splits.end()) into = splits.insert(splits.end(), {part.split, {}});
      into->second.push_back(std::move(part));
    }
  }
  std::vector<std::pair<std::string, Dataset>> datasets;
  for (auto& [name, parts] : splits) {
    if (std::any_of(parts.begin(), parts.end(), [](const Part& part) { return part.slice.has_value(); })) {
      datasets.emplace_back(name, parts.size() == 1 ? sliced(parts.front(), options) : joined(parts, options));
      continue;
    }
    auto source = std::make_shared<DatasetSource>();
    source->files = files_of(parts, options);
    datasets.emplace_back(name, DatasetSource::wrap(std::move(source)));
  }
  return DatasetDict(std::move(datasets), std::move(opened));
}

}  // namespace tekio
