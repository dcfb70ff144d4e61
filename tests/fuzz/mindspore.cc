// libFuzzer entry; build and run: tools/fuzz mindspore
#include "model/testing/hostile.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  strata::model::testing::accepts_mindspore({data, size});
  return 0;
}
