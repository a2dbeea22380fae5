#include "common/transport/beacon.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "common/base/whole_number.h"
#include "common/transport/keys.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::uintmax_t kLargestBeaconBytes = 64 << 10;

// Not empty, and no NUL byte that would cut it short.
std::string word_from(const json& object, const char* field) {
  auto out = object.at(field).get<std::string>();
  if (out.empty() || out.find('\0') != std::string::npos) throw std::runtime_error(std::string(field) + " is no name");
  return out;
}

// Throws std::exception, saying what is wrong.
Beacon beacon_from(const json& object) {
  Beacon beacon;
  beacon.protocol_version = whole_number<std::uint32_t>(object.at("protocol_version"));
  beacon.name = word_from(object, "name");
  beacon.endpoint = word_from(object, "endpoint");
  beacon.public_key = object.at("public_key").get<std::string>();
  if (!is_key(beacon.public_key)) throw std::runtime_error("public_key is no key");
  beacon.host = word_from(object, "host");
  beacon.slots = whole_number<std::uint32_t>(object.at("slots"));
  beacon.epoch = whole_number<std::uint64_t>(object.at("epoch"));
  beacon.offered_slots = beacon.slots;  // an older worker does not say it
  if (object.contains("offered_slots")) {
    beacon.offered_slots = whole_number<std::uint32_t>(object.at("offered_slots"));
    beacon.offer_reason = object.at("offer_reason").get<std::string>();
  }
  if (object.contains("label")) beacon.label = word_from(object, "label");
  return beacon;
}

}  // namespace

Result<void> write_beacon(const std::string& folder, const Beacon& beacon) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  json object{{"protocol_version", beacon.protocol_version},
              {"name", beacon.name},
              {"endpoint", beacon.endpoint},
              {"public_key", beacon.public_key},
              {"host", beacon.host},
              {"slots", beacon.slots},
              {"offered_slots", beacon.offered_slots},
              {"offer_reason", beacon.offer_reason},
              {"epoch", beacon.epoch}};
  if (!beacon.label.empty()) object["label"] = beacon.label;
  const std::string path = folder + "/" + beacon.name + ".json", temporary = folder + "/." + beacon.name;
  std::ofstream file(temporary);
  file << object.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
  file.close();
  if (!file || std::rename(temporary.c_str(), path.c_str()) != 0) {
    return failure(ErrorCode::kIo, "cannot announce this worker in " + folder + ": " + std::strerror(errno) +
                                       "; name a folder that can be written with --rendezvous");
  }
  return {};
}

void remove_beacon(const std::string& folder, const Beacon& beacon) {
  ::unlink((folder + "/" + beacon.name + ".json").c_str());
}

BeaconReading read_beacons(const std::string& folder, const std::function<bool(const std::string&)>& known) {
  BeaconReading reading;
  std::error_code absent;
  for (fs::directory_iterator it(folder, absent), end; !absent && it != end; it.increment(absent)) {
    const auto& entry = *it;
    if (entry.path().extension() != ".json" || entry.path().filename().string()[0] == '.') continue;
    if (known(entry.path().stem().string())) continue;
    try {
      if (entry.file_size() > kLargestBeaconBytes) throw std::runtime_error("it is larger than 64 KiB");
      std::ifstream file(entry.path());
      reading.beacons.push_back(beacon_from(json::parse(file)));
    } catch (const std::exception& e) {
      std::error_code unknown;
      if (!fs::exists(entry.path(), unknown)) continue;  // its worker ended while it was read
      reading.complaints.push_back("the beacon " + entry.path().string() + " cannot be read (" + e.what() +
                                   "); remove it, its worker writes a new one when it starts");
    }
  }
  std::sort(reading.beacons.begin(), reading.beacons.end(),
            [](const Beacon& a, const Beacon& b) { return a.name < b.name; });
  return reading;
}

}  // namespace extfarm
