// C ABI of the Rust library beside this header (src/lib.rs has the contract).
#pragma once
#include <cstddef>
#include <cstdint>

extern "C" {

struct RustString {
  uint8_t* data;
  size_t size;
};
void strata_string_free(RustString text);

struct RustTemplate;
RustTemplate* strata_template_new(const uint8_t* source, size_t size, RustString* error);
void strata_template_free(RustTemplate* chat_template);
bool strata_template_render(const RustTemplate* chat_template, const uint8_t* context,
                            size_t context_size, const uint8_t* now, size_t now_size,
                            RustString* out);
}
