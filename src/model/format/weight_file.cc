#include "model/format/weight_file.h"

namespace strata::model {

const WeightFormat* weight_format_of(std::string_view file_name) {
  const WeightFormat* found = nullptr;
  WeightFormats::each([&](const WeightFormat& f) {
    for (std::string_view extension : f.extensions)
      if (file_name.ends_with(extension)) found = &f;
  });
  return found;
}

}  // namespace strata::model
