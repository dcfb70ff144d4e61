#include "model/format/found_tensor.h"

#include <algorithm>

#include "base/error.h"
#include "model/format/byte_reader.h"

namespace strata::model {
namespace {

using graph::StoredTensor;
using kernel::Type;

constexpr ElementType kElements[] = {
    {"F32", 4, Type::f32}, {"F16", 2, Type::f16}, {"BF16", 2, Type::bf16}, {"F64", 8, {}},
    {"F8_E4M3", 1, {}},    {"F8_E5M2", 1, {}},    {"F8_E8M0", 1, {}},      {"I64", 8, {}},
    {"I32", 4, {}},        {"I16", 2, {}},        {"I8", 1, {}},           {"U64", 8, {}},
    {"U32", 4, {}},        {"U16", 2, {}},        {"U8", 1, {}},           {"BOOL", 1, {}},
    {"C64", 8, {}},
};

FoundTensor sized(std::string name, const ElementType& element, std::vector<int64_t> shape,
                  std::string_view where) {
  const std::optional<int64_t> elements = count_elements(shape);
  int64_t bytes = 0;
  if (!elements || __builtin_mul_overflow(*elements, element.bytes, &bytes))
    fail(Code::data_loss, "{}: tensor '{}': its size does not fit 63 bits", where, printable(name));
  FoundTensor found;
  StoredTensor& t = found.tensor;
  t.name = std::move(name);
  t.shape = std::move(shape);
  t.bytes = static_cast<size_t>(bytes);
  if (element.type) t.type = *element.type;
  if (!element.type || *elements == 0)
    found.unsupported_type = std::string(element.name) + (*elements == 0 ? " (empty)" : "");
  return found;
}

}  // namespace

const ElementType* find_element(std::string_view name) {
  for (const ElementType& e : kElements)
    if (e.name == name) return &e;
  return nullptr;
}

std::string_view FoundTensor::element() const {
  if (unsupported_type.empty()) return kernel::info(tensor.type).name;
  return std::string_view(unsupported_type).substr(0, unsupported_type.find(' '));
}

int FoundTensor::element_bytes() const {
  const ElementType* e = find_element(element());
  return e ? e->bytes : 0;
}

std::optional<int64_t> count_elements(std::span<const int64_t> shape) {
  int64_t elements = 1;
  for (int64_t d : shape)
    if (d < 0 || __builtin_mul_overflow(elements, d, &elements)) return std::nullopt;
  return elements;
}

FoundTensor found_tensor(std::string name, const ElementType& element, std::vector<int64_t> shape,
                         std::span<const uint8_t> bytes, std::string_view where) {
  FoundTensor found = sized(std::move(name), element, std::move(shape), where);
  if (found.tensor.bytes != bytes.size())
    fail(Code::data_loss, "{}: tensor '{}': its shape needs {} bytes of {}, the file has {}", where,
         printable(found.tensor.name), found.tensor.bytes, element.name, bytes.size());
  found.tensor.data = bytes.data();
  return found;
}

FoundTensor made_tensor(std::string name, const ElementType& element, std::vector<int64_t> shape,
                        MakeRows make, std::string_view where) {
  FoundTensor found = sized(std::move(name), element, std::move(shape), where);
  found.tensor.make = std::move(make);
  return found;
}

void check_unique_names(std::span<const FoundTensor> tensors, std::string_view where) {
  std::vector<std::string_view> names;
  names.reserve(tensors.size());
  for (const FoundTensor& f : tensors) names.push_back(f.tensor.name);
  std::sort(names.begin(), names.end());
  auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end())
    fail(Code::data_loss, "{}: tensor '{}': appears twice", where, printable(*twice));
}

void check_overlap(std::span<const FoundTensor> tensors, std::string_view where) {
  std::vector<const StoredTensor*> order;
  for (const FoundTensor& f : tensors)
    if (f.tensor.bytes > 0 && f.tensor.data) order.push_back(&f.tensor);
  std::sort(order.begin(), order.end(),
            [](const StoredTensor* a, const StoredTensor* b) { return a->data < b->data; });
  for (size_t i = 1; i < order.size(); ++i)
    if (order[i - 1]->data + order[i - 1]->bytes > order[i]->data)
      fail(Code::data_loss, "{}: tensor '{}': overlaps tensor '{}'", where,
           printable(order[i]->name), printable(order[i - 1]->name));
}

}  // namespace strata::model
