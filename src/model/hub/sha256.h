// SHA-256 of a stream of bytes.
#pragma once
#include <memory>
#include <string>
#include <string_view>

namespace strata::model {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void add(std::string_view bytes);
  /// Lower-case hexadecimal. Once.
  std::string finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace strata::model
