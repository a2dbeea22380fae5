#include "worker/execution/verdict_on_exit.h"

#include <signal.h>

#include <charconv>
#include <string_view>

namespace extfarm {
namespace {

struct Sign {
  std::string_view words;
  OutcomeClass outcome_class;
  const char* reason;
  bool is_kill = false;
};

// A driver survives the death of what it started, and exits with 1 or 4.
constexpr Sign kSigns[] = {
    {"out of memory allocating", OutcomeClass::kOutOfMemory, "the compiler found no memory"},
    {"virtual memory exhausted", OutcomeClass::kOutOfMemory, "the compiler found no memory"},
    {"LLVM ERROR: out of memory", OutcomeClass::kOutOfMemory, "the compiler found no memory"},
    {"Killed signal terminated program", OutcomeClass::kInfrastructure, "the compiler was killed", true},
    {"Terminated signal terminated program", OutcomeClass::kInfrastructure, "the compiler was killed"},
    {"unable to execute command: Killed", OutcomeClass::kInfrastructure, "the compiler was killed", true},
    {"unable to execute command: Terminated", OutcomeClass::kInfrastructure, "the compiler was killed"},
    {"terminated with signal 9 [Killed]", OutcomeClass::kInfrastructure, "the linker was killed", true},  // collect2's words
    {"terminated with signal 15 [Terminated]", OutcomeClass::kInfrastructure, "the linker was killed"},
    {"internal compiler error", OutcomeClass::kInfrastructure, "the compiler crashed (internal compiler error)"},
    {"frontend command failed due to signal", OutcomeClass::kInfrastructure, "the compiler crashed"},
    {"frontend command failed with exit code", OutcomeClass::kInfrastructure, "the compiler crashed"},  // in the driver itself
    {"No space left on device", OutcomeClass::kInfrastructure, kDiskIsFull},
    {"; reason: Success", OutcomeClass::kInfrastructure, kDiskIsFull},  // ar, strip and objcopy, of a file that they could not copy
};

}  // namespace

ExitVerdict verdict_on(const ProcessExit& exit, bool memory_ran_out) {
  const ExitVerdict starved{OutcomeClass::kOutOfMemory, "the kernel killed the compiler for want of memory"};
  if (exit.output_limit_exceeded)
    return {OutcomeClass::kInfrastructure, "the command printed more than 256 MiB and was stopped"};
  if (exit.signal == SIGKILL && memory_ran_out) return starved;
  if (exit.signal != 0)
    return {OutcomeClass::kInfrastructure, "the command died of signal " + std::to_string(exit.signal)};
  if (exit.exit_code == 0) return {};
  for (const auto& sign : kSigns) {
    if (exit.stderr_bytes.find(sign.words) == std::string::npos) continue;
    if (sign.is_kill && memory_ran_out) return starved;
    return {sign.outcome_class, sign.reason};
  }
  return {OutcomeClass::kCommandFailed, ""};
}

bool is_hindered(const ProcessExit& exit, bool is_direct) {
  if (exit.exit_code == 0) return false;
  const auto says = [&](std::string_view words) { return exit.stderr_bytes.find(words) != std::string::npos; };
  return says("Operation not permitted") || (is_direct && says("Permission denied"));
}

std::uint64_t kernel_kills(const Filesystem& filesystem) {
  const auto text = filesystem.read("/proc/vmstat").value_or("");
  constexpr std::string_view kName = "oom_kill ";
  const auto at = text.starts_with(kName) ? 0 : text.find("\n" + std::string(kName));
  if (at == std::string::npos) return 0;
  std::uint64_t out = 0;
  const char* digits = text.data() + at + kName.size() + (at == 0 ? 0 : 1);
  std::from_chars(digits, text.data() + text.size(), out);
  return out;
}

std::uint64_t RecentKernelKills::count(const Filesystem& filesystem, Timestamp now) {
  if (!looked_at_ || now - *looked_at_ >= std::chrono::seconds(1)) {
    count_ = kernel_kills(filesystem);
    looked_at_ = now;
  }
  return count_;
}

}  // namespace extfarm
