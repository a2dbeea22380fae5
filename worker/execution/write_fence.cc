#include "worker/execution/write_fence.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace extfarm {
namespace {

// As of Linux 6.12; older headers have only the first field.
struct Ruleset {
  std::uint64_t files = 0, network = 0, scopes = 0;
};
constexpr std::uint64_t kRefer = 1ull << 13, kTruncate = 1ull << 14;         // versions 2 and 3
constexpr std::uint64_t kAbstractSockets = 1ull << 0, kSignals = 1ull << 1;  // version 6

constexpr std::uint64_t kWrites =
    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

long version() { return ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION); }

int allow(int ruleset, const char* path, std::uint64_t accesses) {
  const int place = ::open(path, O_PATH | O_CLOEXEC);
  if (place < 0) return errno;
  landlock_path_beneath_attr rule{};
  rule.allowed_access = accesses;
  rule.parent_fd = place;
  const bool ok = ::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
  const int error = ok ? 0 : errno;
  ::close(place);
  return error;
}

}  // namespace

int fence_writes(const std::string& folder) {
  const long newest = version();
  if (newest < 1) return 0;
  Ruleset rules;
  rules.files = kWrites | (newest >= 2 ? kRefer : 0) | (newest >= 3 ? kTruncate : 0);
  if (newest >= 6) rules.scopes = kAbstractSockets | kSignals;
  const std::size_t size = newest >= 6 ? sizeof rules : sizeof rules.files;
  const int ruleset = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &rules, size, 0));
  if (ruleset < 0) return errno;
  int error = allow(ruleset, folder.c_str(), rules.files);
  for (const char* device : {"/dev/null", "/dev/zero", "/dev/full"}) {
    if (error != 0) break;
    error = allow(ruleset, device, rules.files & (LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate));
    if (error == ENOENT) error = 0;
  }
  if (error == 0 && ::syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) error = errno;
  ::close(ruleset);
  return error;
}

bool can_fence_writes() { return version() >= 1; }

}  // namespace extfarm
