// libFuzzer entry; build and run: tools/fuzz pytorch
#include "model/testing/hostile.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  strata::model::testing::accepts_pytorch({data, size});
  return 0;
}
