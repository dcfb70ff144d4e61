// libFuzzer entry; build and run: tools/fuzz hf_config
#include "model/testing/hostile.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  strata::model::testing::accepts_hf_config({reinterpret_cast<const char*>(data), size});
  return 0;
}
