// libFuzzer entry; build and run: tools/fuzz tiktoken
#include "model/testing/hostile_tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  strata::model::testing::accepts_tiktoken({reinterpret_cast<const char*>(data), size});
  return 0;
}
