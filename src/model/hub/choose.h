// Which files of a repository make up the model that is asked for.
#pragma once
#include <string>
#include <vector>

#include "model/hub/hub.h"

namespace strata::model {

struct Chosen {
  std::vector<RemoteFile> files = {};
  bool folder = false;   // config.json + safetensors; else GGUF: one file, or the parts of one
};

/// `choice` is a path or file name, or a quantisation found in the name of a GGUF file ("q4_k_m",
/// in either case). Without one: the only GGUF file, else that of Q4_K_M, else the safetensors
/// with their side files. A split GGUF file comes with all its parts.
/// Errors: not_found or invalid_argument with what there is to choose from; data_loss for parts
/// that are missing or names that leave the folder.
Chosen choose_files(const std::vector<RemoteFile>& files, const std::string& choice);

/// Does a model folder need this file?
bool is_folder_file(const std::string& name);
/// "NAME-00002-of-00003.gguf" -> "NAME"; any other name: itself without ".gguf".
std::string model_stem(const std::string& file);

}  // namespace strata::model
