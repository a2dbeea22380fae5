#include "worker/execution/system_calls.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace extfarm {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kProcessor = AUDIT_ARCH_X86_64;
constexpr std::uint32_t kFirstForeignCall = 0x40000000;  // x32: the same calls by other numbers
#elif defined(__aarch64__)
constexpr std::uint32_t kProcessor = AUDIT_ARCH_AARCH64;
constexpr std::uint32_t kFirstForeignCall = 0xffffffff;
#else
constexpr std::uint32_t kProcessor = 0;
constexpr std::uint32_t kFirstForeignCall = 0;
#endif

constexpr std::uint32_t kForbidden[] = {
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_setns, SYS_unshare, SYS_open_tree, SYS_move_mount, SYS_fsopen,
    SYS_fsconfig, SYS_fsmount, SYS_fspick, 442 /* mount_setattr */, SYS_open_by_handle_at, SYS_quotactl, SYS_acct,
    SYS_process_vm_readv, SYS_process_vm_writev, SYS_pidfd_getfd, SYS_keyctl, SYS_add_key, SYS_request_key, SYS_bpf,
    SYS_perf_event_open, SYS_userfaultfd, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register, SYS_kexec_load,
    SYS_kexec_file_load, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_swapon, SYS_swapoff, SYS_reboot,
    SYS_syslog, SYS_settimeofday, SYS_clock_settime, SYS_adjtimex, SYS_clock_adjtime, SYS_sethostname, SYS_setdomainname,
    SYS_fanotify_init, SYS_vhangup, SYS_socket};

constexpr std::uint32_t kNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                                      CLONE_NEWPID | CLONE_NEWNET;

constexpr std::uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr std::uint32_t kRefuse = SECCOMP_RET_ERRNO | EPERM;
constexpr std::uint32_t kUnknown = SECCOMP_RET_ERRNO | ENOSYS;

// A program for the kernel's packet filter, on what it knows of a call.
class Filter {
 public:
  explicit Filter(TraceRule trace) {
    load(offsetof(seccomp_data, arch));
    unless_equal(kProcessor, kUnknown);  // a 32-bit program's calls have other numbers
    load(offsetof(seccomp_data, nr));
    add(BPF_JMP | BPF_JGE | BPF_K, kFirstForeignCall, 0, 1);
    end(kUnknown);
    for (const auto call : kForbidden) if_equal(call, kRefuse);
    if (trace == TraceRule::kForbidden) if_equal(SYS_ptrace, kRefuse);
    if_equal(SYS_clone3, kUnknown);  // its flags lie in memory; the C library then takes clone
    // Each of these jumps over its own lines when the call is another.
    add(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4);
    load_argument(0);
    add(BPF_JMP | BPF_JSET | BPF_K, kNamespaces, 0, 1);
    end(kRefuse);
    end(kAllow);
    add(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 6);
    load_argument(1);
    if_equal(TIOCSTI, kRefuse);
    if_equal(TIOCLINUX, kRefuse);
    end(kAllow);
    // A pair is connected for good, but for datagrams, which may go to anybody.
    add(BPF_JMP | BPF_JEQ | BPF_K, SYS_socketpair, 0, 6);
    load_argument(1);
    add(BPF_ALU | BPF_AND | BPF_K, 0xf, 0, 0);
    if_equal(SOCK_STREAM, kAllow);
    unless_equal(SOCK_SEQPACKET, kRefuse);
    end(kAllow);
  }
  sock_fprog program() { return {static_cast<unsigned short>(count_), lines_.data()}; }

 private:
  void add(unsigned code, std::uint32_t value, std::uint8_t if_true, std::uint8_t if_false) {
    lines_[count_++] = {static_cast<std::uint16_t>(code), if_true, if_false, value};
  }
  void load(std::size_t offset) { add(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset), 0, 0); }
  // The lower half: flags, kinds and requests are no longer.
  void load_argument(std::size_t i) { load(offsetof(seccomp_data, args) + i * sizeof(std::uint64_t)); }
  void end(std::uint32_t verdict) { add(BPF_RET | BPF_K, verdict, 0, 0); }
  void if_equal(std::uint32_t value, std::uint32_t verdict) {
    add(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
    end(verdict);
  }
  void unless_equal(std::uint32_t value, std::uint32_t verdict) {
    add(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0);
    end(verdict);
  }
  std::array<sock_filter, 160> lines_{};
  std::size_t count_ = 0;
};

}  // namespace

int forbid_system_calls(TraceRule trace) {
  if (kProcessor == 0) return 0;
  Filter filter(trace);
  auto program = filter.program();
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0) return 0;
  return can_forbid_system_calls() ? errno : 0;
}

bool can_forbid_system_calls() {
  const std::uint32_t wanted = SECCOMP_RET_ERRNO;
  return kProcessor != 0 && ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &wanted) == 0;
}

}  // namespace extfarm
