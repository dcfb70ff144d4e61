// Large, page-aligned memory: explicit 2 MiB pages where the system has them reserved, else
// transparent ones, else plain pages.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace strata {

enum class PageKind { plain, transparent_huge, explicit_huge };

/// One zero-filled mapping, released on destruction; a page lies on the NUMA node that touches it
/// first. Alignment: 2 MiB for sizes >= 2 MiB, else a page.
/// Errors: resource_exhausted with the bytes needed and available.
class Memory {
 public:
  Memory() = default;
  explicit Memory(size_t bytes);
  ~Memory();
  Memory(Memory&& other) noexcept;
  Memory& operator=(Memory&& other) noexcept;

  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  PageKind pages() const { return pages_; }

 private:
  uint8_t* data_ = nullptr;
  size_t size_ = 0, mapped_ = 0;
  PageKind pages_ = PageKind::plain;
};

/// Bump allocation inside one Memory of a size known beforehand; every piece is 64-byte aligned.
class Arena {
 public:
  Arena() = default;
  explicit Arena(size_t bytes) : memory_(bytes) {}
  uint8_t* allocate(size_t bytes);   // STRATA_CHECKs that it fits
  size_t used() const { return used_; }
  const Memory& memory() const { return memory_; }
  static size_t rounded(size_t bytes) { return (bytes + 63) / 64 * 64; }

 private:
  Memory memory_;
  size_t used_ = 0;
};

/// Bytes of the range that lie on pages of 2 MiB now; what was never touched lies nowhere.
size_t huge_page_bytes(std::span<const uint8_t> range);
/// For the log: "transparent 2 MiB pages (98 %)"; an empty `touched` leaves the share out.
std::string pages_text(PageKind kind, std::span<const uint8_t> touched = {});

/// Bytes of physical memory a new allocation can count on: the smaller of MemAvailable and what the
/// cgroup limit leaves.
size_t memory_available();
size_t memory_total();
/// Current and peak resident set of this process, bytes.
size_t memory_resident();
size_t memory_resident_peak();

}  // namespace strata
