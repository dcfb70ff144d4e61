// Writes a GGUF 3 file as a stream: metadata and tensor list first, then the tensors' bytes in
// order.
#pragma once
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/type.h"
#include "model/format/gguf.h"

namespace strata::model {

/// The file appears under its name only once finish() has returned; until then it is NAME.part,
/// which the destructor removes. Memory: the metadata and the tensor list, never tensor data.
/// Errors of all members: permission_denied or resource_exhausted with path and reason.
class GgufWriter {
 public:
  explicit GgufWriter(std::string path);
  ~GgufWriter();
  GgufWriter(const GgufWriter&) = delete;

  void add_u32(std::string_view key, uint32_t value);
  void add_i32(std::string_view key, int32_t value);
  void add_u64(std::string_view key, uint64_t value);
  void add_f32(std::string_view key, float value);
  void add_bool(std::string_view key, bool value);
  void add_text(std::string_view key, std::string_view value);
  void add_texts(std::string_view key, std::span<const std::string_view> values);
  void add_i32s(std::string_view key, std::span<const int32_t> values);
  void add_f32s(std::string_view key, std::span<const float> values);
  /// As read from another file, in the narrowest of u32, i32, u64, i64 and f32 that other programs
  /// expect; arrays as i32 (or i64), f32 or strings.
  void add(std::string_view key, const Value& value);

  /// Declares a tensor; shape outermost first. Its data follows in the order of declaration.
  void declare(std::string name, kernel::Type type, std::vector<int64_t> shape);
  /// Writes the header. Nothing can be added or declared afterwards.
  void begin();
  /// The next bytes of tensor data; a piece belongs to one tensor.
  void write(std::span<const uint8_t> bytes);
  void finish();

 private:
  struct Tensor {
    std::string name;
    kernel::Type type;
    std::vector<int64_t> shape;
    uint64_t bytes;
  };
  void key(std::string_view key, GgufType type);
  template <class T>
  void put(T value);
  void put_text(std::string_view text);
  void put_array(GgufType type, uint64_t n);
  void write_file(const void* data, size_t size);
  void pad(uint64_t size);

  std::string path_, part_path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  std::vector<std::string> keys_;      // seen, to refuse a second one
  std::string metadata_;               // encoded
  std::vector<Tensor> tensors_;
  size_t current_ = 0;                 // tensor whose bytes come next
  uint64_t written_ = 0;               // bytes of it so far
  bool begun_ = false;
};

}  // namespace strata::model
