#include "model/convert/safetensors_folder.h"

#include <nlohmann/json.hpp>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "base/error.h"
#include "base/threads.h"
#include "model/convert/hf_form.h"
#include "model/convert/stream.h"

namespace strata::model {
namespace {

namespace fs = std::filesystem;
using kernel::Type;
using nlohmann::json;

[[noreturn]] void io_error(const std::string& path, const char* what) {
  const bool denied = errno == EACCES || errno == EPERM || errno == EROFS;
  fail(denied ? Code::permission_denied : Code::resource_exhausted, "{}: cannot {}: {}", path, what,
       std::strerror(errno));
}

class OutFile {
 public:
  explicit OutFile(std::string path)
      : path_(std::move(path)), file_(std::fopen(path_.c_str(), "wb"), std::fclose) {
    if (!file_) io_error(path_, "create");
  }
  void write(const void* data, size_t size) {
    if (size > 0 && std::fwrite(data, 1, size, file_.get()) != size) io_error(path_, "write");
  }
  void close() {
    if (std::fclose(file_.release()) != 0) io_error(path_, "write");
  }

 private:
  std::string path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

std::string_view dtype(Type type) {
  switch (type) {
    case Type::f32: return "F32";
    case Type::f16: return "F16";
    default: return "BF16";
  }
}

/// Block formats have no name in safetensors: BF16 unless the options say otherwise.
Type target(const graph::StoredTensor& t, const ConvertOptions& options) {
  if (options.type.empty()) return t.type == Type::f32 || t.type == Type::f16 ? t.type : Type::bf16;
  const auto type = kernel::type_from_name(options.type);
  if (!type || (*type != Type::f32 && *type != Type::f16 && *type != Type::bf16))
    fail(Code::invalid_argument, "safetensors hold f32, f16 or bf16, not '{}'; a GGUF file can",
         options.type);
  return *type;
}

struct Shard {
  std::string file;
  std::vector<size_t> tensors;
};

size_t bytes_of(const graph::StoredTensor& t, Type type) {
  return static_cast<size_t>(t.elements()) * kernel::info(type).bytes;
}

class Folder {
 public:
  Folder(const Store& store, const std::string& path, const ConvertOptions& options)
      : store_(store),
        path_(path),
        part_(path + ".part"),
        options_(options),
        form_(hf_form(store)) {
    std::error_code error;
    if (fs::exists(path_, error))
      fail(Code::already_exists, "{}: exists; give a folder that does not", path_);
    for (const auto& t : form_.tensors) {
      types_.push_back(target(t, options_));
      total_ += static_cast<int64_t>(bytes_of(t, types_.back()));
    }
    fs::remove_all(part_, error);
    if (!fs::create_directories(part_, error)) {
      errno = error.value();
      io_error(part_, "create");
    }
  }
  ~Folder() {
    std::error_code error;
    fs::remove_all(part_, error);
  }

  Converted write() {
    const std::vector<Shard> shards = plan();
    ThreadPool pool({.threads = options_.threads});
    for (const Shard& s : shards) write_shard(s, pool);
    if (shards.size() > 1) write_index(shards);
    for (const auto& [name, text] : form_.files)
      if (options_.tokenizer || name == "config.json") write_text(name, text);
    std::error_code error;
    fs::rename(part_, path_, error);
    if (error) {
      errno = error.value();
      io_error(path_, "create");
    }
    return done_;
  }

 private:
  std::vector<Shard> plan() const {
    std::vector<Shard> shards(1);
    uint64_t size = 0;
    for (size_t i = 0; i < form_.tensors.size(); ++i) {
      const uint64_t bytes = bytes_of(form_.tensors[i], types_[i]);
      if (size > 0 && size + bytes > options_.shard_bytes) {
        shards.emplace_back();
        size = 0;
      }
      shards.back().tensors.push_back(i);
      size += bytes;
    }
    for (size_t i = 0; i < shards.size(); ++i)
      shards[i].file = shards.size() == 1
                           ? "model.safetensors"
                           : fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
    return shards;
  }

  void write_shard(const Shard& shard, ThreadPool& pool) {
    json header = {{"__metadata__", {{"format", "pt"}}}};
    uint64_t at = 0;
    for (size_t i : shard.tensors) {
      const auto& t = form_.tensors[i];
      const uint64_t end = at + bytes_of(t, types_[i]);
      header[t.name] = {
          {"dtype", dtype(types_[i])}, {"shape", t.shape}, {"data_offsets", {at, end}}};
      at = end;
    }
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');  // the data begins aligned
    OutFile out(part_ + "/" + shard.file);
    const uint64_t length = text.size();
    out.write(&length, sizeof length);
    out.write(text.data(), text.size());
    for (size_t i : shard.tensors) {
      const auto& t = form_.tensors[i];
      stream(t, store_, types_[i], pool, [&](std::span<const uint8_t> bytes) {
        out.write(bytes.data(), bytes.size());
        done_.bytes += static_cast<int64_t>(bytes.size());
        if (options_.on_progress) options_.on_progress(t.name, done_.bytes, total_);
      });
      store_.release(t);
      ++done_.tensors;
    }
    out.close();
  }

  void write_index(const std::vector<Shard>& shards) {
    json map = json::object();
    for (const Shard& s : shards)
      for (size_t i : s.tensors) map[form_.tensors[i].name] = s.file;
    write_text("model.safetensors.index.json",
               json{{"metadata", {{"total_size", total_}}}, {"weight_map", map}}.dump(1) + "\n");
  }

  void write_text(const std::string& name, const std::string& text) {
    OutFile out(part_ + "/" + name);
    out.write(text.data(), text.size());
    out.close();
  }

  const Store& store_;
  std::string path_, part_;
  const ConvertOptions& options_;
  HfForm form_;
  std::vector<Type> types_;
  int64_t total_ = 0;
  Converted done_;
};

}  // namespace

Converted write_safetensors_folder(const Store& store, const std::string& folder,
                                   const ConvertOptions& options) {
  std::string path = folder;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return Folder(store, path, options).write();
}

}  // namespace strata::model
