#include "data/repository/formats.h"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

namespace tekio {
namespace {

struct Format {
  std::string_view name, endings;  // endings: between blanks
};

/// In the order in which the reference's table is filled: of an ending that stands twice, the last counts. Those that
/// are not read are here because they decide what a folder of mixed files is.
constexpr std::array kFormats = {
    Format{"csv", " .csv .tsv "},
    Format{"json", " .json .jsonl .ndjson "},
    Format{"parquet", " .parquet .geoparquet .gpq "},
    Format{"arrow", " .arrow "},
    Format{"text", " .txt "},
    Format{"conll", " .conll .conllu "},
    Format{"tar", " .tar "},
    Format{"xml", " .xml "},
    Format{"hdf5", " .hdf5 "},
    Format{"lance", " .lance "},
    Format{"vortex", " .vortex "},
    Format{"logs", " .eval "},
    Format{"time series", " .tsfile "},
    Format{"sequences", " .fa .fasta .fna .ffn .faa .frn .afa .gb .gbk .genbank .fq .fastq .cif .mmcif .pdb .ent "},
    Format{"images",
           " .blp .bmp .dib .bufr .cur .pcx .dcx .dds .ps .eps .fit .fits .fli .flc .ftc .ftu .gbr .gif .grib .h5 .hdf "
           ".png .apng .jp2 .j2k .jpc .jpf .jpx .j2c .icns .ico .im .iim .tif .tiff .jfif .jpe .jpg .jpeg .msp .pcd "
           ".pxr .pbm .pgm .ppm .pnm .psd .bw .rgb .rgba .sgi .ras .tga .icb .vda .vst .webp .wmf .emf .xbm .xpm "},
    Format{"sound",
           " .aiff .au .avr .caf .flac .htk .svx .mat4 .mat5 .mpc2k .ogg .paf .pvf .raw .rf64 .sd2 .sds .ircam .voc "
           ".w64 .wav .nist .wavex .wve .xi .mp3 .opus .3gp .3g2 .asf .flv .m4v .mpg .webm .f4v .wmv .wma .ogm .mxf "
           ".nut "},
    Format{"videos", " .mkv .mp4 .avi .mpeg .mov "},
    Format{"meshes", " .glb .gltf .ply .stl "},
    Format{"PDF", " .pdf "},
    Format{"NIfTI", " .nii "}};
constexpr std::string_view kArchive = ".zip";
// Known to the reference, too (tasks of agents); beside data they are papers: CHANGELOG.md, pyproject.toml.
constexpr std::string_view kPapers = " .md .toml ";
constexpr std::array<std::string_view, 6> kMetadata = {"metadata.csv", "metadata.jsonl", "metadata.parquet",
                                                       "task.toml",    "instruction.md", "latest_version_hint.json"};
constexpr std::array<std::string_view, 5> kRead = {"csv", "json", "parquet", "arrow", "text"};

bool stands_in(std::string_view list, std::string_view ending) {
  if (ending.find(' ') != std::string_view::npos) return false;
  return list.find(std::string(" ").append(ending).append(" ")) != std::string_view::npos;
}

std::string_view format_of_ending(std::string_view ending) {
  if (ending == kArchive) return "zip";
  for (const Format& format : kFormats)
    if (stands_in(format.endings, ending)) return format.name;
  return "";
}

std::string_view last_part(std::string_view name) { return name.substr(name.rfind('/') + 1); }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

/// ".jsonl", ".gz" of "a.jsonl.gz".
std::vector<std::string_view> endings_of(std::string_view name) {
  std::vector<std::string_view> endings;
  name = last_part(name);
  for (size_t dot = name.find('.'); dot != std::string_view::npos;) {
    const size_t next = name.find('.', dot + 1);
    endings.push_back(name.substr(dot, next == std::string_view::npos ? next : next - dot));
    dot = next;
  }
  return endings;
}

/// The reference knows media in capitals, too.
bool is_medium(std::string_view ending) {
  const std::string_view format = format_of_ending(ending);
  return format == "images" || format == "sound" || format == "videos" || format == "meshes" || format == "PDF" ||
         format == "NIfTI" || ending == ".pdb" || ending == ".ent";
}

}  // namespace

bool has_data_ending(std::string_view name) {
  const auto endings = endings_of(name);
  return std::any_of(endings.begin(), endings.end(), [](std::string_view ending) {
    if (!format_of_ending(ending).empty() || stands_in(kPapers, ending)) return true;
    const std::string small = lower(ending);
    const bool is_shouted = std::none_of(ending.begin(), ending.end(), [](char c) { return c >= 'a' && c <= 'z'; });
    return is_shouted && is_medium(small);
  });
}

std::string format_of(const std::vector<std::string>& names) {
  std::map<std::pair<std::string, bool>, int64_t> counts;  // ending, whether of a file that describes others
  for (const std::string& name : names) {
    const bool describes = std::find(kMetadata.begin(), kMetadata.end(), last_part(name)) != kMetadata.end();
    for (const std::string_view ending : endings_of(name)) ++counts[{lower(ending), describes}];
  }
  using Rank = std::tuple<bool, int64_t, size_t, std::string>;
  Rank best;
  std::string format;
  for (const auto& [key, count] : counts) {
    const auto& [ending, describes] = key;
    const std::string_view found = format_of_ending(ending);
    if (found.empty()) continue;
    constexpr std::array<std::string_view, 7> kFavourites = {".csv",    ".json",  ".jsonl",  ".arrow",
                                                             ".vortex", ".lance", ".parquet"};
    const auto favourite = std::find(kFavourites.begin(), kFavourites.end(), ending);
    const size_t place = favourite == kFavourites.end() ? 0 : static_cast<size_t>(favourite - kFavourites.begin()) + 1;
    if (Rank rank{!describes, count, place, ending}; rank > best || format.empty()) {
      best = std::move(rank);
      format = found;
    }
  }
  return format;
}

bool is_read(std::string_view format) { return std::find(kRead.begin(), kRead.end(), format) != kRead.end(); }

bool is_of_format(std::string_view name, std::string_view format) {
  const auto endings = endings_of(name);
  return std::any_of(endings.begin(), endings.end(), [format](std::string_view ending) {
    return ending == kArchive || format_of_ending(ending) == format;
  });
}

}  // namespace tekio
