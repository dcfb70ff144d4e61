#include <hwloc.h>

#include <algorithm>
#include <map>
#include <memory>

#include "base/error.h"
#include "base/machine.h"

namespace strata {
namespace {

struct Destroy {
  void operator()(hwloc_topology_t t) const { hwloc_topology_destroy(t); }
};
using Handle = std::unique_ptr<std::remove_pointer_t<hwloc_topology_t>, Destroy>;

Handle load() {
  hwloc_topology_t raw = nullptr;
  if (hwloc_topology_init(&raw) != 0) fail(Code::internal, "hwloc cannot start");
  Handle handle(raw);
  hwloc_topology_set_io_types_filter(raw, HWLOC_TYPE_FILTER_KEEP_NONE);
  if (hwloc_topology_load(raw) != 0) fail(Code::internal, "hwloc cannot read the topology");
  return handle;
}

// Dense number of a key, in order of first use.
int number(std::map<unsigned, int>& seen, unsigned key) {
  return seen.emplace(key, static_cast<int>(seen.size())).first->second;
}

size_t cache_bytes(hwloc_topology_t t, hwloc_obj_type_t type) {
  const hwloc_obj_t cache = hwloc_get_obj_by_type(t, type, 0);
  return cache ? cache->attr->cache.size : 0;
}

}  // namespace

Topology hwloc_machine() {
  const Handle handle = load();
  hwloc_topology_t t = handle.get();
  Topology machine;
  std::map<unsigned, int> cores, nodes;
  for (const int id : allowed_cpus()) {
    const hwloc_obj_t pu = hwloc_get_pu_obj_by_os_index(t, static_cast<unsigned>(id));
    if (!pu) continue;
    const hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(t, HWLOC_OBJ_CORE, pu);
    const int node = pu->nodeset ? std::max(hwloc_bitmap_first(pu->nodeset), 0) : 0;
    machine.cpus.push_back({.id = id,
                            .core = number(cores, core ? core->logical_index : pu->logical_index),
                            .node = number(nodes, static_cast<unsigned>(node))});
  }
  machine.n_node = std::max<int>(1, static_cast<int>(nodes.size()));
  machine.node_ids.resize(nodes.size());
  for (const auto& [id, dense] : nodes)
    machine.node_ids[static_cast<size_t>(dense)] = static_cast<int>(id);
  machine.l1d_bytes = cache_bytes(t, HWLOC_OBJ_L1CACHE);
  machine.l2_bytes = cache_bytes(t, HWLOC_OBJ_L2CACHE);
  machine.l3_bytes = cache_bytes(t, HWLOC_OBJ_L3CACHE);
  for (int i = 0; i < hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_L3CACHE); ++i)
    machine.l3_total_bytes += hwloc_get_obj_by_type(t, HWLOC_OBJ_L3CACHE, i)->attr->cache.size;
  if (const hwloc_obj_t package = hwloc_get_obj_by_type(t, HWLOC_OBJ_PACKAGE, 0))
    if (const char* model = hwloc_obj_get_info_by_name(package, "CPUModel")) machine.model = model;
  return machine;
}

}  // namespace strata
