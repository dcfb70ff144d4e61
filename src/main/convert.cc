#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "base/clock.h"
#include "engine/executor.h"
#include "main/command.h"
#include "main/model_options.h"
#include "model/hub/library.h"

namespace strata {
namespace {

struct Options {
  std::string model, out;
  int threads = 0;
  bool layout = false;
};

void run(const Options& o) {
  const auto model = model::load(model::find_model(o.model));
  const std::string path = o.out.empty() ? engine::layout_path(*model) : o.out;
  const double start = now_s();
  engine::write_layout(*model, path, o.threads);
  fmt::print("{}: {} bytes in {:.1f} s; the next start maps it\n", path,
             std::filesystem::file_size(path), now_s() - start);
}

void add(CLI::App& app) {
  auto o = std::make_shared<Options>();
  CLI::App* c = add_command(app, "convert", "a model's weights in another form",
                            "strata convert --layout MODEL");
  c->add_option("model", o->model, "path, or name of a pulled model")->required();
  c->add_flag("--layout", o->layout,
              "packed as this machine's kernels read them: starts map the file")
      ->required();
  c->add_option("-o,--out", o->out, "default: beside the model, where starts look for it");
  c->add_option("--threads", o->threads, "compute threads (default: one per physical core)");
  c->callback([o] { run(*o); });
}

const Registry<Command> entry{{.name = "convert", .order = 55, .add = add}};

}  // namespace
}  // namespace strata
