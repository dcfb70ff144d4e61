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

#include "engine/kv/page_io.h"
#include "engine/kv/block_key.h"

namespace strata::engine {

struct TierOptions {
  size_t ram_bytes = 0;
  std::string disk_path = {};   // folder; empty: no files
  size_t disk_bytes = 0;
  std::string model = {};       // fingerprint of what computed the blocks
  // A block comes with the pages of all groups, or with those of groups without a window alone.
  int block_pages = 1, bare_pages = 1;
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
  TierStore(const TierOptions& options, PageIo& io);
  ~TierStore();   // writes what is queued

  const BlockKey& model_root(uint64_t salt);

  /// Pages of a block that are there, the first ones; -1: the block is not.
  static constexpr int kAbsent = -1;
  int in_ram(const BlockKey& key) const;
  int on_disk(const BlockKey& key) const;
  /// Copies a block that leaves the pool into memory: `pages` are its first ones.
  void keep(const BlockKey& key, std::span<const Token> tokens, std::span<const int32_t> pages);
  /// Writes a block to its file, later.
  void persist(const BlockKey& key, std::span<const Token> tokens, std::span<const int32_t> pages);
  /// Fills pages of the pool from memory, -1: not wanted. False: not all are there.
  bool load(const BlockKey& key, std::span<const Token> tokens, std::span<const int32_t> pages);

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

  size_t ram_capacity() const;   // in whole blocks
  TierStats stats() const;

 private:
  struct Slot {
    std::vector<Token> tokens;
    std::vector<uint8_t> bytes;
    std::list<BlockKey>::iterator use;
  };
  struct File {
    std::list<BlockKey>::iterator use;
    int n_page;
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
  std::vector<uint8_t> read_pages(std::span<const int32_t> pages) const;
  int pages_of(const Slot& slot) const;
  static size_t size_of(const Slot& slot);
  size_t file_bytes(int n_page) const;
  void insert(const BlockKey& key, std::span<const Token> tokens, std::vector<uint8_t> bytes);
  void add_file(const BlockKey& key, int n_page);
  void remove_file(const BlockKey& key);
  void work();
  void write(Job& job);
  void read(Job& job);

  const TierOptions options_;
  PageIo& io_;
  const size_t page_bytes_;
  size_t ram_bytes_ = 0;              // most
  std::string folder_;
  std::unordered_map<uint64_t, BlockKey> roots_;

  mutable std::mutex mutex_;          // of all below
  std::condition_variable work_, done_;
  std::unordered_map<BlockKey, Slot> ram_;
  std::unordered_map<BlockKey, File> disk_;
  std::list<BlockKey> ram_uses_, disk_uses_;      // least recently used first
  size_t ram_used_ = 0, disk_used_ = 0;           // bytes
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
