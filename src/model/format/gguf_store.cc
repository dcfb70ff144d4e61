// GGUF files as a Store, also models split over "NAME-00001-of-00003.gguf".
#include <cstdio>
#include <filesystem>
#include <optional>

#include "base/error.h"
#include "base/registry.h"
#include "model/format/byte_reader.h"
#include "model/format/gguf.h"

namespace strata::model {
namespace {

/// The parts of "PREFIX-00001-of-00003.gguf".
struct SplitName {
  std::string prefix;
  int part = 0, count = 0;   // part from 1
  std::string of_part(int p) const {
    return fmt::format("{}-{:05}-of-{:05}.gguf", prefix, p, count);
  }
};

std::optional<SplitName> split_name(const std::string& path) {
  constexpr std::string_view kPattern = "-00000-of-00000.gguf";
  if (path.size() <= kPattern.size()) return std::nullopt;
  SplitName name{.prefix = path.substr(0, path.size() - kPattern.size())};
  const std::string tail = path.substr(name.prefix.size());
  int length = 0;
  if (std::sscanf(tail.c_str(), "-%5d-of-%5d.gguf%n", &name.part, &name.count, &length) != 2 ||
      length != static_cast<int>(kPattern.size()) || name.of_part(name.part) != path)
    return std::nullopt;
  return name;
}

class GgufStore final : public MappedStore {
 public:
  explicit GgufStore(const std::string& path) : MappedStore(path) {
    GgufFile first = parse(path);
    const int64_t n_file = first.metadata.integer("split.count").value_or(1);
    if (n_file <= 1) {
      metadata_ = std::move(first.metadata);
      take(std::move(first));
    } else {
      open_parts(path, n_file, first.metadata.integer("split.tensors.count"));
    }
    index();
  }

  std::string_view format() const override { return "gguf"; }

 private:
  GgufFile parse(const std::string& path) { return parse_gguf(map(path).bytes(), path); }

  void take(GgufFile file) {
    for (FoundTensor& t : file.tensors) {
      std::string name = t.tensor.name;
      if (name.ends_with(".ffn_norm")) name += ".weight";   // Falcon-H1's have no suffix
      add(std::move(t), std::move(name));
    }
  }

  // Any part may be given; the first one holds the metadata.
  void open_parts(const std::string& path, int64_t n_file, std::optional<int64_t> n_tensor) {
    if (n_file > gguf::kSplitsMax)
      fail(Code::data_loss, "{}: split.count {} is over the limit of {}", path, n_file,
           gguf::kSplitsMax);
    const std::optional<SplitName> name = split_name(path);
    if (!name || name->count != n_file)
      fail(
          Code::invalid_argument,
          "{}: one of {} parts of a model, but its name does not end in -0000N-of-{:05}.gguf; give "
          "the parts their original names",
          path, n_file, n_file);
    for (int part = 1; part <= name->count; ++part) {
      GgufFile file = parse(name->of_part(part));
      const int64_t number = file.metadata.integer("split.no").value_or(-1);
      const int64_t count = file.metadata.integer("split.count").value_or(-1);
      if (number != part - 1 || count != n_file)
        fail(Code::data_loss, "{}: split.no {} and split.count {} do not fit its name",
             name->of_part(part), number, count);
      if (part == 1) metadata_ = std::move(file.metadata);
      take(std::move(file));
    }
    const int64_t found = static_cast<int64_t>(tensors().size() + unsupported().size());
    if (n_tensor && *n_tensor != found)
      fail(Code::data_loss, "{}: the parts hold {} tensors, split.tensors.count says {}", path,
           found, *n_tensor);
  }
};

bool detect(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return false;
  if (path.ends_with(".gguf")) return true;
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (!file) return false;
  uint32_t magic = 0;
  const bool read = std::fread(&magic, sizeof magic, 1, file) == 1;
  std::fclose(file);
  return read && magic == gguf::kMagic;
}

const Registry<Format> entry({
    .name = "gguf",
    .detect = detect,
    .open = [](const std::string& path) -> std::unique_ptr<Store> {
      return std::make_unique<GgufStore>(path);
    },
});

}  // namespace
}  // namespace strata::model
