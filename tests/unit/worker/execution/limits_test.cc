// What one command cannot take, and which system calls it cannot make: each
// tried from within.
#include "worker/execution/limits.h"

#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "attempt_fixture.h"
#include "common/process/process_runner.h"
#include "worker/execution/direct_mode.h"
#include "worker/execution/system_calls.h"
#include "worker/execution/write_fence.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;

class OneCommand : public AttemptFixture {
 protected:
  Outcome python(const std::string& text) {
    write("attack.py", text);
    return run(command(ActionKind::kOther, {"python3", "attack.py"}));
  }
};

TEST_F(OneCommand, CannotTakeMoreMemoryThanTheMachineHas) {
  limits_.memory_bytes = 512ull << 20;
  restart(false);
  const auto outcome = python("try:\n  x = bytearray(1 << 30)\n  print('taken')\nexcept MemoryError: print('refused')");
  EXPECT_EQ(outcome.stdout_bytes, "refused\n") << outcome.stderr_bytes;
  EXPECT_EQ(run(compile({"gcc", "-c", "a.c", "-o", "a.o"})).outcome_class, OutcomeClass::kSucceeded);
}

TEST_F(OneCommand, CannotWriteAFileWithoutEnd) {
  limits_.file_bytes = 1 << 20;
  restart(false);
  const auto outcome = run(script("cat /dev/zero > endless"));
  EXPECT_NE(outcome.outcome_class, OutcomeClass::kSucceeded);
  EXPECT_NE(run(script("truncate -s 1T holes")).outcome_class, OutcomeClass::kSucceeded);
}

TEST_F(OneCommand, CannotComputeWithoutEnd) {
  limits_.cpu_seconds = 1;
  restart(false);
  const auto outcome = run(script("while :; do :; done"));
  EXPECT_EQ(outcome.outcome_class, OutcomeClass::kInfrastructure) << outcome.reason;
}

TEST_F(OneCommand, LeavesNoCore) {
  rlimit limit{};
  ::getrlimit(RLIMIT_CORE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_CORE, &limit);
  restart(false);
  const auto outcome = run(script("ulimit -c unlimited 2>/dev/null; ulimit -c; kill -SEGV $$"));
  EXPECT_EQ(outcome.attestation.outputs.size(), 0u);
  EXPECT_EQ(run(script("ulimit -c")).stdout_bytes, "0\n");
}

// Root is not counted; so this is tried as another user.
TEST_F(OneCommand, CannotStartProcessesWithoutEnd) {
  if (!kernel_counts_by_namespace()) GTEST_SKIP() << "this kernel counts processes by user";
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become another user";
  if (has_a_sanitizers_thread()) GTEST_SKIP() << "a process with threads makes no user namespace";
  limits_.process_count = 40;
  executor_.reset();
  fs::permissions(top_, fs::perms(0777));
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(2);
    ::prctl(PR_SET_DUMPABLE, 1);
    restart(false);
    const auto compiled = run(compile({"gcc", "-c", "a.c", "-o", "a.o"}));
    const auto bomb = run(script("for i in $(seq 100); do sleep 20 & done; echo all"));
    const bool good = executor_->mode() == ViewMode::kPrivate && compiled.outcome_class == OutcomeClass::kSucceeded &&
                      bomb.stdout_bytes.empty();
    if (!good) std::fprintf(stderr, "%s%s%s", compiled.reason.c_str(), bomb.stdout_bytes.c_str(), bomb.stderr_bytes.c_str());
    executor_.reset();
    ::_exit(good ? 0 : 1);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
}

class SystemCalls : public OneCommand {
 protected:
  void SetUp() override {
    if (!can_forbid_system_calls()) GTEST_SKIP() << "this kernel has no system call filters";
  }
};

// A daemon of the worker's user (its session bus, an ssh agent, tmux) would run what it is asked to, outside every view.
TEST_F(SystemCalls, ADaemonsSocketCannotBeReached) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = top_ + "/daemon";
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int daemon = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  ASSERT_EQ(::bind(daemon, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(daemon, 8), 0);
  const auto outcome = python("import socket\n"
                              "for family in (socket.AF_UNIX, socket.AF_INET, 16, 40, 38):\n"
                              "  try:\n"
                              "    s = socket.socket(family, socket.SOCK_STREAM if family != 38 else 5)\n"
                              "    print(family)\n"
                              "    s.connect('" + path + "')\n"
                              "  except (OSError, TypeError): pass\n"
                              "try: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM); print('datagrams')\n"
                              "except OSError: pass\n"
                              "a, b = socket.socketpair(); a.send(b'x'); assert b.recv(1) == b'x'\n");
  EXPECT_EQ(outcome.stdout_bytes, "");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.stderr_bytes;
  EXPECT_LT(::accept(daemon, nullptr, nullptr), 0);
  ::close(daemon);
}

TEST_F(SystemCalls, NeitherNamespacesNorKeysNorTheKernelsMachineryCanBeReached) {
  const auto outcome = python(
      "import ctypes, os, platform\n"
      "if platform.machine() != 'x86_64': raise SystemExit\n"
      "c = ctypes.CDLL(None, use_errno=True)\n"
      "calls = {'unshare(user)': (272, 0x10000000), 'clone(user)': (56, 0x10000011, 0, 0, 0, 0), 'clone3': (435, 0, 0),\n"
      "         'keyctl': (250, 0, -3, 0), 'add_key': (248, b'user', b'n', b'v', 1, -3), 'bpf': (321, 0, 0, 0),\n"
      "         'perf_event_open': (298, 0, 0, -1, -1, 0), 'userfaultfd': (323, 1), 'io_uring_setup': (425, 1, 0),\n"
      "         'mount': (165, b'x', b'/tmp', b'tmpfs', 0, 0), 'setns': (308, 0, 0), 'open_tree': (428, -100, b'/', 1),\n"
      "         'chroot': (161, b'/'), 'ioctl(TIOCSTI)': (16, 0, 0x5412, b'x'), 'x32 getpid': (0x40000027,)}\n"
      "for name, words in calls.items():\n"
      "  ctypes.set_errno(0)\n"
      "  r = c.syscall(*words)\n"
      "  if r == 0 and name.startswith('clone'): os._exit(0)\n"
      "  if r >= 0 or ctypes.get_errno() not in (1, 38): print(name, r, ctypes.get_errno())\n");
  EXPECT_EQ(outcome.stdout_bytes, "");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.stderr_bytes;
}

// What the filters must not stand in the way of.
TEST_F(SystemCalls, ThreadsPipesAndProcessesAreAsEver) {
  const auto outcome = python(
      "import threading, subprocess, os, asyncio\n"
      "t = threading.Thread(target=str, args=(1,)); t.start(); t.join()\n"
      "asyncio.run(asyncio.sleep(0))\n"
      "assert subprocess.run(['gcc', '--version'], capture_output=True).returncode == 0\n"
      "os.mkfifo('p'); os.unlink('p')\n");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.stderr_bytes;
}

// Without namespaces: a compiler that is turned against the tree, here by a shell in its place.
class WriteFence : public OneCommand {
 protected:
  void SetUp() override {
    if (!can_fence_writes()) GTEST_SKIP() << "this kernel has no Landlock";
  }
  // Runs the line as a command of the direct mode would run; returns its exit code.
  int fenced(const std::string& line) {
    const std::string folder = top_ + "/own";
    fs::create_directories(folder);
    ProcessRunner runner;
    ProcessRequest request;
    request.program = "/bin/sh";
    request.argv = {"sh", "-c", line};
    request.environment = {{"PATH", "/usr/bin:/bin"}};
    request.cwd = tree_;
    request.before_exec = [&] { return confine_directly({}, folder); };
    const auto exit = runner.run(request, std::chrono::seconds(20));
    return exit ? exit->exit_code : -1;
  }
};

TEST_F(WriteFence, NothingIsWrittenOutsideScratch) {
  EXPECT_EQ(fenced("echo x > ../own/here && mkdir ../own/d && mv ../own/here ../own/d/ && echo > /dev/null"), 0);
  for (const std::string attack : {"echo x > new", "echo x > a.c", ": >> h.h", "rm h.h", "mv h.h i.h", "ln a.c b.c", "ln -s a.c c.c",
                                   "mkdir d", "mkfifo p", "truncate -s 0 a.c", "ln -s $PWD/a.c ../own/l && echo x > ../own/l",
                                   "unshare -rm true", "python3 -c 'import socket; socket.socket(socket.AF_UNIX)'"}) {
    EXPECT_NE(fenced(attack), 0) << attack;
  }
  EXPECT_EQ(in_tree("h.h"), "#define H 3\n");
  EXPECT_NE(in_tree("a.c"), "");
  EXPECT_EQ(std::distance(fs::directory_iterator(tree_), {}), 2);
}

TEST_F(WriteFence, AnotherProcessOfTheUserIsNotTouched) {
  const pid_t other = ::fork();
  if (other == 0) {
    for (;;) ::pause();
  }
  const std::string pid = std::to_string(other);
  EXPECT_NE(fenced("python3 -c 'open(\"/proc/" + pid + "/mem\", \"r+b\")'"), 0);
  EXPECT_NE(fenced("python3 -c 'import ctypes, sys; sys.exit(ctypes.CDLL(None).ptrace(16, " + pid + ", 0, 0) != 0)'"), 0);
  EXPECT_NE(fenced("python3 -c 'import ctypes, sys; sys.exit(ctypes.CDLL(None).ptrace(0x4206, " + pid + ", 0, 0) != 0)'"), 0);
  ::kill(other, SIGKILL);
  ::waitpid(other, nullptr, 0);
}

TEST_F(WriteFence, TheDirectModesCommandsAreFencedIn) {
  restart(true);
  const auto plain_object = plain("gcc -g -c a.c -o a.o", "a.o");
  const auto outcome = run(compile({"gcc", "-g", "-c", "a.c", "-o", "a.o"}));
  EXPECT_EQ(output(outcome, "a.o"), plain_object) << outcome.reason << outcome.stderr_bytes;
  write("m.c", "int main(void) { return 0; }\n");
  // A file beside the output that the direct mode has no word against.
  const auto leaking = run(command(ActionKind::kLink, {"gcc", "m.c", "-Wl,--cref,-Map=map", "-o", "m"}));
  EXPECT_EQ(leaking.outcome_class, OutcomeClass::kRefused) << leaking.reason;  // it runs on the submitting host
  EXPECT_EQ(in_tree("map"), "(absent)");
}

}  // namespace
}  // namespace extfarm
