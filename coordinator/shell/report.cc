#include "coordinator/shell/report.h"

#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/model/byte_strings.h"
#include "common/system/filesystem.h"
#include "coordinator/reporting/progress.h"
#include "coordinator/shell/known_actions.h"

namespace extfarm {
namespace {

using nlohmann::ordered_json;

constexpr int kReportSchema = 1;

std::uint64_t count(const ordered_json& from, const char* name) { return from.at(name).get<std::uint64_t>(); }
double number(const ordered_json& from, const char* name) { return from.at(name).get<double>(); }
std::string word(const ordered_json& from, const char* name) {
  return reporting::printable(from.at(name).get<std::string>());
}

void print_counts(const ordered_json& actions) {
  std::printf("actions: %llu in all", static_cast<unsigned long long>(count(actions, "total")));
  for (const auto& [name, words] : {std::pair{"on_workers", "on workers"}, {"fresh", "up to date"},
                                    {"restored", "restored from the store"}, {"failed", "failed"}}) {
    std::printf(", %llu %s", static_cast<unsigned long long>(count(actions, name)), words);
  }
  std::printf("; ran locally: %llu; attempts repeated: %llu\n",
              static_cast<unsigned long long>(count(actions, "passed_through")),
              static_cast<unsigned long long>(count(actions, "retried")));
}

void print_build(const ordered_json& build) {
  std::printf("the last build: %s, exit code %d\n", word(build, "status").c_str(), build.at("exit_code").get<int>());
  print_counts(build.at("actions"));
  const auto& seconds = build.at("seconds");
  std::printf("%.2f s of wall time on %llu slots: %.2f s of work, best possible %.2f s, efficiency %.2f\n",
              number(seconds, "wall"), static_cast<unsigned long long>(count(build, "slots")),
              number(seconds, "run_total"), number(seconds, "lower_bound"), number(build, "efficiency"));
  for (const auto& local : build.at("local"))
    std::printf("ran locally: %llu × %s\n", static_cast<unsigned long long>(count(local, "count")),
                word(local, "reason").c_str());
  for (const auto& worker : build.at("workers"))
    std::printf("worker %s: actions %llu, %.2f s on %llu slots, speed %.2f%s\n", word(worker, "id").c_str(),
                static_cast<unsigned long long>(count(worker, "actions")), number(worker, "run_seconds"),
                static_cast<unsigned long long>(count(worker, "slots")), number(worker, "speed"),
                worker.at("quarantined").get<bool>() ? ", in quarantine" : "");
}

int open_page(const std::string& page) {
  std::fflush(stdout);
  ::execlp("xdg-open", "xdg-open", page.c_str(), static_cast<char*>(nullptr));
  std::fprintf(stderr, "extfarm: cannot run xdg-open (%s); open %s in a browser\n", std::strerror(errno), page.c_str());
  return 1;
}

}  // namespace

int show_report(const std::string& project_root, ReportForm form) {
  const std::string folder = project_root + "/.extfarm/", page = folder + "report.html";
  const auto text = PosixFilesystem().read(folder + "last-build.json");
  if (!text) {
    std::fprintf(stderr, "extfarm: %s; build here first: extfarm run -- …\n", text.error().message.c_str());
    return 1;
  }
  // A build in which all was up to date leaves none where there was none before.
  std::error_code unreadable;
  const bool has_page = std::filesystem::exists(page, unreadable);
  try {
    auto build = ordered_json::parse(*text);
    if (form == ReportForm::kJson) {
      print_json({{"schema", kReportSchema},
                  {"report_path", has_page ? ordered_json(bytes_to(page)) : ordered_json()},
                  {"last_build", std::move(build)}});
      return 0;
    }
    print_build(build);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "extfarm: cannot read %slast-build.json (%s); another version of extfarm wrote it. Build here again\n",
                 folder.c_str(), e.what());
    return 1;
  }
  std::printf("report: %s\n", has_page ? page.c_str() : "none yet, for nothing had to be done; extfarm run --force makes one");
  if (form != ReportForm::kOpened || !has_page) return 0;
  return open_page(page);
}

}  // namespace extfarm
