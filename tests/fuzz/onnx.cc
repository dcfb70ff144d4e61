// libFuzzer entry; build and run: tools/fuzz onnx
#include "model/testing/hostile.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  strata::model::testing::accepts_onnx({data, size}, {});
  return 0;
}
