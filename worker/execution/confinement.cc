#include "worker/execution/confinement.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace extfarm {
namespace {

constexpr const char* kHarmlessDevices[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"};

constexpr int kKeptPowers[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID};

bool is_kept(int power) {
  for (const int kept : kKeptPowers) {
    if (power == kept) return true;
  }
  return false;
}

}  // namespace

int keep_harmless_devices() {
  for (const char* device : kHarmlessDevices) {
    if (::mount(device, device, nullptr, MS_BIND, nullptr) != 0 && errno != ENOENT) return errno;
  }
  return 0;
}

int close_all_mounts(bool as_root) {
  mount_attr closed{};
  closed.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | (as_root ? MOUNT_ATTR_NODEV : 0);
  if (::syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &closed, sizeof closed) != 0) return errno;
  if (!as_root) return 0;
  mount_attr devices{};
  devices.attr_clr = MOUNT_ATTR_NODEV;
  for (const char* device : kHarmlessDevices) {
    if (::syscall(SYS_mount_setattr, AT_FDCWD, device, 0, &devices, sizeof devices) != 0 && errno != ENOENT)
      return errno;
  }
  return 0;
}

int give_up_powers() {
  for (int power = 0; power <= 63; ++power) {
    if (is_kept(power)) continue;
    // EINVAL: this kernel knows no such power.  EPERM: it was not ours to begin with.
    if (::prctl(PR_CAPBSET_DROP, power, 0, 0, 0) != 0 && errno != EINVAL && errno != EPERM) return errno;
  }
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct powers[2]{};
  if (::syscall(SYS_capget, &header, powers) != 0) return errno;
  powers[0].inheritable = powers[1].inheritable = 0;
  if (::syscall(SYS_capset, &header, powers) != 0) return errno;
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : errno;
}

}  // namespace extfarm
