#include "coordinator/clusters/demand_note.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "common/base/whole_number.h"

namespace extfarm::clusters {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMostSlots = 1 << 24;  // more is nonsense, and sums of it stay whole

double seconds_from(const json& object, const char* field) {
  const auto& value = object.at(field);
  if (!value.is_number()) throw std::invalid_argument(std::string(field) + " is no number");
  const double out = value.get<double>();
  if (!(out >= 0 && out <= 1e12)) throw std::invalid_argument(std::string(field) + " is no length of time");
  return out;
}

std::uint64_t slots_from(const json& object, const char* field) {
  return std::min(whole_number<std::uint64_t>(object.at(field)), kMostSlots);
}

std::string name_from(const json& object, const char* field) {
  auto out = object.at(field).get<std::string>();
  if (out.empty() || out.find('\0') != std::string::npos) throw std::invalid_argument(std::string(field) + " is no name");
  return out;
}

template <class T, class Read>
Result<T> read(std::string_view text, const char* what, Read&& of) {
  try {
    return of(json::parse(text));
  } catch (const std::exception& e) {
    return failure(ErrorCode::kMalformed, std::string("cannot read ") + what + ": " + e.what());
  }
}

}  // namespace

std::string text_of(const DemandNote& note) {
  json workers = json::array();
  for (const auto& worker : note.workers)
    workers.push_back({{"name", worker.name}, {"slots", worker.slots}, {"leases", worker.leases}});
  const json object{{"build", note.build},
                    {"sequence", note.sequence},
                    {"queued_seconds", note.queued_seconds},
                    {"submitted_seconds", note.submitted_seconds},
                    {"width", note.width},
                    {"workers", workers}};
  return object.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<DemandNote> read_demand_note(std::string_view text) {
  return read<DemandNote>(text, "what a build needs", [](const json& object) {
    DemandNote note;
    note.build = name_from(object, "build");
    note.sequence = whole_number<std::uint64_t>(object.at("sequence"));
    note.queued_seconds = seconds_from(object, "queued_seconds");
    note.submitted_seconds = seconds_from(object, "submitted_seconds");
    note.width = slots_from(object, "width");
    if (!object.at("workers").is_array()) throw std::invalid_argument("workers is no list");
    for (const auto& worker : object.at("workers"))
      note.workers.push_back({name_from(worker, "name"), slots_from(worker, "slots"), slots_from(worker, "leases")});
    return note;
  });
}

std::string text_of(const Offer& offer) {
  return json{{"sequence", offer.sequence}, {"slots", offer.slots}}.dump() + "\n";
}

Result<Offer> read_offer(std::string_view text) {
  return read<Offer>(text, "what workers are offered", [](const json& object) {
    return Offer{whole_number<std::uint64_t>(object.at("sequence")), slots_from(object, "slots")};
  });
}

}  // namespace extfarm::clusters
