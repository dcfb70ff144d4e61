// Python pickles of state dicts, read as data: nothing in them is ever executed.
// Source: pickletools.py of CPython (the opcodes); torch/serialization.py (the persistent ids).
#pragma once
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace strata::model {

namespace pickle {
inline constexpr uint64_t kValuesMax = 1 << 22;  // objects of one pickle
inline constexpr uint64_t kStringMax = 1 << 20;
inline constexpr size_t kStackMax = 1 << 20;
inline constexpr size_t kDimsMax = 16;
}  // namespace pickle

/// A storage that a state dict refers to: elements of one type, under a key of the archive.
struct PickleStorage {
  std::string element;  // ElementType::name; empty: bytes
  std::string key;
  int64_t count = 0;  // elements
};

/// A tensor as its pickle describes it, strides in elements.
struct PickleTensor {
  std::string element;
  PickleStorage storage;
  int64_t offset = 0;  // elements
  std::vector<int64_t> shape, strides;
};

/// Containers refer to values of the same Pickle, maybe to themselves.
struct PickleValue {
  struct None {};
  struct Global {
    std::string name;
  };  // "torch FloatStorage"
  struct List {
    std::vector<PickleValue*> items;
  };  // tuples too
  struct Dict {
    std::vector<std::pair<PickleValue*, PickleValue*>> items;
  };
  std::variant<None, bool, int64_t, double, std::string, Global, List, Dict, PickleStorage,
               PickleTensor>
      v;
};

struct Pickle {
  std::deque<PickleValue> values;
  const PickleValue* root = nullptr;
  size_t bytes = 0;  // length of the pickle
};

/// Reads one pickle from the start of `bytes`. Errors: data_loss with `where` and the byte; what a
/// state dict does not need is refused so too, naming opcode, global and byte.
Pickle read_pickle(std::span<const uint8_t> bytes, std::string_view where);

}  // namespace strata::model
