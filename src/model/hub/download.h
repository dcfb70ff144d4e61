// One file over HTTP: resumed where it was cut, verified, under its name only when complete.
#pragma once
#include <cstdint>
#include <functional>
#include <string>

#include "net/server.h"

namespace strata::model {

/// Bytes of a file that are here, of `total` (-1: unknown). Called from the fetching thread.
using OnProgress = std::function<void(const std::string& file, int64_t bytes, int64_t total)>;

struct Download {
  std::string url;
  std::string path;             // what it becomes; PATH.part until then
  int64_t bytes = -1;           // expected; -1: as the server says
  std::string sha256 = {};      // expected; empty: unknown
  net::Headers headers = {};
  OnProgress on_progress = {};
  double timeout_s = 60;        // without any byte arriving
  double backoff_s = 1;         // before the first repetition; doubles
};

/// Goes on with PATH.part if it is a part of the same remote file, and repeats a transfer that
/// broke until several attempts in a row bring nothing.
/// Errors: not_found, permission_denied; unavailable (also: another process fetches the file);
/// resource_exhausted (disk), before anything is fetched where the size is known; data_loss (size
/// or checksum wrong: the part is removed).
void download(const Download& d);

/// Errors: resource_exhausted with both numbers when `bytes` would not fit beside `folder`'s files.
void need_disk_space(const std::string& folder, int64_t bytes);

}  // namespace strata::model
