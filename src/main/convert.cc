#include "model/convert/convert.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "base/clock.h"
#include "base/error.h"
#include "engine/executor.h"
#include "main/command.h"
#include "main/model_options.h"
#include "main/progress_bar.h"
#include "model/convert/type_mix.h"
#include "model/hub/library.h"
#include "model/lora/merged.h"

namespace strata {
namespace {

struct Options {
  std::string in, out;
  model::ConvertOptions convert;
  std::vector<std::string> lora = {};
  bool layout = false, no_tokenizer = false;
};

void write_layout(const Options& o) {
  const auto model = model::load(model::find_model(o.in));
  const std::string path = o.out.empty() ? engine::layout_path(*model) : o.out;
  const double start = now_s();
  engine::write_layout(*model, path, o.convert.threads);
  fmt::print("{}: {} bytes in {:.1f} s; the next start maps it\n", path,
             std::filesystem::file_size(path), now_s() - start);
}

void run(Options o) {
  if (o.layout) return write_layout(o);
  if (o.out.empty()) fail(Code::invalid_argument, "where to? NAME.gguf, a folder, or --layout");
  std::vector<model::AdapterChoice> adapters;
  for (const std::string& text : o.lora) adapters.push_back(model::parse_adapter(text));
  const auto store = model::merged(model::open_store(model::find_model(o.in)), adapters);
  o.convert.tokenizer = !o.no_tokenizer;
  ProgressBar bar(false);
  o.convert.on_progress = [&](const std::string& tensor, int64_t bytes, int64_t total) {
    bar.show(tensor, bytes, total);
  };
  const model::Converted done = model::convert(*store, o.out, o.convert);
  fmt::print("{}: {} tensors, {}\n", o.out, done.tensors, size_text(done.bytes));
  if (!done.carried.empty())
    fmt::print("GGUF has no form for this model, so other programs will refuse the file: {}\n",
               done.carried);
}

void add(CLI::App& app) {
  auto o = std::make_shared<Options>();
  CLI::App* c = add_command(app, "convert", "any model file to GGUF, safetensors or a layout",
                            "strata convert FOLDER model.gguf --type q4_k\n"
                            "  strata convert model.gguf FOLDER --type bf16\n"
                            "  strata convert model.gguf --layout");
  c->add_option("in", o->in, "model file, folder, or name of a pulled model")->required();
  c->add_option("out,-o,--out", o->out, "NAME.gguf, or a folder that does not exist");
  c->add_option("--type", o->convert.type,
                "of the matrices (default: as stored): " + model::type_mix_names());
  c->add_option("--lora", o->lora,
                "PATH[=SCALE] of an adapter (PEFT folder or GGUF file) to add; may be repeated");
  c->add_flag("--layout", o->layout,
              "weights as they are packed, for the next start to map (default: beside the model)");
  c->add_option("--threads", o->convert.threads, "default: one per physical core");
  c->add_flag("--no-tokenizer", o->no_tokenizer, "the weights alone");
  c->callback([o] { run(*o); });
}

const Registry<Command> entry{{.name = "convert", .order = 45, .add = add}};

}  // namespace
}  // namespace strata
