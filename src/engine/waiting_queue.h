// Who is admitted next: by priority, then fairly between tenants (API keys), then by due time.
#pragma once
#include <map>
#include <set>

#include "engine/sequence.h"

namespace strata::engine {

/// How much service each tenant has had, in tokens computed. A tenant that comes back from idleness
/// starts level with the least served of those active: idleness earns no credit.
/// Source: Sheng et al., "Fairness in Serving Large Language Models", arXiv:2401.00588, section 4
/// (virtual token counter): a deficit round robin whose costs need not be known beforehand.
class TenantService {
 public:
  void enter(uint32_t tenant);                  // one more of its sequences waits or runs
  void leave(uint32_t tenant);
  void charge(uint32_t tenant, int tokens) { tenants_[tenant].served += tokens; }
  double served(uint32_t tenant) const;

 private:
  struct Tenant {
    double served = 0;
    int active = 0;
  };
  std::map<uint32_t, Tenant> tenants_;          // as many as there are API keys
};

class WaitingQueue {
 public:
  void insert(Sequence& sequence);
  void erase(Sequence& sequence);
  /// The next one; null if none waits.
  Sequence* front(const TenantService& service) const;
  int size() const { return n_; }
  bool empty() const { return n_ == 0; }

 private:
  struct Before {
    bool operator()(const Sequence* a, const Sequence* b) const { return before(*a, *b); }
  };
  using Line = std::set<Sequence*, Before>;
  std::map<int, std::map<uint32_t, Line>> lines_;   // by priority and tenant; none is empty
  int n_ = 0;
};

}  // namespace strata::engine
