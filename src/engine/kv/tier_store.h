// Blocks that left the KV pool: in a bounded part of memory, and in files that outlive the process.
#pragma once
#include <condition_variable>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_map>
#include <vector>

#include "engine/kv/block_io.h"
#include "engine/kv/block_key.h"

namespace strata::engine {

struct TierOptions {
  size_t ram_bytes = 0;
  std::string disk_path = {};   // folder; empty: no files
  size_t disk_bytes = 0;
  std::string model = {};       // fingerprint of what computed the blocks
};

/// Counts since the start.
struct TierStats {
  uint64_t ram_hits = 0, disk_hits = 0, disk_writes = 0, corrupt = 0;
  uint64_t ram_blocks = 0, disk_blocks = 0;
  double load_s_per_block = 0;  // measured, from file to memory; 0: none yet
};

/// Least recently used blocks make room, in memory and on disk. Files are read and written by a
/// thread of its own; everything else is called by the engine's thread between steps.
/// Errors: none but at construction: what cannot be written or read is not there.
class TierStore {
 public:
  /// Jobs that may wait for the disk; further writes are dropped, further reads refused.
  static constexpr size_t kQueueMax = 256;
  /// Nothing is written for so long after the disk was full.
  static constexpr double kPauseS = 30;
  /// Blocks of memory that files are read into, when ram_bytes says less.
  static constexpr size_t kRamLeast = 64;

  /// Errors: those of making the folder.
  TierStore(const TierOptions& options, BlockIo& io);
  ~TierStore();   // writes what is queued

  const BlockKey& model_root(uint64_t salt);

  bool in_ram(const BlockKey& key) const;
  bool on_disk(const BlockKey& key) const;
  /// Copies a block that leaves the pool into memory.
  void keep(const BlockKey& key, std::span<const Token> tokens, int32_t block);
  /// Writes a block to its file, later.
  void persist(const BlockKey& key, std::span<const Token> tokens, int32_t block);
  /// Fills a block of the pool from memory; false: it is not there.
  bool load(const BlockKey& key, std::span<const Token> tokens, int32_t block);

  struct Wanted {
    BlockKey key;
    std::vector<Token> tokens;
  };
  /// Brings files into memory; a ticket to ask pending() about. 0: too much is queued.
  uint64_t fetch(std::vector<Wanted> wanted);
  bool pending(uint64_t ticket) const;
  /// Returns when some fetch has ended or after `seconds`.
  void wait(double seconds);
  /// Returns when nothing is queued (tests).
  void flush();

  size_t ram_capacity() const { return ram_capacity_; }
  TierStats stats() const;

 private:
  struct Slot {
    std::vector<Token> tokens;
    std::vector<uint8_t> bytes;
    std::list<BlockKey>::iterator use;
  };
  struct File {
    std::list<BlockKey>::iterator use;
  };
  struct Job {
    uint64_t ticket = 0;              // 0: a write
    BlockKey key;
    std::vector<Token> tokens;
    std::vector<uint8_t> bytes;
    bool last = false;                // of its ticket
  };
  std::string path(const BlockKey& key) const;
  void open_folder();
  void insert(const BlockKey& key, std::span<const Token> tokens, std::vector<uint8_t> bytes);
  void add_file(const BlockKey& key);
  void remove_file(const BlockKey& key);
  void work();
  void write(Job& job);
  void read(Job& job);

  const TierOptions options_;
  BlockIo& io_;
  const size_t block_bytes_;
  size_t ram_capacity_ = 0, disk_capacity_ = 0;   // blocks
  std::string folder_;
  std::unordered_map<uint64_t, BlockKey> roots_;

  mutable std::mutex mutex_;          // of all below
  std::condition_variable work_, done_;
  std::unordered_map<BlockKey, Slot> ram_;
  std::unordered_map<BlockKey, File> disk_;
  std::list<BlockKey> ram_uses_, disk_uses_;      // least recently used first
  std::deque<Job> jobs_;
  std::set<uint64_t> tickets_;        // under way
  std::set<BlockKey> writing_;        // queued for their file
  TierStats stats_;
  uint64_t last_ticket_ = 0;
  double paused_until_ = 0;
  bool busy_ = false, stopping_ = false;
  std::thread thread_;
};

}  // namespace strata::engine
