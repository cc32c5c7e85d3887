// A restricted unpickler (protocol 2, with the frames and short forms of 4). Values live in one list and refer to each
// other by number, so that no depth of nesting can exhaust the stack, cycles do no harm, and memory has one bound.
#include "model/pickle.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <set>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace tekio {
namespace {

constexpr size_t kMostBytes = size_t{64} << 20;
constexpr size_t kMostValues = 1'000'000;
constexpr size_t kMostRank = 8;
// 0x1950A86A20F9469CFC6C, pickled by protocol 2.
constexpr std::string_view kMagicPickle("\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);

enum class Kind : uint8_t { none, boolean, integer, real, text, tuple, list, dictionary, global, storage, tensor, set };

struct Value {
  Kind kind = Kind::none;
  int64_t integer = 0;          // integer, boolean; tensor, storage: its number in tensors_
  std::string text;             // text; global: "module name"
  std::vector<uint32_t> items;  // tuple, list; dictionary: key, value, key, value, …
};

struct StorageType {
  const char *global, *dtype;
  int64_t bytes;
};
constexpr StorageType kStorageTypes[] = {{"torch FloatStorage", "F32", 4},     {"torch HalfStorage", "F16", 2},
                                         {"torch BFloat16Storage", "BF16", 2}, {"torch DoubleStorage", "F64", 8},
                                         {"torch LongStorage", "I64", 8},      {"torch IntStorage", "I32", 4},
                                         {"torch ShortStorage", "I16", 2},     {"torch CharStorage", "I8", 1},
                                         {"torch ByteStorage", "U8", 1},       {"torch BoolStorage", "BOOL", 1}};
constexpr const char* kOrderedDict = "collections OrderedDict";
constexpr const char* kRebuildTensor = "torch._utils _rebuild_tensor_v2";
constexpr const char* kRebuildParameter = "torch._utils _rebuild_parameter";

const StorageType* find_storage_type(const std::string& global) {
  const auto* at = std::find_if(std::begin(kStorageTypes), std::end(kStorageTypes),
                                [&](const StorageType& type) { return global == type.global; });
  return at == std::end(kStorageTypes) ? nullptr : at;
}

class Unpickler {
 public:
  Unpickler(std::span<const std::byte> bytes, const std::string& where, size_t begin = 0)
      : bytes_(bytes), where_(where), at_(begin) {}

  /// To the pickle's end.
  void run() {
    while (step()) {}
    if (stack_.size() != 1) refuse("ends with {} values on its stack instead of one", stack_.size());
  }
  size_t end() const { return at_; }
  std::map<std::string, PickledTensor> state_dict() { return collect(stack_.back()); }
  /// A list of texts.
  std::vector<std::string> texts() {
    std::vector<std::string> all;
    for (const uint32_t item : expect(stack_.back(), Kind::list, "a list of storages").items)
      all.push_back(expect(item, Kind::text, "a storage's key").text);
    return all;
  }
  /// A dictionary's boolean; absent: true.
  bool flag(std::string_view key) {
    const auto& items = expect(stack_.back(), Kind::dictionary, "a dictionary").items;
    for (size_t i = 0; i + 1 < items.size(); i += 2)
      if (values_[items[i]].kind == Kind::text && values_[items[i]].text == key)
        return expect(items[i + 1], Kind::boolean, "a boolean").integer != 0;
    return true;
  }
  /// Every storage that was described, by its key. Errors (input): two of one key that differ.
  std::map<std::string, PickledTensor> storages() const {
    std::map<std::string, PickledTensor> all;
    for (const Value& value : values_) {
      if (value.kind != Kind::storage) continue;
      const PickledTensor& storage = tensor_of(value);
      const auto [at, fresh] = all.emplace(storage.storage, storage);
      if (!fresh && (at->second.dtype != storage.dtype || at->second.storage_numbers != storage.storage_numbers))
        refuse("describes storage {} in two ways", printable(storage.storage));
    }
    return all;
  }

 private:
  template <typename... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorKind::input, "{}: the pickle {} (byte {})", where_, fmt::format(format, std::forward<Args>(args)...),
         at_);
  }

  std::span<const std::byte> take(uint64_t count) {
    if (count > bytes_.size() - at_) refuse("is cut off");
    const auto part = bytes_.subspan(at_, static_cast<size_t>(count));
    at_ += static_cast<size_t>(count);
    return part;
  }
  template <typename T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string text(uint64_t count) {
    const auto part = take(count);
    return std::string(reinterpret_cast<const char*>(part.data()), part.size());
  }
  std::string line() {
    const auto rest = bytes_.subspan(at_);
    const auto end = std::find(rest.begin(), rest.end(), std::byte{'\n'});
    if (end == rest.end()) refuse("is cut off");
    std::string part = text(static_cast<uint64_t>(end - rest.begin()));
    at_ += 1;
    return part;
  }

  uint32_t make(Value value) {
    if (values_.size() >= kMostValues) refuse("holds more than {} values", kMostValues);
    values_.push_back(std::move(value));
    return static_cast<uint32_t>(values_.size() - 1);
  }
  void push(Value value) { stack_.push_back(make(std::move(value))); }
  void push_integer(int64_t integer, Kind kind = Kind::integer) { push({.kind = kind, .integer = integer}); }
  uint32_t make_tensor(Kind kind, PickledTensor tensor) {
    tensors_.push_back(std::move(tensor));
    return make({.kind = kind, .integer = static_cast<int64_t>(tensors_.size() - 1)});
  }
  const PickledTensor& tensor_of(const Value& value) const { return tensors_[static_cast<size_t>(value.integer)]; }
  void push_text(std::string characters) { push({.kind = Kind::text, .text = std::move(characters)}); }

  // What stands above the last mark belongs to the opcode that will take it; nothing reaches below.
  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  uint32_t pop() {
    if (stack_.size() <= floor()) refuse("takes a value from an empty stack");
    const uint32_t top = stack_.back();
    stack_.pop_back();
    return top;
  }
  uint32_t top() const {
    if (stack_.size() <= floor()) refuse("looks at an empty stack");
    return stack_.back();
  }
  std::vector<uint32_t> pop_to_mark() {
    if (marks_.empty()) refuse("takes values down to a mark that was never set");
    std::vector<uint32_t> items(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }
  std::vector<uint32_t> pop_count(size_t count) {
    std::vector<uint32_t> items(count);
    for (size_t i = count; i-- > 0;) items[i] = pop();
    return items;
  }
  Value& expect(uint32_t index, Kind kind, const char* what) {
    if (values_[index].kind != kind) refuse("has something else where {} is expected", what);
    return values_[index];
  }
  void append(const std::vector<uint32_t>& items) {
    auto& list = expect(top(), Kind::list, "a list").items;
    list.insert(list.end(), items.begin(), items.end());
  }
  void set_items(const std::vector<uint32_t>& items) {
    if (items.size() % 2 != 0) refuse("sets a dictionary's key without a value");
    auto& dictionary = expect(top(), Kind::dictionary, "a dictionary").items;
    dictionary.insert(dictionary.end(), items.begin(), items.end());
  }

  bool step();
  void remember(uint64_t slot);
  void recall(uint64_t slot);
  void push_global(const std::string& module, const std::string& name);
  void persistent();
  void reduce();
  void build();
  uint32_t rebuild_tensor(const std::vector<uint32_t>& arguments);
  std::vector<int64_t> sizes(uint32_t tuple, const char* what);
  std::map<std::string, PickledTensor> collect(uint32_t top);

  std::span<const std::byte> bytes_;
  const std::string& where_;
  size_t at_;
  std::vector<Value> values_;
  std::vector<PickledTensor> tensors_;  // whole storages among them
  std::vector<uint32_t> stack_;
  std::vector<size_t> marks_;
  std::map<uint64_t, uint32_t> memo_;
};

// One opcode; false at STOP. Letters are pickletools' names.
// clang-format off
bool Unpickler::step() {
  switch (const auto opcode = number<uint8_t>(); opcode) {
    case 0x80: {  // PROTO
      const auto protocol = number<uint8_t>();
      if (protocol > 5) refuse("is of protocol {}, which is not supported", protocol);
      break;
    }
    case 0x95: number<uint64_t>(); break;                         // FRAME: only a hint
    case '.': return false;                                       // STOP
    case '(': marks_.push_back(stack_.size()); break;             // MARK
    case '0': pop(); break;                                       // POP
    case 'N': push({}); break;                                    // NONE
    case 0x88: push_integer(1, Kind::boolean); break;             // NEWTRUE
    case 0x89: push_integer(0, Kind::boolean); break;             // NEWFALSE
    case 'J': push_integer(number<int32_t>()); break;             // BININT
    case 'K': push_integer(number<uint8_t>()); break;             // BININT1
    case 'M': push_integer(number<uint16_t>()); break;            // BININT2
    case 0x8A: {                                                  // LONG1
      const auto size = number<uint8_t>();
      if (size > 8) refuse("holds a whole number of {} bytes", size);
      const auto digits = take(size);
      uint64_t value = size > 0 && (std::to_integer<uint8_t>(digits[size - 1u]) & 0x80) != 0 ? ~uint64_t{0} : 0;
      for (size_t i = size; i-- > 0;) value = value << 8 | std::to_integer<uint64_t>(digits[i]);
      push_integer(static_cast<int64_t>(value));
      break;
    }
    case 'G': take(8); push({.kind = Kind::real}); break;         // BINFLOAT: no tensor's place depends on it
    case 'X': push_text(text(number<uint32_t>())); break;         // BINUNICODE
    case 0x8C: push_text(text(number<uint8_t>())); break;         // SHORT_BINUNICODE
    case 'U': push_text(text(number<uint8_t>())); break;          // SHORT_BINSTRING
    case ')': push({.kind = Kind::tuple}); break;                 // EMPTY_TUPLE
    case ']': push({.kind = Kind::list}); break;                  // EMPTY_LIST
    case '}': push({.kind = Kind::dictionary}); break;            // EMPTY_DICT
    case 0x8F: push({.kind = Kind::set}); break;                  // EMPTY_SET
    case 't': push({.kind = Kind::tuple, .items = pop_to_mark()}); break;   // TUPLE
    case 0x85: push({.kind = Kind::tuple, .items = pop_count(1)}); break;   // TUPLE1
    case 0x86: push({.kind = Kind::tuple, .items = pop_count(2)}); break;   // TUPLE2
    case 0x87: push({.kind = Kind::tuple, .items = pop_count(3)}); break;   // TUPLE3
    case 'a': append(pop_count(1)); break;                        // APPEND
    case 'e': append(pop_to_mark()); break;                       // APPENDS
    case 's': set_items(pop_count(2)); break;                     // SETITEM
    case 'u': set_items(pop_to_mark()); break;                    // SETITEMS
    case 'h': recall(number<uint8_t>()); break;                   // BINGET
    case 'j': recall(number<uint32_t>()); break;                  // LONG_BINGET
    case 'q': remember(number<uint8_t>()); break;                 // BINPUT
    case 'r': remember(number<uint32_t>()); break;                // LONG_BINPUT
    case 0x94: remember(memo_.size()); break;                     // MEMOIZE
    case 'c': {                                                   // GLOBAL
      const std::string module = line();
      push_global(module, line());
      break;
    }
    case 0x93: {                                                  // STACK_GLOBAL
      const auto names = pop_count(2);
      push_global(expect(names[0], Kind::text, "a module's name").text, expect(names[1], Kind::text, "a global's name").text);
      break;
    }
    case 'Q': persistent(); break;                                // BINPERSID
    case 'R':
    case 0x81: reduce(); break;                                   // REDUCE, NEWOBJ
    case 'b': build(); break;                                     // BUILD
    default: refuse("uses opcode 0x{:02x}, which no state dictionary needs; it is refused", opcode);
  }
  return true;
}
// clang-format on

void Unpickler::remember(uint64_t slot) {
  memo_[slot] = top();
  if (memo_.size() > kMostValues) refuse("remembers more than {} values", kMostValues);
}

void Unpickler::recall(uint64_t slot) {
  const auto found = memo_.find(slot);
  if (found == memo_.end()) refuse("recalls value {}, which was never remembered", slot);
  if (stack_.size() >= kMostValues) refuse("stacks more than {} values", kMostValues);
  stack_.push_back(found->second);
}

void Unpickler::push_global(const std::string& module, const std::string& name) {
  const std::string global = module + " " + name;
  if (global != kOrderedDict && global != kRebuildTensor && global != kRebuildParameter &&
      find_storage_type(global) == nullptr)
    refuse("asks for {}.{}, which a state dictionary does not need; it is refused, nothing was run", printable(module),
           printable(name));
  push({.kind = Kind::global, .text = global});
}

// ("storage", its class, key, device, count): a stretch of numbers in another entry of the archive. Before PyTorch 1.6
// a sixth part says of which other storage this is a part; it has been None ever since there are state dictionaries.
void Unpickler::persistent() {
  const std::vector<uint32_t> parts = expect(pop(), Kind::tuple, "a storage's description").items;
  if (parts.size() == 6 && values_[parts[5]].kind != Kind::none) refuse("has a storage that is a part of another one");
  if (parts.size() < 5 || parts.size() > 6 || expect(parts[0], Kind::text, "the word \"storage\"").text != "storage")
    refuse("describes a storage in an unknown way");
  const StorageType* type = find_storage_type(expect(parts[1], Kind::global, "a storage's class").text);
  if (type == nullptr) refuse("has something else where a storage's class is expected");
  PickledTensor storage{.storage = expect(parts[2], Kind::text, "a storage's key").text, .dtype = type->dtype};
  storage.storage_numbers = expect(parts[4], Kind::integer, "a storage's size").integer;
  if (storage.storage_numbers < 0 || storage.storage_numbers > std::numeric_limits<int64_t>::max() / 8)
    refuse("describes a storage of {} numbers", storage.storage_numbers);
  stack_.push_back(make_tensor(Kind::storage, std::move(storage)));
}

void Unpickler::reduce() {
  const std::vector<uint32_t> arguments = expect(pop(), Kind::tuple, "a call's arguments").items;
  const std::string called = expect(pop(), Kind::global, "something to call").text;
  if (called == kRebuildTensor) {
    stack_.push_back(rebuild_tensor(arguments));
  } else if (called == kRebuildParameter && !arguments.empty()) {
    expect(arguments[0], Kind::tensor, "a parameter's tensor");
    stack_.push_back(arguments[0]);
  } else if (called == kOrderedDict && arguments.size() <= 1) {
    Value dictionary{.kind = Kind::dictionary};
    if (arguments.size() == 1) {
      for (const uint32_t pair : std::vector(expect(arguments[0], Kind::list, "a dictionary's pairs").items)) {
        const auto& items = values_[pair].items;
        if ((values_[pair].kind != Kind::tuple && values_[pair].kind != Kind::list) || items.size() != 2)
          refuse("has something else where a pair is expected");
        dictionary.items.insert(dictionary.items.end(), items.begin(), items.end());
      }
    }
    push(std::move(dictionary));
  } else {
    refuse("calls {} with {} arguments", called, arguments.size());
  }
}

// An OrderedDict's attributes (PyTorch hangs its modules' versions there): of no use to us.
void Unpickler::build() {
  pop();
  expect(top(), Kind::dictionary, "a dictionary to hang attributes on");
}

std::vector<int64_t> Unpickler::sizes(uint32_t tuple, const char* what) {
  std::vector<int64_t> numbers;
  for (const uint32_t item : expect(tuple, Kind::tuple, what).items) {
    numbers.push_back(expect(item, Kind::integer, what).integer);
    if (numbers.back() < 0) refuse("has a tensor whose {} hold {}", what, numbers.back());
  }
  if (numbers.size() > kMostRank) refuse("has a tensor of {} dimensions", numbers.size());
  return numbers;
}

// (storage, offset, shape, strides, requires_grad, hooks[, metadata])
uint32_t Unpickler::rebuild_tensor(const std::vector<uint32_t>& arguments) {
  if (arguments.size() < 6 || arguments.size() > 7) refuse("builds a tensor from {} arguments", arguments.size());
  PickledTensor tensor = tensor_of(expect(arguments[0], Kind::storage, "a tensor's storage"));
  tensor.offset = expect(arguments[1], Kind::integer, "a tensor's offset").integer;
  tensor.shape = sizes(arguments[2], "sizes");
  tensor.strides = sizes(arguments[3], "strides");
  if (tensor.strides.size() != tensor.shape.size())
    refuse("has a tensor of {} sizes and {} strides", tensor.shape.size(), tensor.strides.size());
  int64_t last = tensor.offset, count = 1;  // the farthest number that the tensor reaches
  bool overflow = tensor.offset < 0, empty = false;
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    int64_t reach = 0;
    empty |= tensor.shape[i] == 0;
    overflow |= __builtin_mul_overflow(count, std::max<int64_t>(tensor.shape[i], 1), &count);
    overflow |= __builtin_mul_overflow(std::max<int64_t>(tensor.shape[i] - 1, 0), tensor.strides[i], &reach) ||
                __builtin_add_overflow(last, reach, &last);
  }
  if (overflow || (empty ? tensor.offset > tensor.storage_numbers : last >= tensor.storage_numbers))
    refuse("has a tensor that reaches outside its storage of {} numbers", tensor.storage_numbers);
  // Strides of 0 can make any size of a few numbers; no weights are stored that way.
  if (!empty && count > tensor.storage_numbers)
    refuse("has a tensor of {} numbers in a storage of {}", count, tensor.storage_numbers);
  return make_tensor(Kind::tensor, std::move(tensor));
}

std::map<std::string, PickledTensor> Unpickler::collect(uint32_t top) {
  uint32_t root = top;
  const auto& outer = expect(root, Kind::dictionary, "a state dictionary").items;
  for (size_t i = 0; i + 1 < outer.size(); i += 2) {
    const Value& key = values_[outer[i]];
    if (key.kind == Kind::text && (key.text == "state_dict" || key.text == "model") &&
        values_[outer[i + 1]].kind == Kind::dictionary)
      root = outer[i + 1];
  }
  std::map<std::string, PickledTensor> tensors;
  const auto& items = values_[root].items;
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    if (values_[items[i]].kind != Kind::text || values_[items[i + 1]].kind != Kind::tensor) continue;
    const std::string& name = values_[items[i]].text;
    if (!tensors.emplace(name, tensor_of(values_[items[i + 1]])).second)
      refuse("names tensor {} twice", printable(name));
  }
  if (tensors.empty()) refuse("holds no tensors");
  return tensors;
}

}  // namespace

int64_t PickledTensor::numel() const {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return count;
}

bool PickledTensor::contiguous() const {
  int64_t expected = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] != 1 && strides[i] != expected) return false;
    expected *= std::max<int64_t>(shape[i], 1);
  }
  return true;
}

int64_t storage_item_size(const std::string& dtype) {
  for (const StorageType& type : kStorageTypes)
    if (dtype == type.dtype) return type.bytes;
  TEKIO_CHECK(false, "dtype {}", dtype);
  return 0;
}

std::map<std::string, PickledTensor> unpickle_state_dict(std::span<const std::byte> pickle, const std::string& where) {
  if (pickle.size() > kMostBytes)
    fail(ErrorKind::input, "{}: the pickle has {} bytes; at most {} are read", where, pickle.size(), kMostBytes);
  Unpickler unpickler(pickle, where);
  unpickler.run();
  return unpickler.state_dict();
}

bool is_pickle_sequence(std::span<const std::byte> file) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  return text.starts_with(kMagicPickle);
}

PickleSequence unpickle_sequence(std::span<const std::byte> file, const std::string& where) {
  const std::span<const std::byte> pickles = file.first(std::min(file.size(), kMostBytes));
  PickleSequence sequence{.tensors = {}, .storages = {}, .end = kMagicPickle.size()};
  const auto next = [&] {
    Unpickler unpickler(pickles, where, sequence.end);
    unpickler.run();
    sequence.end = unpickler.end();
    return unpickler;
  };
  next();  // the version: 1001 ever since there is one
  if (!next().flag("little_endian"))
    fail(ErrorKind::input, "{} was written by a big-endian machine; only little-endian files are read", where);
  Unpickler object = next();
  sequence.tensors = object.state_dict();
  const auto known = object.storages();
  std::set<std::string> seen;
  for (const std::string& key : next().texts()) {
    const auto found = known.find(key);
    if (found == known.end() || !seen.insert(key).second)
      fail(ErrorKind::input, "{}: storage {} is {}", where, printable(key),
           found == known.end() ? "of no tensor, so its size is unknown" : "listed twice");
    sequence.storages.push_back(found->second);
  }
  return sequence;
}

}  // namespace tekio
