// The memory behind the ids of pages and of slots of state, which only the executor knows.
#pragma once
#include <cstddef>
#include <cstdint>

namespace strata::engine {

/// Called between steps, by one thread.
class PageIo {
 public:
  virtual ~PageIo() = default;
  /// Makes the content of page `to` that of `from`.
  virtual void copy_page(int32_t from, int32_t to) = 0;
  virtual size_t page_bytes() const = 0;
  virtual void read_page(int32_t page, uint8_t* out) const = 0;
  virtual void write_page(int32_t page, const uint8_t* bytes) = 0;
  /// Makes the content of slot `to` that of `from`, in all layers.
  virtual void copy_state(int32_t from, int32_t to) = 0;
};

}  // namespace strata::engine
