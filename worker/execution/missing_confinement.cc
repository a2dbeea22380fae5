#include "worker/execution/missing_confinement.h"

#include <unistd.h>

#include "worker/execution/limits.h"
#include "worker/execution/system_calls.h"
#include "worker/execution/write_fence.h"

namespace extfarm {

std::string missing_confinement(bool has_private_views) {
  std::string out;
  const auto miss = [&](const char* what) { out += (out.empty() ? "" : ", ") + std::string(what); };
  if (!can_forbid_system_calls()) miss("system call filters");
  if (!has_private_views && !can_fence_writes()) miss("Landlock");
  if (!has_private_views) miss("private views");
  if (has_private_views && (::geteuid() == 0 || !kernel_counts_by_namespace())) miss("a limit on processes");
  return out;
}

}  // namespace extfarm
