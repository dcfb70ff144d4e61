#include "model/format/pickle.h"

#include <algorithm>
#include <unordered_map>

#include "model/format/byte_reader.h"

namespace strata::model {
namespace {

using V = PickleValue;

/// What a global stands for. Those not listed are refused.
enum class Means { element, empty_dict, tensor_v2, tensor_v3, parameter, size, constant, typed };

struct GlobalRow {
  std::string_view name;  // module and attribute
  Means means;
  std::string_view element = {};
};

constexpr GlobalRow kGlobals[] = {
    {"collections OrderedDict", Means::empty_dict},
    {"torch._utils _rebuild_tensor", Means::tensor_v2},
    {"torch._utils _rebuild_tensor_v2", Means::tensor_v2},
    {"torch._utils _rebuild_tensor_v3", Means::tensor_v3},
    {"torch._utils _rebuild_parameter", Means::parameter},
    {"torch._utils _rebuild_parameter_with_state", Means::parameter},
    {"torch._tensor _rebuild_from_type_v2", Means::typed},
    {"torch.nn.parameter Parameter", Means::constant},
    {"torch Tensor", Means::constant},
    {"torch Size", Means::size},
    {"torch device", Means::constant},
    {"torch.serialization _get_layout", Means::constant},
    {"torch FloatStorage", Means::element, "F32"},
    {"torch HalfStorage", Means::element, "F16"},
    {"torch BFloat16Storage", Means::element, "BF16"},
    {"torch DoubleStorage", Means::element, "F64"},
    {"torch LongStorage", Means::element, "I64"},
    {"torch IntStorage", Means::element, "I32"},
    {"torch ShortStorage", Means::element, "I16"},
    {"torch CharStorage", Means::element, "I8"},
    {"torch ByteStorage", Means::element, "U8"},
    {"torch BoolStorage", Means::element, "BOOL"},
    {"torch.storage UntypedStorage", Means::element, ""},
    {"torch.storage _UntypedStorage", Means::element, ""},
    {"torch UntypedStorage", Means::element, ""},
    {"torch float32", Means::element, "F32"},
    {"torch float16", Means::element, "F16"},
    {"torch bfloat16", Means::element, "BF16"},
    {"torch float64", Means::element, "F64"},
    {"torch float8_e4m3fn", Means::element, "F8_E4M3"},
    {"torch float8_e5m2", Means::element, "F8_E5M2"},
    {"torch int64", Means::element, "I64"},
    {"torch int32", Means::element, "I32"},
    {"torch int16", Means::element, "I16"},
    {"torch int8", Means::element, "I8"},
    {"torch uint8", Means::element, "U8"},
    {"torch uint16", Means::element, "U16"},
    {"torch uint32", Means::element, "U32"},
    {"torch uint64", Means::element, "U64"},
    {"torch bool", Means::element, "BOOL"},
};

const GlobalRow* find_global(std::string_view name) {
  for (const GlobalRow& row : kGlobals)
    if (row.name == name) return &row;
  return nullptr;
}

/// Names of the opcodes that are refused, for the message.
std::string_view refused_name(uint8_t op) {
  switch (op) {
    case 'i': return "INST";
    case 'o': return "OBJ";
    case 0x81: return "NEWOBJ";
    case 0x92: return "NEWOBJ_EX";
    case 0x82: return "EXT1";
    case 0x83: return "EXT2";
    case 0x84: return "EXT4";
    case 0x97: return "NEXT_BUFFER";
    case 0x98: return "READONLY_BUFFER";
    case 0x8f: return "EMPTY_SET";
    case 0x90: return "ADDITEMS";
    case 0x91: return "FROZENSET";
  }
  return {};
}

class Machine {
 public:
  Machine(std::span<const uint8_t> bytes, std::string_view where) : in_(bytes, where) {}

  Pickle run() {
    while (!done_) {
      at_ = in_.at();
      step(in_.number<uint8_t>("opcode"));
    }
    out_.bytes = in_.at();
    return std::move(out_);
  }

 private:
  template <class... A>
  [[noreturn]] void corrupt(fmt::format_string<A...> what, A&&... args) const {
    fail(Code::data_loss, "{}: pickle: at byte {}: {}", in_.path(), at_,
         fmt::format(what, std::forward<A>(args)...));
  }
  [[noreturn]] void refuse(std::string_view opcode, std::string_view global) const {
    corrupt(
        "opcode {} asks for '{}', which a state dict does not need; nothing was executed, and "
        "the file is refused",
        opcode, printable(global));
  }

  V* make(decltype(V::v) value) {
    if (out_.values.size() >= pickle::kValuesMax)
      corrupt("more than {} objects", pickle::kValuesMax);
    out_.values.push_back({std::move(value)});
    return &out_.values.back();
  }
  void push(V* value) {
    if (stack_.size() >= pickle::kStackMax) corrupt("the stack passes {}", pickle::kStackMax);
    stack_.push_back(value);
  }
  void push_new(decltype(V::v) value) { push(make(std::move(value))); }
  V* pop() {
    const size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() <= floor) corrupt("the stack is empty");
    V* value = stack_.back();
    stack_.pop_back();
    return value;
  }
  V* top() {
    V* value = pop();
    stack_.push_back(value);
    return value;
  }
  std::vector<V*> pop_to_mark() {
    if (marks_.empty()) corrupt("no mark");
    std::vector<V*> items(stack_.begin() + static_cast<ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }
  template <class T>
  T& as(V* value, const char* what) {
    T* got = std::get_if<T>(&value->v);
    if (!got) corrupt("{} expected", what);
    return *got;
  }
  int64_t integer(V* value) {
    if (auto* b = std::get_if<bool>(&value->v)) return *b;
    return as<int64_t>(value, "an integer");
  }

  std::string_view line() {
    const size_t max = std::min<size_t>(in_.remaining(), pickle::kStringMax);
    const std::string_view rest = in_.peek(max);
    const size_t end = rest.find('\n');
    if (end == rest.npos) corrupt("a line without its end");
    const std::string_view text = rest.substr(0, end);
    in_.chars(end + 1, "line");
    return text;
  }
  std::string text(uint64_t size) {
    if (size > pickle::kStringMax) corrupt("a string of {} bytes", size);
    return std::string(in_.chars(size, "string"));
  }
  int64_t long_integer(uint64_t size) {
    // Longer ones occur (the magic number of old files); no tensor needs their value.
    if (size > pickle::kStringMax) corrupt("an integer of {} bytes", size);
    const std::string_view digits = in_.chars(size, "integer");
    uint64_t value = !digits.empty() && (digits.back() & 0x80) ? ~uint64_t{0} : 0;
    for (size_t i = 0; i < std::min<size_t>(8, size); ++i) {
      value &= ~(uint64_t{0xff} << (8 * i));
      value |= uint64_t{static_cast<uint8_t>(digits[i])} << (8 * i);
    }
    return static_cast<int64_t>(value);
  }
  int64_t decimal(std::string_view digits) {
    if (digits.ends_with('L')) digits.remove_suffix(1);
    int64_t value = 0;
    const bool negative = digits.starts_with('-');
    for (char c : digits.substr(negative)) {
      if (c < '0' || c > '9' || __builtin_mul_overflow(value, 10, &value) ||
          __builtin_add_overflow(value, c - '0', &value))
        corrupt("'{}' is not an integer of 64 bits", printable(digits));
    }
    return negative ? -value : value;
  }

  void remember(uint64_t slot) {
    if (memo_.size() >= pickle::kValuesMax) corrupt("the memo is full");
    memo_[slot] = top();
  }
  void recall(uint64_t slot) {
    const auto it = memo_.find(slot);
    if (it == memo_.end()) corrupt("memo entry {} does not exist", slot);
    push(it->second);
  }

  void global(std::string name, std::string_view opcode) {
    if (!find_global(name)) refuse(opcode, name);
    push_new(V::Global{std::move(name)});
  }

  void set_items(std::vector<V*> items, V* target) {
    if (items.size() % 2 != 0) corrupt("a key without its value");
    auto& dict = as<V::Dict>(target, "a dict");
    for (size_t i = 0; i < items.size(); i += 2) dict.items.emplace_back(items[i], items[i + 1]);
  }
  void append(std::vector<V*> items, V* target) {
    auto& list = as<V::List>(target, "a list");
    list.items.insert(list.items.end(), items.begin(), items.end());
  }
  V* dict_of(std::vector<V*> items) {
    V* dict = make(V::Dict{});
    set_items(std::move(items), dict);
    return dict;
  }

  // ("storage", type, key, location, elements[, view]), see torch.save.
  void persistent() {
    V* id = pop();
    const auto& parts = as<V::List>(id, "a storage's description").items;
    if (parts.size() < 5 || as<std::string>(parts[0], "\"storage\"") != "storage")
      corrupt("a persistent id that is no storage");
    const auto& type = as<V::Global>(parts[1], "a storage's type");
    const GlobalRow* row = find_global(type.name);
    if (!row || row->means != Means::element) corrupt("'{}' is no storage type", type.name);
    std::string key;
    if (const auto* number = std::get_if<int64_t>(&parts[2]->v)) key = fmt::format("{}", *number);
    else key = as<std::string>(parts[2], "a storage's key");
    push_new(PickleStorage{std::string(row->element), std::move(key), integer(parts[4])});
  }

  std::vector<int64_t> integers(V* value) {
    const auto& items = as<V::List>(value, "a tuple").items;
    if (items.size() > pickle::kDimsMax) corrupt("{} dimensions", items.size());
    std::vector<int64_t> out;
    for (V* item : items) out.push_back(integer(item));
    return out;
  }

  void call() {
    V* arguments = pop();
    V* callee = pop();
    const GlobalRow* row = find_global(as<V::Global>(callee, "a function").name);
    const auto& a = as<V::List>(arguments, "arguments").items;
    const auto need = [&](size_t n) {
      if (a.size() < n) corrupt("{} takes {} arguments, {} are given", row->name, n, a.size());
    };
    switch (row->means) {
      case Means::empty_dict: return push(a.empty() ? make(V::Dict{}) : ordered(a[0]));
      case Means::size: return need(1), push(a[0]);
      case Means::parameter: return need(1), push(a[0]);
      case Means::typed:  // (function, type, arguments, state): a tensor under a subclass
        need(3);
        push(a[0]);
        push(a[2]);
        return call();
      case Means::tensor_v2:
      case Means::tensor_v3:
        need(row->means == Means::tensor_v3 ? 7 : 4);
        return tensor(a, row->means == Means::tensor_v3);
      case Means::constant:
      case Means::element: return push_new(V::None{});
    }
  }

  // Old pickles of an OrderedDict carry its items as a list of pairs.
  V* ordered(V* pairs) {
    V* dict = make(V::Dict{});
    for (V* pair : as<V::List>(pairs, "pairs").items) {
      const auto& items = as<V::List>(pair, "a pair").items;
      if (items.size() != 2) corrupt("a pair of {} items", items.size());
      set_items({items[0], items[1]}, dict);
    }
    return dict;
  }

  void tensor(const std::vector<V*>& a, bool typed) {
    PickleTensor t{.element = {},
                   .storage = as<PickleStorage>(a[0], "a storage"),
                   .offset = integer(a[1]),
                   .shape = integers(a[2]),
                   .strides = integers(a[3])};
    t.element = t.storage.element;
    if (typed) {
      const GlobalRow* row = find_global(as<V::Global>(a[6], "an element type").name);
      t.element = std::string(row->element);
    }
    if (t.shape.size() != t.strides.size()) corrupt("a tensor of unequal shape and strides");
    push_new(std::move(t));
  }

  void step(uint8_t op) {
    if (!constant(op) && !container(op) && !machine(op)) {
      const std::string_view name = refused_name(op);
      if (name.empty()) corrupt("0x{:02x} is no opcode", op);
      corrupt(
          "opcode {} makes objects that a state dict does not have; nothing was executed, and "
          "the file is refused",
          name);
    }
  }

  bool constant(uint8_t op) {
    switch (op) {
      case 'N': return push_new(V::None{}), true;
      case 0x88: return push_new(true), true;
      case 0x89: return push_new(false), true;
      case 'J': return push_new(int64_t{in_.number<int32_t>("integer")}), true;
      case 'K': return push_new(int64_t{in_.number<uint8_t>("integer")}), true;
      case 'M': return push_new(int64_t{in_.number<uint16_t>("integer")}), true;
      case 0x8a: return push_new(long_integer(in_.number<uint8_t>("integer"))), true;
      case 0x8b: return push_new(long_integer(in_.number<uint32_t>("integer"))), true;
      case 'L': return push_new(decimal(line())), true;
      case 'I': {
        const std::string_view digits = line();
        if (digits == "00" || digits == "01") return push_new(digits == "01"), true;
        return push_new(decimal(digits)), true;
      }
      case 'F': return line(), push_new(0.0), true;
      case 'G': {
        const uint64_t bits = __builtin_bswap64(in_.number<uint64_t>("real"));
        return push_new(std::bit_cast<double>(bits)), true;
      }
      case 'S':
      case 'V': {
        const std::string_view text = line();
        return push_new(std::string(text)), true;
      }
      case 'U':
      case 0x8c:
      case 'C': return push_new(text(in_.number<uint8_t>("length"))), true;
      case 'T':
      case 'X':
      case 'B': return push_new(text(in_.number<uint32_t>("length"))), true;
      case 0x8d:
      case 0x8e: return push_new(text(in_.number<uint64_t>("length"))), true;
    }
    return false;
  }

  bool container(uint8_t op) {
    switch (op) {
      case ')':
      case ']': return push_new(V::List{}), true;
      case '}': return push_new(V::Dict{}), true;
      case 't':
      case 'l': return push_new(V::List{pop_to_mark()}), true;
      case 'd': return push(dict_of(pop_to_mark())), true;
      case 0x85: return push_new(V::List{{pop()}}), true;
      case 0x86: {
        V *b = pop(), *a = pop();
        return push_new(V::List{{a, b}}), true;
      }
      case 0x87: {
        V *c = pop(), *b = pop(), *a = pop();
        return push_new(V::List{{a, b, c}}), true;
      }
      case 'a': {
        V* item = pop();
        return append({item}, top()), true;
      }
      case 'e': {
        std::vector<V*> items = pop_to_mark();
        return append(std::move(items), top()), true;
      }
      case 's': {
        V *value = pop(), *key = pop();
        return set_items({key, value}, top()), true;
      }
      case 'u': {
        std::vector<V*> items = pop_to_mark();
        return set_items(std::move(items), top()), true;
      }
    }
    return false;
  }

  bool machine(uint8_t op) {
    switch (op) {
      case 0x80: return in_.number<uint8_t>("protocol"), true;
      case 0x95: return in_.number<uint64_t>("frame"), true;
      case '.': out_.root = pop(); return done_ = true;
      case '(': return mark(), true;
      case '0': return pop(), true;
      case '1': return pop_to_mark(), true;
      case '2': return push(top()), true;
      case 'p': return remember(static_cast<uint64_t>(decimal(line()))), true;
      case 'q': return remember(in_.number<uint8_t>("memo")), true;
      case 'r': return remember(in_.number<uint32_t>("memo")), true;
      case 0x94: return remember(memo_.size()), true;
      case 'g': return recall(static_cast<uint64_t>(decimal(line()))), true;
      case 'h': return recall(in_.number<uint8_t>("memo")), true;
      case 'j': return recall(in_.number<uint32_t>("memo")), true;
      case 'c': {
        std::string name(line());
        name += ' ';
        name += line();
        return global(std::move(name), "GLOBAL"), true;
      }
      case 0x93: {
        V *attribute = pop(), *module = pop();
        return global(as<std::string>(module, "a module") + " " +
                          as<std::string>(attribute, "an attribute"),
                      "STACK_GLOBAL"),
               true;
      }
      case 'Q': return persistent(), true;
      case 'R': return call(), true;
      case 'b': return build(), true;
    }
    return false;
  }

  void mark() {
    if (marks_.size() >= pickle::kStackMax) corrupt("{} marks", marks_.size());
    marks_.push_back(stack_.size());
  }

  // The state of a dict (module metadata) or of a parameter (attributes): not needed.
  void build() {
    pop();
    V* target = top();
    if (!std::holds_alternative<V::Dict>(target->v) &&
        !std::holds_alternative<PickleTensor>(target->v))
      corrupt("opcode BUILD sets the state of something that is no dict and no tensor; refused");
  }

  ByteReader in_;
  size_t at_ = 0;  // of the opcode
  bool done_ = false;
  Pickle out_;
  std::vector<V*> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint64_t, V*> memo_;
};

}  // namespace

Pickle read_pickle(std::span<const uint8_t> bytes, std::string_view where) {
  return Machine(bytes, where).run();
}

}  // namespace strata::model
