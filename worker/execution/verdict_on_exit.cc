#include "worker/execution/verdict_on_exit.h"

#include <string_view>

namespace extfarm {
namespace {

struct Sign {
  std::string_view words;
  OutcomeClass outcome_class;
  const char* reason;
};

// A driver survives the death of what it started, and exits with 1 or 4.
constexpr Sign kSigns[] = {
    {"out of memory allocating", OutcomeClass::kOutOfMemory, "the compiler found no memory"},
    {"virtual memory exhausted", OutcomeClass::kOutOfMemory, "the compiler found no memory"},
    {"LLVM ERROR: out of memory", OutcomeClass::kOutOfMemory, "the compiler found no memory"},
    {"Killed signal terminated program", OutcomeClass::kInfrastructure, "the compiler was killed"},
    {"Terminated signal terminated program", OutcomeClass::kInfrastructure, "the compiler was killed"},
    {"unable to execute command: Killed", OutcomeClass::kInfrastructure, "the compiler was killed"},
    {"internal compiler error", OutcomeClass::kInfrastructure, "the compiler crashed (internal compiler error)"},
    {"frontend command failed due to signal", OutcomeClass::kInfrastructure, "the compiler crashed"},
    {"frontend command failed with exit code", OutcomeClass::kInfrastructure, "the compiler crashed"},  // in the driver itself
    {"No space left on device", OutcomeClass::kInfrastructure, "the worker's disk is full"},
};

}  // namespace

ExitVerdict verdict_on(const ProcessExit& exit) {
  if (exit.output_limit_exceeded)
    return {OutcomeClass::kInfrastructure, "the command printed more than 256 MiB and was stopped"};
  if (exit.signal != 0)
    return {OutcomeClass::kInfrastructure, "the command died of signal " + std::to_string(exit.signal)};
  if (exit.exit_code == 0) return {};
  for (const auto& sign : kSigns) {
    if (exit.stderr_bytes.find(sign.words) != std::string::npos) return {sign.outcome_class, sign.reason};
  }
  return {OutcomeClass::kCommandFailed, ""};
}

bool is_hindered(const ProcessExit& exit, bool is_direct) {
  if (exit.exit_code == 0) return false;
  const auto says = [&](std::string_view words) { return exit.stderr_bytes.find(words) != std::string::npos; };
  return says("Operation not permitted") || (is_direct && says("Permission denied"));
}

}  // namespace extfarm
