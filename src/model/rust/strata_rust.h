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

struct RustVocabulary;
using RustTokenize = size_t (*)(const void* tokenizer, const uint8_t* text, size_t size,
                                uint32_t* tokens, size_t capacity);
RustVocabulary* strata_vocabulary_new(const uint8_t* bytes, const uint32_t* ends, size_t n_token,
                                      const uint32_t* stop, size_t n_stop, RustTokenize tokenize,
                                      const void* tokenizer, RustString* error);
void strata_vocabulary_free(RustVocabulary* vocabulary);

struct RustMatcher;
RustMatcher* strata_matcher_new(const RustVocabulary* vocabulary, const uint8_t* kind,
                                size_t kind_size, const uint8_t* source, size_t size,
                                RustString* error);
RustMatcher* strata_matcher_clone(const RustMatcher* matcher);
void strata_matcher_free(RustMatcher* matcher);
bool strata_matcher_mask(RustMatcher* matcher, uint32_t* out, size_t n_word);
bool strata_matcher_accept(RustMatcher* matcher, uint32_t token);
size_t strata_matcher_forced(RustMatcher* matcher, uint32_t* out, size_t capacity);
bool strata_matcher_stopped(const RustMatcher* matcher);
bool strata_matcher_accepting(RustMatcher* matcher);
RustString strata_matcher_error(const RustMatcher* matcher);
}
