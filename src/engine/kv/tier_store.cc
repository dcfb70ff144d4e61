#include "engine/kv/tier_store.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "engine/kv/block_file.h"
#include "engine/kv/prefix_tree.h"

namespace strata::engine {

namespace fs = std::filesystem;

namespace {

constexpr char kSuffix[] = ".kv";
constexpr size_t kKeyDigits = 32;
constexpr size_t kRootsMax = 4096;   // salts whose root is remembered

}  // namespace

TierStore::TierStore(const TierOptions& options, BlockIo& io)
    : options_(options), io_(io), block_bytes_(io.block_bytes()) {
  ram_capacity_ = options.ram_bytes / block_bytes_;
  if (options.disk_path.empty()) return;
  ram_capacity_ = std::max(ram_capacity_, kRamLeast);
  disk_capacity_ = options.disk_bytes / block_file_bytes(options.model, kBlock, block_bytes_);
  open_folder();
  thread_ = std::thread([this] { work(); });
}

TierStore::~TierStore() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  thread_.join();
}

const BlockKey& TierStore::model_root(uint64_t salt) {
  auto found = roots_.find(salt);
  if (found != roots_.end()) return found->second;
  if (roots_.size() >= kRootsMax) roots_.clear();
  return roots_.emplace(salt, root_key(options_.model, salt)).first->second;
}

std::string TierStore::path(const BlockKey& key) const {
  return fmt::format("{}/{}/{}{}", folder_, key.substr(0, 2), key, kSuffix);
}

/// Takes stock of what earlier runs left, the oldest first.
void TierStore::open_folder() {
  folder_ = (fs::path(options_.disk_path) / options_.model.substr(0, kKeyDigits)).string();
  std::error_code ec;
  fs::create_directories(folder_, ec);
  if (ec) fail(Code::unavailable, "cannot use {} for the KV cache: {}", folder_, ec.message());
  struct Found {
    fs::file_time_type time;
    BlockKey key;
  };
  std::vector<Found> found;
  const size_t size = block_file_bytes(options_.model, kBlock, block_bytes_);
  for (fs::recursive_directory_iterator i(folder_, ec), end; !ec && i != end; i.increment(ec)) {
    if (!i->is_regular_file(ec)) continue;
    const std::string name = i->path().filename().string();
    const bool whole = name.size() == kKeyDigits + sizeof kSuffix - 1 && name.ends_with(kSuffix) &&
                       i->file_size(ec) == size;
    if (whole)
      found.push_back({i->last_write_time(ec), name.substr(0, kKeyDigits)});
    else
      fs::remove(i->path(), ec);   // cut off, or left by a process that was killed
  }
  std::sort(found.begin(), found.end(),
            [](const Found& a, const Found& b) { return a.time < b.time; });
  for (const Found& f : found) add_file(f.key);
  if (!disk_.empty()) log::info("KV cache: {} blocks found in {}", disk_.size(), folder_);
}

void TierStore::add_file(const BlockKey& key) {
  if (disk_.contains(key)) return;
  disk_uses_.push_back(key);
  disk_.emplace(key, File{std::prev(disk_uses_.end())});
  while (disk_.size() > disk_capacity_) {
    const BlockKey oldest = disk_uses_.front();
    remove_file(oldest);
  }
}

void TierStore::remove_file(const BlockKey& key) {
  const auto found = disk_.find(key);
  if (found == disk_.end()) return;
  disk_uses_.erase(found->second.use);
  disk_.erase(found);
  std::error_code ec;
  fs::remove(path(key), ec);
}

bool TierStore::in_ram(const BlockKey& key) const {
  std::lock_guard lock(mutex_);
  return ram_.contains(key);
}

bool TierStore::on_disk(const BlockKey& key) const {
  std::lock_guard lock(mutex_);
  return disk_.contains(key);
}

void TierStore::insert(const BlockKey& key, std::span<const Token> tokens,
                       std::vector<uint8_t> bytes) {
  if (ram_capacity_ == 0 || ram_.contains(key)) return;
  while (ram_.size() >= ram_capacity_) {
    ram_.erase(ram_uses_.front());
    ram_uses_.pop_front();
  }
  ram_uses_.push_back(key);
  ram_.emplace(key, Slot{{tokens.begin(), tokens.end()}, std::move(bytes),
                         std::prev(ram_uses_.end())});
}

void TierStore::keep(const BlockKey& key, std::span<const Token> tokens, int32_t block) {
  if (ram_capacity_ == 0 || in_ram(key)) return;
  std::vector<uint8_t> bytes(block_bytes_);
  io_.read_block(block, bytes.data());
  std::lock_guard lock(mutex_);
  insert(key, tokens, std::move(bytes));
}

void TierStore::persist(const BlockKey& key, std::span<const Token> tokens, int32_t block) {
  if (disk_capacity_ == 0) return;
  {
    std::lock_guard lock(mutex_);
    if (disk_.contains(key) || writing_.contains(key) || jobs_.size() >= kQueueMax ||
        now_s() < paused_until_)
      return;
  }
  Job job{0, key, {tokens.begin(), tokens.end()}, std::vector<uint8_t>(block_bytes_), false};
  io_.read_block(block, job.bytes.data());
  {
    std::lock_guard lock(mutex_);
    writing_.insert(key);
    jobs_.push_back(std::move(job));
  }
  work_.notify_one();
}

bool TierStore::load(const BlockKey& key, std::span<const Token> tokens, int32_t block) {
  std::lock_guard lock(mutex_);
  const auto found = ram_.find(key);
  if (found == ram_.end()) return false;
  Slot& slot = found->second;
  if (!std::equal(tokens.begin(), tokens.end(), slot.tokens.begin(), slot.tokens.end()))
    return false;
  io_.write_block(block, slot.bytes.data());
  ram_uses_.splice(ram_uses_.end(), ram_uses_, slot.use);
  ++stats_.ram_hits;
  return true;
}

uint64_t TierStore::fetch(std::vector<Wanted> wanted) {
  std::lock_guard lock(mutex_);
  if (wanted.empty() || jobs_.size() + wanted.size() > kQueueMax) return 0;
  const uint64_t ticket = ++last_ticket_;
  tickets_.insert(ticket);
  for (size_t i = 0; i < wanted.size(); ++i)
    jobs_.push_back({ticket, std::move(wanted[i].key), std::move(wanted[i].tokens), {},
                     i + 1 == wanted.size()});
  work_.notify_one();
  return ticket;
}

bool TierStore::pending(uint64_t ticket) const {
  std::lock_guard lock(mutex_);
  return tickets_.contains(ticket);
}

void TierStore::wait(double seconds) {
  std::unique_lock lock(mutex_);
  done_.wait_for(lock, std::chrono::duration<double>(seconds));
}

void TierStore::flush() {
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&] { return jobs_.empty() && !busy_; });
}

TierStats TierStore::stats() const {
  std::lock_guard lock(mutex_);
  TierStats s = stats_;
  s.ram_blocks = ram_.size();
  s.disk_blocks = disk_.size();
  return s;
}

void TierStore::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [&] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    if (stopping_ && job.ticket != 0) continue;
    busy_ = true;
    lock.unlock();
    job.ticket == 0 ? write(job) : read(job);
    lock.lock();
    busy_ = false;
    if (job.ticket == 0) writing_.erase(job.key);
    if (job.last) tickets_.erase(job.ticket);
    done_.notify_all();
  }
}

void TierStore::write(Job& job) {
  const std::string file = path(job.key);
  try {
    std::error_code ec;
    fs::create_directories(fs::path(file).parent_path(), ec);
    write_block_file(file, options_.model, job.key, job.tokens, job.bytes);
  } catch (const Error& e) {
    log::warn("a KV block is not kept on disk, none is for {:.0f} s: {}", kPauseS, e.what());
    std::lock_guard lock(mutex_);
    paused_until_ = now_s() + kPauseS;
    return;
  }
  std::lock_guard lock(mutex_);
  ++stats_.disk_writes;
  add_file(job.key);
}

void TierStore::read(Job& job) {
  {
    std::lock_guard lock(mutex_);
    const auto found = disk_.find(job.key);
    if (found == disk_.end() || ram_.contains(job.key)) return;
    disk_uses_.splice(disk_uses_.end(), disk_uses_, found->second.use);
  }
  std::vector<uint8_t> bytes(block_bytes_);
  const double start = now_s();
  const bool whole = read_block_file(path(job.key), options_.model, job.key, job.tokens, bytes);
  const double seconds = now_s() - start;
  std::lock_guard lock(mutex_);
  if (!whole) {
    ++stats_.corrupt;
    log::warn("{} is damaged: removed, its tokens are computed anew", path(job.key));
    return remove_file(job.key);
  }
  ++stats_.disk_hits;
  double& mean = stats_.load_s_per_block;
  mean = mean == 0 ? seconds : mean + (seconds - mean) / 8;
  insert(job.key, job.tokens, std::move(bytes));
}

}  // namespace strata::engine
