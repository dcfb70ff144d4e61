#include "main/compatible.h"

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "main/serving.h"

namespace strata {

int run_compatible_server(int argc, char** argv) {
  CLI::App app{"Serves a model over the OpenAI API on port 7860"};
  app.footer("Example:\n  OMP_NUM_THREADS=8 server model.gguf -t 0.0 -n 4096");
  ServingOptions o;
  o.app.host = "0.0.0.0";
  o.app.port = 7860;
  o.app.allow_anonymous = true;
  float temperature = 1;
  std::string model;
  app.add_option("model", model, "model file or folder")->required();
  CLI::Option* t = app.add_option("-t,--temperature", temperature,
                                  "temperature of requests that give none")
                       ->check(CLI::Range(0.0, 100.0));
  app.add_option("-n,--max-tokens", o.app.max_tokens, "most tokens of an answer")
      ->check(CLI::PositiveNumber);
  app.add_option("--host", o.app.host)->capture_default_str();
  app.add_option("--port", o.app.port)->check(CLI::Range(0, 65535))->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : exit_status(Code::invalid_argument);
  }
  o.models = {model};
  if (t->count() > 0) o.app.temperature = temperature;
  return serve_until_stopped(o);
}

}  // namespace strata
