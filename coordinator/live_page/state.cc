#include "coordinator/live_page/state.h"

#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "common/transport/beacon.h"
#include "coordinator/front_door/live_client.h"

namespace extfarm::live_page {
namespace {

using nlohmann::json;

constexpr Duration kReadEvery = std::chrono::milliseconds(250);

json object_in(const std::string& text) {
  auto out = json::parse(text, nullptr, false);
  return out.is_object() ? out : json();
}

}  // namespace

std::string state_json(const State& state) {
  const json out{{"build", state.build}, {"last", state.last}, {"last_end_s", state.last_end_s}, {"workers", state.workers}};
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

StateReader::StateReader(std::string folder, std::string rendezvous, const Clock& clock)
    : folder_(std::move(folder)), rendezvous_(std::move(rendezvous)), clock_(clock) {}

State StateReader::read() {
  const std::lock_guard lock(mutex_);
  const auto now = clock_.now();
  if (now >= next_reading_) {
    state_ = read_now();
    next_reading_ = now + kReadEvery;
  }
  return state_;
}

State StateReader::read_now() const {
  State out;
  if (const auto build = front_door::ask_live(folder_ + "/.extfarm/door")) out.build = object_in(*build);
  const std::string last = folder_ + "/.extfarm/last-build.json";
  std::ostringstream text;
  text << std::ifstream(last).rdbuf();
  out.last = object_in(text.str());
  if (struct stat status{}; !out.last.is_null() && ::stat(last.c_str(), &status) == 0) out.last_end_s = status.st_mtim.tv_sec;
  for (const auto& beacon : read_beacons(rendezvous_).beacons) {
    out.workers.push_back(
        {{"id", beacon.name}, {"host", beacon.host}, {"endpoint", beacon.endpoint}, {"slots", beacon.slots}});
  }
  return out;
}

}  // namespace extfarm::live_page
