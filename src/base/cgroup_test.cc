#include "base/cgroup.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace strata::cgroup {
namespace {

class CgroupTest : public testing::Test {
 protected:
  CgroupTest() {
    std::string name = (std::filesystem::temp_directory_path() / "strata_cgroup_XXXXXX").string();
    root_ = mkdtemp(name.data());
  }
  ~CgroupTest() override { std::filesystem::remove_all(root_); }

  void put(const std::string& path, const std::string& content) {
    const std::filesystem::path file = root_ + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << content << "\n";
  }

  std::string root_;
};

TEST_F(CgroupTest, NoControlGroupMeansNoLimit) {
  EXPECT_FALSE(memory_limit(root_));
  EXPECT_FALSE(memory_left(root_));
  EXPECT_FALSE(huge_pages_left(root_));
  EXPECT_FALSE(cpu_quota(root_));
}

TEST_F(CgroupTest, Version2TakesTheTightestAncestor) {
  put("/proc/self/cgroup", "0::/outer/inner");
  put("/sys/fs/cgroup/outer/memory.max", "1000");
  put("/sys/fs/cgroup/outer/memory.current", "700");
  put("/sys/fs/cgroup/outer/memory.stat", "anon 500\ninactive_file 150\nactive_file 50");
  put("/sys/fs/cgroup/outer/inner/memory.max", "max");
  put("/sys/fs/cgroup/outer/inner/cpu.max", "max 100000");
  put("/sys/fs/cgroup/outer/cpu.max", "150000 100000");
  put("/sys/fs/cgroup/outer/hugetlb.2MB.max", "0");
  EXPECT_EQ(memory_limit(root_), 1000u);
  EXPECT_EQ(memory_left(root_), 500u);   // 1000 - (700 - 200 of page cache)
  EXPECT_EQ(cpu_quota(root_), 1.5);
  EXPECT_EQ(huge_pages_left(root_), 0u);
}

TEST_F(CgroupTest, Version1) {
  put("/proc/self/cgroup", "5:cpuset:/other\n4:cpu,cpuacct:/job\n3:memory:/job\n0::/");
  put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712");
  put("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "4096");
  put("/sys/fs/cgroup/memory/job/memory.usage_in_bytes", "5000");
  put("/sys/fs/cgroup/memory/job/memory.stat", "inactive_file 1\ntotal_inactive_file 1000");
  put("/sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "-1");
  put("/sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000");
  put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "300000");
  put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000");
  EXPECT_EQ(memory_limit(root_), 4096u);
  EXPECT_EQ(memory_left(root_), 96u);
  EXPECT_EQ(cpu_quota(root_), 3.0);
}

// In a container the path may be the host's: then the mount's root is the process's own group.
TEST_F(CgroupTest, PathThatIsNotMountedFallsBackToTheRoot) {
  put("/proc/self/cgroup", "0::/host/only/path");
  put("/sys/fs/cgroup/memory.max", "2048");
  put("/sys/fs/cgroup/memory.current", "3000");
  EXPECT_EQ(memory_left(root_), 0u);
}

TEST_F(CgroupTest, MalformedFilesMeanNoLimit) {
  put("/proc/self/cgroup", "nonsense\n:\n0::");
  put("/sys/fs/cgroup/memory.max", "-3 bananas");
  put("/sys/fs/cgroup/cpu.max", "100000 0");
  EXPECT_FALSE(cpu_quota(root_));
  (void)memory_left(root_);
}

}  // namespace
}  // namespace strata::cgroup
