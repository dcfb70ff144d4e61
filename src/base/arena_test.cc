#include "base/arena.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"

namespace strata {
namespace {

constexpr size_t mib = size_t{1} << 20;

TEST(Memory, IsZeroAlignedAndWritable) {
  for (const size_t bytes : {size_t{1}, size_t{5000}, 2 * mib - 1, 2 * mib, 5 * mib + 3}) {
    Memory memory(bytes);
    ASSERT_EQ(memory.size(), bytes);
    const size_t alignment = bytes >= 2 * mib ? 2 * mib : 4096;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory.data()) % alignment, 0u) << bytes;
    EXPECT_EQ(std::count(memory.data(), memory.data() + bytes, 0), static_cast<ptrdiff_t>(bytes));
    std::fill_n(memory.data(), bytes, uint8_t{0xab});
    if (bytes < 2 * mib) {
      EXPECT_EQ(memory.pages(), PageKind::plain);
    }
  }
  EXPECT_EQ(Memory(0).data(), nullptr);
}

TEST(Memory, Moves) {
  Memory a(3 * mib);
  uint8_t* data = a.data();
  Memory b(std::move(a));
  EXPECT_EQ(b.data(), data);
  EXPECT_EQ(a.data(), nullptr);
  EXPECT_EQ(a.size(), 0u);
  Memory c(mib);
  c = std::move(b);
  EXPECT_EQ(c.data(), data);
  EXPECT_EQ(c.size(), 3 * mib);
}

TEST(Memory, SaysHowMuchIsMissing) {
  for (const size_t bytes : {memory_total() + mib, size_t{1} << 60, SIZE_MAX}) {
    try {
      Memory memory(bytes);
      ADD_FAILURE() << bytes << " bytes were granted";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Code::resource_exhausted);
      EXPECT_NE(std::string(e.what()).find(std::to_string(bytes)), std::string::npos) << e.what();
      EXPECT_NE(std::string(e.what()).find("available"), std::string::npos) << e.what();
    }
  }
}

TEST(Memory, CountsOfTheProcessAreConsistent) {
  EXPECT_GT(memory_total(), 64 * mib);
  EXPECT_LE(memory_available(), memory_total());
  const size_t before = memory_resident();
  Memory memory(64 * mib);
  std::fill_n(memory.data(), memory.size(), uint8_t{1});
  EXPECT_GE(memory_resident() + 8 * mib, before + (memory.pages() == PageKind::explicit_huge
                                                       ? 0
                                                       : 64 * mib));
  EXPECT_GE(memory_resident_peak() + mib, memory_resident());
}

TEST(Arena, HandsOutAlignedPiecesThatDoNotOverlap) {
  Arena arena(Arena::rounded(100) + Arena::rounded(1) + Arena::rounded(64));
  uint8_t* a = arena.allocate(100);
  uint8_t* b = arena.allocate(1);
  uint8_t* c = arena.allocate(64);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(a) % 64, 0u);
  EXPECT_EQ(b, a + 128);
  EXPECT_EQ(c, b + 64);
  EXPECT_EQ(arena.used(), 256u);
  EXPECT_EQ(arena.allocate(0), a + 256);
}

TEST(Arena, RefusesWhatDoesNotFit) {
  Arena arena(128);
  arena.allocate(65);
  EXPECT_DEATH(arena.allocate(1), "check failed");
  EXPECT_DEATH(arena.allocate(SIZE_MAX), "check failed");
}

}  // namespace
}  // namespace strata
