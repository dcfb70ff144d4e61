// One answer of the engine in this process, printed while it is made.
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "engine/engine.h"

namespace strata {

struct Answer {
  std::string text;
  engine::Finish finish = engine::Finish::none;
  engine::Usage usage;
  double first_s = 0, seconds = 0;   // to the first token, to the end
};

/// Returns when the answer has ended; `interrupted` is asked several times a second and ends it.
/// Errors: those of Engine::submit; internal when the engine fails.
Answer answer(engine::Engine& engine, engine::Request request,
              const std::function<void(std::string_view)>& print,
              const std::function<bool()>& interrupted);

}  // namespace strata
