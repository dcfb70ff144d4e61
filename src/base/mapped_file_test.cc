#include "base/mapped_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"

namespace strata {
namespace {

class MappedFileTest : public testing::Test {
 protected:
  MappedFileTest() {
    std::string name = (std::filesystem::temp_directory_path() / "strata_mapped_XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~MappedFileTest() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& content) {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }

  void expect_error(const std::string& path, Code code, const std::string& part) {
    try {
      MappedFile file(path);
      FAIL() << path << " was mapped";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), code) << e.what();
      EXPECT_NE(std::string(e.what()).find(path), std::string::npos) << e.what();
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
    }
  }

  std::filesystem::path folder_;
};

TEST_F(MappedFileTest, GivesTheBytes) {
  std::string content(300000, 'x');
  for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 31);
  MappedFile file(write("data", content));
  ASSERT_EQ(file.bytes().size(), content.size());
  EXPECT_EQ(memcmp(file.bytes().data(), content.data(), content.size()), 0);

  // Advice of any range, even past the end, changes no byte.
  file.will_need(5000, 10000);
  file.dont_need(1, 299998);
  file.dont_need(299999, SIZE_MAX);
  file.will_need(SIZE_MAX, SIZE_MAX);
  EXPECT_EQ(memcmp(file.bytes().data(), content.data(), content.size()), 0);
}

TEST_F(MappedFileTest, Moves) {
  MappedFile a(write("a", "first")), b(write("b", "second"));
  const uint8_t* data = a.bytes().data();
  MappedFile c(std::move(a));
  EXPECT_EQ(c.bytes().data(), data);
  EXPECT_TRUE(a.bytes().empty());
  b = std::move(c);
  EXPECT_EQ(b.bytes().data(), data);
  EXPECT_EQ(b.path(), folder_ / "a");
}

TEST_F(MappedFileTest, SaysWhatIsWrong) {
  expect_error(folder_ / "missing", Code::not_found, "No such file");
  expect_error(write("empty", ""), Code::data_loss, "empty");
  expect_error(folder_, Code::not_found, "not a regular file");
  expect_error(write("plain", "x") + "/below", Code::not_found, "Not a directory");
  const std::string pipe = folder_ / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  expect_error(pipe, Code::not_found, "not a regular file");
}

TEST_F(MappedFileTest, SaysThatPermissionIsMissing) {
  const std::string path = write("secret", "x");
  chmod(path.c_str(), 0);
  // Root may read anything: only an unprivileged process can see the refusal.
  if (geteuid() == 0) {
    EXPECT_EQ(MappedFile(path).bytes().size(), 1u);
  } else {
    expect_error(path, Code::permission_denied, "Permission denied");
  }
}

}  // namespace
}  // namespace strata
