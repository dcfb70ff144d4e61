#include "model/hub/catalogue.h"

namespace strata::model {
namespace {

constexpr std::string_view kUsual = "q4_k_m q3_k_m q5_k_m q6_k q8_0";
constexpr std::string_view kQwen = "q4_k_m q2_k q3_k_m q4_0 q5_k_m q6_k q8_0";

// name, source, architecture, 10^9 parameters, 10^9 bytes, quantisations, licence
constexpr CatalogueEntry kCatalogue[] = {
    {"codestral-22b", "hf:bartowski/Codestral-22B-v0.1-GGUF", "llama", 22.2, 13.3, kUsual,
     "Mistral-NPL"},
    {"command-r7b", "hf:bartowski/c4ai-command-r7b-12-2024-GGUF", "cohere2", 8.0, 5.06, kUsual,
     "CC-BY-NC-4.0"},
    {"deepseek-coder-v2-lite", "hf:bartowski/DeepSeek-Coder-V2-Lite-Instruct-GGUF", "deepseek2",
     15.7, 10.4, kUsual, "DeepSeek"},
    {"deepseek-r1-distill-llama-70b", "hf:bartowski/DeepSeek-R1-Distill-Llama-70B-GGUF", "llama",
     70.6, 42.5, kUsual, "MIT"},
    {"deepseek-r1-distill-llama-8b", "hf:bartowski/DeepSeek-R1-Distill-Llama-8B-GGUF", "llama", 8.0,
     4.92, kUsual, "MIT"},
    {"deepseek-r1-distill-qwen-1.5b", "hf:bartowski/DeepSeek-R1-Distill-Qwen-1.5B-GGUF", "qwen2",
     1.78, 1.12, kUsual, "MIT"},
    {"deepseek-r1-distill-qwen-14b", "hf:bartowski/DeepSeek-R1-Distill-Qwen-14B-GGUF", "qwen2",
     14.8, 8.99, kUsual, "MIT"},
    {"deepseek-r1-distill-qwen-32b", "hf:bartowski/DeepSeek-R1-Distill-Qwen-32B-GGUF", "qwen2",
     32.8, 19.9, kUsual, "MIT"},
    {"deepseek-r1-distill-qwen-7b", "hf:bartowski/DeepSeek-R1-Distill-Qwen-7B-GGUF", "qwen2", 7.6,
     4.68, kUsual, "MIT"},
    {"exaone-3.5-7.8b", "hf:bartowski/EXAONE-3.5-7.8B-Instruct-GGUF", "exaone", 7.8, 4.77, kUsual,
     "EXAONE"},
    {"falcon3-10b", "hf:bartowski/Falcon3-10B-Instruct-GGUF", "llama", 10.3, 6.29, kUsual,
     "Falcon-LLM"},
    {"falcon3-7b", "hf:bartowski/Falcon3-7B-Instruct-GGUF", "llama", 7.5, 4.57, kUsual,
     "Falcon-LLM"},
    {"gemma-2-27b", "hf:bartowski/gemma-2-27b-it-GGUF", "gemma2", 27.2, 16.6, kUsual, "Gemma"},
    {"gemma-2-2b", "hf:bartowski/gemma-2-2b-it-GGUF", "gemma2", 2.6, 1.71, kUsual, "Gemma"},
    {"gemma-2-9b", "hf:bartowski/gemma-2-9b-it-GGUF", "gemma2", 9.2, 5.76, kUsual, "Gemma"},
    {"gemma-3-12b", "hf:ggml-org/gemma-3-12b-it-GGUF", "gemma3", 11.8, 7.3, "q4_k_m q8_0", "Gemma"},
    {"gemma-3-1b", "hf:ggml-org/gemma-3-1b-it-GGUF", "gemma3", 1.0, 0.81, "q4_k_m q8_0", "Gemma"},
    {"gemma-3-270m", "hf:unsloth/gemma-3-270m-it-GGUF", "gemma3", 0.27, 0.25, kUsual, "Gemma"},
    {"gemma-3-27b", "hf:ggml-org/gemma-3-27b-it-GGUF", "gemma3", 27.0, 16.5, "q4_k_m q8_0",
     "Gemma"},
    {"gemma-3-4b", "hf:ggml-org/gemma-3-4b-it-GGUF", "gemma3", 3.9, 2.49, "q4_k_m q8_0", "Gemma"},
    {"glm-4-9b", "hf:bartowski/THUDM_GLM-4-9B-0414-GGUF", "glm4", 9.4, 6.17, kUsual, "MIT"},
    {"gpt-oss-120b", "hf:ggml-org/gpt-oss-120b-GGUF", "gpt-oss", 116.8, 63.4, "mxfp4",
     "Apache-2.0"},
    {"gpt-oss-20b", "hf:ggml-org/gpt-oss-20b-GGUF", "gpt-oss", 20.9, 12.1, "mxfp4", "Apache-2.0"},
    {"granite-3.1-2b", "hf:bartowski/granite-3.1-2b-instruct-GGUF", "granite", 2.5, 1.55, kUsual,
     "Apache-2.0"},
    {"granite-3.1-8b", "hf:bartowski/granite-3.1-8b-instruct-GGUF", "granite", 8.2, 4.94, kUsual,
     "Apache-2.0"},
    {"internlm2.5-7b", "hf:internlm/internlm2_5-7b-chat-gguf", "internlm2", 7.7, 4.71,
     "q4_k_m q5_k_m q6_k q8_0", "Apache-2.0"},
    {"llama-2-13b", "hf:TheBloke/Llama-2-13B-chat-GGUF", "llama", 13.0, 7.87, kUsual, "Llama-2"},
    {"llama-2-7b", "hf:TheBloke/Llama-2-7B-Chat-GGUF", "llama", 6.7, 4.08, kUsual, "Llama-2"},
    {"llama-3-8b", "hf:bartowski/Meta-Llama-3-8B-Instruct-GGUF", "llama", 8.0, 4.92, kUsual,
     "Llama-3"},
    {"llama-3.1-70b", "hf:bartowski/Meta-Llama-3.1-70B-Instruct-GGUF", "llama", 70.6, 42.5,
     kUsual, "Llama-3.1"},
    {"llama-3.1-8b", "hf:bartowski/Meta-Llama-3.1-8B-Instruct-GGUF", "llama", 8.0, 4.92, kUsual,
     "Llama-3.1"},
    {"llama-3.2-1b", "hf:bartowski/Llama-3.2-1B-Instruct-GGUF", "llama", 1.24, 0.81, kUsual,
     "Llama-3.2"},
    {"llama-3.2-3b", "hf:bartowski/Llama-3.2-3B-Instruct-GGUF", "llama", 3.2, 2.02, kUsual,
     "Llama-3.2"},
    {"llama-3.3-70b", "hf:bartowski/Llama-3.3-70B-Instruct-GGUF", "llama", 70.6, 42.5, kUsual,
     "Llama-3.3"},
    {"mistral-7b", "hf:bartowski/Mistral-7B-Instruct-v0.3-GGUF", "llama", 7.2, 4.37, kUsual,
     "Apache-2.0"},
    {"mistral-nemo-12b", "hf:bartowski/Mistral-Nemo-Instruct-2407-GGUF", "llama", 12.2, 7.48,
     kUsual, "Apache-2.0"},
    {"mistral-small-24b", "hf:bartowski/Mistral-Small-24B-Instruct-2501-GGUF", "llama", 23.6, 14.3,
     kUsual, "Apache-2.0"},
    {"mixtral-8x7b", "hf:TheBloke/Mixtral-8x7B-Instruct-v0.1-GGUF", "llama", 46.7, 26.4,
     kUsual, "Apache-2.0"},
    {"olmo-2-7b", "hf:bartowski/OLMo-2-1124-7B-Instruct-GGUF", "olmo2", 7.3, 4.47, kUsual,
     "Apache-2.0"},
    {"olmoe-1b-7b", "hf:bartowski/OLMoE-1B-7B-0924-Instruct-GGUF", "olmoe", 6.9, 4.21, kUsual,
     "Apache-2.0"},
    {"phi-3-mini", "hf:microsoft/Phi-3-mini-4k-instruct-gguf", "phi3", 3.8, 2.39, "q4", "MIT"},
    {"phi-3.5-mini", "hf:bartowski/Phi-3.5-mini-instruct-GGUF", "phi3", 3.8, 2.39, kUsual, "MIT"},
    {"phi-4", "hf:bartowski/phi-4-GGUF", "phi3", 14.7, 9.05, kUsual, "MIT"},
    {"phi-4-mini", "hf:bartowski/microsoft_Phi-4-mini-instruct-GGUF", "phi3", 3.8, 2.49, kUsual,
     "MIT"},
    {"qwen2.5-0.5b", "hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF", "qwen2", 0.49, 0.49, kQwen,
     "Apache-2.0"},
    {"qwen2.5-1.5b", "hf:Qwen/Qwen2.5-1.5B-Instruct-GGUF", "qwen2", 1.54, 1.12, kQwen,
     "Apache-2.0"},
    {"qwen2.5-14b", "hf:Qwen/Qwen2.5-14B-Instruct-GGUF", "qwen2", 14.8, 8.99, kQwen, "Apache-2.0"},
    {"qwen2.5-32b", "hf:Qwen/Qwen2.5-32B-Instruct-GGUF", "qwen2", 32.5, 19.9, kQwen, "Apache-2.0"},
    {"qwen2.5-3b", "hf:Qwen/Qwen2.5-3B-Instruct-GGUF", "qwen2", 3.1, 2.1, kQwen, "Qwen-Research"},
    {"qwen2.5-72b", "hf:Qwen/Qwen2.5-72B-Instruct-GGUF", "qwen2", 72.7, 47.4, kQwen, "Qwen"},
    {"qwen2.5-7b", "hf:Qwen/Qwen2.5-7B-Instruct-GGUF", "qwen2", 7.6, 4.68, kQwen, "Apache-2.0"},
    {"qwen2.5-coder-0.5b", "hf:Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF", "qwen2", 0.49, 0.49, kQwen,
     "Apache-2.0"},
    {"qwen2.5-coder-1.5b", "hf:Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF", "qwen2", 1.54, 1.12, kQwen,
     "Apache-2.0"},
    {"qwen2.5-coder-14b", "hf:Qwen/Qwen2.5-Coder-14B-Instruct-GGUF", "qwen2", 14.8, 8.99, kQwen,
     "Apache-2.0"},
    {"qwen2.5-coder-32b", "hf:Qwen/Qwen2.5-Coder-32B-Instruct-GGUF", "qwen2", 32.5, 19.9, kQwen,
     "Apache-2.0"},
    {"qwen2.5-coder-7b", "hf:Qwen/Qwen2.5-Coder-7B-Instruct-GGUF", "qwen2", 7.6, 4.68, kQwen,
     "Apache-2.0"},
    {"qwen3-0.6b", "hf:unsloth/Qwen3-0.6B-GGUF", "qwen3", 0.6, 0.4, kUsual, "Apache-2.0"},
    {"qwen3-1.7b", "hf:unsloth/Qwen3-1.7B-GGUF", "qwen3", 1.7, 1.11, kUsual, "Apache-2.0"},
    {"qwen3-14b", "hf:Qwen/Qwen3-14B-GGUF", "qwen3", 14.8, 9.0, "q4_k_m q5_k_m q6_k q8_0",
     "Apache-2.0"},
    {"qwen3-30b-a3b", "hf:Qwen/Qwen3-30B-A3B-GGUF", "qwen3moe", 30.5, 18.6,
     "q4_k_m q5_k_m q6_k q8_0", "Apache-2.0"},
    {"qwen3-32b", "hf:Qwen/Qwen3-32B-GGUF", "qwen3", 32.8, 19.8, "q4_k_m q5_k_m q6_k q8_0",
     "Apache-2.0"},
    {"qwen3-4b", "hf:Qwen/Qwen3-4B-GGUF", "qwen3", 4.0, 2.5, "q4_k_m q5_k_m q6_k q8_0",
     "Apache-2.0"},
    {"qwen3-8b", "hf:Qwen/Qwen3-8B-GGUF", "qwen3", 8.2, 5.03, "q4_k_m q5_k_m q6_k q8_0",
     "Apache-2.0"},
    {"qwq-32b", "hf:Qwen/QwQ-32B-GGUF", "qwen2", 32.5, 19.9, "q4_k_m q5_k_m q6_k q8_0",
     "Apache-2.0"},
    {"smollm2-1.7b", "hf:bartowski/SmolLM2-1.7B-Instruct-GGUF", "llama", 1.7, 1.06, kUsual,
     "Apache-2.0"},
    {"smollm2-135m", "hf:bartowski/SmolLM2-135M-Instruct-GGUF", "llama", 0.135, 0.105, kUsual,
     "Apache-2.0"},
    {"smollm2-360m", "hf:bartowski/SmolLM2-360M-Instruct-GGUF", "llama", 0.36, 0.27, kUsual,
     "Apache-2.0"},
    {"smollm3-3b", "hf:ggml-org/SmolLM3-3B-GGUF", "smollm3", 3.1, 1.92, "q4_k_m q8_0",
     "Apache-2.0"},
    {"starcoder2-7b", "hf:second-state/StarCoder2-7B-GGUF", "starcoder2", 7.2, 4.4, kUsual,
     "BigCode-OpenRAIL-M"},
    {"tinyllama-1.1b", "hf:TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF", "llama", 1.1, 0.67, kUsual,
     "Apache-2.0"},
    {"yi-1.5-9b", "hf:bartowski/Yi-1.5-9B-Chat-GGUF", "llama", 8.8, 5.33, kUsual, "Apache-2.0"},
};

std::string_view base_of(std::string_view name) { return name.substr(0, name.find(':')); }

}  // namespace

std::span<const CatalogueEntry> catalogue() { return kCatalogue; }

const CatalogueEntry* find_in_catalogue(std::string_view name) {
  for (const CatalogueEntry& e : kCatalogue)
    if (e.name == base_of(name)) return &e;
  return nullptr;
}

std::string catalogue_source(std::string_view name) {
  const CatalogueEntry* e = find_in_catalogue(name);
  if (!e) return {};
  const size_t colon = name.find(':');
  const std::string_view choice =
      colon == name.npos ? e->quantisations.substr(0, e->quantisations.find(' '))
                         : name.substr(colon + 1);
  return std::string(e->source) + ":" + std::string(choice);
}

}  // namespace strata::model
