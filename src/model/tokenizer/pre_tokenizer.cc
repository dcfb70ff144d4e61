#include "model/tokenizer/pre_tokenizer.h"

namespace strata::model::tokenizer {
namespace {

// The patterns are those of the publishers' tokenizer.json or tiktoken files.
#define CONTRACTIONS R"((?i:'s|'t|'re|'ve|'m|'ll|'d))"
#define UPPER R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])"
#define LOWER R"([\p{Ll}\p{Lm}\p{Lo}\p{M}])"
// Words that break where lower case turns into upper case.
#define CASED_WORDS(suffix)                                      \
  R"([^\r\n\p{L}\p{N}]?)" UPPER "*" LOWER "+" suffix             \
  R"(|[^\r\n\p{L}\p{N}]?)" UPPER "+" LOWER "*" suffix
#define TAIL R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"
#define SLASH_TAIL R"(| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"
#define GPT4(digits) CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?\p{L}+|)" digits TAIL
#define GPT2 R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"
#define DEEPSEEK_WORDS                                                                    \
  R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+)"
#define DEEPSEEK_CJK "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"
// Runs of digits in threes from the right: published as (?=(\d{3})+(?!\d)), here in linear time.
#define DIGIT_TRIPLES R"((?<=\d)\G\d{3}|(?<!\d)\d{1,3}(?=(?:\d{3})*+(?!\d)))"
#define ASCII_PUNCTUATION R"([\p{P}\$\+<=>\^~\|`]+)"

constexpr std::string_view deepseek_llm_letters =
    R"(\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-)"
    R"(ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉ)"
    R"(ⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+)";

constexpr std::string_view kimi_words =
    R"([\p{Han}]+)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*)"
    R"([\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+)" CONTRACTIONS "?"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+)"
    R"([\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*)" CONTRACTIONS R"(?|\p{N}{1,3})" TAIL;

constexpr std::string_view jais2_words =
    CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+)"
    R"(|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S))"
    R"(|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1})";

constexpr std::string_view exaone_moe_words =
    CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*+(?: \p{L}\p{M}*+)*+)++|\p{N})"
    R"(| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+)";

constexpr std::string_view youtu_scripts =
    "[\uac00-\ud7a3\u3131-\u318e]+|[\uff01\u2026\u201c\u201d\u2018\u2019\u2014\uff1a\uff1b\uff0c"
    "\u3001-\u303f\ufe30-\ufe4f]+|[\u3105-\u312f]+|[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+";

constexpr std::string_view afmoe_scripts =
    "[\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff\u3040-\u309f\u30a0-\u30ff\uff65-\uff9f\u2f00-\u2fdf"
    "\u0e00-\u0e7f\u0e80-\u0eff\u1780-\u17ff\u1000-\u109f\uaa60-\uaa7f\ua9e0-\ua9ff\uac00-\ud7af"
    "\u1100-\u11ff]+";

const PreTokenizer table[] = {
    {"default", {ASCII_PUNCTUATION, GPT2, R"(\p{N}+)", "[0-9][0-9][0-9]"}},
    {"llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
     {GPT4(R"(\p{N}{1,3})")}, ignore_merges | add_bos},
    {"dbrx smaug-bpe chatglm-bpe", {GPT4(R"(\p{N}{1,3})")}},
    {"glm4 glm5", {GPT4(R"(\p{N}{1,3})")}, ignore_merges},
    {"qwen2 deepseek-r1-qwen kormo f2llmv2 megrez stablelm2 hunyuan solar-open grok-2",
     {GPT4(R"(\p{N})")}},
    {"qwen35",
     {CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*)"
                   R"(|\s*[\r\n]+|\s+(?!\S)|\s+)"}},
    {"gpt-2 phi-2 jina-es jina-de gigachat jina-v2-es jina-v2-de a.x-4.0 mellum modern-bert mpt "
     "olmo jais trillion granite-docling exaone4",
     {GPT2}},
    {"jina-v1-en jina-v2-code roberta-bpe", {GPT2}, add_sep},
    {"starcoder refact command-r smollm codeshell exaone minerva-7b mellum2", {R"(\p{N})", GPT2}},
    {"falcon", {ASCII_PUNCTUATION, GPT2, "[0-9][0-9][0-9]"}},
    {"deepseek-llm",
     {"[\r\n]", deepseek_llm_letters,
      "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+", R"(\s+$)",
      "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+", R"(\p{N}+)"}},
    {"deepseek-coder",
     {"[\r\n]", R"(\s?\p{L}+)", R"(\s?\p{P}+)", "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+",
      R"(\p{N})"}},
    {"deepseek-v3 hunyuan-dense joyai-llm hy_v4",
     {R"(\p{N}{1,3})", DEEPSEEK_CJK,
      DEEPSEEK_WORDS R"(| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"}},
    {"spark2_5",
     {R"(\p{N}{1,3})", DEEPSEEK_CJK,
      DEEPSEEK_WORDS R"(| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+)", R"(\p{N})"}},
    {"afmoe",
     {DIGIT_TRIPLES, afmoe_scripts,
      DEEPSEEK_WORDS R"(| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"}},
    {"youtu", {youtu_scripts, CASED_WORDS(CONTRACTIONS "?") R"(|\p{N})" SLASH_TAIL},
     ignore_merges},
    {"bloom gpt3-finnish poro-chat",
     {" ?[^(\\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+"}},
    {"viking", {" ?[^(\\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+", R"(\p{N})"}},
    {"tekken", {CASED_WORDS("") R"(|\p{N})" SLASH_TAIL}, ignore_merges | add_bos},
    {"gpt-4o llama4 kanana2 talkie minimax-m2",
     {CASED_WORDS(CONTRACTIONS "?") R"(|\p{N}{1,3})" SLASH_TAIL}},
    {"granite-embed-multi-97m", {CASED_WORDS(CONTRACTIONS "?") R"(|\p{N}{1,3})" SLASH_TAIL},
     ignore_merges},
    {"tiny_aya cohere2moe",
     {R"(\d{1,3}(?=(?:\d{3})*\b))", CASED_WORDS(CONTRACTIONS "?") R"(|\p{N}{1,3})" SLASH_TAIL}},
    {"chameleon",
     {"<sentinel:[0-9]+>", "IMGIMG[A-I]{1,4}Z", "[\t\n]|    |  ", R"(\p{N})",
      R"([\p{P}!-/:-@\[-`{-~])", GPT2},
     add_bos},
    {"superbpe", {R"(\p{N}+)", DIGIT_TRIPLES}},
    {"bailingmoe bailingmoe2 llada-moe",
     {R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
      R"(|\s*[\r\n]|\s+(?!\S)|\s+)"}},
    {"seed-coder",
     {CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+)"
                   R"(|\s+(?!\S)|\s+)"}},
    {"kimi-k2", {kimi_words}},
    {"jais-2", {jais2_words}},
    {"exaone-moe", {exaone_moe_words}},
    {"ufakzeka", {R"([^\r\n\p{L}\p{N}]?\p{L}+|\p{N})" TAIL}},
    {"laguna", {R"([^\n]+|[\n]+)", GPT4(R"(\p{N})")}},
    {"minicpm5", {R"(\p{N}{1,3})", GPT4(R"(\p{N}+)")}, ignore_merges},
    {"gemma4", {R"([^\n]+|[\n]+)"}, add_bos | characters},
    {"granite-embed-multi-311m sarvam-moe", {R"([^\n]+|[\n]+)"}, characters},
};

// Calls f(name) for every name of a row until it returns true.
template <class F>
bool any_name(std::string_view names, F&& f) {
  while (!names.empty()) {
    const size_t space = std::min(names.find(' '), names.size());
    if (f(names.substr(0, space))) return true;
    names.remove_prefix(std::min(space + 1, names.size()));
  }
  return false;
}

}  // namespace

const std::string_view gpt2_pattern = GPT2;

const PreTokenizer* find_pre_tokenizer(std::string_view name) {
  for (const PreTokenizer& row : table)
    if (any_name(row.names, [&](std::string_view n) { return n == name; })) return &row;
  return nullptr;
}

std::vector<std::string_view> pre_tokenizer_names() {
  std::vector<std::string_view> all;
  for (const PreTokenizer& row : table)
    any_name(row.names, [&](std::string_view n) { return all.push_back(n), false; });
  return all;
}

Stages PreTokenizer::stages() const {
  Stages out;
  for (const std::string_view pattern : patterns)
    if (!pattern.empty()) out.push_back(split_stage(Regex(pattern), SplitBehaviour::isolated));
  return out;
}

}  // namespace strata::model::tokenizer
