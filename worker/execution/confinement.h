// What the command itself may no longer do: powers and devices.  Runs between
// fork and exec; system calls only.
#pragma once

namespace extfarm {

// Binds the harmless devices, so that they stay usable when devices are
// forbidden on every mount.  Root only.  0 or errno.
int keep_harmless_devices();
// Everything read-only and without setuid programs; for root also without
// devices (a disk's would let it write below every mount), except the bound ones.
int close_all_mounts(bool as_root);
// For good, also through exec: no power to mount, trace, load or make devices
// is left; what reading and writing others' files takes stays.  0 or errno.
int give_up_powers();

}  // namespace extfarm
