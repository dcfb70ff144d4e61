#include "engine/kv/tier_store.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "engine/kv/block_file.h"
#include "engine/kv/kv_shape.h"

namespace strata::engine {

namespace fs = std::filesystem;

namespace {

constexpr char kSuffix[] = ".kv";
constexpr size_t kKeyDigits = 32;
constexpr size_t kRootsMax = 4096;   // salts whose root is remembered

}  // namespace

TierStore::TierStore(const TierOptions& options, PageIo& io)
    : options_(options), io_(io), page_bytes_(io.page_bytes()), ram_bytes_(options.ram_bytes) {
  if (options.disk_path.empty()) return;
  ram_bytes_ = std::max(ram_bytes_, kRamLeast * page_bytes_ * options.block_pages);
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
    int n_page;
  };
  std::vector<Found> found;
  const auto pages_in = [&](size_t bytes) {
    for (int n : {options_.block_pages, options_.bare_pages})
      if (bytes == file_bytes(n)) return n;
    return kAbsent;
  };
  for (fs::recursive_directory_iterator i(folder_, ec), end; !ec && i != end; i.increment(ec)) {
    if (!i->is_regular_file(ec)) continue;
    const std::string name = i->path().filename().string();
    const int n_page = pages_in(i->file_size(ec));
    const bool whole = name.size() == kKeyDigits + sizeof kSuffix - 1 && name.ends_with(kSuffix) &&
                       n_page != kAbsent;
    if (whole)
      found.push_back({i->last_write_time(ec), name.substr(0, kKeyDigits), n_page});
    else
      fs::remove(i->path(), ec);   // cut off, or left by a process that was killed
  }
  std::sort(found.begin(), found.end(),
            [](const Found& a, const Found& b) { return a.time < b.time; });
  for (const Found& f : found) add_file(f.key, f.n_page);
  if (!disk_.empty()) log::info("KV cache: {} blocks found in {}", disk_.size(), folder_);
}

/// In the place of a file with fewer pages, if there is one.
void TierStore::add_file(const BlockKey& key, int n_page) {
  auto found = disk_.find(key);
  if (found == disk_.end()) {
    disk_uses_.push_back(key);
    disk_.emplace(key, File{std::prev(disk_uses_.end()), n_page});
  } else {
    disk_used_ -= file_bytes(found->second.n_page);
    found->second.n_page = n_page;
  }
  disk_used_ += file_bytes(n_page);
  while (disk_used_ > options_.disk_bytes) {
    const BlockKey oldest = disk_uses_.front();
    remove_file(oldest);
  }
}

void TierStore::remove_file(const BlockKey& key) {
  const auto found = disk_.find(key);
  if (found == disk_.end()) return;
  disk_used_ -= file_bytes(found->second.n_page);
  disk_uses_.erase(found->second.use);
  disk_.erase(found);
  std::error_code ec;
  fs::remove(path(key), ec);
}

size_t TierStore::file_bytes(int n_page) const {
  return block_file_bytes(options_.model, kBlock, page_bytes_ * n_page);
}

size_t TierStore::ram_capacity() const {
  return ram_bytes_ / std::max<size_t>(1, page_bytes_ * options_.block_pages);
}

std::vector<uint8_t> TierStore::read_pages(std::span<const int32_t> pages) const {
  std::vector<uint8_t> bytes(page_bytes_ * pages.size());
  for (size_t i = 0; i < pages.size(); ++i)
    io_.read_page(pages[i], bytes.data() + i * page_bytes_);
  return bytes;
}

int TierStore::pages_of(const Slot& slot) const {
  return static_cast<int>(slot.bytes.size() / page_bytes_);
}

/// What has no pages takes room as well.
size_t TierStore::size_of(const Slot& slot) {
  return std::max(slot.bytes.size(), slot.tokens.size() * sizeof(Token));
}

int TierStore::in_ram(const BlockKey& key) const {
  std::lock_guard lock(mutex_);
  const auto found = ram_.find(key);
  return found == ram_.end() ? kAbsent : pages_of(found->second);
}

int TierStore::on_disk(const BlockKey& key) const {
  std::lock_guard lock(mutex_);
  const auto found = disk_.find(key);
  return found == disk_.end() ? kAbsent : found->second.n_page;
}

void TierStore::insert(const BlockKey& key, std::span<const Token> tokens,
                       std::vector<uint8_t> bytes) {
  const auto remove = [this](const auto& found) {
    ram_used_ -= size_of(found->second);
    ram_uses_.erase(found->second.use);
    ram_.erase(found);
  };
  if (auto found = ram_.find(key); found != ram_.end()) {
    if (found->second.bytes.size() >= bytes.size()) return;
    remove(found);
  }
  Slot slot{{tokens.begin(), tokens.end()}, std::move(bytes), {}};
  const size_t size = size_of(slot);
  if (size > ram_bytes_) return;
  while (ram_used_ + size > ram_bytes_) remove(ram_.find(ram_uses_.front()));
  ram_uses_.push_back(key);
  slot.use = std::prev(ram_uses_.end());
  ram_.emplace(key, std::move(slot));
  ram_used_ += size;
}

void TierStore::keep(const BlockKey& key, std::span<const Token> tokens,
                     std::span<const int32_t> pages) {
  if (ram_bytes_ == 0 || in_ram(key) >= std::ssize(pages)) return;
  std::vector<uint8_t> bytes = read_pages(pages);
  std::lock_guard lock(mutex_);
  insert(key, tokens, std::move(bytes));
}

void TierStore::persist(const BlockKey& key, std::span<const Token> tokens,
                        std::span<const int32_t> pages) {
  const size_t bytes = file_bytes(static_cast<int>(pages.size()));
  if (options_.disk_path.empty() || bytes > options_.disk_bytes) return;
  {
    std::lock_guard lock(mutex_);
    const auto found = disk_.find(key);
    const bool there = found != disk_.end() && found->second.n_page >= std::ssize(pages);
    if (there || writing_.contains(key) || jobs_.size() >= kQueueMax || now_s() < paused_until_)
      return;
  }
  Job job{0, key, {tokens.begin(), tokens.end()}, read_pages(pages), false};
  {
    std::lock_guard lock(mutex_);
    writing_.insert(key);
    jobs_.push_back(std::move(job));
  }
  work_.notify_one();
}

bool TierStore::load(const BlockKey& key, std::span<const Token> tokens,
                     std::span<const int32_t> pages) {
  std::lock_guard lock(mutex_);
  const auto found = ram_.find(key);
  if (found == ram_.end()) return false;
  Slot& slot = found->second;
  if (!std::equal(tokens.begin(), tokens.end(), slot.tokens.begin(), slot.tokens.end()))
    return false;
  for (size_t i = 0; i < pages.size(); ++i)
    if (pages[i] >= 0 && static_cast<int>(i) >= pages_of(slot)) return false;
  for (size_t i = 0; i < pages.size(); ++i)
    if (pages[i] >= 0) io_.write_page(pages[i], slot.bytes.data() + i * page_bytes_);
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
  add_file(job.key, static_cast<int>(job.bytes.size() / page_bytes_));
}

void TierStore::read(Job& job) {
  std::vector<uint8_t> bytes;
  {
    std::lock_guard lock(mutex_);
    const auto found = disk_.find(job.key);
    if (found == disk_.end()) return;
    bytes.resize(page_bytes_ * found->second.n_page);
    const auto ram = ram_.find(job.key);
    if (ram != ram_.end() && ram->second.bytes.size() >= bytes.size()) return;
    disk_uses_.splice(disk_uses_.end(), disk_uses_, found->second.use);
  }
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
