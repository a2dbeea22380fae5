// Findings as lines for a person and as JSON for a program.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "coordinator/diagnosis/findings.h"

namespace extfarm::diagnosis {
namespace {

constexpr int kExitRetry = 75, kExitConfiguration = 78;

const char* name_of(Level level) {
  switch (level) {
    case Level::kOk:
      return "ok";
    case Level::kWarning:
      return "warning";
    case Level::kProblem:
      break;
  }
  return "problem";
}

const char* name_of(Subject subject) {
  switch (subject) {
    case Subject::kKeys:
      return "keys";
    case Subject::kRendezvous:
      return "rendezvous";
    case Subject::kFolder:
      return "folder";
    case Subject::kTools:
      return "tools";
    case Subject::kConnection:
      return "connection";
    case Subject::kSlots:
      return "slots";
    case Subject::kView:
      return "view";
    case Subject::kScratch:
      return "scratch";
    case Subject::kClock:
      return "clock";
    case Subject::kDisk:
      break;
  }
  return "disk";
}

std::string counted(std::ptrdiff_t count, const char* word) {
  return count == 0 ? fmt::format("no {}", word) : fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

// What a worker says is shown on a terminal: no line of its own, no escape sequence.
std::string on_one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return text;
}

}  // namespace

int exit_code_of(const std::vector<Finding>& findings) {
  int code = 0;
  for (const auto& finding : findings) {
    if (finding.level != Level::kProblem) continue;
    code = std::max(code, finding.is_configuration ? kExitConfiguration : kExitRetry);
  }
  return code;
}

std::string text_of(const std::vector<Finding>& findings) {
  std::size_t width = 0;
  for (const auto& finding : findings) width = std::max(width, finding.where.size());
  std::string out;
  for (const auto& finding : findings) {
    const std::string line = fmt::format("{:<8} {:<{}}  {:<10}  {}{}{}", name_of(finding.level),
                                         finding.where, width, name_of(finding.subject), finding.what,
                                         finding.remedy.empty() ? "" : "; ", finding.remedy);
    out += on_one_line(line) + '\n';
  }
  const auto count = [&](Level level) {
    return std::count_if(findings.begin(), findings.end(), [&](const auto& f) { return f.level == level; });
  };
  return out + counted(count(Level::kProblem), "problem") + ", " +
         counted(count(Level::kWarning), "warning") + "\n";
}

std::string json_of(const std::vector<Finding>& findings) {
  using nlohmann::json;
  json list = json::array();
  for (const auto& finding : findings) {
    list.push_back({{"level", name_of(finding.level)},
                    {"where", finding.where},
                    {"subject", name_of(finding.subject)},
                    {"what", finding.what},
                    {"remedy", finding.remedy}});
  }
  const json all{{"schema", 1}, {"exit_code", exit_code_of(findings)}, {"findings", list}};
  return all.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace extfarm::diagnosis
