#include "dialect/form.h"

#include <algorithm>

namespace strata::dialect {

const Form* find_form(std::string_view name) {
  const Form* found = nullptr;
  Registry<Form>::each([&](const Form& form) {
    const bool alias =
        std::find(form.aliases.begin(), form.aliases.end(), name) != form.aliases.end();
    if (form.name == name || alias) found = &form;
  });
  return found;
}

const Form* detect_form(std::string_view chat_template) {
  const Form* best = nullptr;
  size_t most = 0;  // bytes of signs: what says more is the more particular form
  Registry<Form>::each([&](const Form& form) {
    size_t bytes = 0;
    for (const std::string_view sign : form.signs) {
      if (chat_template.find(sign) == chat_template.npos) return;
      bytes += sign.size();
    }
    if (bytes > most || (bytes == most && best && bytes > 0 && form.name < best->name)) {
      most = bytes;
      best = &form;
    }
  });
  return best;
}

Strings form_names() {
  Strings names;
  Registry<Form>::each([&](const Form& form) {
    names.push_back(form.name);
    names.insert(names.end(), form.aliases.begin(), form.aliases.end());
  });
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace strata::dialect
