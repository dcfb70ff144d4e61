// The memory behind the ids of blocks and of slots of state, which only the executor knows.
#pragma once
#include <cstddef>
#include <cstdint>

namespace strata::engine {

/// Called between steps, by one thread. A block's bytes are those of all layers.
class BlockIo {
 public:
  virtual ~BlockIo() = default;
  /// Makes the content of block `to` that of `from`.
  virtual void copy_block(int32_t from, int32_t to) = 0;
  virtual size_t block_bytes() const = 0;
  virtual void read_block(int32_t block, uint8_t* out) const = 0;
  virtual void write_block(int32_t block, const uint8_t* bytes) = 0;
  /// Makes the content of slot `to` that of `from`, in all layers.
  virtual void copy_state(int32_t from, int32_t to) = 0;
};

}  // namespace strata::engine
