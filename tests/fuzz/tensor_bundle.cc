// libFuzzer entry; build and run: tools/fuzz tensor_bundle
#include "model/testing/hostile.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  strata::model::testing::accepts_tensor_bundle({data, size}, {});
  return 0;
}
