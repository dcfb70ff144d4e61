// libFuzzer entry; build and run: tools/fuzz sentencepiece
#include "model/testing/hostile_tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  strata::model::testing::accepts_sentencepiece({data, size});
  return 0;
}
