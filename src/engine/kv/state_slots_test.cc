#include "engine/kv/state_slots.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace strata::engine {
namespace {

TEST(StateSlots, SnapshotsGiveWayTheOldestFirst) {
  StateSlots slots(3, 8);
  for (int32_t block : {5, 2, 7}) slots.attach(block, slots.take());
  EXPECT_EQ(slots.cached(), 3);
  EXPECT_EQ(slots.take_free(), -1);
  slots.find(5);   // 2 is the oldest now
  const int32_t slot = slots.take();
  EXPECT_FALSE(slots.has(2));
  EXPECT_TRUE(slots.has(5));
  EXPECT_TRUE(slots.has(7));
  slots.give(slot);
  EXPECT_EQ(slots.free(), 1);
}

TEST(StateSlots, ABlockHasOneSnapshot) {
  StateSlots slots(2, 4);
  slots.attach(1, slots.take());
  slots.attach(1, slots.take());
  EXPECT_EQ(slots.cached(), 1);
  EXPECT_EQ(slots.free(), 1);
  slots.drop(1);
  slots.drop(1);
  EXPECT_EQ(slots.free(), 2);
}

/// Against a plain list in order of use.
TEST(StateSlots, AgreesWithAPlainModel) {
  constexpr int kSlots = 7, kBlocks = 20;
  StateSlots slots(kSlots, kBlocks);
  std::vector<std::pair<int32_t, int32_t>> snapshots;   // block, slot; oldest first
  std::set<int32_t> taken;
  std::mt19937 random(5);
  const auto at = [&](int32_t block) {
    return std::find_if(snapshots.begin(), snapshots.end(),
                        [&](const auto& s) { return s.first == block; });
  };
  for (int round = 0; round < 20000; ++round) {
    const auto block = static_cast<int32_t>(random() % kBlocks);
    const auto known = at(block);
    switch (random() % 5) {
      case 0: {
        const bool full = taken.size() + snapshots.size() == kSlots;
        const int32_t slot = slots.take();
        if (full && !snapshots.empty()) {
          ASSERT_EQ(slot, snapshots.front().second);
          snapshots.erase(snapshots.begin());
        } else if (full) {
          ASSERT_EQ(slot, -1);
        }
        if (slot >= 0) {
          ASSERT_TRUE(taken.insert(slot).second);
        }
        break;
      }
      case 1:
        if (taken.empty()) break;
        slots.give(*taken.begin());
        taken.erase(taken.begin());
        break;
      case 2:
        if (taken.empty()) break;
        slots.attach(block, *taken.begin());
        if (known == snapshots.end())
          snapshots.push_back({block, *taken.begin()});
        else
          std::rotate(known, known + 1, snapshots.end());
        taken.erase(taken.begin());
        break;
      case 3:
        ASSERT_EQ(slots.find(block), known == snapshots.end() ? -1 : known->second);
        if (known != snapshots.end()) std::rotate(known, known + 1, snapshots.end());
        break;
      case 4:
        slots.drop(block);
        if (known != snapshots.end()) snapshots.erase(known);
        break;
    }
    ASSERT_EQ(slots.used(), static_cast<int>(taken.size()));
    ASSERT_EQ(slots.cached(), static_cast<int>(snapshots.size()));
  }
}

}  // namespace
}  // namespace strata::engine
