// libFuzzer entry; build and run: tools/fuzz hdf5
#include "model/testing/hostile.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  strata::model::testing::accepts_hdf5({data, size});
  return 0;
}
