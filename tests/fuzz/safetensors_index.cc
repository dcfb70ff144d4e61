// libFuzzer entry; build and run: tools/fuzz safetensors_index
#include "model/testing/hostile.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  strata::model::testing::accepts_safetensors_index({reinterpret_cast<const char*>(data), size});
  return 0;
}
