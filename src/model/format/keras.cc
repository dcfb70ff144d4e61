// Keras weights: HDF5 (.h5, .weights.h5) by itself or in an archive (.keras).
#include "base/error.h"
#include "model/format/hdf5.h"
#include "model/format/tensorflow_names.h"
#include "model/format/weight_file.h"
#include "model/format/zip.h"

namespace strata::model {
namespace {

std::vector<FoundTensor> read(const std::string& path, const MapFile& map) {
  const std::span<const uint8_t> bytes = map(path);
  if (!is_zip(bytes)) return parse_hdf5(bytes, path);
  for (const ZipEntry& entry : parse_zip(bytes, path))
    if (entry.name.ends_with(".weights.h5")) return parse_hdf5(entry.bytes, path);
  fail(Code::data_loss, "{}: an archive without weights (model.weights.h5)", path);
}

const WeightFormats entry({
    .name = "keras",
    .order = 5,
    .files = {"tf_model.h5", "model.keras", "model.weights.h5"},
    .extensions = {".h5", ".keras"},
    .read = read,
    .to_hf = tensorflow_to_hf,
});

}  // namespace
}  // namespace strata::model
