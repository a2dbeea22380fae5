#include "coordinator/reporting/live_build.h"

#include <nlohmann/json.hpp>

namespace extfarm::reporting {

std::string live_build_json(const LiveBuild& build) {
  using nlohmann::ordered_json;
  ordered_json out{{"schema", 1},
                   {"project", build.project_root},
                   {"command", build.command},
                   {"elapsed", build.elapsed_seconds},
                   {"left", build.left_seconds ? ordered_json(*build.left_seconds) : ordered_json()},
                   {"left_is_guess", build.left_is_guess},
                   {"slots", build.usable_slots},
                   {"bytes_returned", build.bytes_returned},
                   {"actions",
                    {{"total", build.total},
                     {"done", build.done},
                     {"running", build.running},
                     {"fresh", build.fresh},
                     {"on_workers", build.on_workers},
                     {"ran_locally", build.ran_locally},
                     {"failed", build.failed},
                     {"retried", build.retried}}}};
  out["workers"] = ordered_json::array();
  for (const auto& worker : build.workers) {
    ordered_json running = ordered_json::array();
    for (const auto& attempt : worker.running) {
      running.push_back({{"title", attempt.title},
                         {"kind", attempt.kind},
                         {"group", attempt.group},
                         {"seconds", attempt.seconds}});
    }
    out["workers"].push_back({{"id", worker.id},
                              {"host", worker.host},
                              {"slots", worker.slots},
                              {"takes_actions", worker.takes_actions},
                              {"finished", worker.finished},
                              {"queued", worker.queued},
                              {"running", std::move(running)}});
  }
  return out.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace extfarm::reporting
