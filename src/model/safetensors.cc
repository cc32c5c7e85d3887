// The safetensors format: u64 length, JSON header, tensors without holes. Everything in the header is untrusted: each
// rule of the format is checked before a byte of data is believed (the reference's own reader leaves two keys of one
// name to chance; here they are refused).
#include "model/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/foreign_file.h"
#include "base/json.h"

namespace tekio {
namespace {

static_assert(std::endian::native == std::endian::little, "weights are read as they lie in files");

constexpr uint64_t kMostHeader = 100'000'000;

struct StoredType {
  const char* name;
  uint64_t bits;
};
// In the reference's order: files are written with the last of these first.
constexpr StoredType kTypes[] = {{"BOOL", 8},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
                                 {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
                                 {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
                                 {"I32", 32},        {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},
                                 {"I64", 64},        {"U64", 64}};

const StoredType* find_type(std::string_view name) {
  const auto* at =
      std::find_if(std::begin(kTypes), std::end(kTypes), [&](const StoredType& type) { return type.name == name; });
  return at == std::end(kTypes) ? nullptr : at;
}

struct Entry {
  std::string name;
  uint64_t begin, end;
};

uint64_t unsigned_at(const Json& value, const std::string& what) {
  if (!value.is_number_unsigned())
    fail(ErrorKind::input, "{} must be a whole number, 0 or more, got {}", what, printable(value.dump(-1, ' ', true)));
  return value.get<uint64_t>();
}

// One tensor's entry, checked by itself; its bytes are cut later, when all entries have been seen to lie side by side.
Entry parse_entry(const std::string& name, const Json& value, StoredTensor& tensor, const std::string& where) {
  const std::string what = fmt::format("{}: tensor {}", where, printable(name));
  if (!value.is_object()) fail(ErrorKind::input, "{}: expected an object, got {}", what, value.type_name());
  for (const char* key : {"dtype", "shape", "data_offsets"})
    if (!value.contains(key)) fail(ErrorKind::input, "{} lacks \"{}\"", what, key);
  if (value.size() != 3)
    fail(ErrorKind::input, "{}: expected dtype, shape and data_offsets alone, got {} keys", what, value.size());

  const Json& dtype = value["dtype"];
  const StoredType* type = dtype.is_string() ? find_type(dtype.get_ref<const std::string&>()) : nullptr;
  if (type == nullptr) fail(ErrorKind::input, "{}: unknown dtype {}", what, printable(dtype.dump(-1, ' ', true)));
  tensor.dtype = type->name;

  const Json& shape = value["shape"];
  if (!shape.is_array()) fail(ErrorKind::input, "{}: shape must be a list, got {}", what, shape.type_name());
  uint64_t bits = type->bits;
  bool overflow = false;
  for (const Json& dimension : shape) {
    const uint64_t size = unsigned_at(dimension, what + ": a dimension");
    overflow |= size > uint64_t{std::numeric_limits<int64_t>::max()} || __builtin_mul_overflow(bits, size, &bits);
    tensor.shape.push_back(static_cast<int64_t>(size));
  }
  if (overflow)
    fail(ErrorKind::input, "{}: shape {} has more numbers than can be counted", what, printable(shape.dump()));
  if (bits % 8 != 0) fail(ErrorKind::input, "{}: {} bits of {} do not fill whole bytes", what, bits, type->name);

  const Json& offsets = value["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2)
    fail(ErrorKind::input, "{}: data_offsets must be [begin, end], got {}", what,
         printable(offsets.dump(-1, ' ', true)));
  const Entry entry{name, unsigned_at(offsets[0], what + ": data_offsets"),
                    unsigned_at(offsets[1], what + ": data_offsets")};
  if (entry.end < entry.begin)
    fail(ErrorKind::input, "{}: data_offsets end at {}, before they begin at {}", what, entry.end, entry.begin);
  if (entry.end - entry.begin != bits / 8)
    fail(ErrorKind::input, "{}: {} of shape {} takes {} bytes, but data_offsets cover {}", what, type->name,
         printable(shape.dump()), bits / 8, entry.end - entry.begin);
  return entry;
}

void parse_metadata(const Json& value, std::map<std::string, std::string>& metadata, const std::string& where) {
  if (!value.is_object())
    fail(ErrorKind::input, "{}: __metadata__ must be an object, got {}", where, value.type_name());
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string())
      fail(ErrorKind::input, "{}: __metadata__ \"{}\" must be a string, got {}", where, printable(key),
           text.type_name());
    metadata[key] = text.get<std::string>();
  }
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : file_(path) {
  parse(file_.bytes(), printable(path.string(), 300));
  for (auto& [name, tensor] : tensors_) tensor.mapped = true;
}

SafetensorsFile::SafetensorsFile(std::span<const std::byte> bytes, const std::string& where) { parse(bytes, where); }

void SafetensorsFile::parse(std::span<const std::byte> bytes, const std::string& where) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (const std::string foreign = foreign_content(text.substr(0, kForeignBytes)); !foreign.empty())
    fail(ErrorKind::input, "{} {}", where, foreign);
  if (bytes.size() < 8)
    fail(ErrorKind::input, "{} has {} bytes, too few for a safetensors file: it is cut off; download it again", where,
         bytes.size());
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  if (const std::string_view start = text.substr(0, 8);
      length > kMostHeader && std::ranges::all_of(start, [](unsigned char c) { return c >= ' ' && c <= '~'; }))
    fail(ErrorKind::input, "{} is not a safetensors file: it begins with the text \"{}\"; download it again", where,
         printable(text.substr(0, std::min(text.find('\n'), size_t{80}))));
  if (text.starts_with("PK\x03\x04"))
    fail(ErrorKind::input,
         "{} is not a safetensors file but a ZIP archive, as PyTorch's are: name it pytorch_model.bin if it is one",
         where);
  if (length > kMostHeader)
    fail(ErrorKind::input, "{} is not a safetensors file: it asks for a header of {} bytes, and at most {} are allowed",
         where, length, kMostHeader);
  if (length > bytes.size() - 8)
    fail(ErrorKind::input, "{} is cut off: its header has {} bytes, but only {} follow", where, length,
         bytes.size() - 8);
  const std::string_view header = text.substr(8, static_cast<size_t>(length));
  if (!header.starts_with('{'))
    fail(ErrorKind::input, "{} is not a safetensors file: its header does not begin with {{", where);
  const Json document = parse_json(header, where + ": header");

  std::vector<Entry> entries;
  for (const auto& [name, value] : document.items()) {
    if (name == "__metadata__") {
      parse_metadata(value, metadata_, where);
    } else {
      entries.push_back(parse_entry(name, value, tensors_[name], where));
    }
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  const std::span<const std::byte> data = bytes.subspan(8 + static_cast<size_t>(length));
  uint64_t position = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != position)
      fail(ErrorKind::input,
           "{}: tensor {} begins at byte {} of the data, but the one before it ends at {}; tensors must lie without "
           "holes or overlaps",
           where, printable(entry.name), entry.begin, position);
    position = entry.end;
  }
  if (position > data.size())
    fail(ErrorKind::input, "{} is cut off: its tensors take {} bytes, but only {} are there", where, position,
         data.size());
  if (position < data.size())
    fail(ErrorKind::input, "{} has {} bytes behind its last tensor that belong to none", where, data.size() - position);
  for (const Entry& entry : entries)
    tensors_[entry.name].bytes =
        data.subspan(static_cast<size_t>(entry.begin), static_cast<size_t>(entry.end - entry.begin));
}

WrittenFile write_safetensors(const std::filesystem::path& path, std::vector<TensorToSave> tensors,
                              const std::map<std::string, std::string>& metadata) {
  std::sort(tensors.begin(), tensors.end(), [](const TensorToSave& a, const TensorToSave& b) {
    const StoredType *type_a = find_type(a.dtype), *type_b = find_type(b.dtype);
    return type_a != type_b ? type_a > type_b : a.name < b.name;
  });
  OrderedJson header = OrderedJson::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t position = 0;
  for (const TensorToSave& tensor : tensors) {
    const StoredType* type = find_type(tensor.dtype);
    uint64_t bits = type != nullptr ? type->bits : 0;
    for (const int64_t d : tensor.shape) bits *= static_cast<uint64_t>(d);
    TEKIO_CHECK(type != nullptr && bits == tensor.bytes.size() * 8, "{} {}: {} bytes", tensor.name, tensor.dtype,
                tensor.bytes.size());
    TEKIO_CHECK(!header.contains(tensor.name), "{} twice", tensor.name);
    const uint64_t end = position + tensor.bytes.size();
    header[tensor.name] = {{"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {position, end}}};
    position = end;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');

  ChecksummedFile file(path);
  const uint64_t length = text.size();
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(text);
  for (const TensorToSave& tensor : tensors) file.write(tensor.bytes);
  return file.commit();
}

namespace {

// IEEE half to float, by its fields: subnormals are mantissa * 2^-24.
float half_to_float(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16, exponent = (half >> 10) & 0x1F,
                 mantissa = half & 0x3FF;
  if (exponent == 0)
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(static_cast<float>(mantissa) * 0x1p-24f));
  return std::bit_cast<float>(sign | (exponent == 31 ? 0x7F800000u : (exponent + 112) << 23) | mantissa << 13);
}

// Files need not align their tensors, hence the copies.
template <typename From, typename Convert>
void convert(std::span<const std::byte> from, std::span<float> to, Convert&& to_float) {
  for (size_t i = 0; i < to.size(); ++i) {
    From value;
    std::memcpy(&value, from.data() + i * sizeof(From), sizeof(From));
    to[i] = to_float(value);
  }
}

}  // namespace

const float* float32_in_place(const StoredTensor& tensor) {
  const std::byte* const data = tensor.bytes.data();
  const bool usable = tensor.dtype == "F32" && reinterpret_cast<uintptr_t>(data) % alignof(float) == 0;
  return usable ? reinterpret_cast<const float*>(data) : nullptr;
}

void to_float32(const StoredTensor& from, std::span<float> to, const std::string& where) {
  const StoredType* type = find_type(from.dtype);
  TEKIO_CHECK(type != nullptr && from.bytes.size() * 8 == to.size() * type->bits, "{}: {} bytes of {} for {} numbers",
              where, from.bytes.size(), from.dtype, to.size());
  if (from.dtype == "F32") {
    if (!to.empty()) std::memcpy(to.data(), from.bytes.data(), from.bytes.size());
  } else if (from.dtype == "F16") {
    convert<uint16_t>(from.bytes, to, half_to_float);
  } else if (from.dtype == "BF16") {
    convert<uint16_t>(from.bytes, to,
                      [](uint16_t value) { return std::bit_cast<float>(static_cast<uint32_t>(value) << 16); });
  } else if (from.dtype == "F64") {
    convert<double>(from.bytes, to, [](double value) { return static_cast<float>(value); });
  } else {
    fail(ErrorKind::input, "{} holds {}; expected F32, F16, BF16 or F64", where, from.dtype);
  }
}

}  // namespace tekio
