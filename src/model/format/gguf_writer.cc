#include "model/format/gguf_writer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/error.h"

namespace strata::model {
namespace {

constexpr uint64_t kAlignment = gguf::kAlignmentDefault;

uint64_t padding(uint64_t size) { return (kAlignment - size % kAlignment) % kAlignment; }

[[noreturn]] void io_error(const std::string& path, const char* what) {
  const int error = errno;
  const bool denied = error == EACCES || error == EPERM || error == EROFS;
  fail(denied ? Code::permission_denied : Code::resource_exhausted, "{}: cannot {}: {}", path, what,
       std::strerror(error));
}

}  // namespace

GgufWriter::GgufWriter(std::string path)
    : path_(std::move(path)), part_path_(path_ + ".part"),
      file_(std::fopen(part_path_.c_str(), "wb"), std::fclose) {
  if (!file_) io_error(part_path_, "create");
}

GgufWriter::~GgufWriter() {
  if (!file_) return;
  file_.reset();
  std::remove(part_path_.c_str());
}

template <class T>
void GgufWriter::put(T value) {
  metadata_.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void GgufWriter::put_text(std::string_view text) {
  put<uint64_t>(text.size());
  metadata_.append(text);
}

void GgufWriter::put_array(GgufType type, uint64_t n) {
  put(static_cast<uint32_t>(type));
  put(n);
}

void GgufWriter::key(std::string_view key, GgufType type) {
  STRATA_CHECK(!begun_ && !key.empty());
  STRATA_CHECK(std::find(keys_.begin(), keys_.end(), key) == keys_.end());
  keys_.emplace_back(key);
  put_text(key);
  put(static_cast<uint32_t>(type));
}

void GgufWriter::add_u32(std::string_view k, uint32_t value) { key(k, GgufType::u32), put(value); }
void GgufWriter::add_i32(std::string_view k, int32_t value) { key(k, GgufType::i32), put(value); }
void GgufWriter::add_u64(std::string_view k, uint64_t value) { key(k, GgufType::u64), put(value); }
void GgufWriter::add_f32(std::string_view k, float value) { key(k, GgufType::f32), put(value); }
void GgufWriter::add_bool(std::string_view k, bool value) {
  key(k, GgufType::boolean);
  put<uint8_t>(value);
}
void GgufWriter::add_text(std::string_view k, std::string_view value) {
  key(k, GgufType::string);
  put_text(value);
}
void GgufWriter::add_texts(std::string_view k, std::span<const std::string_view> values) {
  key(k, GgufType::array);
  put_array(GgufType::string, values.size());
  for (std::string_view s : values) put_text(s);
}
void GgufWriter::add_i32s(std::string_view k, std::span<const int32_t> values) {
  key(k, GgufType::array);
  put_array(GgufType::i32, values.size());
  for (int32_t v : values) put(v);
}
void GgufWriter::add_f32s(std::string_view k, std::span<const float> values) {
  key(k, GgufType::array);
  put_array(GgufType::f32, values.size());
  for (float v : values) put(v);
}

void GgufWriter::add(std::string_view k, const Value& value) {
  auto fits_i32 = [](int64_t i) { return i >= INT32_MIN && i <= INT32_MAX; };
  if (auto* b = std::get_if<bool>(&value.v)) {
    add_bool(k, *b);
  } else if (auto* u = std::get_if<uint64_t>(&value.v)) {
    *u <= UINT32_MAX ? add_u32(k, static_cast<uint32_t>(*u)) : add_u64(k, *u);
  } else if (auto* i = std::get_if<int64_t>(&value.v)) {
    if (fits_i32(*i)) return add_i32(k, static_cast<int32_t>(*i));
    key(k, GgufType::i64);
    put(*i);
  } else if (auto* d = std::get_if<double>(&value.v)) {
    add_f32(k, static_cast<float>(*d));
  } else if (auto* s = std::get_if<std::string>(&value.v)) {
    add_text(k, *s);
  } else if (auto* texts = std::get_if<Value::Strings>(&value.v)) {
    add_texts(k, *texts);
  } else if (auto* floats = std::get_if<Value::Floats>(&value.v)) {
    add_f32s(k, std::vector<float>(floats->begin(), floats->end()));
  } else {
    const auto& ints = std::get<Value::Ints>(value.v);
    if (std::all_of(ints.begin(), ints.end(), fits_i32))
      return add_i32s(k, std::vector<int32_t>(ints.begin(), ints.end()));
    key(k, GgufType::array);
    put_array(GgufType::i64, ints.size());
    for (int64_t v : ints) put(v);
  }
}

void GgufWriter::declare(std::string name, kernel::Type type, std::vector<int64_t> shape) {
  STRATA_CHECK(!begun_ && shape.size() >= 1 && shape.size() <= gguf::kDimsMax);
  uint64_t bytes = kernel::row_bytes(type, shape.back());
  for (size_t i = 0; i + 1 < shape.size(); ++i) bytes *= static_cast<uint64_t>(shape[i]);
  tensors_.push_back({std::move(name), type, std::move(shape), bytes});
}

void GgufWriter::begin() {
  STRATA_CHECK(!begun_);
  begun_ = true;
  const std::string pairs = std::exchange(metadata_, {});
  put(gguf::kMagic);
  put(gguf::kVersionMax);
  put<uint64_t>(tensors_.size());
  put<uint64_t>(keys_.size());
  metadata_.append(pairs);
  uint64_t offset = 0;
  for (const Tensor& t : tensors_) {
    put_text(t.name);
    put(static_cast<uint32_t>(t.shape.size()));
    for (size_t i = t.shape.size(); i-- > 0;) put<uint64_t>(t.shape[i]);
    put(static_cast<uint32_t>(kernel::info(t.type).ggml_id));
    put(offset);
    offset += t.bytes + padding(t.bytes);
  }
  write_file(metadata_.data(), metadata_.size());
  pad(metadata_.size());
  metadata_.clear();
}

void GgufWriter::write(std::span<const uint8_t> bytes) {
  STRATA_CHECK(begun_ && current_ < tensors_.size());
  STRATA_CHECK(bytes.size() <= tensors_[current_].bytes - written_);
  write_file(bytes.data(), bytes.size());
  written_ += bytes.size();
  if (written_ < tensors_[current_].bytes) return;
  pad(written_);
  written_ = 0;
  ++current_;
}

void GgufWriter::finish() {
  STRATA_CHECK(begun_ && current_ == tensors_.size());
  const bool written = std::fclose(file_.release()) == 0;
  if (written && std::rename(part_path_.c_str(), path_.c_str()) == 0) return;
  const int error = errno;
  std::remove(part_path_.c_str());
  errno = error;
  io_error(path_, written ? "create" : "write");
}

void GgufWriter::write_file(const void* data, size_t size) {
  if (size > 0 && std::fwrite(data, 1, size, file_.get()) != size)
    io_error(part_path_, "write");
}

void GgufWriter::pad(uint64_t size) {
  constexpr uint8_t kZeros[kAlignment] = {};
  write_file(kZeros, padding(size));
}

}  // namespace strata::model
