#include "base/arena.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>

#include "base/cgroup.h"
#include "base/check.h"
#include "base/error.h"

#ifndef MAP_HUGE_2MB
#define MAP_HUGE_2MB (21 << 26)
#endif

namespace strata {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

void* map(size_t bytes, int flags) {
  void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags,
                 -1, 0);
  return p == MAP_FAILED ? nullptr : p;
}

// Maps more than asked and gives the ends back, since mmap aligns to a small page only.
uint8_t* map_aligned(size_t bytes) {
  auto* p = static_cast<uint8_t*>(map(bytes + kHugePage, 0));
  if (!p) return nullptr;
  const size_t head = round_up(reinterpret_cast<uintptr_t>(p), kHugePage) -
                      reinterpret_cast<uintptr_t>(p);
  if (head) munmap(p, head);
  if (head < kHugePage) munmap(p + head + bytes, kHugePage - head);
  return p + head;
}

[[noreturn]] void fail_memory(size_t bytes, const char* why) {
  fail(Code::resource_exhausted,
       "not enough memory: {} bytes ({:.1f} MiB) needed, {} bytes ({:.1f} MiB) available{}{}; "
       "free memory, or choose a smaller model or context",
       bytes, static_cast<double>(bytes) / (1 << 20), memory_available(),
       static_cast<double>(memory_available()) / (1 << 20), *why ? ": " : "", why);
}

size_t meminfo(const std::string& name) {
  std::ifstream file("/proc/meminfo");
  std::string key, unit;
  size_t kib = 0;
  while (file >> key >> kib) {
    if (key == name) return kib * 1024;
    std::getline(file, unit);
  }
  return 0;
}

bool transparent_pages() {
  std::ifstream file("/sys/kernel/mm/transparent_hugepage/enabled");   // "always [madvise] never"
  std::string line;
  return std::getline(file, line) && line.find("[never]") == line.npos;
}

}  // namespace

Memory::Memory(size_t bytes) : size_(bytes) {
  if (bytes == 0) return;
  if (bytes < kHugePage) {
    mapped_ = round_up(bytes, static_cast<size_t>(sysconf(_SC_PAGESIZE)));
    data_ = static_cast<uint8_t*>(map(mapped_, 0));
    if (!data_) fail_memory(bytes, std::strerror(errno));
    return;
  }
  // The kernel promises more than it has; asking first turns a later kill into an error here.
  if (bytes > memory_available()) fail_memory(bytes, "");
  mapped_ = round_up(bytes, kHugePage);
  if (cgroup::huge_pages_left().value_or(mapped_) >= mapped_)
    data_ = static_cast<uint8_t*>(map(mapped_, MAP_HUGETLB | MAP_HUGE_2MB));
  if (data_) {
    pages_ = PageKind::explicit_huge;
    return;
  }
  data_ = map_aligned(mapped_);
  if (!data_) fail_memory(bytes, std::strerror(errno));
  if (transparent_pages() && madvise(data_, mapped_, MADV_HUGEPAGE) == 0)
    pages_ = PageKind::transparent_huge;
}

Memory::~Memory() {
  if (data_) munmap(data_, mapped_);
}

Memory::Memory(Memory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)),
      mapped_(std::exchange(other.mapped_, 0)), pages_(other.pages_) {}

Memory& Memory::operator=(Memory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(mapped_, other.mapped_);
  std::swap(pages_, other.pages_);
  return *this;
}

uint8_t* Arena::allocate(size_t bytes) {
  const size_t piece = rounded(bytes);
  STRATA_CHECK(piece >= bytes && piece <= rounded(memory_.size()) - used_);
  uint8_t* p = memory_.data() + used_;
  used_ += piece;
  return p;
}

size_t huge_page_bytes(std::span<const uint8_t> range) {
  const auto begin = reinterpret_cast<uintptr_t>(range.data()), end = begin + range.size();
  std::ifstream file("/proc/self/smaps");
  size_t total = 0;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    unsigned long first = 0, last = 0, kib = 0;
    char key[32];
    if (std::sscanf(line.c_str(), "%lx-%lx ", &first, &last) == 2) {
      inside = first < end && begin < last;
    } else if (inside && std::sscanf(line.c_str(), "%31[^:]: %lu kB", key, &kib) == 2) {
      for (const char* huge : {"AnonHugePages", "FilePmdMapped", "Private_Hugetlb"})
        if (std::strcmp(key, huge) == 0) total += kib << 10;
    }
  }
  return std::min(total, range.size());
}

std::string pages_text(PageKind kind, std::span<const uint8_t> touched) {
  const auto percent = [&] { return 100 * huge_page_bytes(touched) / touched.size(); };
  switch (kind) {
    case PageKind::explicit_huge: return "explicit 2 MiB pages";
    case PageKind::transparent_huge:
      return "transparent 2 MiB pages" +
             (touched.empty() ? std::string() : fmt::format(" ({} %)", percent()));
    case PageKind::plain: break;
  }
  const size_t share = touched.empty() ? 0 : percent();
  return share ? fmt::format("2 MiB pages of the page cache ({} %)", share) : "small pages";
}

size_t memory_available() {
  const size_t machine = meminfo("MemAvailable:");
  return std::min(machine, cgroup::memory_left().value_or(machine));
}

size_t memory_total() {
  const size_t machine = meminfo("MemTotal:");
  return std::min(machine, cgroup::memory_limit().value_or(machine));
}

size_t memory_resident() {
  size_t all = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

size_t memory_resident_peak() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<size_t>(usage.ru_maxrss) * 1024;
}

}  // namespace strata
