// Sizes of layers that keep a state: Hyper::ssm, and what config.json of such families says unlike
// the rest. Each is the adjust_hf or adjust_gguf of the families that spell them so.
#pragma once
#include "model/hyper.h"

namespace strata::model {

class HfConfig;
class Metadata;

void mamba_hf(const HfConfig& config, Hyper& hyper);
void mamba2_hf(const HfConfig& config, Hyper& hyper);
void falcon_h1_hf(const HfConfig& config, Hyper& hyper);   // and Hyper::multiply
void delta_net_hf(const HfConfig& config, Hyper& hyper);
void short_conv_hf(const HfConfig& config, Hyper& hyper);

void mamba_gguf(const Metadata& metadata, Hyper& hyper);
void mamba2_gguf(const Metadata& metadata, Hyper& hyper);
void delta_net_gguf(const Metadata& metadata, Hyper& hyper);
/// Value heads in an order in which head h reads key head h % groups.
void tiled_delta_net_gguf(const Metadata& metadata, Hyper& hyper);
void short_conv_gguf(const Metadata& metadata, Hyper& hyper);

}  // namespace strata::model
