#include "model/tokenizer/normalizer.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>

#include "base/check.h"
#include "model/tokenizer/utf8.h"

namespace strata::model::tokenizer {
namespace {

// A Normalizer of one function.
template <class F>
class Simple : public Normalizer {
 public:
  explicit Simple(F f) : f_(std::move(f)) {}
  std::string apply(std::string_view text) const override { return f_(text); }

 private:
  F f_;
};
template <class F>
NormalizerPtr simple(F f) {
  return std::make_unique<Simple<F>>(std::move(f));
}

// Every character goes through f(out, c).
template <class F>
std::string map_characters(std::string_view text, F&& f) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (size_t at = 0; at < text.size();) f(out, next_code_point(text, at));
  return out;
}

UChar32 u(char32_t c) { return static_cast<UChar32>(c); }

void append_lower(std::string& out, char32_t c) {
  if (c < 0x80) out.push_back(static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c));
  else if (c == 0x130) out += "i\xCC\x87";   // the one character whose lower case is two
  else append_utf8(out, static_cast<char32_t>(u_tolower(u(c))));
}

const icu::Normalizer2& form_of(UnicodeForm form) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* n = nullptr;
  switch (form) {
    case UnicodeForm::nfc: n = icu::Normalizer2::getNFCInstance(error); break;
    case UnicodeForm::nfd: n = icu::Normalizer2::getNFDInstance(error); break;
    case UnicodeForm::nfkc: n = icu::Normalizer2::getNFKCInstance(error); break;
    case UnicodeForm::nfkd: n = icu::Normalizer2::getNFKDInstance(error); break;
  }
  STRATA_CHECK(U_SUCCESS(error) && n);
  return *n;
}

// ICU sorts a run of combining marks by insertion, in quadratic time. A long run is decomposed and
// sorted here first, which changes nothing of the result (canonical equivalence).
std::string sort_long_mark_runs(std::string_view text) {
  constexpr size_t long_run = 32;
  const icu::Normalizer2& nfd = form_of(UnicodeForm::nfd);
  std::string out;
  std::vector<std::pair<uint8_t, char32_t>> run;
  size_t run_begin = 0;
  const auto flush = [&](size_t end) {
    if (run.size() <= long_run) {
      out += text.substr(run_begin, end - run_begin);
    } else {
      std::ranges::stable_sort(run, {}, &std::pair<uint8_t, char32_t>::first);
      for (const auto& [order, c] : run) append_utf8(out, c);
    }
    run.clear();
  };
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t c = next_code_point(text, at);
    const uint8_t order = c < 0x300 ? 0 : nfd.getCombiningClass(u(c));
    if (order == 0) {
      if (!run.empty()) flush(begin);
      out += text.substr(begin, at - begin);
      continue;
    }
    if (run.empty()) run_begin = begin;
    icu::UnicodeString parts;
    if (!nfd.getDecomposition(u(c), parts)) {
      run.emplace_back(order, c);
      continue;
    }
    for (int32_t i = 0; i < parts.length(); i = parts.moveIndex32(i, 1))
      run.emplace_back(nfd.getCombiningClass(parts.char32At(i)),
                       static_cast<char32_t>(parts.char32At(i)));
  }
  if (!run.empty()) flush(text.size());
  return out;
}

bool ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<uint8_t>(c) < 0x80; });
}

std::string to_form(const icu::Normalizer2& n, std::string_view text) {
  if (ascii(text)) return std::string(text);
  const std::string sorted = sort_long_mark_runs(text);
  std::string out;
  // ICU counts in int32_t: larger texts go through in pieces, cut at ASCII where there is any.
  constexpr size_t at_most = size_t{1} << 28;
  for (size_t at = 0; at < sorted.size();) {
    size_t end = std::min(sorted.size(), at + at_most);
    while (end < sorted.size() && (static_cast<uint8_t>(sorted[end]) & 0xC0) == 0x80) --end;
    std::string part;
    icu::StringByteSink<std::string> sink(&part);
    UErrorCode error = U_ZERO_ERROR;
    n.normalizeUTF8(0, {sorted.data() + at, static_cast<int32_t>(end - at)}, sink, nullptr, error);
    out += U_SUCCESS(error) ? std::string_view(part)
                            : std::string_view(sorted).substr(at, end - at);
    at = end;
  }
  return out;
}

bool cjk(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

// BERT's cleaning: 0 drops the character.
char32_t clean(char32_t c) {
  if (c == '\t' || c == '\n' || c == '\r') return ' ';
  if (c == 0 || c == 0xFFFD) return 0;
  if (U_GET_GC_MASK(u(c)) & (U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK)) return 0;
  return u_isUWhiteSpace(u(c)) ? U' ' : c;
}

std::string bert(std::string_view text, const BertOptions& options) {
  std::string out = map_characters(text, [&](std::string& o, char32_t c) {
    if (options.clean_text && (c = clean(c)) == 0) return;
    const bool spaced = options.space_around_cjk && cjk(c);
    if (spaced) o.push_back(' ');
    append_utf8(o, c);
    if (spaced) o.push_back(' ');
  });
  if (options.strip_accents && !ascii(out))
    out = map_characters(to_form(form_of(UnicodeForm::nfd), out), [](std::string& o, char32_t c) {
      if (c < 0x300 || u_charType(u(c)) != U_NON_SPACING_MARK) append_utf8(o, c);
    });
  if (options.lowercase) out = map_characters(out, append_lower);
  return out;
}

}  // namespace

NormalizerPtr unicode_normalizer(UnicodeForm form) {
  return simple([n = &form_of(form)](std::string_view text) { return to_form(*n, text); });
}

NormalizerPtr lowercase_normalizer() {
  return simple([](std::string_view text) { return map_characters(text, append_lower); });
}

NormalizerPtr strip_accents_normalizer() {
  return simple([](std::string_view text) {
    return map_characters(text, [](std::string& out, char32_t c) {
      if (!(U_GET_GC_MASK(u(c)) & U_GC_M_MASK)) append_utf8(out, c);
    });
  });
}

NormalizerPtr strip_normalizer(bool left, bool right) {
  return simple([=](std::string_view text) {
    size_t begin = text.size(), end = 0;   // of what is not white space
    for (size_t at = 0; at < text.size();) {
      const size_t from = at;
      if (u_isUWhiteSpace(u(next_code_point(text, at)))) continue;
      begin = std::min(begin, from);
      end = at;
    }
    if (end == 0 && (left || right)) return std::string();
    const size_t from = left ? begin : 0;
    return std::string(text.substr(from, (right ? end : text.size()) - from));
  });
}

NormalizerPtr prepend_normalizer(std::string prefix) {
  return simple([prefix = std::move(prefix)](std::string_view text) {
    return text.empty() ? std::string() : prefix + std::string(text);
  });
}

NormalizerPtr append_normalizer(std::string suffix) {
  return simple([suffix = std::move(suffix)](std::string_view text) {
    return text.empty() ? std::string() : std::string(text) + suffix;
  });
}

NormalizerPtr replace_normalizer(std::string from, std::string to) {
  if (from.empty()) return sequence_normalizer({});
  return simple([from = std::move(from), to = std::move(to)](std::string_view text) {
    return replace_all(text, from, to);
  });
}

NormalizerPtr replace_normalizer(Regex from, std::string to) {
  return simple([from = std::move(from), to = std::move(to)](std::string_view text) {
    std::string out;
    size_t done = 0;
    from.each(text, [&](size_t begin, size_t end) {
      out += text.substr(done, begin - done);
      out += to;
      done = end;
    });
    out += text.substr(done);
    return out;
  });
}

NormalizerPtr nmt_normalizer() {
  return simple([](std::string_view text) {
    return map_characters(text, [](std::string& out, char32_t c) {
      const bool dropped = (c >= 1 && c <= 8) || c == 0xB || (c >= 0xE && c <= 0x1F) ||
                           c == 0x7F || c == 0x8F || c == 0x9F;
      const bool space = c == 9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 ||
                         (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 ||
                         c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
      if (!dropped) append_utf8(out, space ? U' ' : c);
    });
  });
}

NormalizerPtr single_space_normalizer() {
  return simple([](std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (const char c : text)
      if (c != ' ' || (!out.empty() && out.back() != ' ')) out.push_back(c);
    if (out.ends_with(' ')) out.pop_back();
    return out;
  });
}

NormalizerPtr sequence_normalizer(std::vector<NormalizerPtr> steps) {
  return simple([steps = std::move(steps)](std::string_view text) {
    std::string out(text);
    for (const NormalizerPtr& step : steps) out = step->apply(out);
    return out;
  });
}

NormalizerPtr bert_normalizer(const BertOptions& options) {
  return simple([options](std::string_view text) { return bert(text, options); });
}

}  // namespace strata::model::tokenizer
