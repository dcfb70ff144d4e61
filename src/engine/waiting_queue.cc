#include "engine/waiting_queue.h"

#include <algorithm>
#include <limits>

#include "base/check.h"

namespace strata::engine {

void TenantService::enter(uint32_t tenant) {
  Tenant& t = tenants_[tenant];
  if (t.active++ > 0) return;
  double least = std::numeric_limits<double>::infinity();
  for (const auto& [id, other] : tenants_)
    if (id != tenant && other.active > 0) least = std::min(least, other.served);
  if (least < std::numeric_limits<double>::infinity()) t.served = std::max(t.served, least);
}

void TenantService::leave(uint32_t tenant) {
  Tenant& t = tenants_[tenant];
  STRATA_CHECK(t.active > 0);
  --t.active;
}

double TenantService::served(uint32_t tenant) const {
  auto found = tenants_.find(tenant);
  return found == tenants_.end() ? 0 : found->second.served;
}

void WaitingQueue::insert(Sequence& s) {
  STRATA_CHECK(lines_[s.priority][s.tenant].insert(&s).second);
  ++n_;
}

void WaitingQueue::erase(Sequence& s) {
  auto lines = lines_.find(s.priority);
  STRATA_CHECK(lines != lines_.end());
  auto line = lines->second.find(s.tenant);
  STRATA_CHECK(line != lines->second.end() && line->second.erase(&s) == 1);
  if (line->second.empty()) lines->second.erase(line);
  if (lines->second.empty()) lines_.erase(lines);
  --n_;
}

Sequence* WaitingQueue::front(const TenantService& service) const {
  if (lines_.empty()) return nullptr;
  Sequence* best = nullptr;
  double least = 0;
  for (const auto& [tenant, line] : lines_.begin()->second) {
    Sequence* head = *line.begin();
    const double served = service.served(tenant);
    if (best && (served > least || (served == least && before(*best, *head)))) continue;
    best = head;
    least = served;
  }
  return best;
}

}  // namespace strata::engine
