#include "worker/shell/courtesy_options.h"

#include <unistd.h>

#include <algorithm>

namespace extfarm {
namespace {

constexpr double kWeekSeconds = 7 * 24 * 3600;

std::string complaint_about_hours(const std::string& text) {
  const auto hours = session::Hours::parse(text);
  return hours ? "" : hours.error().message;
}

}  // namespace

CourtesyOptions::CourtesyOptions(CLI::App& app, WorkerSettings& settings) : settings_(settings) {
  constexpr const char* kGroup = "When others use this machine";
  app.add_option("--nice", settings.nice, "How much nicer compiles are than this worker")
      ->check(CLI::Range(0, 19))
      ->capture_default_str()
      ->group(kGroup);
  app.add_flag("--idle-priority", settings.idle_priority,
               "Compiles get only what processor and disk time nobody else wants (SCHED_IDLE)")
      ->group(kGroup);
  app.add_flag("--considerate", is_considerate_,
               "For somebody's desktop: --idle-priority, --mind-people and --mind-load")
      ->group(kGroup);
  app.add_flag("--mind-people", settings.courtesy.minds_people,
               "Give slots back while somebody is logged in, at the console or by ssh, and not away")
      ->group(kGroup);
  app.add_flag("--mind-load", settings.courtesy.minds_load,
               "Give a slot back for each processor that other programs keep busy (niced ones do not count)")
      ->group(kGroup);
  app.add_option("--hours", hours_, "Serve only then, by this machine's time: 19:00-07:00,sat,sun or mon-fri")
      ->check(complaint_about_hours)
      ->group(kGroup);
  dependent_ = {app.add_option("--slots-when-used", settings.courtesy.slots_when_used,
                               "How many slots stay when somebody else uses the machine")
                    ->check(CLI::Range(0, 4096))
                    ->capture_default_str()
                    ->group(kGroup),
                app.add_option("--away-after", away_seconds_, "Whoever has typed nothing for so many seconds is away")
                    ->check(CLI::Range(1.0, kWeekSeconds))
                    ->default_str("300")
                    ->group(kGroup),
                app.add_option("--utmp", settings.utmp,
                               "File that tells who is logged in; default: what logind and /run/utmp say")
                    ->group(kGroup)};
  app.add_option("--time-limit", limit_seconds_,
                 "Stop a compile after so many seconds; it is tried elsewhere. Default: never")
      ->check(CLI::Range(1.0, kWeekSeconds))
      ->group(kGroup);
}

Result<void> CourtesyOptions::settle() {
  auto& courtesy = settings_.courtesy;
  if (is_considerate_) settings_.idle_priority = courtesy.minds_people = courtesy.minds_load = true;
  if (away_seconds_ > 0) courtesy.away_after = from_seconds(away_seconds_);
  if (limit_seconds_ > 0) settings_.time_limit = from_seconds(limit_seconds_);
  if (!hours_.empty()) courtesy.hours = session::Hours::parse(hours_).value();
  const auto processors = static_cast<std::uint32_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  courtesy.processors_besides = processors - std::min(processors, settings_.slots);
  for (std::size_t i = 0; i < dependent_.size(); ++i) {
    const bool minds_anything = courtesy.minds_people || (i == 0 && (courtesy.minds_load || courtesy.hours));
    if (dependent_[i]->count() == 0 || minds_anything) continue;
    return failure(ErrorCode::kInvalid, dependent_[i]->get_name() + " means nothing alone: add --considerate or --mind-people" +
                                            (i == 0 ? ", --mind-load or --hours" : ""));
  }
  return {};
}

}  // namespace extfarm
