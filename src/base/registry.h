// Registry: named, self-registering entries, so that adding one is adding one file.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace strata {

/// T has a member `name` convertible to std::string_view. Filled before main(), read-only after.
template <class T>
class Registry {
 public:
  explicit Registry(T entry) : entry_(std::move(entry)), next_(head()) {
    if (find(entry_.name)) {
      std::fprintf(stderr, "strata: '%s' is registered twice\n", std::string(entry_.name).c_str());
      std::abort();
    }
    head() = this;
  }
  static const T* find(std::string_view name) {
    for (const Registry* r = head(); r; r = r->next_)
      if (std::string_view(r->entry_.name) == name) return &r->entry_;
    return nullptr;
  }
  template <class F>
  static void each(F&& f) {
    for (const Registry* r = head(); r; r = r->next_) f(r->entry_);
  }
  static int count() {
    int n = 0;
    each([&](const T&) { ++n; });
    return n;
  }

 private:
  static const Registry*& head() {
    static const Registry* first = nullptr;
    return first;
  }
  T entry_;
  const Registry* next_;
};

}  // namespace strata
